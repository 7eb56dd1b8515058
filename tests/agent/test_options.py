"""The options of `whimbrel watch`: defaults, and what does not go together."""

import pytest

from whimbrel.agent.options import (
    APART,
    LIVE_ONLY,
    REVEAL_CALLS,
    REVEAL_CALLS_HERE,
    ROWS,
    WatchOptions,
    sends_in_the_clear,
)
from whimbrel.base.errors import UsageError
from whimbrel.base.options import HelpRequested, docs_table, load


def options(*argv: str, environ: dict[str, str] | None = None) -> WatchOptions:
    return WatchOptions.of(load("watch", ROWS, argv, environ or {}))


def refused(*argv: str) -> str:
    with pytest.raises(UsageError) as caught:
        options(*argv)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


HUB = ("--hub", "https://hub.example", "--token-file", "t")
GIVEN: dict[str, tuple[str, ...]] = {
    "hub": HUB,
    "out": ("--out", "o"),
    "file": ("a.pcap",),
    "interface": ("-i", "lo"),
    "duration": ("--duration", "1"),
    "snaplen": ("--snaplen", "1000"),
    "user": ("--user", "nobody"),
}


def given(name: str) -> tuple[str, ...]:
    return GIVEN.get(name, (f"--{name}",))


def test_the_defaults_watch_everything_within_64_mib() -> None:
    plain = options()
    assert plain.live and plain.shows_table and not plain.keeps_state
    assert plain.memory_bytes == 64 << 20
    assert (plain.interfaces, plain.filter, plain.hub) == ((), None, None)


def test_names_show_at_once_where_nothing_leaves() -> None:
    assert options().reveal_calls == options("x", "--json").reveal_calls == REVEAL_CALLS_HERE == 1
    assert options("x", "--reveal-calls", "10").reveal_calls == 10
    for leaving in (HUB, ("--out", "o"), ("--explain",)):
        assert options("x", *leaving).reveal_calls == REVEAL_CALLS == 10
    assert options("--out", "o", "--reveal-calls", "3").reveal_calls == 3


def test_the_default_of_reveal_calls_is_the_one_that_is_argued_for() -> None:
    template = pytest.importorskip("whimbrel.summary.template")
    assert REVEAL_CALLS == template.REVEAL_CALLS


def test_files_and_interfaces() -> None:
    assert options("a", "-", "--", "-c").files == ("a", "-", "-c")
    assert options("-i", "lo", "-ieth0").interfaces == ("lo", "eth0")
    assert options("-f", "tcp port 80", "x").filter == "tcp port 80"
    assert not options("x").live


@pytest.mark.parametrize(("one", "other", "why"), APART)
def test_what_does_not_go_together(one: str, other: str, why: str) -> None:
    message = refused(*given(one), *given(other))
    assert why in message
    assert all(f"--{name}" in message or name.upper() in message for name in (one, other))


@pytest.mark.parametrize("name", LIVE_ONLY)
def test_what_is_for_interfaces_only(name: str) -> None:
    options(*given(name))
    assert f"--{name}" in refused("a.pcap", *given(name))
    assert options(
        "a.pcap", environ={f"WHIMBREL_{name.upper()}": given(name)[1]}
    ).files  # a general setting is no error


def test_a_hub_needs_a_token_and_the_other_way_round() -> None:
    assert refused("--hub", "https://hub") == "--hub needs --token-file"
    assert refused("--token-file", "t") == "--token-file needs --hub"
    assert options(*HUB).keeps_state


@pytest.mark.parametrize(
    "url",
    [
        "hub",
        "ftp://hub",
        "https://",
        "https://hub:99999",
        "https://hub:0",
        "https://u:p@hub",
        "https://h/?a",
        "http://[::",
        "https://a..b",
        "https://" + "a" * 64,
        "https://h/a b",
        "https://h/caf\xe9",
    ],
)
def test_what_is_no_hub(url: str) -> None:
    assert "--hub" in refused("--hub", url, "--token-file", "t")


def test_a_password_in_the_address_is_not_repeated() -> None:
    assert "hunter2" not in refused("--hub", "https://joe:hunter2@hub", "--token-file", "t")


def test_only_http_beyond_this_machine_is_in_the_clear() -> None:
    assert sends_in_the_clear("http://hub.example:8080/x")
    assert not sends_in_the_clear("https://hub.example")
    assert not sends_in_the_clear("http://127.0.0.1:1") and not sends_in_the_clear("http://[::1]:1/")


def test_standard_input_is_read_once() -> None:
    assert "standard input" in refused("-", "-")


def test_state_is_kept_where_something_is_sent_or_it_is_asked_for() -> None:
    assert options("--out", "x").keeps_state and options("--state", "d").keeps_state
    assert not options("a.pcap").keeps_state


def test_every_option_has_its_line_in_help_and_documents() -> None:
    with pytest.raises(HelpRequested) as page:
        load("watch", ROWS, ["--help"], {})
    table = docs_table(ROWS)
    for row in ROWS:
        assert f"  {row.usage}\n" in str(page.value)
        assert row.sentence in table
