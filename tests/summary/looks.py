"""What the tests of formats ask for: names instead of numbers."""

from whimbrel.summary.formats import FORMATS
from whimbrel.summary.testing_format import format_number, is_value


def format_name(text: str, whole: bool = True) -> str:
    return FORMATS[format_number(text.encode(), whole)].name


def hidden(text: str) -> bool:
    return is_value(text.encode())
