"""The state directory: made once, private, used by one."""

import os
from pathlib import Path

import pytest

from whimbrel.agent.spool import Spool
from whimbrel.agent.state import KEY_BYTES, default_path, forgotten, open_state, read_token
from whimbrel.base.errors import UsageError


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    place = tmp_path / "a" / "b"
    first = open_state(str(place))
    first.close()
    again = open_state(str(place))
    assert first.key == again.key and len(first.key) == KEY_BYTES
    assert first.agent == again.agent and len(first.agent) == 16
    assert (place / "key").stat().st_mode & 0o777 == 0o600
    assert place.stat().st_mode & 0o777 == 0o700
    assert first.key.hex() not in first.agent and first.agent not in first.key.hex()
    again.close()


def test_two_installs_are_two_agents(tmp_path: Path) -> None:
    one, other = open_state(str(tmp_path / "1")), open_state(str(tmp_path / "2"))
    assert one.agent != other.agent
    one.close()
    other.close()


def test_one_agent_at_a_time(tmp_path: Path) -> None:
    held = open_state(str(tmp_path))
    with pytest.raises(UsageError, match="in use by another agent"):
        open_state(str(tmp_path))
    held.close()
    open_state(str(tmp_path)).close()


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    open_state(str(tmp_path)).close()
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(UsageError, match="chmod 600"):
        open_state(str(tmp_path))
    (tmp_path / "key").chmod(0o600)
    open_state(str(tmp_path)).close()  # a refusal does not hold the lock


@pytest.mark.parametrize("content", [b"", b"short", b"x" * (KEY_BYTES + 1)])
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(UsageError, match="is no key") as caught:
        open_state(str(tmp_path))
    assert "short" not in str(caught.value)


def test_half_a_key_of_a_killed_run_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "key.new").write_bytes(b"half")
    state = open_state(str(tmp_path))
    assert len(state.key) == KEY_BYTES and not (tmp_path / "key.new").exists()
    state.close()


def test_a_place_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="--state"):
        open_state(str(tmp_path / "file" / "below"))
    (tmp_path / "lock").mkdir()
    with pytest.raises(UsageError, match="--state"):
        open_state(str(tmp_path))


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is not a directory"):
        open_state(str(tmp_path / "file"))


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770])
def test_where_others_can_put_a_key_none_is_kept(tmp_path: Path, mode: int) -> None:
    place = tmp_path / "s"
    place.mkdir()
    place.chmod(mode)
    with pytest.raises(UsageError, match="can be written by others"):
        open_state(str(place))
    place.chmod(0o755)
    open_state(str(place)).close()


def test_a_forgotten_state_has_a_key_of_its_own() -> None:
    assert forgotten().key != forgotten().key
    assert forgotten().path is None
    forgotten().close()


def test_where_state_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_path() == "/var/lib/whimbrel"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_path() == str(tmp_path / "whimbrel")


def test_what_is_written_while_it_runs_is_named(tmp_path: Path) -> None:
    state = open_state(str(tmp_path / "s"))
    assert state.places == [tmp_path / "s"]
    spool = Spool(state.spool, 1 << 20)
    assert spool.put(b"x", "x", 1)
    assert state.places == [tmp_path / "s", tmp_path / "s" / "spool", tmp_path / "s" / "spool" / "refused"]
    assert all(place.is_dir() for place in state.places)
    state.close()


def test_a_token_is_the_first_line(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(b"  abc.DEF-123 \nsecond\n")
    assert read_token(str(file)) == "abc.DEF-123"


@pytest.mark.parametrize("content", [b"", b"\n\n", b"two words", b"caf\xc3\xa9", b"x\x00y", b"x" * 5000])
def test_what_is_no_token_is_refused_without_showing_it(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="--token-file") as caught:
        read_token(str(file))
    assert not content.strip() or content.decode("latin-1") not in str(caught.value)


def test_a_token_file_that_is_not_there_is_one_line() -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_token("/does/not/exist")
