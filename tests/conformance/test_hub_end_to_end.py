"""The demo API, real clients of it and of the cache, `whimbrel watch` live, `whimbrel hub`: what the hub answers is
what the programs counted themselves.

The clients are httpx, http.client, curl, redis-py and pymemcache; the cache is `whimbrel serve`.  Counts, statuses,
outcomes and schemas are compared exactly.  Latencies are what passed the wire, so a call's is longer than what the API
waited inside and shorter than what its client measured around it, and so is every percentile.  How exact percentiles
are is shown on a recorded capture, whose latencies are known one by one.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import pytest

from .programs import program
from .recording import Crowd, api, capture, made_state
from .servers import start_whimbrel
from .watching import printed_calls, run

pytestmark = [pytest.mark.slow, pytest.mark.plain, pytest.mark.clients, pytest.mark.timeout(180)]

VISITS = 200  # of each client
WORK = "0.2"  # of the time that calls take: enough to tell fast from slow
VISITS_S, LOADED_S = 60.0, 30.0
NAMED_CALLS = 10  # a name that fewer calls had stays on the host
SETTLE_S = 0.5  # a block of the ring is handed over after some milliseconds
ERROR = 0.008  # of the histograms
COMMANDS = ("get", "set", "add", "incr", "incrby", "delete", "del", "expire")


@dataclass
class Truth:
    """What was counted by the programs, and what the hub answers."""

    api: dict[str, Any]
    clients: dict[str, Any]
    hub: httpx.Client
    shop: str  # services
    stock: str

    def ask(self, path: str, **query: str | int) -> Any:
        answer = self.hub.get(f"/api/{path}", params={"last": "1h", **query})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def service(self, name: str) -> str:
        return {"shop": self.shop, "stock": self.stock}[name]

    def calls(self) -> Counter[tuple[str, str, str, int]]:
        """(service, method, template, status) of what the API answered."""
        found: Counter[tuple[str, str, str, int]] = Counter()
        for name, calls in self.api["counts"].items():
            service, *rest = name.split(" ")
            if service in ("shop", "stock"):
                found[self.service(service), rest[0], rest[1], int(rest[2])] += calls
        return found

    @cached_property
    def views(self) -> dict[tuple[str, str, str], dict[str, Any]]:
        """Endpoints' pages by service, method and template."""
        rows = self.ask("endpoints", protocol="http", limit=1000)["rows"]
        return {(row["service"], row["method"], row["template"]): self.ask(f"endpoints/{row['id']}") for row in rows}


