"""`whimbrel hub`: the hub itself, or what is done to its data from the command line.

    whimbrel hub [options]             serve agents and browsers
    whimbrel hub COMMAND [options]     one of COMMANDS

Each is a module with options of its own, imported when it is asked for.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence

from whimbrel.base.errors import UsageError
from whimbrel.base.options import HelpRequested, help_text, load
from whimbrel.hub.options import ROWS, HubOptions

COMMANDS = {
    "import": ("whimbrel.hub.import_command", "put the batches of --out files into the archive"),
    "token": ("whimbrel.hub.token_command", "make, list and remove tokens"),
}
PACKAGES = {"duckdb": "duckdb", "msgspec": "msgspec", "starlette": "starlette", "uvicorn": "uvicorn",
            "jinja2": "jinja2", "plotly": "plotly", "yaml": "pyyaml"}  # fmt: skip


def usage() -> str:
    lines = ["", "", "or: whimbrel hub COMMAND [options]   (whimbrel hub COMMAND --help lists them)", ""]
    return "\n".join([*lines, *(f"  {name:<8} {sentence}" for name, (_, sentence) in COMMANDS.items())])


def main(argv: Sequence[str], environ: Mapping[str, str] | None = None) -> int:
    """The exit code.  UsageError and HelpRequested are the caller's to print."""
    if argv[:1] in (["--help"], ["-h"]):
        raise HelpRequested(help_text("hub", ROWS).rstrip() + usage())
    if argv and not argv[0].startswith("-") and argv[0] not in COMMANDS:
        raise UsageError(f"hub: {argv[0]!r} was given, expected options or one of the commands {', '.join(COMMANDS)}")
    try:
        if argv and argv[0] in COMMANDS:
            return int(importlib.import_module(COMMANDS[argv[0]][0]).main(argv[1:]))
        options = HubOptions.of(load("hub", ROWS, argv, os.environ if environ is None else environ))
        return int(importlib.import_module("whimbrel.hub.serve").serve(options))
    except ModuleNotFoundError as error:
        if error.name in PACKAGES:
            raise UsageError(f"the hub needs the package {PACKAGES[error.name]}: pip install 'whimbrel[hub]'") from None
        raise
