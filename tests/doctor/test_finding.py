"""Checks that cannot look are findings, not tracebacks."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.doctor.made import machine
from whimbrel.base.errors import UsageError
from whimbrel.doctor.finding import Check, Finding, advice, examine, fine, missing
from whimbrel.doctor.machine import Machine


def raising(error: Exception) -> Callable[[Machine], Finding]:
    def look(_machine: Machine) -> Finding:
        raise error

    return look


CANNOT = {
    "Permission denied": PermissionError(13, "Permission denied"),
    "no network interface is up": UsageError("no network interface is up"),
    "module whimbrel.x is not usable": ImportError("bad magic", name="whimbrel.x"),
}


@pytest.mark.parametrize("words", CANNOT)
def test_what_cannot_be_looked_at_is_unknown(words: str, tmp_path: Path) -> None:
    found = examine(Check("a", (), "", raising(CANNOT[words])), machine(tmp_path))
    assert (found.state, found.fix) == ("unknown", "")
    assert found.found == f"could not be looked at: {words}"


def test_defects_are_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        examine(Check("a", (), "", raising(ZeroDivisionError())), machine(tmp_path))


def test_only_what_is_wrong_has_a_fix() -> None:
    assert fine("a") == Finding("ok", "a", "")
    assert missing("a", "b") == Finding("missing", "a", "b")
    assert advice("a", "b").state == "advice"
