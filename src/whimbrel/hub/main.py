"""`whimbrel hub COMMAND`: what is done to a hub's data from the command line.

Each command is a module with a main(argv) of its own and its own options, imported when it is asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from whimbrel.base.errors import UsageError
from whimbrel.base.options import HelpRequested

COMMANDS = {
    "import": ("whimbrel.hub.import_command", "put the batches of --out files into the archive"),
    "token": ("whimbrel.hub.token_command", "make, list and remove tokens"),
}


def usage() -> str:
    lines = ["usage: whimbrel hub COMMAND [options]   (whimbrel hub COMMAND --help lists them)", ""]
    return "\n".join([*lines, *(f"  {name:<8} {sentence}" for name, (_, sentence) in COMMANDS.items())])


def main(argv: Sequence[str]) -> int:
    """The exit code.  UsageError and HelpRequested are the caller's to print."""
    if argv[:1] in (["--help"], ["-h"]):
        raise HelpRequested(usage())
    if not argv or argv[0] not in COMMANDS:
        given = repr(argv[0]) if argv else "nothing"
        raise UsageError(f"hub: {given} was given, expected one of the commands {', '.join(COMMANDS)}")
    try:
        module = importlib.import_module(COMMANDS[argv[0]][0])
        return int(module.main(argv[1:]))
    except ModuleNotFoundError as error:
        if error.name in ("duckdb", "msgspec"):
            raise UsageError(f"the hub needs the package {error.name}: pip install 'whimbrel[hub]'") from None
        raise
