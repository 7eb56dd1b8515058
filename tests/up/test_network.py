"""A network that any user may make; skipped, with the reason, where this kernel or container does not let him."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.serving import environment
from whimbrel.up.network import CAP_NET_RAW, Network

SEEN = """
import os, socket
from pathlib import Path
with socket.socket() as outside:
    print(outside.connect_ex(("127.0.0.1", {port})) != 0)
with socket.create_server(("127.0.0.9", 0)) as server:  # all of 127/8 is there
    socket.create_connection(server.getsockname()).close()
print([line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:]])
print(os.getuid(), os.getgid())
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(int(status["CapAmb"], 16))
"""


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    held = made(0)
    with held:
        yield held
    assert held.process.returncode == 0


def made(group: int) -> Network:
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = environment()["PYTHONPATH"]
    try:
        return Network(group)
    except OSError as error:
        pytest.skip(f"no network of its own here: {error}")
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


@pytest.mark.parametrize("captures", [False, True])
def test_a_program_in_it_sees_nothing_else(network: Network, captures: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = SEEN.format(port=server.getsockname()[1])
        argv = network.entering((sys.executable, "-I", "-S", "-c", code), captures=captures)
        done = subprocess.run(argv, env=environment(), capture_output=True, text=True)
    right = 1 << CAP_NET_RAW if captures else 0
    assert done.stdout == f"True\n['lo']\n{os.getuid()} {os.getgid()}\n{right}\n", done.stderr


def test_who_captures_in_it_sees_its_packets(network: Network) -> None:
    code = "from whimbrel.capture.privilege import capture_rights; print(capture_rights())"
    argv = network.entering((sys.executable, "-c", code), captures=True)
    assert subprocess.run(argv, env=environment(), capture_output=True, text=True).stdout == "None\n"


def test_it_ends_with_who_holds_it() -> None:
    with made(0) as held:
        assert held.process.poll() is None
    assert held.process.returncode == 0
    assert not Path(f"/proc/{held.process.pid}").exists()


@pytest.mark.parametrize(
    "said, words", [("Operation not permitted", "Operation not permitted"), ("", "it ended at once")]
)
def test_a_kernel_that_refuses_is_said(said: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\nprintf '{said}'\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(OSError, match=f"^{words}$"):
        Network(0)
