"""What a check is, and what it finds.

Idea: a check is a row (a name, the programs that want it, what they want it for) and a function from the machine to
a finding.  A finding has one of four states; only MISSING makes the doctor's exit code 1:

    OK        as it should be
    MISSING   a program cannot do its work without it
    ADVICE    programs work without it, with less
    UNKNOWN   could not be looked at
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from whimbrel.base.errors import WhimbrelError
from whimbrel.doctor.machine import Machine

State = Literal["ok", "missing", "advice", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    state: State
    found: str  # what is there, in a few words
    fix: str = ""  # the line to type; empty where nothing is wrong, or no line can mend it


def fine(found: str) -> Finding:
    return Finding("ok", found)


def missing(found: str, fix: str) -> Finding:
    return Finding("missing", found, fix)


def advice(found: str, fix: str) -> Finding:
    return Finding("advice", found, fix)


def unknown(found: str) -> Finding:
    return Finding("unknown", found)


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    programs: tuple[str, ...]
    purpose: str
    look: Callable[[Machine], Finding]


def examine(check: Check, machine: Machine) -> Finding:
    """What the check finds; a machine that does not let itself be looked at is a finding, too."""
    try:
        return check.look(machine)
    except OSError as error:
        return unknown(f"could not be looked at: {error.strerror or type(error).__name__}")
    except WhimbrelError as error:
        return unknown(f"could not be looked at: {error}")
    except ImportError as error:  # its own row says what to do about it
        return unknown(f"could not be looked at: module {error.name} is not usable")
