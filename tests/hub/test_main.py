"""`whimbrel hub`: its commands."""

import importlib

import pytest

from whimbrel import cli
from whimbrel.base.errors import UsageError
from whimbrel.hub import main as program


def test_the_commands_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["hub", "--help"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed and sentence in printed for name, (_, sentence) in program.COMMANDS.items())


@pytest.mark.parametrize("argv", [[], ["fly"], ["--listen", "127.0.0.1:0"]])
def test_what_is_no_command_is_one_line(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["hub", *argv]) == 2
    printed = capsys.readouterr().err
    assert "expected one of the commands import, token" in printed and printed.count("\n") == 1


@pytest.mark.parametrize("name", program.COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["hub", name, "--help"]) == 0
    assert f"usage: whimbrel hub {name}" in capsys.readouterr().out


def test_a_package_that_is_missing_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(_name: str) -> None:
        raise ModuleNotFoundError("No module named 'duckdb'", name="duckdb")

    monkeypatch.setattr(importlib, "import_module", lacking)
    with pytest.raises(UsageError, match=r"pip install 'whimbrel\[hub\]'"):
        program.main(["import", "x"])


def test_a_defect_is_not_called_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(_name: str) -> None:
        raise ModuleNotFoundError("No module named 'whimbrel.hub.gone'", name="whimbrel.hub.gone")

    monkeypatch.setattr(importlib, "import_module", lacking)
    with pytest.raises(ModuleNotFoundError):
        program.main(["import", "x"])
