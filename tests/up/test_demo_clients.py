"""The clients: everything is visited at first, the rate swings, what is away is said once; and the process itself."""

from __future__ import annotations

import itertools
import json
import random
import signal
import socket
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.conformance.programs import program
from tests.conformance.servers import free_port
from whimbrel.base.options import load
from whimbrel.up import demo_clients
from whimbrel.up.demo_asking import Httpx
from whimbrel.up.demo_clients import FIRST_EACH, JUMP_EVERY_S, ROWS, Crowd, main, pace, visits
from whimbrel.up.demo_tally import Tally
from whimbrel.up.demo_visits import STOREFRONT, Visitor, list_reviews, recommend


def crowd(*argv: str) -> Crowd:
    return Crowd(load("demo_clients", ROWS, argv, {}))


def visitor() -> Visitor:
    at = crowd().api
    return Visitor(Httpx(at, "shop", "127.0.0.1"), Tally(), 1)


def test_everything_is_visited_a_dozen_times_at_first() -> None:
    who = visitor()
    count = len(STOREFRONT) - 1  # one is of the next version
    first = Counter(
        visit.make for visit in itertools.islice(visits(who, STOREFRONT, random.Random(1)), count * FIRST_EACH)
    )
    assert len(first) == count and set(first.values()) == {FIRST_EACH} and list_reviews not in first


def test_then_by_weight_and_by_version() -> None:
    who = visitor()
    who.version = 2
    drawn = Counter(visit.make for visit in itertools.islice(visits(who, STOREFRONT, random.Random(1)), 150, 2150))
    assert recommend not in drawn and drawn[list_reviews] > 60
    assert drawn[STOREFRONT[4].make] > 5 * drawn[STOREFRONT[3].make] > 0


def test_the_rate_swings_and_jumps() -> None:
    calm = [pace(second) for second in range(60)]
    assert 0.7 <= min(calm) < max(calm) <= 1.3
    assert pace(JUMP_EVERY_S - 1) > 1.7


def test_a_trouble_is_said_once_until_it_is_over(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_clients, "AWAY_S", 0.0)
    some = crowd()

    def fail() -> None:
        raise ConnectionRefusedError("nobody there")

    for call in (fail, fail, lambda: None, fail):
        some.tried("phones", call)
    assert capfd.readouterr().err == "demo: phones: nobody there\n" * 2


def test_clients_of_an_api_that_is_away_end_when_they_are_told_to(capfd: pytest.CaptureFixture[str]) -> None:
    some = crowd("--api", f"127.0.0.1:{free_port()}")
    running = threading.Thread(target=some.run)
    running.start()
    some.stop.wait(1.0)
    some.end()
    running.join(10)
    assert not running.is_alive() and some.tally.counts == {}
    assert "storefront:" in capfd.readouterr().err


def test_the_processes_count_the_same(tmp_path: Path) -> None:
    ports = [free_port(), free_port()]
    at, second = (f"127.0.0.1:{port}" for port in ports)
    counts = tmp_path / "api", tmp_path / "clients"
    argv = ["--listen", at, "--second", second, "--work", "0", "--counts", str(counts[0])]
    with program(tmp_path, "api", "whimbrel.up.demo_api", *argv) as api:
        api.wait_for("listening on")
        argv = ["--api", at, "--visits", "25", "--rate", "0", "--counts", str(counts[1])]
        with program(tmp_path, "clients", "whimbrel.up.demo_clients", *argv) as clients:
            clients.ended(60)
        api.stop()
    told = [json.loads(file.read_text())["counts"] for file in counts]
    assert {name: n for name, n in told[0].items() if name.startswith("shop ")} == told[1]
    assert sum(told[1].values()) > 100


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_them_though_nobody_answers(tmp_path: Path, number: signal.Signals) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = f"127.0.0.1:{silent.getsockname()[1]}"
        with program(tmp_path, "clients", "whimbrel.up.demo_clients", "--api", where) as clients:
            clients.wait_for("clients call http")
            silent.accept()[0].close()
            clients.send(number)
            clients.ended(20)


def test_what_cannot_be_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--rate", "-1"]) == 2
    assert capfd.readouterr().err.count("\n") == 1
    assert main(["--help"]) == 0
