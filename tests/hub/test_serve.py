"""`whimbrel hub` as a process: how it starts, how it ends, and what a kill leaves."""

import random
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from tests.hub.batches import batch, edge, endpoint, row
from tests.hub.running import END_S, Hub, opened, running, start
from whimbrel.hub.duck import DuckArchive
from whimbrel.hub.serve import reached
from whimbrel.net.listener import Address
from whimbrel.summary.batch import encode

FIRST_WINDOW = int(time.time()) // 10 * 10 - 7200


def numbered(number: int) -> bytes:
    """One call of one endpoint; its id says which batch it was in."""
    made = batch(
        endpoint(number + 1, row(1)), edges=[edge()], batch_id=f"n-{number}", start=FIRST_WINDOW + number % 600
    )
    return encode(made)


def counted(data: Path) -> dict[str, int]:
    """Calls by endpoint of what the archive holds."""
    from whimbrel.hub.archive import Period

    archive = DuckArchive(data / "archive.duckdb", memory_mib=128)
    try:
        rows = archive.statuses(Period(FIRST_WINDOW - 7200, FIRST_WINDOW + 14_400), None, ())
        return {found.endpoint: found.calls for found in rows}
    finally:
        archive.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_one_signal_ends_it(number: signal.Signals, tmp_path: Path) -> None:
    with running(tmp_path / "data") as hub:
        assert hub.get("/healthz").body == b"ok\n"
        assert hub.send(numbered(0)).status == 200
        hub.process.send_signal(number)
        assert hub.process.wait(END_S) == 0
        assert hub.process.stderr is not None and hub.process.stderr.read() == ""
        modes = {path.name: path.stat().st_mode & 0o077 for path in (tmp_path / "data").rglob("*")}
        assert set(modes.values()) == {0}
    with running(tmp_path / "data") as hub:
        assert hub.send(numbered(0)).status == 409


def test_a_signal_while_it_starts_ends_it_too(tmp_path: Path) -> None:
    process = start(tmp_path / "data")
    deadline_s = time.monotonic() + END_S
    while not (tmp_path / "data").exists() and time.monotonic() < deadline_s:
        time.sleep(0.01)  # the first thing it makes, with the signals taken already
    process.send_signal(signal.SIGTERM)
    assert process.wait(END_S) == 0
    process.communicate()


def refused(data: Path, *options: str) -> str:
    process = start(data, *options)
    out, err = process.communicate(timeout=END_S)
    assert process.returncode == 2 and out == ""
    [line] = err.splitlines()
    return line


def test_what_stops_it_from_starting_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert "the address is in use" in refused(tmp_path / "a", "--listen", f"127.0.0.1:{port}")
    assert "there are no tokens" in refused(tmp_path / "b", "--listen", "0.0.0.0:0")
    assert "No such file" in refused(tmp_path / "c", "--token-file", str(tmp_path / "absent"))
    (tmp_path / "d").write_text("")
    assert "--data" in refused(tmp_path / "d")
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "archive.duckdb").write_bytes(b"no database" * 1000)
    assert "cannot be opened as an archive" in refused(tmp_path / "e")


@pytest.mark.parametrize(
    ("listen", "shown"),
    [
        ("0.0.0.0:1", "127.0.0.1:1"),
        ("[::]:1", "[::1]:1"),
        ("127.0.0.1:1", "127.0.0.1:1"),
        ("hub.example:1", "hub.example:1"),
    ],
)
def test_what_it_says_can_be_opened(listen: str, shown: str) -> None:
    assert str(reached(Address.parse(listen))) == shown


def test_two_hubs_do_not_share_an_archive(open_hub: Hub) -> None:
    words = f"runs on {str(open_hub.data)!r} (PID {open_hub.process.pid}); stop it first"
    assert refused(open_hub.data).endswith(words)


def test_connections_that_send_nothing_or_slowly_are_closed_and_the_others_are_served(open_hub: Hub) -> None:
    """What a head may take is bounded (tests/hub/test_connections.py has the times)."""
    idle = [socket.create_connection((open_hub.host, open_hub.port)) for _ in range(50)]
    try:
        for connection in idle[::2]:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: ")
        assert open_hub.get("/healthz").status == 200
    finally:
        for connection in idle:
            connection.close()


@pytest.mark.parametrize(
    "request_line", ["GARBAGE", "GET / HTTP/9.9", "GET / HTTP/1.1\r\nHost: a\r\nX: " + "x" * 100_000]
)
def test_what_is_no_request_costs_its_connection(request_line: str, open_hub: Hub) -> None:
    with socket.create_connection((open_hub.host, open_hub.port), timeout=END_S) as connection:
        connection.sendall(request_line.encode() + b"\r\n\r\n")
        answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 4")
    assert open_hub.get("/healthz").status == 200


# ---- killed


class Sender(threading.Thread):
    """Sends batch after batch until the hub is gone; what was acknowledged is in `taken`."""

    def __init__(self, hub: Hub, numbers: range) -> None:
        super().__init__()
        self.hub, self.numbers = hub, numbers
        self.taken: list[int] = []

    def run(self) -> None:
        for number in self.numbers:
            try:
                if self.hub.send(numbered(number)).status in (200, 409):
                    self.taken.append(number)
            except OSError:
                return
            except Exception:  # noqa: BLE001 - an answer that was cut by the kill is no acknowledgement
                return


def killed(tmp_path: Path, rounds: int) -> None:
    """Every acknowledged batch is there exactly once, and every other at most once."""
    data, taken, draw = tmp_path / "data", set[int](), random.Random(4)
    for number in range(rounds):
        process = start(data, "--memory", "128MiB")
        hub = opened(process, data)
        # from a few before what was acknowledged last: an agent whose answer was lost sends again
        first = max(max(taken, default=0) - 3, 0)
        sender = Sender(hub, range(first, first + 100_000))
        sender.start()
        time.sleep(draw.uniform(0.0, 0.15) if number else 0.5)
        process.kill()
        process.communicate()
        sender.join(END_S)
        taken.update(sender.taken)
    with running(data):
        pass  # what was acknowledged and not loaded is loaded before it says that it is open
    calls = counted(data)
    assert {f"{number + 1:016x}" for number in taken} <= set(calls)
    assert set(calls.values()) == {1}
    assert len(taken) >= rounds // 2


def test_killed_while_it_takes_batches(tmp_path: Path) -> None:
    killed(tmp_path, 3)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_fifty_times(tmp_path: Path) -> None:
    killed(tmp_path, 50)


def test_a_hub_that_is_ended_has_closed_its_files(tmp_path: Path) -> None:
    with running(tmp_path / "data") as hub:
        assert hub.send(numbered(7)).status == 200
        assert hub.end() == 0
        with pytest.raises(OSError):
            hub.get("/healthz")
    assert sum(counted(tmp_path / "data").values()) in (0, 1)  # loaded, or in the journal for the next run
    with running(tmp_path / "data"):
        pass
    assert counted(tmp_path / "data") == {f"{8:016x}": 1}
