"""A worker driven turn by turn in this thread."""

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


def test_an_idle_connection_holds_nothing(drive: Drive) -> None:
    with drive.connect() as peer:
        peer.send(b"set a 0 0 1\r\nx\r\nget a\r\n")
        drive.turn()
        assert peer.recv(100) == b"STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n"
        assert drive.held() == (0, 0)


def test_a_closed_drive_says_so(drive: Drive) -> None:
    drive.close()
    with pytest.raises(ValueError, match="closed"):
        drive.turn()
