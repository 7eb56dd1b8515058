PARAMETER_NAMES: dict[int, str]
