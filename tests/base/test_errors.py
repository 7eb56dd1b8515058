"""Errors say whose fault it is."""

from whimbrel.base import errors


def test_a_usage_error_is_one_line_and_leaves_with_2():
    error = errors.UsageError("--name: 'a\nb' is bad")
    assert str(error) == "--name: 'a b' is bad"
    assert error.exit_code == 2


def test_everything_raised_on_purpose_has_one_base():
    for name in ("UsageError", "StoreError", "StoreFullError", "ItemTooLargeError", "ClosedError", "CodecError"):
        assert issubclass(getattr(errors, name), errors.WhimbrelError)
    assert errors.WhimbrelError.exit_code == 1
