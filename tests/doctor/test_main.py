"""The program: what it prints, and its exit code."""

import json
from pathlib import Path

import pytest

from whimbrel import cli
from whimbrel.doctor import main as program
from whimbrel.doctor.finding import Check, Finding
from whimbrel.doctor.machine import Machine


def checks(monkeypatch: pytest.MonkeyPatch, **states: Finding) -> None:
    def look(found: Finding) -> Check:
        return Check(found.found, ("watch",), "seeing", lambda _machine: found)

    monkeypatch.setattr(program, "chosen", lambda _programs: [look(found) for found in states.values()])


GOOD = Finding("ok", "good")
LESS = Finding("advice", "less", "sudo more")
DARK = Finding("unknown", "dark")
GONE = Finding("missing", "gone", "sudo bring it")


def test_only_what_is_missing_is_an_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    checks(monkeypatch, a=GOOD, b=LESS, c=DARK)
    assert program.main([], {}) == 0
    checks(monkeypatch, a=GOOD, b=GONE)
    assert program.main([], {}) == 1


def test_the_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    checks(monkeypatch, a=GOOD, b=GONE, c=DARK)
    program.main([], {})
    assert capsys.readouterr().out == (
        "ok       good  good\n"
        "missing  gone  gone\n"
        "               for: seeing (watch)\n"
        "               fix: sudo bring it\n"
        "unknown  dark  dark\n"
        "               for: seeing (watch)\n"
        "\n"
        "1 thing is missing, for: watch.\n"
    )


def test_the_object(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    checks(monkeypatch, a=GOOD, b=GONE)
    assert program.main(["--json"], {}) == 1
    whole = json.loads(capsys.readouterr().out)
    assert (whole["ok"], [one["state"] for one in whole["checks"]]) == (False, ["ok", "missing"])
    assert [one["fix"] for one in whole["checks"]] == [None, "sudo bring it"]


def test_this_machine(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code = cli.main(["doctor", "--json", "--state", str(tmp_path / "s"), "--data", str(tmp_path / "d")])
    whole = json.loads(capsys.readouterr().out)
    assert code == (0 if whole["ok"] else 1)
    assert all(one["fix"] for one in whole["checks"] if one["state"] == "missing")
    assert not any(one["fix"] for one in whole["checks"] if one["state"] in ("ok", "unknown"))
    assert not list(tmp_path.iterdir())  # it looked, and made nothing


def test_programs_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "fly"]) == 2
    assert "expected one of serve, watch, hub" in capsys.readouterr().err


def test_directories_come_from_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Machine] = []

    def look(machine: Machine) -> Finding:
        seen.append(machine)
        return GOOD

    monkeypatch.setattr(program, "chosen", lambda _programs: [Check("a", (), "", look)])
    program.main(["--data", "/d"], {"WHIMBREL_STATE": "/s"})
    program.main(["up", "--data", "/d"], {})
    assert [(one.state, one.data) for one in seen] == [("/s", "/d"), ("/d/watch", "/d/hub")]
