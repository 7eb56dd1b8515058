"""`whimbrel hub`: its commands."""

import importlib
from pathlib import Path

import pytest

from whimbrel import cli
from whimbrel.base.errors import UsageError
from whimbrel.hub import main as program
from whimbrel.hub.options import ROWS, HubOptions


def test_options_and_commands_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["hub", "--help"]) == 0
    printed = capsys.readouterr().out
    assert all(f"  {row.usage}\n" in printed for row in ROWS)
    assert all(name in printed and sentence in printed for name, (_, sentence) in program.COMMANDS.items())


def test_what_is_no_command_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["hub", "fly"]) == 2
    printed = capsys.readouterr().err
    assert "'fly' was given, expected options or one of the commands import, token" in printed
    assert printed.count("\n") == 1


def test_without_a_command_it_is_the_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    served: list[HubOptions] = []

    def serve(options: HubOptions) -> int:
        served.append(options)
        return 0

    monkeypatch.setattr("whimbrel.hub.serve.serve", serve)
    assert program.main(["--data", str(tmp_path)], {"WHIMBREL_LISTEN": "127.0.0.1:1"}) == 0
    assert [str(options.listen) for options in served] == ["127.0.0.1:1"]
    assert served[0].token_path == tmp_path / "tokens"


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
