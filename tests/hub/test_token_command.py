"""`whimbrel hub token`: what it prints, and where."""

from pathlib import Path

import pytest

from whimbrel.base.errors import UsageError
from whimbrel.hub.token_command import main
from whimbrel.hub.tokens import Tokens


@pytest.fixture
def data(tmp_path: Path) -> str:
    return str(tmp_path / "data")


def test_a_token_is_printed_once_and_alone(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["web1", "agent", "--data", data], {}) == 0
    printed = capsys.readouterr()
    assert printed.out.endswith("\n") and printed.out.count("\n") == 1
    token = printed.out.strip()
    assert token not in printed.err and "web1" in printed.err
    found = Tokens(Path(data) / "tokens", pytest.fail).find(token)
    assert found is not None and (found.name, found.role) == ("web1", "agent")


def test_who_has_one(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list", "--data", data], {}) == 0
    assert capsys.readouterr().out == ""
    main(["web1", "agent"], {"WHIMBREL_DATA": data})
    main(["ada", "admin", "--token-file", f"{data}/tokens"], {})
    main(["--remove", "web1", "--data", data], {})
    capsys.readouterr()
    assert main(["--list", "--data", data], {}) == 0
    assert capsys.readouterr().out == "ada admin\n"


@pytest.mark.parametrize(
    "argv", [[], ["web1"], ["web1", "agent", "more"], ["web1", "agent", "--list"], ["--list", "--remove", "x"]]
)
def test_what_cannot_be_asked(argv: list[str], data: str) -> None:
    with pytest.raises(UsageError, match="expected one of: NAME ROLE, --list, --remove NAME"):
        main([*argv, "--data", data], {})
    assert not Path(data).exists()


def test_variables_take_nothing_away(data: str) -> None:
    main(["web1", "agent", "--data", data], {})
    with pytest.raises(UsageError, match="expected one of"):
        main(["--data", data], {"WHIMBREL_REMOVE": "web1"})
    assert len(Tokens(Path(data) / "tokens", pytest.fail).grants) == 1


def test_a_role_that_is_none(data: str) -> None:
    with pytest.raises(UsageError, match="expected one of agent, viewer, admin"):
        main(["web1", "root", "--data", data], {})
