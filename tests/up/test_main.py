"""`whimbrel up` as a command: the real programs on free ports, and nothing left when it has ended."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.server.serving import environment
from tests.up.processes import Running, children_of, gone, up, wait_until
from whimbrel.base.errors import UsageError
from whimbrel.base.options import load
from whimbrel.capture.privilege import capture_rights
from whimbrel.up import main
from whimbrel.up.data import Data
from whimbrel.up.log import Log
from whimbrel.up.options import ROWS, UpOptions
from whimbrel.up.parts import Places

FREE = ("--listen-cache", "127.0.0.1:0", "--listen-hub", "127.0.0.1:0")
NO_CAPTURE = ("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw", "--")


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A directory that an agent can reach which has become nobody."""
    path = Path(tempfile.mkdtemp(prefix="whimbrel-up-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def address(running: Running) -> str:
    return running.until(r"^up: open (http\S+)/$")[0][1]


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310 - the url is ours
        body: bytes = answer.read()
        return body


def endpoints(url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(get(f"{url}/api/endpoints?last=15m"))["rows"]
    return found


def pid_of(running: Running, name: str) -> int:
    """The process of a part, by its command line."""
    for pid in children_of(running.process.pid):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if words[3:5] == [b"whimbrel", name.encode()]:
            return int(pid)
    raise AssertionError(f"no {name}")


def ask_cache(where: str) -> bytes:
    host, _, port = where.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as cache:
        cache.sendall(b"version\r\n")
        return cache.recv(100)


def test_one_command_starts_all_and_one_signal_ends_it(place: Path) -> None:
    with up(place / "log", "--data", str(place / "data"), "-i", "lo", *FREE) as running:
        url = address(running)
        assert get(f"{url}/healthz").startswith(b"ok")
        assert ask_cache(running.until(r"^up: memcached and Redis clients: (\S+)$")[0][1]).startswith(b"VERSION")
        assert ("watch: watching lo\n" in running.said()) == (capture_rights() is None)
        os.kill(pid_of(running, "serve"), signal.SIGKILL)
        running.until("^serve: listening on", 2)
        assert ask_cache(running.until(r"^up: memcached and Redis clients: (\S+)$")[0][1]).startswith(b"VERSION")
        group = running.group()
        assert running.end(signal.SIGINT) == 0, running.said()
        assert gone(group)
    assert "serve ended: signal SIGKILL; it is started again in 0.5 s" in running.said()
    assert "killed" not in running.said() and "Traceback" not in running.said()
    assert (place / "data" / "hub").is_dir()


@pytest.mark.slow
def test_a_hub_that_is_locked_meanwhile_gets_a_token_of_its_own(place: Path) -> None:
    if (why := capture_rights()) is not None:
        pytest.skip(why)
    data = place / "locked"
    with up(place / "log", "--data", str(data), "-i", "lo", *FREE) as running:
        url = address(running)
        command = [sys.executable, "-m", "whimbrel", "hub", "token", "ada", "viewer", "--data", str(data / "hub")]
        subprocess.run(command, env=environment(), check=True, capture_output=True)
        running.until("^watch: watching lo", 2)
        with pytest.raises(urllib.error.HTTPError, match="401"):
            endpoints(url)
        assert running.end() == 0, running.said()
    assert "the hub asks for tokens now" in running.said()
    assert "\nup agent sha256:" in (data / "hub" / "tokens").read_text()
    assert "does not know this token" not in running.said().rpartition("watch: watching")[2]


def test_when_it_is_killed_the_programs_end_too(place: Path) -> None:
    """The agent as well, which has become another user by then."""
    with up(place / "log", "--data", str(place / "killed"), *FREE) as running:
        address(running)
        group = running.group()
        running.end(signal.SIGKILL)
        assert wait_until(lambda: gone(group))


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root can give a privilege up")
def test_without_the_right_to_capture_it_says_so_and_goes_on(place: Path) -> None:
    arguments = ("--data", str(place / "blind"), "--open", *FREE)
    env = {name: value for name, value in environment().items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    with up(place / "log", *arguments, before=NO_CAPTURE, env=env) as running:
        assert get(f"{address(running)}/healthz").startswith(b"ok")
        running.until("^up: --open: there is no desktop here")
        assert running.end() == 0
    assert re.search(r"^up: no traffic is watched: capturing needs .*: sudo setcap \S+ /", running.said(), re.MULTILINE)
    assert "watch:" not in running.said()


def test_a_port_that_is_taken_is_one_line(place: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        arguments = ("--demo", "--listen-cache", "127.0.0.1:0", "--listen-hub", where)
        with up(place / "log", *arguments) as running:
            assert running.code() == 2
    assert re.match(f"whimbrel: --listen-hub {where}: .* listens there: end that one", running.said())
    assert running.said().count("\n") == 1


def test_a_signal_before_anything_has_started_leaves_nothing_either(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []

    def interrupted(started: main.Up, _: ExitStack) -> int:
        made.append(started.data.path)
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("it goes on")

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(main.Up, "run", interrupted)
    try:
        assert main.main(["--demo", *FREE], {}) == main.INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)
    assert len(made) == 1 and not made[0].exists()


def test_the_page_is_opened_by_the_desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opener = tmp_path / "xdg-open"
    opener.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/opened\n')
    opener.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    options = UpOptions.of(load("up", ROWS, ["--open"], {}))
    places = Places(options.listen_cache, options.listen_hub)
    with (tmp_path / "log").open("wb") as log:
        started = main.Up(options, places, Data(tmp_path, False), Log(log.fileno(), {}, {}), {"DISPLAY": ":0"})
        started.announce()
    opened = tmp_path / "opened"
    assert wait_until(lambda: opened.exists() and opened.read_text() != "")
    assert opened.read_text() == "http://127.0.0.1:9800/\n"


def test_a_demo_needs_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> object:
        return None if name == "redis" else object()

    monkeypatch.setattr(importlib.util, "find_spec", absent)
    with pytest.raises(UsageError, match=r"^--demo needs the package redis: pip install 'whimbrel\[demo\]'$"):
        main.main(["--demo", *FREE], {})


@pytest.mark.slow
def test_a_demo_has_something_to_show_and_leaves_nothing_behind(place: Path) -> None:
    """Whoever runs the tests: who may not capture has a network of his own."""
    with up(place / "log", "--demo", *FREE) as running:
        url = address(running)
        (data,) = running.until(r"^up: data of this run is in (\S+), and goes with it$")
        if "no traffic is watched" in running.said():
            pytest.skip(running.said())
        running.wait_for(lambda: len(endpoints(url)) > 10, "endpoints")
        group = running.group()
        assert Path(data[1]).is_dir()
        assert running.end(signal.SIGINT) == 0, running.said()
        assert gone(group) and not Path(data[1]).exists()
    assert "Traceback" not in running.said() and "did not" not in running.said()
    assert "batches wait" not in running.said()  # the last window was sent
