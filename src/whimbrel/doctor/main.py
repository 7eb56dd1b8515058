"""`whimbrel doctor`: what this machine can do, and the line that fixes what it cannot.

    options -> the checks of the programs that were named -> a line each, or JSON -> 1 where something needed is missing

It changes nothing: what it opens it closes, what it would write it prints.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence

from whimbrel import __version__
from whimbrel.base.options import Option, Values, load
from whimbrel.base.places import state_path
from whimbrel.doctor.checks import PROGRAMS, STARTS, chosen
from whimbrel.doctor.finding import Check, Finding, examine
from whimbrel.doctor.machine import Machine

ROWS: tuple[Option, ...] = (
    Option("program", "choice", (), "Look only at what these want; without any, at what all want.",
           choices=(*PROGRAMS, *STARTS), repeatable=True, metavar="PROGRAM", positional=True),
    Option("json", "bool", False, "Print the findings as JSON."),
    Option("state", "str", None, "The state directory that `whimbrel watch` is to use.", metavar="DIR"),
    Option("data", "str", None, "The directory that `whimbrel hub` is to use, or with `up` alone `whimbrel up`.",
           metavar="DIR"),
)  # fmt: skip

Found = list[tuple[Check, Finding]]


def main(argv: Sequence[str], environ: Mapping[str, str] | None = None) -> int:
    """Look and tell; the exit code.  UsageError and HelpRequested are the caller's to print."""
    values = load("doctor", ROWS, argv, os.environ if environ is None else environ)
    machine = machine_of(values)
    found = [(check, examine(check, machine)) for check in chosen(tuple(values["program"]))]
    print(as_json(found) if values["json"] else as_text(found))
    return int(lacking(found) > 0)


def machine_of(values: Values) -> Machine:
    """This one, with the directories that were meant: `up` keeps both in its own."""
    state, data = state_path("whimbrel"), values["data"] or state_path("whimbrel-hub")
    if tuple(values["program"]) == ("up",):
        both = values["data"] or state_path("whimbrel-up")
        state, data = f"{both}/watch", f"{both}/hub"
    return Machine(state=values["state"] or state, data=data)


def lacking(found: Found) -> int:
    return sum(finding.state == "missing" for _, finding in found)


def as_json(found: Found) -> str:
    checks = [
        {
            "name": check.name,
            "programs": list(check.programs),
            "purpose": check.purpose,
            "state": finding.state,
            "found": finding.found,
            "fix": finding.fix or None,
        }
        for check, finding in found
    ]
    whole = {
        "version": __version__,
        "python": platform.python_version(),
        "kernel": platform.release(),
        "ok": lacking(found) == 0,
        "checks": checks,
    }
    return json.dumps(whole, indent=2, ensure_ascii=False)


def as_text(found: Found) -> str:
    """A line a check; under what is not as it should be, what it is for and the line that fixes it."""
    names = max((len(check.name) for check, _ in found), default=0)
    lines = []
    for check, finding in found:
        lines.append(f"{finding.state:<7}  {check.name:<{names}}  {finding.found}")
        margin = " " * (7 + 2 + names + 2)
        if finding.state != "ok":
            lines.append(f"{margin}for: {check.purpose} ({', '.join(check.programs)})")
        if finding.fix:
            lines.append(f"{margin}fix: {finding.fix}")
    return "\n".join([*lines, "", summary(found)])


def summary(found: Found) -> str:
    count = lacking(found)
    if count == 0:
        return "Nothing that is needed is missing."
    programs = {name for check, finding in found if finding.state == "missing" for name in check.programs}
    named = ", ".join(name for name in PROGRAMS if name in programs)
    return f"{count} {'thing is' if count == 1 else 'things are'} missing, for: {named}."
