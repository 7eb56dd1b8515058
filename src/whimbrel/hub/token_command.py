"""`whimbrel hub token`: make a token, list who has one, take one away.

    whimbrel hub token web1 agent       prints the token, once, alone on standard output
    whimbrel hub token --list           names and roles
    whimbrel hub token --remove web1

A running hub sees the change at the next request.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from whimbrel.base.errors import UsageError
from whimbrel.base.options import Option, Values, load
from whimbrel.hub import tokens
from whimbrel.hub.options import DATA_ROW, TOKEN_FILE_ROW, is_there, token_path

ROWS: tuple[Option, ...] = (
    Option("who", "str", (), f"Whom to give a token, and its role: {', '.join(tokens.RIGHTS)}.",
           repeatable=True, metavar="NAME ROLE", positional=True),
    Option("list", "bool", False, "Print who has a token, with which role."),
    Option("remove", "str", None, "Take this one's token away.", metavar="NAME"),
    DATA_ROW,
    TOKEN_FILE_ROW,
)  # fmt: skip


def main(argv: Sequence[str], environ: Mapping[str, str] | None = None) -> int:
    """The exit code.  UsageError and HelpRequested are the caller's to print."""
    values = load("hub token", ROWS, argv, os.environ if environ is None else environ)
    check(values)
    path = token_path(values)
    if values["list"]:
        for grant in tokens.parse(tokens.read(path)[0], f"token file {str(path)!r}") if is_there(path) else ():
            print(f"{grant.name} {grant.role}")
    elif values["remove"]:
        tokens.remove(path, values["remove"])
    else:
        name, role = values["who"]
        print(tokens.add(path, name, role))
        print(f"whimbrel: this is the token of {name}; it is shown once. {path} has its hash", file=sys.stderr)
    return 0


def check(values: Values) -> None:
    """One thing at a time, and asked for here: a variable that takes tokens away would surprise."""
    asked = [name for name in ("who", "list", "remove") if values[name]]
    if len(asked) != 1 or values.source(asked[0]) != "command line" or (values["who"] and len(values["who"]) != 2):
        raise UsageError("expected one of: NAME ROLE, --list, --remove NAME")
