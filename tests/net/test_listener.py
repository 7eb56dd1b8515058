import os
import socket
import stat
from pathlib import Path

import pytest

from whimbrel.base.errors import UsageError
from whimbrel.net.listener import UNIX_PATH_MAX, Address, open_listeners


@pytest.mark.parametrize(
    ("text", "host", "port", "path"),
    [
        ("127.0.0.1:11211", "127.0.0.1", 11211, ""),
        ("[::1]:0", "::1", 0, ""),
        ("localhost:65535", "localhost", 65535, ""),
        ("unix:/run/w.sock", "", 0, "/run/w.sock"),
        ("unix:relative:with:colons", "", 0, "relative:with:colons"),
    ],
)
def test_an_address_reads_back_as_it_was_written(text: str, host: str, port: int, path: str) -> None:
    address = Address.parse(text)
    assert (address.host, address.port, address.path) == (host, port, path)
    assert str(address) == text


@pytest.mark.parametrize(
    "text", ["", "11211", "host:", ":11211", "a:65536", "a:-1", "a:1x", "a:²", "::1:11211", "[::1:1", "unix:"]
)
def test_a_bad_address_is_refused_in_one_line_that_names_it(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        Address.parse(text)
    assert str(refused.value).startswith(f"--listen {text}: ")
    assert "\n" not in str(refused.value)


def test_a_long_unix_path_is_refused() -> None:
    with pytest.raises(UsageError, match=f"1 to {UNIX_PATH_MAX} bytes"):
        Address.parse("unix:" + "x" * (UNIX_PATH_MAX + 1))


@pytest.mark.parametrize(
    ("text", "loopback"),
    [("127.0.0.1:1", True), ("127.9.9.9:1", True), ("[::1]:1", True), ("localhost:1", True), ("unix:x", True),
     ("0.0.0.0:1", False), ("[::]:1", False), ("10.0.0.1:1", False), ("example.org:1", False)],
)  # fmt: skip
def test_what_other_machines_can_reach_is_known(text: str, loopback: bool) -> None:
    assert Address.parse(text).loopback is loopback


def test_port_0_becomes_the_real_port() -> None:
    [listener] = open_listeners("127.0.0.1:0")
    try:
        assert listener.address.port > 0
        socket.create_connection(("127.0.0.1", listener.address.port), timeout=5).close()
    finally:
        listener.close()


def test_a_port_in_use_is_one_line() -> None:
    [first] = open_listeners("127.0.0.1:0")
    try:
        with pytest.raises(UsageError, match=rf"--listen {first.address}: the address is in use"):
            open_listeners(str(first.address))
    finally:
        first.close()


def test_a_port_is_free_again_at_once() -> None:
    [first] = open_listeners("127.0.0.1:0")
    client = socket.create_connection(("127.0.0.1", first.address.port), timeout=5)
    accepted, _ = first.socket.accept()
    accepted.close()  # this side closes first: TIME_WAIT would block a plain bind
    client.close()
    first.close()
    [second] = open_listeners(str(first.address))
    second.close()


def test_an_unknown_host_is_one_line() -> None:
    with pytest.raises(UsageError, match=r"--listen no-such-host\.invalid:1: "):
        open_listeners("no-such-host.invalid:1")


def test_a_unix_socket_is_its_owners_and_its_file_goes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "w.sock"
    [listener] = open_listeners(f"unix:{path}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    listener.close()
    assert not path.exists()


def test_a_stale_unix_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "w.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    [listener] = open_listeners(f"unix:{path}")
    listener.close()


def test_a_unix_socket_somebody_listens_on_stays(tmp_path: Path) -> None:
    path = tmp_path / "w.sock"
    [first] = open_listeners(f"unix:{path}")
    try:
        with pytest.raises(UsageError, match="in use"):
            open_listeners(f"unix:{path}")
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
    finally:
        first.close()


def test_a_file_that_is_no_socket_stays(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    with pytest.raises(UsageError, match="not a socket"):
        open_listeners(f"unix:{path}")
    assert path.read_text() == "mine"


def test_a_socket_file_that_another_process_made_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "w.sock"
    [listener] = open_listeners(f"unix:{path}")
    path.unlink()
    path.write_text("another's")
    listener.close()
    assert path.read_text() == "another's"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may bind anywhere")
def test_a_missing_privilege_is_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="no permission"):
        open_listeners(f"unix:{tmp_path / 'w.sock'}")
