"""Tokens and backups, from the page of agents."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.batches import NOON, batch, endpoint
from tests.hub.running import give_tokens
from tests.hub.site import Browser, site_of
from whimbrel.hub.api_admin import BACKUPS_NAME
from whimbrel.hub.duck import DuckArchive


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckArchive]:
    made = DuckArchive(tmp_path_factory.mktemp("admin") / "a.duckdb", memory_mib=128, clock=lambda: NOON)
    made.load([batch(endpoint(), start=NOON - 60)])
    yield made
    made.close()


def signed_in(client: Browser, token: str) -> str:
    """The token that forms of this session carry."""
    reply = client.post("/login", data={"token": token, "next": "/agents"})
    assert reply.url.path == "/agents"
    return str(re.findall(r'name="form_token" value="(\w+)"', reply.text)[0])


def test_the_first_token_is_shown_once_and_locks_the_hub(archive: DuckArchive, tmp_path: Path) -> None:
    with site_of(archive, tmp_path / "data") as client:
        assert "There are none" in client.get("/agents").text
        reply = client.post("/agents/tokens", data={"name": "ada", "role": "admin", "form_token": ""})
        [token] = re.findall(r"whimbrel_[\w-]+(?=</pre>)", reply.text)
        again = client.get("/agents?last=6h", follow_redirects=False)
        assert (again.status_code, again.headers["location"]) == (303, "/login?next=%2Fagents%3Flast%3D6h")
        signed_in(client, token)
        assert token not in client.get("/agents").text


def test_an_admin_makes_tokens_and_takes_them_away(archive: DuckArchive, tmp_path: Path) -> None:
    data = tmp_path / "data"
    tokens = give_tokens(data)
    with site_of(archive, data) as client:
        form = signed_in(client, tokens["admin"])
        assert "web1" in client.post("/agents/tokens", data={"name": "web1", "role": "agent", "form_token": form}).text
        taken = client.post("/agents/tokens", data={"name": "web1", "role": "agent", "form_token": form})
        assert (taken.status_code, 'role="alert"' in taken.text) == (400, True)
        gone = client.post("/agents/tokens/remove", data={"name": "web1", "form_token": form})
        assert "The token of web1 is taken away." in gone.text
        assert client.post("/agents/tokens/remove", data={"name": "web1", "form_token": form}).status_code == 404


def test_a_backup_is_made(archive: DuckArchive, tmp_path: Path) -> None:
    with site_of(archive, tmp_path / "data") as client:
        reply = client.post("/agents/backup", data={"form_token": ""})
        [made] = (tmp_path / "data" / BACKUPS_NAME).iterdir()
        assert made.name in reply.text


@pytest.mark.parametrize("path", ["/agents/tokens", "/agents/tokens/remove", "/agents/backup"])
def test_who_may_not_and_who_is_sent_here_by_others(path: str, archive: DuckArchive, tmp_path: Path) -> None:
    data = tmp_path / "data"
    tokens = give_tokens(data)
    fields = {"name": "x", "role": "admin"}
    with site_of(archive, data) as client:
        assert client.post(path, data=fields, follow_redirects=False).status_code == 303  # asked who it is
        form = signed_in(client, tokens["admin"])
        assert client.post(path, data=fields).status_code == 403
        assert client.post(path, data=fields | {"form_token": "0" * 64}).status_code == 403
        other = client.post(path, data=fields | {"form_token": form}, headers={"Sec-Fetch-Site": "cross-site"})
        assert other.status_code == 403
        viewers = signed_in(client, tokens["viewer"])
        assert client.post(path, data=fields | {"form_token": viewers}).status_code == 403
        assert "Make a token" not in client.get("/agents").text
    assert not (data / BACKUPS_NAME).exists()


def test_the_form_to_log_in_says_why_it_did_not_work(archive: DuckArchive, tmp_path: Path) -> None:
    data = tmp_path / "data"
    tokens = give_tokens(data)
    with site_of(archive, data) as client:
        wrong = client.post("/login", data={"token": "nobody's", "next": "/cache"})
        assert "not known" in wrong.text and 'name="next" value="/cache"' in wrong.text
        assert "agent" in client.post("/login", data={"token": tokens["agent"]}).text
        assert 'name="next" value="/"' in client.get("/login?next=//evil.example/").text


def test_who_logs_out_is_asked_again(archive: DuckArchive, tmp_path: Path) -> None:
    data = tmp_path / "data"
    tokens = give_tokens(data)
    with site_of(archive, data) as client:
        form = signed_in(client, tokens["viewer"])
        client.post("/logout", data={"form_token": form})
        assert client.get("/", follow_redirects=False).headers["location"] == "/login"
