ROWS: tuple[tuple[int, str, str], ...]
NAMES: tuple[str, ...]
COUNT: int
