"""The whole site: headers on everything, and what is refused looks right to whoever asked."""

import time
from pathlib import Path

import pytest

from tests.hub.batches import batch, endpoint
from tests.hub.running import Hub, running
from whimbrel.hub.headers import HEADERS, PIECE_BYTES, pieces
from whimbrel.summary.batch import encode

EVERYWHERE = (
    "/",
    "/login",
    "/api/overview",
    "/healthz",
    "/metrics",
    "/openapi.json",
    "/nothing",
    "/static/app.css",
    "/v1/batches",
)


@pytest.mark.parametrize("path", EVERYWHERE)
def test_headers_are_on_everything(path: str, open_hub: Hub) -> None:
    found = open_hub.get(path).headers
    assert {name: found.get(name.lower()) for name in HEADERS} == HEADERS
    assert "server" not in found
    if not path.startswith("/static/"):
        assert found["cache-control"] == "no-store"


def test_the_policy_lets_nothing_in_that_is_not_ours() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy


def test_a_large_body_leaves_in_pieces() -> None:
    """So that what nobody reads is held once, and not for every connection."""
    body = bytes(range(256)) * (PIECE_BYTES // 100)
    several = list(pieces({"type": "http.response.body", "body": body}))
    assert b"".join(piece["body"] for piece in several) == body
    assert max(len(piece["body"]) for piece in several) == PIECE_BYTES
    assert [piece["more_body"] for piece in several] == [True] * (len(several) - 1) + [False]
    assert [*pieces({"type": "http.response.body"})] == [{"type": "http.response.body"}]


def test_people_get_pages_and_programs_get_json(locked_hub: Hub) -> None:
    assert locked_hub.get("/endpoints?sort=p99").status == 401
    page = locked_hub.get("/endpoints?sort=p99", Accept="text/html")
    assert (page.status, page.headers["location"]) == (303, "/login?next=%2Fendpoints%3Fsort%3Dp99")
    assert locked_hub.get("/api/overview", Accept="text/html").status == 401
    assert locked_hub.get("/login", Accept="text/html").status == 200
    lost = locked_hub.get("/nothing", Accept="text/html")
    assert lost.status == 404 and lost.headers["content-type"].startswith("text/html")
    assert locked_hub.get("/nothing").json() == {"error": "there is nothing at /nothing"}


@pytest.mark.parametrize(
    "path", ["/<script>alert(1)</script>", "/%3Cscript%3E", "/endpoints?sort=<b>", "/endpoints?last=%22%3E%3Cb%3E"]
)
def test_what_was_asked_for_is_never_markup(path: str, open_hub: Hub) -> None:
    reply = open_hub.get(path.replace("<", "%3C").replace(">", "%3E"), Accept="text/html")
    assert reply.status in (400, 404)
    assert b"<script>alert" not in reply.body and b"<b>" not in reply.body


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:9800"])
def test_a_name_that_was_made_to_point_here_gets_nothing(host: str, open_hub: Hub) -> None:
    for path in ("/", "/api/overview", "/metrics", "/endpoints"):
        assert open_hub.get(path, Host=host).status == 403
    assert open_hub.send(b"", Host=host).status == 403


def test_health_says_whether_batches_find_their_way(open_hub: Hub) -> None:
    reply = open_hub.get("/healthz", Host="anything.example")
    assert (reply.status, reply.body) == (200, b"ok\n")


def test_health_says_what_is_wrong(tmp_path: Path) -> None:
    with running(tmp_path / "data") as hub:
        journal = hub.data / "journal"
        (journal / "0000000000000099.whb").mkdir()  # no segment, and not to be read as one
        assert hub.send(b"").status == 400
        hub.send(encode(batch(endpoint(1))))
        deadline_s = time.monotonic() + 30
        while (reply := hub.get("/healthz")).status == 200 and time.monotonic() < deadline_s:
            time.sleep(0.05)
        assert reply.status == 503 and b"directory" in reply.body
        (journal / "0000000000000099.whb").rmdir()
