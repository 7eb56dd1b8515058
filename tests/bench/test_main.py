"""`whimbrel bench` from its arguments to its exit code."""

from __future__ import annotations

import json
import socket
import threading

import pytest

from whimbrel.bench.main import main


@pytest.fixture
def empty_cache():
    """A server on which every GET misses and every SET is stored."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def serve(connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as requests:
            for line in requests:
                words = line.split()
                if words[0] == b"set":
                    requests.read(int(words[4]) + 2)
                connection.sendall(b"STORED\r\n" if words[0] == b"set" else b"END\r\n")

    def accept() -> None:
        while True:
            try:
                connection, _peer = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    listener.close()


def test_json(empty_cache, capsys):
    code = main(["--target", empty_cache, "--keys", "20", "--connections", "2", "--requests", "100", "--json"])
    shown = json.loads(capsys.readouterr().out)
    assert code == 0
    assert shown["loop"] == "closed"
    assert shown["requests"] == 100
    assert shown["misses"] + shown["stored"] == 100
    assert shown["all_us"]["p50"] > 0 and shown["set_us"]["p50"] > 0
    assert shown["generator_cpu_share"] > 0
    assert shown["notes"] == []


def test_text_and_hdr(empty_cache, capsys, tmp_path):
    hdr = tmp_path / "out.hgrm"
    options = ["--keys", "20", "--rate", "300", "--duration", "0.3", "--pace", "poisson", "--hdr", str(hdr)]
    options += ["--get-percent", "100"]
    assert main(["--target", empty_cache, *options]) == 0
    out = capsys.readouterr().out
    assert "(open loop)" in out  # it spins: how busy it is says nothing
    assert "\n  get " in out and "\n  set " not in out
    assert "from due to last byte parsed" in out
    assert hdr.read_text().lstrip().startswith("Value")


def test_a_trace_file(empty_cache, capsys, tmp_path):
    trace = tmp_path / "trace.csv"
    trace.write_text("key,size\na,10\nb,20\na,10\n")
    assert main(["--target", empty_cache, "--trace", str(trace), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["misses"], shown["stored"]) == (3, 3)


@pytest.mark.parametrize(
    "argv, said",
    [
        (["--key-size", "3"], "key size 3-3 is not an ascending range within 6 to 250"),
        (["--value-size", "9-3"], "value size 9-3 is not an ascending range"),
        (["--value-size", "large"], "--value-size: 'large' is not allowed: expected a number, or LEAST-MOST"),
        (["--zipf", "x"], "--zipf: 'x' is not allowed"),
        (["--zipf", "9"], "zipf 9.0 is not within 0 to 5"),
        (["--connections", "0"], "--connections: '0' is not allowed: expected a whole number, from 1 to 50000"),
        (["--duration", "0"], "a run needs an end"),
        (["--protocol", "http"], "--protocol: 'http' is not allowed"),
        (["--conections", "3"], "did you mean --connections?"),
        (["--trace", "no/such/file"], "cannot read no/such/file: No such file or directory"),
    ],
)
def test_bad_options_are_one_line_and_exit_code_2(argv, said, capsys):
    assert main(["--target", "127.0.0.1:1", *argv]) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out == ""


def test_help_names_every_option(capsys):
    assert main(["--help"]) == 0
    assert "--pipeline" in capsys.readouterr().out
