"""What goes wrong, named by whose fault it is.

An error that reaches a person is one line: it names the thing, its value and what would be allowed.  The
programs print that line and leave with `exit_code`; only a defect of ours prints a traceback.
"""


class WhimbrelError(Exception):
    """Everything Whimbrel raises on purpose; `exit_code` is what a program leaves with."""

    exit_code = 1


class UsageError(WhimbrelError):
    """The caller asked for something that cannot be: an option, an address, a configuration file."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        """`message` is shown as it is: line breaks in it (they come from values) become spaces."""
        super().__init__(" ".join(message.splitlines()))


class StoreError(WhimbrelError):
    """The store could not do what was asked; nothing was changed."""


class StoreFullError(StoreError):
    """No memory could be made free for the item now."""


class ItemTooLargeError(StoreError, ValueError):
    """The item can never fit: it is larger than the store accepts."""


class ClosedError(StoreError, ValueError):
    """The store or cache has been closed (ValueError, as files and mmaps raise)."""


class CodecError(StoreError, ValueError):
    """Stored bytes are not what the codec wrote: another codec's item, or another version's."""
