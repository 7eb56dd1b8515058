"""The API's routes: each answers what its row says, and refuses in one line of JSON."""

import json
import time

import msgspec
import pytest

from tests.hub.batches import batch, edge, endpoint, row
from tests.hub.running import Hub
from whimbrel.hub import api
from whimbrel.hub.answers import shapes
from whimbrel.summary.batch import encode

SERVICE = "api.example"
ID = f"{0xA91:016x}"


@pytest.fixture(scope="module")
def hub(open_hub: Hub) -> Hub:
    """With a little of everything in it."""
    start = int(time.time()) // 10 * 10 - 120
    shape = {"types": 1, "seen": 2, "calls": 2, "keys": {"name": {"types": 4, "seen": 2, "calls": 2}}}
    called = endpoint(0xA91, row(2, body=shape), row(1, 500), host=SERVICE)
    cache = endpoint(0xA92, row(4, 0, outcomes={"hit": 3, "miss": 1}), protocol="redis", method="get", host="")
    assert open_hub.send(encode(batch(called, cache, edges=[edge()], start=start))).status == 200
    deadline_s = time.monotonic() + 30
    while open_hub.get(f"/api/endpoints/{ID}").status != 200 and time.monotonic() < deadline_s:
        time.sleep(0.05)
    return open_hub


GETS = {
    "/overview": "", "/endpoints": "sort=p99&descending=false&limit=5&method=GET", f"/endpoints/{ID}": "last=15m",
    "/services": "", "/services/document": f"service={SERVICE}", "/changes": f"service={SERVICE}", "/cache": "",
    "/agents": "",
}  # fmt: skip


@pytest.mark.parametrize("path", GETS)
def test_an_answer_is_of_its_rows_type(path: str, hub: Hub) -> None:
    [found] = [one for one in api.ROUTES if one.method == "GET" and one.path == path.replace(ID, "{id}")]
    reply = hub.get(f"/api{path}?{GETS[path]}")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    msgspec.json.decode(reply.body, type=found.answer)  # with no field missing or of another type


def test_numbers_of_what_was_sent(hub: Hub) -> None:
    view = msgspec.json.decode(hub.get(f"/api/endpoints/{ID}").body, type=shapes.EndpointView)
    assert view.line.calls >= 3 and {line.status for line in view.statuses} == {200, 500}
    [line] = hub.get(f"/api/endpoints?service={SERVICE}&text=A91").json()["rows"] or [None]
    assert line is None  # words are the template's, not the id's
    assert [one["id"] for one in hub.get(f"/api/endpoints?service={SERVICE}").json()["rows"]] == [ID]
    caches = hub.get("/api/cache").json()
    assert caches["hit_share"] == 0.75


def test_two_periods_can_be_named(hub: Hub) -> None:
    now = int(time.time()) // 60 * 60
    times = f"before_start={now - 7200}&before_end={now - 3600}&after_start={now - 3600}&after_end={now}"
    found = hub.get(f"/api/changes?{times}").json()
    assert found["before"]["start"] == now - 7200
    assert found["before"]["endpoints"] == 0 < found["after"]["endpoints"]


def test_a_service_against_a_document(hub: Hub) -> None:
    path = f"/api/services/comparison?service={SERVICE}"
    exported = hub.get(f"/api/services/document?service={SERVICE}").body
    own = hub.ask("POST", path, exported, Content_Type="application/json")
    assert own.status == 200 and own.json()["operations"] == 1
    yaml = b"openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {}\n"
    other = hub.ask("POST", path, yaml, Content_Type="application/yaml").json()
    assert (other["operations"], len(other["findings"])) == (0, 1)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "document"),
        (b"{", ""),
        (b"[1]", ""),
        (b"a: &a [1]\nb: *a\n", "alias"),
        (b"\xff\xfe", "UTF-8"),
        (b"[" * 100_000, ""),
    ],
)
def test_what_is_no_document(body: bytes, said: str, hub: Hub) -> None:
    reply = hub.ask("POST", f"/api/services/comparison?service={SERVICE}", body, Content_Type="application/json")
    assert reply.status == 400 and said in reply.error


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/overview?last=5x", 400, "last: '5x' was given, expected a duration such as 90s, 15m, 1h or 7d"),
        ("/overview?start=20&end=10", 400, "from 1970-01-01T00:00:20Z to 1970-01-01T00:00:10Z; its end must be later"),
        ("/overview?lats=1h", 400, "'lats' is no parameter here; expected end, last, start"),
        ("/overview?last=9999d", 400, "ten years"),
        ("/endpoints?sort=colour", 400, "sort: 'colour' was given, expected one of calls"),
        ("/endpoints?limit=0", 400, "limit: '0' was given, expected a whole number from 1 to 1000"),
        ("/endpoints/nonsense", 400, "16 hexadecimal digits"),
        ("/endpoints/00000000ffffffff", 404, "00000000ffffffff"),
        ("/services/document", 400, "service: missing"),
        ("/services/document?service=nobody", 404, "nobody"),
        ("/nothing", 404, "there is nothing at /api/nothing"),
        ("/%00", 404, "there is nothing"),
    ],
)
def test_what_is_wrong_is_one_line(path: str, status: int, said: str, hub: Hub) -> None:
    reply = hub.get("/api" + path, Accept="text/html")  # JSON under /api, whoever asks
    assert (reply.status, reply.headers["content-type"]) == (status, "application/json")
    assert said in reply.error and set(reply.json()) == {"error"}


def test_every_route_asks_who_it_is(locked_hub: Hub) -> None:
    for found in api.ROUTES:
        path = "/api" + found.path.replace("{id}", ID)
        assert locked_hub.ask(found.method, path).status == 401, found.name
        assert locked_hub.ask(found.method, path, **locked_hub.bearer("agent")).status == 403, found.name
    assert locked_hub.get("/api/overview", **locked_hub.bearer("viewer")).status == 200


def test_heads_and_other_methods(hub: Hub) -> None:
    assert (hub.ask("HEAD", "/api/agents").status, hub.ask("HEAD", "/api/agents").body) == (200, b"")
    assert hub.ask("POST", "/api/agents").status == 405
    assert json.loads(hub.ask("DELETE", "/api/overview").body)["error"] == "DELETE is not for /api/overview"
