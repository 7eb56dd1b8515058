"""Meta commands that write, between threads and against the text commands."""

import re

from tests.server.test_memcache_items import ROUNDS, THREADS, feed_all, wires_on_one_store


def test_one_of_many_swaps_wins() -> None:
    wires = wires_on_one_store()
    for round_ in range(200):
        token = re.search(rb"c(\d+)", wires[0].feed(b"ms a 1 c\r\n%d\r\n" % (round_ % 10)))
        assert token is not None
        replies = feed_all(wires, b"ms a 1 C%b\r\nx\r\n" % token[1])
        assert sorted(replies) == [b"EX\r\n"] * (THREADS - 1) + [b"HD\r\n"]


def test_one_of_many_creates_a_number() -> None:
    wires = wires_on_one_store()
    requests = b"".join(b"ma %d N0 J7 v\r\n" % key for key in range(ROUNDS))
    replies = [re.findall(rb"\r\n(\d+)\r\n", reply) for reply in feed_all(wires, requests)]
    expected = [b"%d" % number for number in range(7, 7 + THREADS)]
    assert all(sorted(answers, key=int) == expected for answers in zip(*replies, strict=True))


def test_stale_items_are_handed_to_one() -> None:
    wires = wires_on_one_store()
    for key in range(500):
        wires[0].feed(b"set %d 0 0 1\r\n1\r\nmd %d I\r\n" % (key, key))
    replies = [
        reply.split(b"\r\n")[:-1] for reply in feed_all(wires, b"".join(b"mg %d\r\n" % key for key in range(500)))
    ]
    assert all(sorted(answers) == [b"HD X W"] + [b"HD Z X"] * (THREADS - 1) for answers in zip(*replies, strict=True))


def test_text_and_meta_see_the_same_item() -> None:
    wire = wires_on_one_store(1)[0]
    wire.feed(b"set a 9 100 1\r\n1\r\n")
    token = re.search(rb"9 1 (\d+)", wire.feed(b"gets a\r\n"))
    assert token is not None
    assert wire.feed(b"mg a f t c v\r\n") == b"VA 1 f9 t100 c%b\r\n1\r\n" % token[1]
    assert wire.feed(b"cas a 0 0 1 %b\r\n2\r\n" % token[1]) == b"STORED\r\n"
