import os
import stat
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.server.serving import environment
from whimbrel.base.errors import UsageError, WhimbrelError
from whimbrel.up import data as data_module
from whimbrel.up.data import Data, give_token, open_data


def test_a_demos_directory_goes_at_the_end() -> None:
    with ExitStack() as opened:
        data = open_data(None, opened)
        assert data.temporary and data.hub.is_dir() and data.watch.is_dir()
        (data.hub / "archive").write_text("rows")
        wanted = 0o711 if os.geteuid() == 0 else 0o700  # the agent, nobody by then, passes through it
        assert stat.S_IMODE(data.path.stat().st_mode) == wanted
        assert stat.S_IMODE(data.hub.stat().st_mode) == 0o700
    assert not data.path.exists()


def test_another_stays_as_it_was(tmp_path: Path) -> None:
    place = tmp_path / "there"
    place.mkdir(mode=0o750)
    for _ in range(2):
        with ExitStack() as opened:
            assert open_data(place, opened) == Data(place, temporary=False)
    assert stat.S_IMODE(place.stat().st_mode) == 0o750 and (place / "hub").is_dir()


def test_one_at_a_time_uses_it(tmp_path: Path) -> None:
    with ExitStack() as opened:
        open_data(tmp_path, opened)
        with ExitStack() as second, pytest.raises(UsageError) as raised:
            open_data(tmp_path, second)
    assert str(raised.value) == f"--data: {str(tmp_path)!r} is in use by another `whimbrel up`; give this one its own"


def test_a_directory_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place, reason in ((tmp_path / "file", "Not a directory"), (tmp_path / "file" / "x", "Not a directory")):
        with ExitStack() as opened, pytest.raises(UsageError, match=f"^--data: '{place}': {reason}$"):
            open_data(place, opened)


def test_as_long_as_the_hub_is_open_any_token_does(tmp_path: Path) -> None:
    with ExitStack() as opened:
        data = open_data(tmp_path, opened)
        give_token(data, {})
        first = data.token.read_text()
        give_token(data, {})
    assert first.startswith("whimbrel_up_") and first != data.token.read_text()
    assert stat.S_IMODE(data.token.stat().st_mode) == 0o600
    assert list(data.hub.iterdir()) == []  # which stays open


def test_a_hub_that_is_locked_is_asked_for_one(tmp_path: Path) -> None:
    """By its own command, twice: the second token takes the place of the first."""
    with ExitStack() as opened:
        data = open_data(tmp_path, opened)
        (data.hub / "tokens").write_text("# none yet\n")
        (data.hub / "tokens").chmod(0o600)
        shown = set()
        for _ in range(2):
            give_token(data, environment())
            shown.add(data.token.read_text())
            (line,) = [row for row in (data.hub / "tokens").read_text().splitlines() if not row.startswith("#")]
            assert line.startswith("up agent sha256:")
    assert len(shown) == 2 and all(token.startswith("whimbrel_") for token in shown)


def test_a_token_that_cannot_be_had_is_one_line(tmp_path: Path) -> None:
    with ExitStack() as opened:
        data = open_data(tmp_path, opened)
        (data.hub / "tokens").write_text("ada\n")
        (data.hub / "tokens").chmod(0o600)
        with pytest.raises(
            WhimbrelError, match=r"^no token for the agent: whimbrel: token file .*, line 1: expected NAME"
        ):
            give_token(data, environment())
    assert not data.token.exists()


def test_a_command_that_does_not_answer_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_module, "TOKEN_COMMAND_S", 0.01)
    with ExitStack() as opened:
        data = open_data(tmp_path, opened)
        (data.hub / "tokens").write_text("")
        with pytest.raises(WhimbrelError, match=r"^no token for the agent: .* timed out after 0.01 seconds"):
            give_token(data, environment())
