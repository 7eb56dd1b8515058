"""What an administrator changes through the API, on a hub of its own."""

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.hub.running import Hub, Reply, running
from whimbrel.hub.api_admin import BACKUPS_MOST


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with running(tmp_path / "data") as started:
        yield started


def made(hub: Hub, name: str, role: str, **headers: str) -> Reply:
    return hub.ask("POST", "/api/tokens", json.dumps({"name": name, "role": role}).encode(), **headers)


def test_from_an_open_hub_to_a_locked_one(hub: Hub) -> None:
    assert hub.get("/api/tokens").json() == {"locked": False, "tokens": []}
    assert made(hub, "web1", "agent").status == 409  # it would lock everybody out of the page
    first = made(hub, "ada", "admin")
    assert (first.status, set(first.json())) == (201, {"name", "role", "token"})
    hub.tokens["ada"] = first.json()["token"]
    assert made(hub, "web1", "agent").status == 401
    assert made(hub, "web1", "agent", Authorization="Bearer wrong").status == 401
    ada = hub.bearer("ada")
    hub.tokens["web1"] = made(hub, "web1", "agent", **ada).json()["token"]
    assert hub.send(b"", **hub.bearer("web1")).status == 400
    listed = hub.get("/api/tokens", **ada).json()
    assert listed == {"locked": True, "tokens": [{"name": "ada", "role": "admin"}, {"name": "web1", "role": "agent"}]}
    assert hub.ask("DELETE", "/api/tokens/web1", **ada).status == 204
    assert hub.send(b"", **hub.bearer("web1")).status == 401
    assert hub.ask("DELETE", "/api/tokens/web1", **ada).status == 404


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not a name and a role"),
        (b"{}", "missing required field `name`"),
        (b'{"name": "a", "role": "admin", "more": 1}', "unknown field `more`"),
        (b'{"name": 1, "role": "admin"}', "Expected `str`"),
        (b'{"name": "../a", "role": "admin"}', "name '../a' is not allowed"),
        (b'{"name": "a", "role": "king"}', "make one with the role admin first"),
        (b"[" * 4000, "not a name"),
        (b" " * 5000, "larger than"),
    ],
)
def test_what_makes_no_token(body: bytes, said: str, open_hub: Hub) -> None:
    reply = open_hub.ask("POST", "/api/tokens", body)
    assert reply.status in (400, 409, 413) and said in reply.error
    assert open_hub.get("/api/tokens").json()["locked"] is False


def test_a_name_has_one_token(locked_hub: Hub) -> None:
    reply = made(locked_hub, "viewer", "viewer", **locked_hub.bearer("admin"))
    assert reply.status == 400 and "has a token already" in reply.error


def test_only_an_admin_changes_anything(locked_hub: Hub) -> None:
    for method, path in (("GET", "/tokens"), ("POST", "/tokens"), ("DELETE", "/tokens/viewer"), ("POST", "/backup")):
        assert locked_hub.ask(method, f"/api{path}", **locked_hub.bearer("viewer")).status == 403
        assert locked_hub.ask(method, f"/api{path}").status == 401


def test_a_backup_is_an_archive(hub: Hub) -> None:
    reply = hub.ask("POST", "/api/backup")
    assert reply.status == 201
    made = hub.data / "backups" / reply.json()["file"]
    assert made.stat().st_size == reply.json()["bytes"] and made.stat().st_mode & 0o077 == 0
    with duckdb.connect(str(made), read_only=True) as opened:
        assert ("meta",) in opened.execute("SELECT table_name FROM duckdb_tables()").fetchall()


def test_backups_are_few_and_a_directory_that_is_none_is_said(hub: Hub) -> None:
    directory = hub.data / "backups"
    directory.write_text("")
    assert hub.ask("POST", "/api/backup").status == 503
    directory.unlink()
    directory.mkdir()
    for number in range(BACKUPS_MOST):
        (directory / str(number)).touch()
    reply = hub.ask("POST", "/api/backup")
    assert reply.status == 409 and f"holds {BACKUPS_MOST} files" in reply.error
