"""Who asks, and whether they may."""

import hashlib
from pathlib import Path

import pytest

from tests.hub.requests import Headers, request
from whimbrel.base.errors import UsageError
from whimbrel.hub import tokens
from whimbrel.hub.access import Access, Visitor
from whimbrel.hub.refusal import Refusal
from whimbrel.hub.sessions import Sessions
from whimbrel.hub.tokens import Grant

NOW_S = 1_760_011_200.0
SESSIONS = Sessions(b"k" * 32)
HERE = ("host", "127.0.0.1:9800")


def access(path: Path, needed: bool, said: list[str] | None = None) -> Access:
    return Access(path, needed, SESSIONS, (said if said is not None else []).append, lambda: NOW_S)


@pytest.fixture
def given(tmp_path: Path) -> dict[str, str]:
    return {role: tokens.add(tmp_path / "tokens", role, role) for role in tokens.RIGHTS}


@pytest.fixture
def locked(tmp_path: Path, given: dict[str, str]) -> Access:
    return access(tmp_path / "tokens", True)


def refusal(of: Access, right: tokens.Right, method: str, *headers: tuple[str, str]) -> str:
    with pytest.raises(Refusal) as caught:
        of.require(request(method, headers), right)
    return f"{caught.value.status} {caught.value.message}"


def bearer(token: str) -> Headers:
    return [HERE, ("authorization", f"Bearer {token}")]


def cookie(of: Access, name: str) -> tuple[str, str]:
    grant = next(one for one in of.grants() if one.name == name)
    return ("cookie", f"{SESSIONS.cookie}={SESSIONS.open(grant, NOW_S)}")


# ---- without tokens


@pytest.mark.parametrize(
    "host", ["127.0.0.1:9800", "127.9.9.9", "localhost:1", "LocalHost.", "a.localhost:2", "[::1]:9"]
)
def test_without_tokens_this_machine_may_do_everything(host: str, tmp_path: Path) -> None:
    visitor = access(tmp_path / "tokens", False).require(request("GET", [("host", host)]), "change")
    assert visitor == Visitor("", "admin", "open")


@pytest.mark.parametrize(
    "host", ["", "evil.example", "127.0.0.1.evil.example", "localhost.evil", "[::2]", "10.0.0.1", "[", "a b"]
)
def test_a_name_that_was_made_to_point_here_is_refused(host: str, tmp_path: Path) -> None:
    assert refusal(access(tmp_path / "tokens", False), "read", "GET", ("host", host)).startswith("403 without tokens")


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via"])
def test_what_came_through_a_proxy_is_not_local(name: str, tmp_path: Path) -> None:
    assert "through a proxy" in refusal(access(tmp_path / "tokens", False), "send", "POST", HERE, (name, "x"))


@pytest.mark.parametrize(
    "headers",
    [
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
        [("origin", "http://evil.example")],
        [("origin", "null")],
        [("origin", "http://127.0.0.1:8000")],
        [("origin", "http://[")],
    ],
)
def test_a_page_of_another_site_changes_nothing(headers: Headers, tmp_path: Path, locked: Access) -> None:
    said = refusal(access(tmp_path / "none", False), "send", "POST", HERE, *headers)
    assert said == "403 this request was sent by a page of another site"
    assert refusal(locked, "change", "DELETE", HERE, cookie(locked, "admin"), *headers) == said
    access(tmp_path / "none", False).require(request("GET", [HERE, *headers]), "read")  # looking is not changing


def test_our_own_pages_and_programs_may(tmp_path: Path) -> None:
    hub = access(tmp_path / "tokens", False)
    for headers in ([], [("origin", "http://127.0.0.1:9800"), ("sec-fetch-site", "same-origin")]):
        assert hub.require(request("POST", [HERE, *headers]), "change").way == "open"


# ---- the first token locks


