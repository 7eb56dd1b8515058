"""What a connection holds between two events when memory is short, driven turn by turn."""

from collections.abc import Iterator

import pytest

from whimbrel.server.drive import Drive
from whimbrel.store.store import StoreHandle

SIDE_BYTES = 128 << 10


@pytest.fixture
def drive() -> Iterator[Drive]:
    store = StoreHandle.create(8 << 20)
    driven = Drive(store, side_bytes=SIDE_BYTES)
    yield driven
    assert driven.close() == (0, 0)
    store.close()


def test_a_partial_request_holds_its_bytes(drive: Drive) -> None:
    with drive.connect() as peer:
        peer.send(b"set a 0 0 50000\r\n" + b"x" * 1000)
        drive.turn()
        assert 1000 <= drive.held()[0] <= 1100


def test_when_memory_is_short_bytes_stay_in_the_socket_and_whole_requests_are_served(drive: Drive) -> None:
    peers = [drive.connect() for _ in range(20)]
    for peer in peers:
        peer.send(b"mn\r\nset a 0 0 50000\r\n" + b"x" * 8000)
    drive.turn(5)
    assert all(peer.recv(100) == b"MN\r\n" for peer in peers)
    assert drive.held()[0] <= SIDE_BYTES
    assert drive.connections() == 20
    for peer in peers:
        peer.close()
    drive.turn(5)
    assert drive.held() == (0, 0)
    assert drive.connections() == 0


def test_a_peer_that_left_does_not_leave_its_replies_to_the_next(drive: Drive) -> None:
    with drive.connect() as peer:
        leaving = drive.connect()
        leaving.send(b"version\r\n" * 100)
        leaving.close()
        peer.send(b"mn\r\n")
        drive.turn(3)
        assert peer.recv(10000) == b"MN\r\n"


def test_a_request_that_can_never_be_held_closes_its_connection(drive: Drive) -> None:
    with drive.connect() as peer:
        peer.send(b"set a 0 0 1000000\r\n" + b"x" * 9000)
        drive.turn(5)
        assert peer.recv(1000) == b"SERVER_ERROR request too large\r\n"
    drive.turn(5)
    assert drive.connections() == 0
