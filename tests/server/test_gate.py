"""EXEC executes alone: with several workers, nobody sees half of a transaction, and nothing deadlocks."""

import threading

from tests.server.serving import Peer, Serving, serving

ROUNDS = 300


def resp(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


def pair(peer: Peer) -> tuple[bytes, bytes]:
    peer.send(resp(b"MULTI") + resp(b"GET", b"a") + resp(b"GET", b"b") + resp(b"EXEC"))
    answer = peer.until(b"\r\n")
    while answer.count(b"$") < 2 or not answer.endswith(b"\r\n") or answer.count(b"\r\n") < 8:
        answer += peer.until(b"\r\n")
    words = answer.split(b"\r\n")
    return words[-4], words[-2]


def writer(server: Serving, name: bytes) -> None:
    with server.connect() as peer:
        for i in range(ROUNDS):
            value = b"%b%06d" % (name, i)
            peer.send(resp(b"MULTI") + resp(b"SET", b"a", value) + resp(b"SET", b"b", value) + resp(b"EXEC"))
            assert peer.exactly(len(b"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n+OK\r\n")).endswith(b"+OK\r\n+OK\r\n")


def test_transactions_of_many_workers_are_whole_and_end() -> None:
    with serving("--threads", "4") as server, server.connect() as peer:
        peer.send(resp(b"MSET", b"a", b"x000000", b"b", b"x000000"))
        assert peer.until(b"\r\n") == b"+OK\r\n"
        threads = [threading.Thread(target=writer, args=(server, name)) for name in (b"p", b"q", b"r")]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            one, other = pair(peer)
            assert one == other
        assert server.stats()["commands"]["resp/exec"]["count"] > 3 * ROUNDS