def test_the_first_token_locks_a_hub_that_runs_and_its_removal_does_not_open_it(tmp_path: Path) -> None:
    said: list[str] = []
    hub = access(tmp_path / "tokens", False, said)
    assert hub.is_open
    token = tokens.add(tmp_path / "tokens", "ada", "admin")
    assert refusal(hub, "read", "GET", HERE) == "401 a token is needed"
    assert hub.require(request("GET", bearer(token)), "change").name == "ada"
    assert len(said) == 1 and "from now on" in said[0]
    (tmp_path / "tokens").unlink()
    assert refusal(hub, "read", "GET", *bearer(token)) == "401 this token is not known"
    assert refusal(hub, "read", "GET", HERE).startswith("401")


def test_a_file_that_cannot_be_read_locks_too(tmp_path: Path) -> None:
    said: list[str] = []
    hub = access(tmp_path / "tokens", False, said)
    (tmp_path / "tokens").write_text("nonsense\n")
    assert [refusal(hub, "read", "GET", HERE)[:3] for _ in range(2)] == ["401", "401"]
    assert len(said) == 1 and "nobody is let in" in said[0]
    (tmp_path / "tokens").write_text("")
    assert refusal(hub, "read", "GET", HERE).startswith("401") and not hub.is_open


def test_a_token_file_that_is_asked_for_is_there_from_the_start(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        access(tmp_path / "tokens", True)


# ---- with tokens


@pytest.mark.parametrize("role", tokens.RIGHTS)
@pytest.mark.parametrize("right", ["send", "read", "change"])
def test_roles(role: tokens.Role, right: tokens.Right, locked: Access, given: dict[str, str]) -> None:
    asked = request("POST", bearer(given[role]))
    if right in tokens.RIGHTS[role]:
        assert locked.require(asked, right) == Visitor(role, role, "token")
    else:
        with pytest.raises(Refusal, match=f"the role {role} may not {right}: expected a token with the role .*admin"):
            locked.require(asked, right)


@pytest.mark.parametrize(
    "shown", ["Bearer x", "Bearer", "Bearer ", "Basic YTpi", "", "Bearer " + "x" * 100_000, "Bearer é"]
)
def test_what_is_no_token(shown: str, locked: Access) -> None:
    assert refusal(locked, "read", "GET", HERE, ("authorization", shown)) == "401 this token is not known"


def test_a_refusal_never_has_the_token_in_it(locked: Access) -> None:
    assert "secret" not in refusal(locked, "read", "GET", *bearer("secret"))


def test_a_token_wins_over_a_cookie_and_a_wrong_one_is_not_mended_by_it(locked: Access, given: dict[str, str]) -> None:
    both = [*bearer(given["viewer"]), cookie(locked, "admin")]
    assert locked.require(request("GET", both), "read").name == "viewer"
    assert refusal(locked, "read", "GET", *bearer("wrong"), cookie(locked, "admin")).startswith("401")


def test_any_name_of_the_host_will_do_with_tokens(locked: Access, given: dict[str, str]) -> None:
    asked = request(
        "GET", [("host", "hub.example"), ("via", "1.1 proxy"), ("authorization", f"bearer {given['agent']}")]
    )
    assert locked.require(asked, "send").name == "agent"


def test_a_session_reads_and_changes_only_with_its_form(locked: Access) -> None:
    shown = cookie(locked, "admin")
    visitor = locked.require(request("GET", [HERE, shown]), "read")
    assert (visitor.name, visitor.way) == ("admin", "session")
    asked = request("POST", [HERE, shown])
    for wrong in ("", "x", SESSIONS.form_token("another")):
        with pytest.raises(Refusal, match="load the page again"):
            locked.prove(asked, visitor, wrong)
    locked.prove(asked, visitor, visitor.form_token)
    locked.prove(request("POST", [HERE, shown, ("x-form-token", visitor.form_token)]), visitor)


def test_a_session_ends_with_its_token(locked: Access, tmp_path: Path) -> None:
    shown = cookie(locked, "viewer")
    assert locked.visitor(request("GET", [HERE, shown])) is not None
    tokens.remove(tmp_path / "tokens", "viewer")
    assert locked.visitor(request("GET", [HERE, shown])) is None


def test_a_session_of_nobody(locked: Access) -> None:
    stranger = SESSIONS.open(Grant("eve", "admin", hashlib.sha256(b"e").digest()), NOW_S)
    assert locked.visitor(request("GET", [HERE, ("cookie", f"{SESSIONS.cookie}={stranger}")])) is None
