import os
from pathlib import Path
from typing import Any

import pytest

from whimbrel.base.errors import UsageError
from whimbrel.base.options import load
from whimbrel.net.listener import Address
from whimbrel.up.options import LISTEN_CACHE, LISTEN_HUB, ROWS, TOKENS_NAME, UpOptions


def of(*argv: str, **environ: str) -> UpOptions:
    return UpOptions.of(load("up", ROWS, argv, environ))


def test_without_any_all_is_on_loopback_and_data_stays() -> None:
    options = of()
    assert options.listen_cache == Address("127.0.0.1", 11211) and options.listen_hub == Address("127.0.0.1", 9800)
    assert options.data is not None
    assert options.data.name == "whimbrel-up" and options.asked == frozenset()


def test_a_demo_leaves_nothing_behind_unless_asked_to(tmp_path: Path) -> None:
    assert of("--demo").data is None
    assert of("--demo", "--data", str(tmp_path)).data == tmp_path


def test_it_says_what_the_programs_say() -> None:
    """They are not imported, so what is written twice is compared here."""
    from whimbrel.hub import options as hub
    from whimbrel.server import options as server

    cache = next(row for row in server.ROWS if row.name == "listen")
    assert (cache.default, hub.LISTEN, hub.TOKENS_NAME) == ((LISTEN_CACHE,), LISTEN_HUB, TOKENS_NAME)


def test_what_somebody_asked_for_is_known() -> None:
    assert of("--listen-hub", "127.0.0.1:9900", WHIMBREL_LISTEN_CACHE="127.0.0.1:1").asked == {
        "listen-hub",
        "listen-cache",
    }


REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "unix": (
        ("--listen-cache", "unix:/tmp/x"),
        "--listen-cache unix:/tmp/x: expected HOST:PORT: nobody can watch a unix socket",
    ),
    "no port": (("--listen-hub", "9800"), "--listen-hub 9800: expected HOST:PORT"),
    "reach": (
        ("--demo", "--listen-hub", "0.0.0.0:9800"),
        "--listen-hub 0.0.0.0:9800: other machines could reach it, and there are no tokens: make one first",
    ),
    "interface": (("-i", "nosuch0"), "--interface: interface 'nosuch0' is not there"),
    "filter": (("-f", "tcp prt 80"), "filter 'tcp prt 80'"),
    "filter of a demo": (("--demo", "-f", "tcp port 80"), "--filter: a demo watches its own ports"),
    "memory": (("--memory", "1k"), "--memory: '1k' is not allowed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_one_line(name: str) -> None:
    argv, message = REFUSED[name]
    with pytest.raises(UsageError) as raised:
        of(*argv)
    assert str(raised.value).startswith(message)


def test_with_tokens_the_hub_may_be_reached_from_elsewhere(tmp_path: Path) -> None:
    arguments = ("--data", str(tmp_path), "--listen-hub", "0.0.0.0:9800")
    with pytest.raises(UsageError, match=f"--data {tmp_path}/hub"):
        of(*arguments)
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "tokens").write_text("")
    assert not of(*arguments).listen_hub.loopback


def test_who_is_not_root_keeps_data_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> int:
        return 65534

    monkeypatch.setattr(os, "geteuid", nobody)
    monkeypatch.setenv("XDG_STATE_HOME", "/tmp/state")
    found: Any = of().data
    assert found == Path("/tmp/state/whimbrel-up")
