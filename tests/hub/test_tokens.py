"""Tokens: who is let in, what the file may say, and how it changes."""

import hmac
import os
import stat
import threading
from pathlib import Path

import pytest

from whimbrel.base.errors import UsageError
from whimbrel.hub import tokens
from whimbrel.hub.tokens import (
    FILE_BYTES_MAX,
    GRANTS_MAX,
    PRESENTED_MAX,
    RIGHTS,
    Grant,
    Tokens,
    add,
    digest_of,
    find,
    new_token,
    parse,
    remove,
)

HASH = "sha256:" + "0" * 64
SECRET = "whimbrel_hunter2hunter2hunter2"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "tokens"


def refused(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse(text, "tokens")
    return str(caught.value)


# ---- one token


def test_tokens_are_long_random_and_fit_a_header() -> None:
    made = {new_token() for _ in range(100)}
    assert len(made) == 100
    assert all(len(one) >= 43 and one.isascii() and one.replace("_", "a").replace("-", "a").isalnum() for one in made)


def test_roles_may_what_they_need() -> None:
    agent, viewer, admin = (Grant("a", role, b"") for role in ("agent", "viewer", "admin"))
    assert agent.may("send") and not agent.may("read") and not agent.may("change")
    assert viewer.may("read") and not viewer.may("send") and not viewer.may("change")
    assert admin.may("send") and admin.may("read") and admin.may("change")


def test_a_token_finds_its_own_grant() -> None:
    grants = [Grant(name, "agent", digest_of(name * 9)) for name in ("a", "b", "c")]
    assert [getattr(find(grants, token * 9), "name", None) for token in "abcd"] == ["a", "b", "c", None]
    for other in ("", "aaaaaaaa", "aaaaaaaaaa", "AAAAAAAAA", digest_of("a" * 9).hex(), "\ud800", "é" * 9):
        assert find(grants, other) is None


def test_every_grant_is_compared_wherever_the_token_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    real = hmac.compare_digest

    def counted(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", counted)
    grants = [Grant(name, "agent", digest_of(name)) for name in "abc"]
    for token in "acx":
        compared.clear()
        find(grants, token)
        assert len(compared) == 3


def test_what_is_far_too_long_is_not_looked_at() -> None:
    token = "x" * PRESENTED_MAX
    grants = [Grant("a", "agent", digest_of(token)), Grant("b", "agent", digest_of(token + "x"))]
    assert find(grants, token) == grants[0]
    assert find(grants, token + "x") is None


# ---- the file's text


def test_comments_blank_lines_and_columns() -> None:
    grants = parse(f"# who\n\n  web1\tagent   {HASH}\nada admin {HASH}", "tokens")
    assert [(one.name, one.role) for one in grants] == [("web1", "agent"), ("ada", "admin")]
    assert parse("".join(one.line() for one in grants), "tokens") == grants


WRONG = {
    "web1 agent": "line 1: expected NAME ROLE HASH",
    f"web1 agent {HASH} more": "line 1: expected NAME ROLE HASH",
    f"web1 owner {HASH}": "the role is not allowed: expected one of agent, viewer, admin",
    f"-web1 agent {HASH}": "the name is not allowed",
    f"{'w' * 65} agent {HASH}": "the name is not allowed",
    f"web1 agent {SECRET}": "expected sha256:",
    f"web1 agent {HASH[:-1]}": "expected sha256:",
    f"web1 agent {HASH.replace('0', 'A')}": "expected sha256:",
    f"{SECRET} agent": "expected NAME ROLE HASH",
    f"{SECRET}! agent {HASH}": "the name is not allowed",
    f"web1 {SECRET} {HASH}": "the role is not allowed",
    f"\na agent {HASH}\n#\na viewer {HASH}": "line 4: 'a' has a line already",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_a_line_may_not_be(text: str) -> None:
    message = refused(text)
    assert WRONG[text] in message
    assert SECRET not in message  # somebody may have pasted it into any column


def test_more_tokens_than_can_be_compared() -> None:
    lines = [f"a{number} agent {HASH}\n" for number in range(GRANTS_MAX)]
    assert len(parse("".join(lines), "tokens")) == GRANTS_MAX
    assert f"more than {GRANTS_MAX}" in refused("".join([*lines, f"b agent {HASH}\n"]))


# ---- changing the file


def test_a_token_that_was_added_lets_in_and_is_not_in_the_file(path: Path) -> None:
    token = add(path, "web1", "agent")
    other = add(path, "ada", "admin")
    text = path.read_text()
    assert token not in text and token.removeprefix("whimbrel_") not in text
    known = Tokens(path, pytest.fail)
    assert [(one.name, one.role) for one in known.grants] == [("web1", "agent"), ("ada", "admin")]
    assert known.find(token) == known.grants[0] and known.find(other) == known.grants[1]
    assert known.find(token[:-1]) is None


def test_a_new_file_is_its_owners_only(path: Path) -> None:
    add(path, "web1", "agent")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.stat().st_uid == path.parent.stat().st_uid
    assert sorted(one.name for one in path.parent.iterdir()) == ["tokens"]


def test_mode_and_comments_stay(path: Path) -> None:
    path.parent.mkdir()
    path.write_text(f"# ours\nold viewer {HASH}")  # without a line's end
    path.chmod(0o640)
    add(path, "web1", "agent")
    remove(path, "old")
    lines = path.read_text().splitlines()
    assert lines[0] == "# ours" and len(lines) == 2 and lines[1].startswith("web1 agent sha256:")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_adds_stays_its_owners(path: Path) -> None:
    path.parent.mkdir()
    os.chown(path.parent, 12345, 12346)
    add(path, "web1", "agent")
    add(path, "web2", "agent")
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)


@pytest.mark.parametrize(("name", "role"), [("web1", "viewer"), ("a b", "agent"), ("", "agent"), ("x", "root")])
def test_what_cannot_be_added_changes_nothing(name: str, role: str, path: Path) -> None:
    add(path, "web1", "agent")
    before = path.read_bytes()
    with pytest.raises(UsageError):
        add(path, name, role)
    with pytest.raises(UsageError, match="has no token"):
        remove(path, "nobody")
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="token file"):
        add(tmp_path / "file" / "tokens", "web1", "agent")


def test_many_at_once_lose_none(path: Path) -> None:
    threads = [threading.Thread(target=add, args=(path, f"web{number}", "agent")) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.name for one in Tokens(path, pytest.fail).grants} == {f"web{number}" for number in range(16)}


# ---- a file that changes while the hub runs


def test_a_token_that_was_taken_away_lets_nobody_in(path: Path) -> None:
    token, other = add(path, "web1", "agent"), add(path, "web2", "agent")
    known = Tokens(path, pytest.fail)
    remove(path, "web1")
    assert known.find(token) is None and known.find(other) is not None
    third = add(path, "web3", "viewer")
    assert known.find(third) is not None


def test_a_slip_while_editing_locks_nobody_out_and_is_said_once(path: Path) -> None:
    token, said = add(path, "web1", "agent"), list[str]()
    known = Tokens(path, said.append)
    good = path.read_text()
    path.write_text(good + f"ada admin {SECRET}\n")
    assert known.find(token) is not None and known.find(token) is not None
    assert len(said) == 1 and "line 2" in said[0] and SECRET not in said[0]
    path.write_text(good + f"ada admin {HASH}\n")
    assert known.find(token) is not None and len(known.grants) == 2 and len(said) == 1


def test_a_file_that_is_gone_lets_nobody_in_until_it_is_back(path: Path) -> None:
    token, said = add(path, "web1", "agent"), list[str]()
    known = Tokens(path, said.append)
    kept = path.read_text()
    path.unlink()
    assert known.find(token) is None and known.find(token) is None
    assert len(said) == 1 and "gone" in said[0]
    path.write_text(kept)
    path.chmod(0o600)
    assert known.find(token) is not None


def test_a_file_that_is_not_read_again_where_it_did_not_change(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = add(path, "web1", "agent")
    known = Tokens(path, pytest.fail)
    monkeypatch.setattr(tokens, "read", pytest.fail)
    assert known.find(token) is not None


# ---- files that are refused


def test_files_that_cannot_be_used(path: Path) -> None:
    def why() -> str:
        with pytest.raises(UsageError) as caught:
            Tokens(path, pytest.fail)
        return str(caught.value)

    assert "No such file" in why()
    path.parent.mkdir()
    path.write_bytes(b"\xff\xfe")
    path.chmod(0o600)
    assert "not text" in why()
    path.write_bytes(b"#" * (FILE_BYTES_MAX + 1))
    assert "larger than" in why()
    path.write_text("")
    path.chmod(0o622)
    assert "can be written by others" in why()
    path.chmod(0o644)
    assert Tokens(path, pytest.fail).grants == ()


def test_the_roles_are_told_in_order() -> None:
    assert list(RIGHTS) == ["agent", "viewer", "admin"]
