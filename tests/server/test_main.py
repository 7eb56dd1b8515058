"""Starting and stopping: the ready line, options that cannot be, signals, sockets, files."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.serving import environment, eventually, run_serve, serving


def test_the_ready_line_names_every_address_with_its_real_port() -> None:
    with serving("--listen", "127.0.0.1:0") as server:
        assert re.fullmatch(r"listening on 127.0.0.1:\d+ 127.0.0.1:\d+ admin on 127.0.0.1:\d+", server.line)
        for port in server.ports:
            socket.create_connection(("127.0.0.1", port), timeout=10).close()
        assert server.get("/readyz") == b"ready\n"


def test_a_unix_socket_serves_and_its_file_goes_with_the_server(tmp_path: Path) -> None:
    path = tmp_path / "w.sock"
    with serving("--listen", f"unix:{path}", listen=False) as server:
        assert f"unix:{path}" in server.line
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(path))
            peer.sendall(b"mn\r\n")
            assert peer.recv(100) == b"MN\r\n"
    assert not path.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_with_0(number: signal.Signals) -> None:
    with serving() as server:
        with server.connect() as peer:
            assert peer.ask(b"mn\r\n") == b"MN\r\n"
            server.signal(number)
            assert server.wait() == 0
            assert peer.rest() == b""
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", server.port), timeout=1)


def test_what_is_in_flight_is_answered_before_it_stops() -> None:
    value = b"v" * 200_000
    with serving() as server, server.connect() as peer:
        peer.ask(b"set a 0 0 200000\r\n" + value + b"\r\n")
        peer.send(b"get a\r\n" * 100)
        expected = b"VALUE a 0 200000\r\n" + value + b"\r\nEND\r\n"
        assert peer.exactly(len(expected)) == expected  # it has begun, and the kernel's buffers are full
        assert eventually(lambda: server.stats()["counters"]["blocked_on_peer"] > 0)
        server.signal(signal.SIGTERM)
        assert peer.exactly(99 * len(expected)) == 99 * expected
        assert server.wait() == 0


def test_a_second_signal_does_not_wait_for_slow_readers() -> None:
    value = b"v" * 500_000
    with serving() as server, server.connect() as peer:
        peer.ask(b"set a 0 0 500000\r\n" + value + b"\r\n")
        peer.send(b"get a\r\n" * 100)
        assert eventually(lambda: server.stats()["counters"]["blocked_on_peer"] > 0)
        server.signal(signal.SIGTERM)
        assert eventually(lambda: server.process.poll() is not None or _refused(server.port))
        server.signal(signal.SIGTERM)
        assert server.wait() == 0


def _refused(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--memory", "2MiB"], ["--memory 2MiB", "at least"]),
        (["--memory", "lots"], ["--memory", "'lots'", "expected a number of bytes"]),
        (["--memory", "64MiB", "--max-item", "100MiB"], ["--memory 64MiB", "at least", "100MiB"]),
        (["--threads", "0"], ["--threads", "'0'", "from 1 to 64"]),
        (["--max-item", "1"], ["--max-item", "'1'", "1KiB"]),
        (["--max-connections", "-1"], ["--max-connections", "'-1'", "from 1 to"]),
        (["--idle-timeout", "soon"], ["--idle-timeout", "'soon'"]),
        (["--eviction", "random"], ["--eviction", "'random'", "s3fifo"]),
        (["--listen", "nowhere"], ["--listen nowhere", "HOST:PORT"]),
        (["--admin", "127.0.0.1:99999"], ["--admin 127.0.0.1:99999", "65535"]),
        (["--config", "/does/not/exist"], ["--config", "/does/not/exist"]),
        (["--bogus"], ["--bogus"]),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_2(arguments: list[str], named: list[str]) -> None:
    listen = [] if "--listen" in arguments else ["--listen", "127.0.0.1:0"]
    code, printed = run_serve(*listen, *arguments)
    assert code == 2
    assert printed.count("\n") == 1
    for part in named:
        assert part in printed


def test_a_port_in_use_is_one_line_and_exit_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for option in ("--listen", "--admin"):
            others = ["--listen", "127.0.0.1:0"] if option == "--admin" else []
            code, printed = run_serve(*others, option, address)
            assert (code, printed.count("\n")) == (2, 1)
            assert f"{option} {address}: the address is in use" in printed


def test_listening_beyond_this_machine_is_warned_about() -> None:
    with serving("--listen", "0.0.0.0:0", listen=False) as server:
        warnings = [line for line in server.printed().splitlines() if line.startswith("warning: ")]
        assert len(warnings) == 1 and "--listen 0.0.0.0:0" in warnings[0]


def test_a_low_limit_of_files_is_warned_about_and_kept() -> None:
    limit = 256
    program = (
        f"import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}));"
        "from whimbrel.cli import main; sys.exit(main(['serve', '--listen', '127.0.0.1:0']))"
    )
    process = subprocess.Popen([sys.executable, "-c", program], env=environment(), stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        assert "may open 256 files only" in process.stderr.readline()
        port = int(process.stderr.readline().rpartition(":")[2])
        peers = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(limit + 20)]
        peers[0].sendall(b"mn\r\n")
        assert peers[0].recv(10) == b"MN\r\n"  # who is connected is served while others are refused
        assert peers[-1].recv(100) in (b"ERROR Too many open connections\r\n", b"")
        for peer in peers:
            peer.close()
    finally:
        process.terminate()
        assert process.wait(20) == 0
        process.stderr.close()


@pytest.mark.memory
def test_options_come_from_file_environment_and_command_line(tmp_path: Path) -> None:
    config = tmp_path / "w.toml"
    config.write_text('listen = ["127.0.0.1:0"]\nmemory = "96MiB"\nthreads = 2\nmax-item = "64KiB"\n')
    with serving("--config", str(config), "--max-item", "32KiB", listen=False) as server:
        options = server.stats()["options"]
        assert (options["memory"], options["threads"], options["max-item"]) == ("96MiB", "2", "32KiB")


def test_print_config_prints_every_option_and_leaves() -> None:
    code, printed = run_serve("--memory", "1g", "--print-config")
    assert code == 0
    assert 'memory = "1GiB"  # command line' in printed
    assert 'eviction = "s3fifo"  # default' in printed
