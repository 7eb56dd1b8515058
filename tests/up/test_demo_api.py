"""The API as a process: it says where, becomes version 2, ends at a signal; what cannot be is one line."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import httpx
import pytest

from tests.conformance.programs import program
from tests.conformance.servers import free_port
from whimbrel.up.demo_api import LISTEN, SECOND, main

ANY = "127.0.0.1:0"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_its_life(tmp_path: Path, number: signal.Signals) -> None:
    argv = ["--listen", ANY, "--second", ANY, "--work", "0", "--counts", str(tmp_path / "counts")]
    with program(tmp_path, "api", "whimbrel.up.demo_api", *argv) as api:
        shop, stock = api.wait_for(r"listening on (\S+), (\S+)\n").groups()
        assert httpx.get(f"{shop}/health").json()["version"] == 1
        api.send(signal.SIGUSR1)
        api.wait_for("version 2 is deployed")
        assert httpx.get(f"{shop}/health").json()["version"] == 2
        assert httpx.get(f"{stock}/stock/3").json()["left"] > 0
        api.send(number)
        api.ended(20)
    counts = json.loads((tmp_path / "counts").read_text())["counts"]
    assert counts == {"shop GET /health 200": 2, "stock GET /stock/{integer} 200": 1}


def test_a_deployment_after_a_while(tmp_path: Path) -> None:
    argv = ["--listen", ANY, "--second", ANY, "--deploy-after", "0.1"]
    with program(tmp_path, "api", "whimbrel.up.demo_api", *argv) as api:
        api.wait_for("version 2 is deployed")
        api.stop()


@pytest.mark.parametrize(
    "argv, words",
    [
        (["--listen", "0.0.0.0:0"], "--listen 0.0.0.0:0: the demo listens on loopback only"),
        (["--second", "192.0.2.1:80"], "--second 192.0.2.1:80: the demo listens on loopback only"),
        (["--work", "fast"], "--work fast: expected a number from 0 to 100"),
        (["--version", "3"], "--version"),
        (["--cache", "nowhere"], "--cache"),
    ],
)
def test_what_cannot_be_is_one_line(argv: list[str], words: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([*(() if "--listen" in argv else ("--listen", ANY)), "--second", ANY, *argv]) == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1 and words in said


def test_a_port_that_is_taken_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        assert main(["--listen", where, "--second", f"127.0.0.1:{free_port()}"]) == 2
    assert where in capfd.readouterr().err
    assert main(["--help"]) == 0 and LISTEN in capfd.readouterr().out and LISTEN != SECOND
