"""`whimbrel watch` as a command: files in, tables, JSON and batches out; what cannot be is one line."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.agent import hubs
from tests.agent.reading import batches_of
from tests.conformance.pcaps import START_NS, Talk, frames, pcap
from tests.conformance.watching import command, printed_calls, run
from tests.server.serving import environment
from whimbrel import __version__
from whimbrel.capture.write import write_pcap
from whimbrel.summary.explained import RULES

pytestmark = pytest.mark.slow  # processes of their own, which start slowly under the sanitizers

REQUEST = b"GET /orders/17 HTTP/1.1\r\nHost: shop.example\r\n\r\n"
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
SECOND_NS = 10**9


def shop(calls: int = 20) -> bytes:
    """So many calls on a connection each."""
    talks = [Talk((f"10.0.0.{n % 200 + 1}", 40000 + n)).client(REQUEST).server(RESPONSE).close() for n in range(calls)]
    return pcap(talks)


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "shop.pcap"
    path.write_bytes(shop())
    return path


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(hubs.TOKEN + "\n")
    return path


def text(data: bytes) -> str:
    return data.decode()


# ---- what is printed -----------------------------------------------------------------------------------


def test_a_file_becomes_a_table_of_endpoints(capture: Path) -> None:
    done = run(str(capture))
    assert (done.returncode, done.stderr) == (0, b"")
    title, row, *_ = text(done.stdout).splitlines()
    assert title.startswith("method  host")
    words = row.split()
    assert words[:5] == ["GET", "shop.example", "/orders/{integer}", "200", "20"]
    assert "20 connections, 20 calls" in text(done.stdout) and "nothing was lost" in text(done.stdout)


def test_json_is_one_document(capture: Path) -> None:
    summary = json.loads(run(str(capture), "--json").stdout)
    (endpoint,) = summary["endpoints"]
    assert (endpoint["template"], endpoint["calls"], endpoint["statuses"]) == ("/orders/{integer}", 20, {"200": 20})
    assert endpoint["latency_ms"]["count"] == 20
    assert summary["counts"]["calls"] == 20 and summary["start"] < 1_700_000_001 < summary["end"]


def test_calls_are_lines_in_order(capture: Path) -> None:
    calls = printed_calls(run(str(capture), "--calls"))
    assert len(calls) == 20
    assert {call["path"] for call in calls} == {"/orders/{integer}"}
    assert [call["ts"] for call in calls] == sorted(call["ts"] for call in calls)
    first = calls[0]
    assert (first["method"], first["status"], first["response_bytes"], first["flags"]) == ("GET", 200, 5, [])
    assert first["client"] == "10.0.0.1:40000" and first["server"] == "10.0.0.2:80"
    assert 0 < first["latency_ms"] < 100


def test_reveal_shows_what_was_sent(capture: Path) -> None:
    for arguments in (["--reveal"], ["--reveal", "--calls"]):
        assert {call["path"] for call in printed_calls(run(str(capture), *arguments))} == {"/orders/17"}


def test_explain_prints_strings_with_their_rule(capture: Path) -> None:
    printed = text(run(str(capture), "--explain").stdout)
    assert "orders" in printed and "{integer}" in printed and "seen in enough distinct calls" in printed
    assert printed.index(RULES["own"]) < printed.index(__version__)
    assert "17" not in printed.replace("{integer}", "").split()


# ---- where captures come from --------------------------------------------------------------------------


def test_standard_input_gzip_and_several_files(capture: Path, tmp_path: Path) -> None:
    data = capture.read_bytes()
    assert len(printed_calls(run("-", "--calls", stdin=data))) == 20
    assert len(printed_calls(run("-", "--calls", stdin=gzip.compress(data)))) == 20
    other = tmp_path / "other.pcapng"
    write_pcap(other, [(START_NS + n, frame, None) for n, frame in enumerate(frames([second_shop()]))])
    assert len(printed_calls(run(str(capture), str(other), "--calls"))) == 21


def second_shop() -> Talk:
    return Talk(("10.9.0.1", 50000)).client(REQUEST).server(RESPONSE).close()


def test_a_filter_chooses_packets(capture: Path) -> None:
    assert len(printed_calls(run(str(capture), "-f", "tcp port 40003", "--calls"))) == 1
    assert printed_calls(run(str(capture), "-f", "tcp port 81", "--calls")) == []


def test_a_capture_that_ends_early_is_read_to_there_and_said(capture: Path) -> None:
    capture.write_bytes(capture.read_bytes()[:-7])
    done = run(str(capture), "--calls")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 20
    assert text(done.stderr).startswith(f"whimbrel: warning: {capture}: ") and done.stderr.count(b"\n") == 1


def test_an_empty_capture_is_an_empty_table(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pcap"
    empty.write_bytes(pcap([]))
    done = run(str(empty))
    assert done.returncode == 0 and "0 packets" in text(done.stdout)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["/does/not/exist.pcap"], ["/does/not/exist.pcap", "No such file"]),
        (["{here}/shop.pcap", "{here}/none.pcap"], ["none.pcap", "No such file"]),
        (["{here}/shop.pcap", "{here}"], ["Is a directory"]),
        (["{here}/token"], ["token", "pcap"]),
        (["{here}/shop.pcap", "-f", "tcp porrt 1"], ["porrt"]),
        (["{here}/shop.pcap", "--memory", "33MiB"], ["--memory 33MiB", "too small", "at least"]),
        (["{here}/shop.pcap", "--reveal", "--out", "x"], ["--reveal", "--out"]),
        (["{here}/shop.pcap", "--out", "{here}/no/such/place"], ["--out", "No such file"]),
        (["{here}/shop.pcap", "--hub", "http://[::1]:1", "--token-file", "{here}/none"], ["--token-file", "No such"]),
        (["{here}/shop.pcap", "-i", "lo"], ["FILE", "--interface"]),
        (["-i", "no-such-interface"], ["no-such-interface"]),
        (["{here}/shop.pcap", "--out", "{here}/o", "--state", "{here}/token"], ["--state"]),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line_and_exit_2(
    capture: Path, token: Path, arguments: list[str], named: list[str]
) -> None:
    if "-i" in arguments and "lo" not in arguments and os.geteuid() != 0:
        named = ["CAP_NET_RAW"]
    done = run(*(argument.replace("{here}", str(capture.parent)) for argument in arguments))
    assert done.returncode == 2, done.stderr
    assert done.stderr.count(b"\n") == 1 and done.stderr.startswith(b"whimbrel: ")
    assert all(part in text(done.stderr) for part in named), done.stderr


def test_a_reader_that_has_seen_enough_ends_it_quietly(tmp_path: Path) -> None:
    big = tmp_path / "big.pcap"
    big.write_bytes(shop(3000))
    with subprocess.Popen(command(str(big), "--calls"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=environment()) as process:  # fmt: skip
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 1
        assert process.stderr.read() == b""


@pytest.mark.parametrize("how", [(), ("--calls",), ("--json",)])
def test_where_nothing_more_can_be_written_it_is_one_line(capture: Path, how: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command(str(capture), *how), stdout=full, stderr=subprocess.PIPE, env=environment(), timeout=60, check=False
        )
    assert (done.returncode, text(done.stderr)) == (1, "whimbrel: cannot write: No space left on device\n")


def test_a_full_disk_behind_out_is_one_line(capture: Path, tmp_path: Path) -> None:
    done = run(str(capture), "--out", "/dev/full", "--state", str(tmp_path / "s"))
    assert done.returncode == 1
    assert text(done.stderr) == "whimbrel: a batch cannot be stored: No space left on device\n"


def test_an_interrupted_file_prints_what_was_read_and_says_so(capture: Path) -> None:
    with subprocess.Popen(command("-"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=environment()) as process:  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(capture.read_bytes())
        process.stdin.flush()
        wait_until_read(process)
        process.send_signal(signal.SIGINT)
        process.stdin.close()
        assert process.wait(60) == 130
        assert b"/orders/{integer}" in process.stdout.read()
        assert process.stderr is not None and b"interrupted" in process.stderr.read()


def wait_until_read(process: subprocess.Popen[bytes]) -> None:
    """The pipe is empty: what was written has been taken."""
    import array
    import fcntl
    import termios
    import time

    assert process.stdin is not None
    left = array.array("i", [1])
    deadline = time.monotonic() + 60
    while left[0]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
        fcntl.ioctl(process.stdin.fileno(), termios.FIONREAD, left)
    time.sleep(0.2)  # it waits for more


# ---- batches -------------------------------------------------------------------------------------------


def long_capture(place: Path, windows: int) -> Path:
    """A call every ten seconds."""
    packets = []
    for n in range(windows):
        talk = Talk((f"10.0.1.{n + 1}", 40000)).client(REQUEST).server(RESPONSE).close()
        at = START_NS + n * 10 * SECOND_NS
        packets += [(at + place * 1000, frame, None) for place, frame in enumerate(frames([talk]))]
    path = place / "long.pcap"
    write_pcap(path, packets)
    return path


def test_a_window_each_ten_seconds_is_a_batch(tmp_path: Path) -> None:
    done = run(str(long_capture(tmp_path, 7)), "--out", str(tmp_path / "out"), "--state", str(tmp_path / "state"))
    assert done.returncode == 0, done.stderr
    batches = batches_of((tmp_path / "out").read_bytes())
    assert len(batches) == 7
    starts = [batch["start_ns"] for batch in batches]
    assert starts == [START_NS + n * 10 * SECOND_NS for n in range(7)]
    assert all(batch["end_ns"] - batch["start_ns"] == 10 * SECOND_NS for batch in batches)
    assert sum(row["calls"] for batch in batches for one in batch["endpoints"] for row in one["rows"]) == 7
    assert len({batch["id"] for batch in batches}) == 7 and len({batch["agent"] for batch in batches}) == 1
    assert batches[-1]["counts"]["packets"] > 0
    assert (tmp_path / "out").stat().st_mode & 0o077 == 0
    again = run(str(long_capture(tmp_path, 1)), "--out", str(tmp_path / "out"), "--state", str(tmp_path / "state"))
    assert again.returncode == 0
    assert len(batches_of((tmp_path / "out").read_bytes())) == 8  # appended
    assert {batch["agent"] for batch in batches_of((tmp_path / "out").read_bytes())} == {batches[0]["agent"]}


def test_batches_reach_the_hub_as_they_are_in_the_file(tmp_path: Path, token: Path) -> None:
    with hubs.running() as hub:
        done = run(str(long_capture(tmp_path, 5)), "--hub", hub.url, "--token-file", str(token),
                   "--state", str(tmp_path / "state"), "--out", str(tmp_path / "out"))  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"".join(hub.stored.values()) == (tmp_path / "out").read_bytes()
    assert [batch["id"] for batch in batches_of((tmp_path / "out").read_bytes())] == list(hub.stored)
    assert not list((tmp_path / "state" / "spool").glob("*.batch"))


def test_what_a_hub_that_is_away_did_not_get_the_next_run_sends(tmp_path: Path, token: Path) -> None:
    sending = ["--token-file", str(token), "--state", str(tmp_path / "state")]
    with hubs.running(hubs.always(503)) as hub:
        done = run(str(long_capture(tmp_path, 5)), "--hub", hub.url, *sending)
    assert done.returncode == 0
    assert "the hub answered 503; batches wait in the spool" in text(done.stderr)
    assert "5 batches wait in" in text(done.stderr)
    with hubs.running() as again:
        assert run(str(long_capture(tmp_path, 1)), "--hub", again.url, *sending).returncode == 0
    assert len(again.stored) == 6


def test_one_agent_a_state_directory(capture: Path, tmp_path: Path) -> None:
    from whimbrel.agent.state import open_state

    held = open_state(str(tmp_path / "state"))
    done = run(str(capture), "--out", str(tmp_path / "out"), "--state", str(tmp_path / "state"))
    held.close()
    assert done.returncode == 2 and "in use by another agent" in text(done.stderr)


def test_reading_a_file_for_oneself_leaves_nothing_behind(capture: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    done = subprocess.run(command(str(capture)), env={**environment(), "HOME": str(home), "XDG_STATE_HOME": str(home)},
                          capture_output=True, cwd=home, timeout=60)  # fmt: skip
    assert done.returncode == 0
    assert list(home.iterdir()) == []


@pytest.mark.memory
def test_it_stays_within_its_memory(tmp_path: Path) -> None:
    big = tmp_path / "big.pcap"
    big.write_bytes(shop(4000))
    program = (
        "import sys; from whimbrel.cli import main; code = main(['watch', *sys.argv[1:]]);"
        "print(open('/proc/self/status').read(), file=sys.stderr); sys.exit(code)"
    )
    argv = [command()[0], "-c", program, str(big), "--memory", "56MiB"]
    argv += ["--out", str(tmp_path / "out"), "--state", str(tmp_path / "state")]
    done = subprocess.run(argv, capture_output=True, text=True, env=environment(), timeout=60)
    assert done.returncode == 0, done.stderr
    peak = next(line for line in done.stderr.splitlines() if line.startswith("VmHWM:"))
    assert int(peak.split()[1]) < 56 * 1024
