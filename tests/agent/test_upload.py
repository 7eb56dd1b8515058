"""Sending: what each answer means, waiting, and hubs that misbehave; no batch is lost, none counted twice."""

import contextlib
import email.utils
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.agent import hubs
from whimbrel.agent.spool import Spool
from whimbrel.agent.upload import (
    AGAIN,
    REFUSED,
    RETRY_AFTER_MOST_S,
    STORED,
    WAIT_MOST_S,
    Hub,
    Uploader,
    Waits,
    meaning,
    retry_after_s,
)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, STORED), (202, STORED), (204, STORED), (409, STORED),
        (400, REFUSED), (413, REFUSED), (422, REFUSED), (410, REFUSED),
        (408, AGAIN), (429, AGAIN), (500, AGAIN), (502, AGAIN), (503, AGAIN), (301, AGAIN), (307, AGAIN),
        (401, AGAIN), (403, AGAIN), (404, AGAIN),
    ],
)  # fmt: skip
def test_what_answers_mean(status: int, outcome: str) -> None:
    assert meaning(status)[0] == outcome
    assert meaning(status)[1] or 200 <= status < 300


def test_waits_double_to_the_cap_and_are_spread() -> None:
    waits = Waits(draw=lambda: 0.0)
    assert [waits.next_s(0) for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    waits.reset()
    assert waits.next_s(0) == 1
    low = Waits(draw=lambda: 1.0)
    assert [low.next_s(0) for _ in range(3)] == [0.5, 1, 2]
    forever = Waits(draw=lambda: 0.0, failures=10_000)
    assert forever.next_s(0) == WAIT_MOST_S
    assert waits.next_s(25) == 25  # what the hub asks for counts where it is more


def test_retry_after_in_both_forms() -> None:
    assert retry_after_s("7") == 7
    assert retry_after_s(email.utils.formatdate(1000.0, usegmt=True), lambda: 990.0) == 10
    assert retry_after_s(email.utils.formatdate(1000.0, usegmt=True), lambda: 2000.0) == 0
    assert retry_after_s("999999999") == RETRY_AFTER_MOST_S
    for nonsense in (None, "", "soon", "-5", "\u0663", "Thu, 99 Foo 2020"):
        assert retry_after_s(nonsense) == 0


class Sender:
    """A spool, a hub's address and an uploader whose waits are a thousandth of the real ones."""

    def __init__(self, place: Path, url: str, timeout_s: float = 5.0) -> None:
        self.spool = Spool(place, 1 << 20)
        self.said: list[str] = []
        waits = Waits(first_s=0.001, most_s=0.06)
        self.uploader = Uploader(self.spool, Hub(url, hubs.TOKEN, timeout_s), self.said.append, waits, look_s=0.01)

    def put(self, *names: str) -> None:
        for name in names:
            self.spool.put(name.encode(), name, 5)


MakeSender = Callable[..., Sender]


@pytest.fixture
def sender(tmp_path: Path) -> Iterator[MakeSender]:
    """Makes senders of this test's; their threads end with it."""
    made: list[Sender] = []

    def make(url: str, timeout_s: float = 5.0) -> Sender:
        made.append(Sender(tmp_path / "spool", url, timeout_s))
        return made[-1]

    yield make
    for each in made:
        each.uploader.stopping.set()
        each.uploader.hurry.set()
        if each.uploader.ident is not None:
            each.uploader.join(10)
            assert not each.uploader.is_alive()


def test_batches_arrive_as_they_are_with_id_and_token(sender: MakeSender) -> None:
    with hubs.running() as hub:
        mine = sender(hub.url + "/behind/")
        mine.put("a", "b")
        mine.uploader.start()
        hub.wait(lambda h: len(h.stored) == 2)
        assert mine.uploader.finish(10)
        assert [r.batch_id for r in hub.requests] == ["a", "b"]
        first = hub.requests[0]
        assert (first.path, first.body) == ("/behind/v1/batches", b"a")
        assert first.headers["Content-Type"] == "application/x-msgpack"
        assert first.headers["User-Agent"].startswith("whimbrel/")
    assert mine.spool.count == 0
    assert mine.uploader.sent.batches == 2 and mine.uploader.sent.bytes == 2


MISDEEDS = (500, 503, 429, 408, 302, "nonsense", "half an answer", "cut", "cut after storing")


@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_a_hub_that_misbehaves_gets_the_batch_again_and_counts_it_once(
    sender: MakeSender, misdeed: hubs.Behaviour
) -> None:
    with hubs.running(lambda n: misdeed if n < 3 else 202) as hub:
        mine = sender(hub.url)
        mine.put("a", "b", "c")
        mine.uploader.start()
        hub.wait(lambda h: len(h.stored) == 3 and len(h.requests) >= 5)
        assert mine.uploader.finish(10)
    assert sorted(hub.stored) == ["a", "b", "c"]
    assert mine.spool.count == 0
    assert mine.uploader.sent.batches == 3
    if misdeed == "cut after storing":
        assert hub.duplicates >= 1  # it was sent again, and the id told
    else:
        assert mine.uploader.sent.attempts_failed >= 2
        assert "takes batches again" in mine.said[-1]


def test_the_redirected_token_goes_nowhere_else(sender: MakeSender) -> None:
    with hubs.running() as other, hubs.running(hubs.always((307, {"Location": other.url}))) as hub:
        mine = sender(hub.url)
        mine.put("a")
        mine.uploader.start()
        hub.wait(lambda h: len(h.requests) >= 3)
        assert other.requests == []
        assert mine.spool.count == 1


def test_a_refused_batch_is_set_aside_and_the_next_is_sent(sender: MakeSender) -> None:
    with hubs.running(lambda n: 400 if n == 0 else 202) as hub:
        mine = sender(hub.url)
        mine.put("bad", "good")
        mine.uploader.start()
        hub.wait(lambda h: "good" in h.stored)
        assert mine.uploader.finish(10)
    assert list(hub.stored) == ["good"]
    sent = mine.uploader.sent
    assert (sent.refused_batches, sent.refused_calls, sent.reasons) == (1, 5, {"the hub answered 400": 1})
    assert len(list((mine.spool.path / "refused").iterdir())) == 1
    assert mine.uploader.take_refused() == (1, 5)
    assert mine.uploader.take_refused() == (0, 0)


def test_a_wrong_token_costs_no_batch_and_is_said_once(sender: MakeSender) -> None:
    with hubs.running() as hub:
        mine = sender(hub.url)
        mine.uploader.hub.headers["Authorization"] = "Bearer wrong"
        mine.put("a")
        mine.uploader.start()
        deadline = time.monotonic() + 10
        while mine.uploader.sent.attempts_failed < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        mine.uploader.hub.headers["Authorization"] = f"Bearer {hubs.TOKEN}"
        hub.wait(lambda h: "a" in h.stored)
    assert mine.said[0] == "the hub does not know this token; batches wait in the spool"
    assert sum("token" in line for line in mine.said) == 1
    assert not any(hubs.TOKEN in line or "wrong" in line for line in mine.said)


def test_a_hub_that_says_nothing_is_given_up_after_a_while(sender: MakeSender) -> None:
    with hubs.running(lambda n: "silence" if n == 0 else 202) as hub:
        mine = sender(hub.url, timeout_s=0.2)
        mine.put("a")
        mine.uploader.start()
        hub.wait(lambda h: "a" in h.stored)
    assert "did not answer in time" in mine.said[0]


def test_storing_does_not_wait_for_a_silent_hub(sender: MakeSender) -> None:
    with hubs.running(hubs.always("silence")) as hub:
        mine = sender(hub.url, timeout_s=20)
        mine.put("a")
        mine.uploader.start()
        hub.wait(lambda h: len(h.requests) == 1)
        mine.put(*(f"b{n}" for n in range(50)))  # returns while the request hangs
        assert mine.spool.count == 51
        assert not mine.uploader.finish(0.05)  # and so does the end
        hub.release.set()


def test_no_hub_at_all_then_one(sender: MakeSender) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    mine = sender(f"http://127.0.0.1:{port}")
    mine.put("a", "b")
    mine.uploader.start()
    deadline = time.monotonic() + 10
    while mine.uploader.sent.attempts_failed < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "cannot be reached" in mine.said[0]
    with hubs.running(port=port) as hub:
        hub.wait(lambda h: len(h.stored) == 2)
        assert mine.uploader.finish(10)


def test_a_hub_that_is_away_at_the_end_is_tried_once_more_only(sender: MakeSender) -> None:
    with hubs.running(hubs.always(503)) as hub:
        mine = sender(hub.url)
        mine.put("a", "b")
        mine.uploader.waits.first_s = mine.uploader.waits.most_s = 3600.0
        mine.uploader.start()
        hub.wait(lambda h: len(h.requests) == 1)
        assert mine.uploader.finish(10)
        assert len(hub.requests) <= 2
    assert mine.spool.count == 2


def test_a_kept_connection_that_was_closed_is_opened_again(sender: MakeSender) -> None:
    with hubs.running() as hub:
        mine = sender(hub.url)
        assert mine.uploader.hub.post("a", b"a").status == 202
        connection = mine.uploader.hub.connection
        assert connection is not None
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
        assert mine.uploader.hub.post("b", b"b").status == 202
        mine.uploader.hub.close()


def test_an_untrusted_certificate_is_said_and_the_token_is_not_sent(tmp_path: Path, sender: MakeSender) -> None:
    """A listener that is not even TLS: verification cannot succeed, and nothing readable crosses."""
    got: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def take() -> None:
            peer, _ = listener.accept()
            with peer:
                got.append(peer.recv(4096))
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        hub = Hub(f"https://127.0.0.1:{listener.getsockname()[1]}", hubs.TOKEN, 5.0)
        answer = hub.post("a", b"a")
        thread.join(10)
    assert answer.status == 0 and answer.reason
    assert hubs.TOKEN.encode() not in got[0]
