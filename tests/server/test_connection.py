"""A connection's life through real sockets: pieces, pipelines, ends, tails, and what it costs."""

import os
import random
import socket
from collections.abc import Iterator

import pytest

from tests.server.serving import Peer, Serving, eventually, serving

VALUE = random.Random(1).randbytes(1 << 20)
IDLE = 5000


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    with serving() as started:
        yield started


def stored(peer: Peer, key: bytes, value: bytes) -> None:
    assert peer.ask(b"set %b 0 0 %d\r\n%b\r\n" % (key, len(value), value)) == b"STORED\r\n"


def holds_nothing(server: Serving) -> bool:
    buffers = server.stats()["buffers"][0]
    return bool(buffers["input"] == 0 == buffers["output"])


def test_requests_may_come_byte_by_byte(server: Serving) -> None:
    with server.connect() as peer:
        for byte in b"set drip 7 0 5\r\nhello\r\nget drip\r\n":
            peer.send(bytes([byte]))
        assert peer.until(b"END\r\n") == b"STORED\r\nVALUE drip 7 5\r\nhello\r\nEND\r\n"


def test_a_pipeline_is_answered_in_order(server: Serving) -> None:
    count = 20000
    with server.connect() as peer:
        peer.send(b"".join(b"set p%d 0 0 %d noreply\r\n%d\r\n" % (i, len(str(i)), i) for i in range(count)))
        peer.send(b"".join(b"get p%d\r\n" % i for i in range(count)))
        expected = b"".join(b"VALUE p%d 0 %d\r\n%d\r\nEND\r\n" % (i, len(str(i)), i) for i in range(count))
        assert peer.exactly(len(expected)) == expected


def test_a_batch_costs_one_read_and_one_write(server: Serving) -> None:
    with server.connect() as peer:
        peer.ask(b"version\r\n")
        before = server.stats()["counters"]
        for _ in range(100):
            peer.ask(b"get nothing\r\n" * 10, b"END\r\n" * 10)
        after = server.stats()["counters"]
    assert 99 <= after["writes"] - before["writes"] <= 101  # a reply may be read before its write is counted
    assert 100 <= after["reads"] - before["reads"] <= 110  # a batch may arrive in two pieces


@pytest.mark.parametrize("size", [16383, 16384, 65535, 65536, 300_000, 1 << 20])
def test_values_of_every_size_go_through_whole(server: Serving, size: int) -> None:
    with server.connect() as peer:
        stored(peer, b"sized", VALUE[:size])
        expected = b"VALUE sized 0 %d\r\n%b\r\nEND\r\n" % (size, VALUE[:size])
        peer.send(b"get sized\r\n" * 3)
        assert peer.exactly(3 * len(expected)) == 3 * expected


def test_a_large_value_may_come_in_pieces_with_the_next_request_behind_it(server: Serving) -> None:
    request = b"set pieces 0 0 %d\r\n%b\r\nmn\r\n" % (len(VALUE), VALUE)
    step = 7919
    with server.connect() as peer:
        for start in range(0, len(request), step):
            peer.send(request[start : start + step])
        assert peer.until(b"MN\r\n") == b"STORED\r\nMN\r\n"


def test_who_stops_sending_still_gets_every_answer(server: Serving) -> None:
    with server.connect() as peer:
        stored(peer, b"half", VALUE[:100_000])
        peer.send(b"get half\r\n" * 100 + b"get ha")
        peer.socket.shutdown(socket.SHUT_WR)
        answer = peer.rest()
    assert len(answer) == 100 * len(b"VALUE half 0 100000\r\n" + VALUE[:100_000] + b"\r\nEND\r\n")


def test_who_sends_and_leaves_has_its_requests_executed(server: Serving) -> None:
    with server.connect() as peer:
        peer.send(b"set left 0 0 2 noreply\r\nok\r\n")
    with server.connect() as peer:
        assert eventually(lambda: peer.ask(b"get left\r\n", b"END\r\n") == b"VALUE left 0 2\r\nok\r\nEND\r\n")


def test_quit_closes(server: Serving) -> None:
    with server.connect() as peer:
        peer.send(b"version\r\nquit\r\nversion\r\n")
        assert peer.rest().count(b"VERSION") == 1


def test_a_slow_reader_gets_everything_in_the_end(server: Serving) -> None:
    with server.connect() as peer:
        stored(peer, b"slow", VALUE[:50_000])
        expected = b"VALUE slow 0 50000\r\n" + VALUE[:50_000] + b"\r\nEND\r\n"
        before = server.counter("blocked_on_peer")
        peer.send(b"get slow\r\n" * 400)  # 20 MB of replies: more than the kernel's buffers
        assert eventually(lambda: server.counter("blocked_on_peer") > before)
        assert server.stats()["buffers"][0]["output"] > 0
        assert peer.exactly(400 * len(expected)) == 400 * expected
    assert eventually(lambda: holds_nothing(server))


def test_a_reader_that_vanishes_takes_nothing_along(server: Serving) -> None:
    with server.connect() as peer:
        stored(peer, b"gone", VALUE)
        for _ in range(20):
            with server.connect() as leaving:
                leaving.send(b"get gone\r\n" * 50)
        assert peer.ask(b"mn\r\n") == b"MN\r\n"
        assert eventually(lambda: server.stats()["connections"] == [1])
        assert eventually(lambda: server.stats()["buffers"][0]["output"] == 0)


def test_an_idle_connection_costs_at_most_512_bytes(server: Serving) -> None:
    with server.connect() as first:  # whatever the first use of anything allocates
        first.ask(b"get nothing\r\n", b"END\r\n")
        server.stats()
        before = server.resident()
        peers = [server.connect() for _ in range(IDLE)]
        try:
            for peer in peers:
                peer.send(b"get nothing\r\n")
            for peer in peers:
                assert peer.until(b"END\r\n") == b"END\r\n"
            assert (server.resident() - before) / IDLE <= 512
        finally:
            for peer in peers:
                peer.close()
    assert eventually(lambda: server.stats()["connections"] == [0])


def test_urgent_bytes_do_no_harm(server: Serving) -> None:
    with server.connect() as peer:
        peer.socket.send(b"x", socket.MSG_OOB)
        assert peer.ask(b"mn\r\n") == b"MN\r\n"


def test_random_pieces_of_random_pipelines_get_the_same_answers(server: Serving) -> None:
    random_ = random.Random(os.environ.get("PYTEST_SEED", "7"))
    requests = [b"set r%d 0 0 3\r\nabc\r\n" % i for i in range(30)] + [b"get r1 r2 nope r3\r\n"] * 20
    requests += [b"set large 0 0 40000\r\n" + VALUE[:40000] + b"\r\n", b"get large\r\n", b"bogus\r\n", b"mn\r\n"]
    random_.shuffle(requests)
    script = b"".join(requests) + b"quit\r\n"
    for _ in range(2):  # the second time every key is there already, as it is for those below
        with server.connect() as peer:
            peer.send(script)
            expected = peer.rest()
    assert len(expected) > 40000
    for _ in range(10):
        with server.connect() as peer:
            at = 0
            while at < len(script):
                size = random_.choice([1, 2, 17, 1000, 20000])
                peer.send(script[at : at + size])
                at += size
            assert peer.rest() == expected