@pytest.fixture(scope="module")
def truth() -> Iterator[Truth]:
    from whimbrel.capture.privilege import capture_rights

    if (why := capture_rights()) is not None:
        pytest.skip(why)
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    with ExitStack() as opened:
        place = Path(opened.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        place.chmod(0o711)  # the agent becomes nobody, and has its state there
        yield observed(place, opened)


def observed(place: Path, opened: ExitStack) -> Truth:
    """Everything started, called and ended; only the hub runs on, to be asked."""
    cache = start_whimbrel()
    opened.callback(cache.stop)
    shop = opened.enter_context(api(place, "--work", WORK, "--cache", cache.where))
    hub = opened.enter_context(
        program(place, "hub", "whimbrel", "hub", "--listen", "127.0.0.1:0", "--data", str(place / "hub"))
    )
    url = hub.wait_for(r"open (http://\S+)/")[1]
    watch = opened.enter_context(
        program(place, "watch", "whimbrel", *watching(place, url, shop.address.port, shop.second.port, cache.port))
    )
    watch.wait_for("watching lo")
    clients = called(place, opened, str(shop.address), cache.where)
    time.sleep(SETTLE_S)
    watch.stop()
    asked = opened.enter_context(httpx.Client(base_url=url, timeout=20))
    names = (f"shop.internal:{shop.address.port}", f"stock.internal:{shop.second.port}")
    return loaded(Truth(shop.stop(), clients, asked, *names))


def watching(place: Path, url: str, *ports: int) -> list[str]:
    token = place / "token"
    token.write_text("not-asked-for\n")
    packets = " or ".join(f"tcp port {port}" for port in ports)
    sending = ["--hub", url, "--token-file", str(token), "--state", str(place / "state")]
    return ["watch", "-i", "lo", "-f", packets, *sending]


def called(place: Path, opened: ExitStack, shop: str, cache: str) -> dict[str, Any]:
    """What the clients counted, once each has made its visits."""
    counts = place / "clients.json"
    argv = ["--api", shop, "--cache", cache, "--visits", str(VISITS), "--rate", "0", "--counts", str(counts)]
    clients = opened.enter_context(program(place, "clients", "whimbrel.up.demo_clients", *argv))
    clients.ended(VISITS_S)
    found: dict[str, Any] = json.loads(counts.read_text())
    return found


def loaded(truth: Truth) -> Truth:
    """Batches were acknowledged; that they can be asked for is a moment later."""
    deadline = time.monotonic() + LOADED_S
    while sum(line["calls"] for line in truth.ask("services")["services"]) < truth.calls().total():
        assert time.monotonic() < deadline, truth.ask("services")
        time.sleep(0.2)
    return truth


# ---- counts --------------------------------------------------------------------------------------------


def test_the_clients_and_the_api_agree(truth: Truth) -> None:
    answered = {name: calls for name, calls in truth.api["counts"].items() if name.startswith("shop ")}
    assert answered == {name: calls for name, calls in truth.clients["counts"].items() if name.startswith("shop ")}
    assert sum(answered.values()) > 4 * VISITS and len(answered) > 30


def test_endpoints_and_their_statuses_are_those_that_were_counted(truth: Truth) -> None:
    told: Counter[tuple[str, str, str, int]] = Counter()
    for name, view in truth.views.items():
        told.update({(*name, line["status"]): line["calls"] for line in view["statuses"]})
        assert view["line"]["calls"] == sum(line["calls"] for line in view["statuses"])
    assert told == truth.calls()


def test_who_calls_whom(truth: Truth) -> None:
    links = truth.ask("services")["links"]
    calls: Counter[str] = Counter()
    for link in links:
        calls[link["name"]] += link["calls"]
    by_service: Counter[str] = Counter()
    for (service, *_), n in truth.calls().items():
        by_service[service] += n
    assert {name: n for name, n in calls.items() if name} == by_service


def test_commands_of_the_cache_are_those_that_were_counted(truth: Truth) -> None:
    expected: Counter[tuple[str, str]] = Counter()
    for source in (truth.api, truth.clients):
        for name, calls in source["counts"].items():
            protocol, command, *_ = name.split(" ")
            if protocol in ("redis", "memcache"):
                expected[protocol, command] += calls
    found = truth.ask("cache")
    told = {(line["protocol"], line["command"]): line["calls"] for line in found["commands"]}
    assert {key: calls for key, calls in told.items() if key[1] in COMMANDS} == expected
    hits, misses = (
        sum(source["counts"].get(f"{protocol} get {outcome}", 0) for source in (truth.api, truth.clients)
            for protocol in ("redis", "memcache"))
        for outcome in ("hit", "miss")
    )  # fmt: skip
    keys = [line for line in found["keys"] if "get" in line["commands"]]
    assert (sum(line["hits"] for line in keys), sum(line["misses"] for line in keys)) == (hits, misses)


def test_nothing_was_lost_and_nothing_estimated(truth: Truth) -> None:
    (agent,) = truth.ask("agents")["agents"]
    assert (agent["sample"], agent["lost_calls"], agent["lost_batches"], agent["dropped_packets"]) == (1, 0, 0, 0)
    assert truth.ask("overview")["totals"]["calls"] == truth.calls().total()


# ---- schemas -------------------------------------------------------------------------------------------


def places(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """`items[].price number` of a JSON Schema, as the API's tally names what it sent."""
    kinds = schema.get("type", [])
    yield from (f"{path} {kind}" for kind in ([kinds] if isinstance(kinds, str) else kinds))
    for name, below in schema.get("properties", {}).items():
        yield from places(below, f"{path}.{name}" if path else name)
    if "items" in schema:
        yield from places(schema["items"], path + "[]")


def required(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """Members of objects that every object had; those in arrays are not looked at."""
    for name, below in schema.get("properties", {}).items():
        place = f"{path}.{name}" if path else name
        if name in schema.get("required", []):
            yield place
        yield from required(below, place)


def calls_with(told: dict[str, int], path: str) -> int:
    return sum(n for place, n in told.items() if place.rpartition(" ")[0] == path)


def check(schema: dict[str, Any], told: dict[str, int], name: object) -> None:
    """Everything that ten calls had is there with its types, and nothing that none had."""
    found = set(places(schema))
    assert found <= set(told), (name, found - set(told))
    often = {place for place, n in told.items() if n >= NAMED_CALLS}
    assert often <= found, (name, often - found)
    for place in required(schema):
        parent = place.rpartition(".")[0]
        assert calls_with(told, place) == calls_with(told, parent), (name, place)


def test_schemas_are_those_of_what_was_sent(truth: Truth) -> None:
    checked = 0
    services = {truth.shop: "shop", truth.stock: "stock"}
    for (service, method, template), view in truth.views.items():
        request: Counter[str] = Counter()
        for status in (line["status"] for line in view["statuses"]):
            detail = truth.api["details"][f"{services[service]} {method} {template} {status}"]
            request.update(detail["request"] if status < 400 else {})
            told = [one["schema"] for one in view["schemas"] if (one["part"], one["status"]) == ("response", status)]
            if detail["calls"] >= NAMED_CALLS and detail["response"]:
                check(told[0], detail["response"], (method, template, status))
                checked += 1
        bodies = [one["schema"] for one in view["schemas"] if one["part"] == "body"]
        if request[" object"] >= NAMED_CALLS:
            check(bodies[0], request, (method, template, "request"))
            checked += 1
    assert checked > 25


# ---- latencies -----------------------------------------------------------------------------------------


def test_percentiles_are_between_what_the_api_waited_and_its_clients_measured(truth: Truth) -> None:
    checked = 0
    for (service, method, template), view in truth.views.items():
        for line in view["statuses"]:
            name = f"shop {method} {template} {line['status']}"
            around = sorted(truth.clients["details"].get(name, {}).get("took_ns", []))
            if service != truth.shop or len(around) != line["calls"]:  # curl measures nothing for us
                continue
            inside, latency = sorted(truth.api["details"][name]["took_ns"]), line["latency"]
            for percent in (50, 90, 99):
                least, most = rank(inside, percent) * (1 - ERROR), rank(around, percent) * (1 + ERROR)
                assert least <= latency[f"p{percent}_ns"] <= most, (name, percent)
            assert latency["max_ns"] <= around[-1] and latency["count"] == line["calls"]
            checked += 1
    assert checked > 25


def rank(ascending: list[float], percent: float) -> float:
    """Nearest rank."""
    return ascending[max(1, -(-int(len(ascending) * percent * 1000) // 100_000)) - 1]


def test_percentiles_of_a_recorded_period_are_exact_to_the_histogram(tmp_path: Path) -> None:
    with api(tmp_path, "--work", "0") as shop:
        crowd = Crowd(shop.address)
        start = int(time.time()) // 10 * 10 - 600
        file = tmp_path / "period.pcap"
        file.write_bytes(capture(crowd.visit(150), start, 300))
        crowd.close()
        shop.stop()
    known: dict[tuple[str, str, int], list[float]] = {}
    for call in printed_calls(run("--calls", str(file))):
        known.setdefault((call["method"], call["path"], call["status"]), []).append(call["latency_ms"] * 1e6)
    told = imported(tmp_path, file)
    assert told.keys() == known.keys()
    for name, latency in told.items():
        exact = sorted(known[name])
        assert latency["count"] == len(exact)
        for percent, label in ((50, "p50"), (90, "p90"), (99, "p99"), (99.9, "p999")):
            assert latency[f"{label}_ns"] == pytest.approx(rank(exact, percent), rel=ERROR), (name, label)
        assert (latency["min_ns"], latency["max_ns"]) == (pytest.approx(exact[0]), pytest.approx(exact[-1]))


def imported(place: Path, file: Path) -> dict[tuple[str, str, int], dict[str, Any]]:
    """Latencies by method, template and status, as a hub answers them that imported what an agent made of a file."""
    done = run("--out", str(place / "out.whb"), "--state", str(made_state(place / "state")), str(file))
    assert done.returncode == 0, done.stderr.decode()
    data = str(place / "hub")
    with program(place, "import", "whimbrel", "hub", "import", str(place / "out.whb"), "--data", data) as importing:
        importing.ended(60)
    found = {}
    with program(place, "hub", "whimbrel", "hub", "--listen", "127.0.0.1:0", "--data", data) as hub:
        with httpx.Client(base_url=hub.wait_for(r"open (http://\S+)/")[1], timeout=20) as client:
            for line in client.get("/api/endpoints", params={"limit": 1000}).json()["rows"]:
                view = client.get(f"/api/endpoints/{line['id']}").json()
                for status in view["statuses"]:
                    found[line["method"], line["template"], status["status"]] = status["latency"]
        hub.stop()
    return found
