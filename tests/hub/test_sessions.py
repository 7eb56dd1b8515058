"""Cookies: what a session proves, and what ends it."""

import hashlib
from pathlib import Path

import pytest

from whimbrel.base.errors import UsageError
from whimbrel.hub.sessions import COOKIE_MOST, SESSION_S, Sessions, open_key
from whimbrel.hub.tokens import Grant

NOW_S = 1_760_011_200.0
ADA = Grant("ada.l", "admin", hashlib.sha256(b"a").digest())
VIC = Grant("vic", "viewer", hashlib.sha256(b"v").digest())
SESSIONS = Sessions(b"k" * 32)
COOKIE = SESSIONS.open(ADA, NOW_S)


def test_a_session_is_its_grants() -> None:
    assert SESSIONS.find([VIC, ADA], COOKIE, NOW_S) == ADA
    assert SESSIONS.find([VIC, ADA], COOKIE, NOW_S + SESSION_S) == ADA


@pytest.mark.parametrize(
    "grants",
    [
        [],
        [VIC],
        [Grant("ada.l", "admin", hashlib.sha256(b"new").digest())],  # given anew
        [Grant("ada.l", "viewer", ADA.digest)],  # another role
    ],
)
def test_a_token_that_is_removed_or_changed_ends_its_sessions(grants: list[Grant]) -> None:
    assert SESSIONS.find(grants, COOKIE, NOW_S) is None


def test_a_session_ends() -> None:
    assert SESSIONS.find([ADA], COOKIE, NOW_S + SESSION_S + 1) is None


@pytest.mark.parametrize(
    "value",
    [
        "", ".", "..", "ada.l", "ada.l.1", COOKIE[:-1], COOKIE + "0", COOKIE.upper(), COOKIE.replace("ada.l", "vic"),
        COOKIE.replace(str(int(NOW_S) + SESSION_S), str(int(NOW_S) + SESSION_S + 1)), "ada.l.\u0663.0", "é" * 9000,
        "x" * COOKIE_MOST + COOKIE,
    ],
)  # fmt: skip
def test_what_is_no_cookie_of_ours(value: str) -> None:
    assert SESSIONS.find([ADA, VIC], value, NOW_S) is None


def test_another_key_knows_nothing_of_it() -> None:
    other = Sessions(b"o" * 32)
    assert other.find([ADA], COOKIE, NOW_S) is None
    assert other.cookie != SESSIONS.cookie  # and overwrites no cookie of the same host


def test_form_tokens_are_of_one_session() -> None:
    token = SESSIONS.form_token(COOKIE)
    assert SESSIONS.is_form_token(COOKIE, token)
    later = SESSIONS.open(ADA, NOW_S + 5)
    assert not any(SESSIONS.is_form_token(COOKIE, other) for other in ("", "é", token[:-1], SESSIONS.form_token(later)))
    assert token not in COOKIE


def test_the_key_is_made_once_and_for_its_owner(tmp_path: Path) -> None:
    key = open_key(tmp_path)
    [made] = tmp_path.iterdir()
    assert len(key) == 32 and open_key(tmp_path) == key and made.stat().st_mode & 0o777 == 0o600


def test_a_key_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    open_key(tmp_path)
    made = tmp_path / "session.key"
    made.chmod(0o644)
    with pytest.raises(UsageError, match="can be read by others"):
        open_key(tmp_path)
    made.chmod(0o600)
    made.write_bytes(b"short")
    with pytest.raises(UsageError, match="expected 32 bytes"):
        open_key(tmp_path)
    with pytest.raises(UsageError, match="No such file"):
        open_key(tmp_path / "absent")
