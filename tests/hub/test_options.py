"""The options of `whimbrel hub`: defaults, and what is refused together."""

from pathlib import Path

import pytest

from whimbrel.base.errors import UsageError
from whimbrel.base.options import HelpRequested, load
from whimbrel.hub.options import DAY_S, HOUR_S, MIB, ROWS, HubOptions


def options(*argv: str, environ: dict[str, str] | None = None) -> HubOptions:
    return HubOptions.of(load("hub", ROWS, argv, environ or {}))


def refused(*argv: str) -> str:
    with pytest.raises(UsageError) as caught:
        options(*argv)
    return str(caught.value)


@pytest.fixture
def data(tmp_path: Path) -> str:
    return str(tmp_path / "data")


def test_the_defaults_are_this_machine_and_a_month(data: str) -> None:
    plain = options("--data", data)
    assert (str(plain.listen), plain.token_file) == ("127.0.0.1:9800", None)
    assert (plain.retention_windows_s, plain.retention_minutes_s) == (2 * HOUR_S, 2 * DAY_S)
    assert (plain.retention_s, plain.memory_bytes, plain.threads) == (30 * DAY_S, 512 * MIB, 2)
    assert not Path(data).exists()  # reading options makes nothing


def test_a_token_file_in_the_data_directory_is_in_force(data: str) -> None:
    Path(data).mkdir()
    (Path(data) / "tokens").write_text("")
    assert options("--data", data).token_file == Path(data) / "tokens"
    assert options("--data", data, "--token-file", "/t").token_file == Path("/t")
    assert str(options("--data", data, "--listen", "0.0.0.0:9800").listen) == "0.0.0.0:9800"


@pytest.mark.parametrize("listen", ["0.0.0.0:9800", "[::]:9800", "hub.example:9800", "192.0.2.1:1"])
def test_beyond_this_machine_only_with_tokens(listen: str, data: str) -> None:
    message = refused("--listen", listen, "--data", data)
    assert "whimbrel hub token NAME admin" in message and "\n" not in message
    assert options("--listen", listen, "--data", data, "--token-file", "/t").token_file == Path("/t")


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "[::1]:9800", "localhost:80"])
def test_this_machine_needs_none(listen: str, data: str) -> None:
    assert options("--listen", listen, "--data", data).token_file is None


@pytest.mark.parametrize("listen", ["unix:/tmp/x", "9800", "host", "host:99999", "::1:9800"])
def test_what_is_no_address(listen: str, data: str) -> None:
    assert "--listen" in refused("--listen", listen, "--data", data)


def test_a_token_file_that_cannot_be_seen_is_not_taken_for_absent(data: str) -> None:
    Path(data).write_text("")
    assert options("--data", data).token_file is None  # a file has nothing in it; that it is none is said when it opens

    class Hidden(type(Path())):  # type: ignore[misc]
        def exists(self, **_named: bool) -> bool:
            raise PermissionError(13, "Permission denied")

    from whimbrel.hub.options import is_there

    with pytest.raises(UsageError, match="Permission denied"):
        is_there(Hidden(data))


def test_levels_are_kept_in_their_order(data: str) -> None:
    assert "--retention-windows" in refused("--data", data, "--retention-windows", "3d")
    assert "--retention-minutes" in refused("--data", data, "--retention", "1d")
    kept = options("--data", data, "--retention", "90d", "--retention-minutes", "7d", "--retention-windows", "1d")
    assert (kept.retention_s, kept.retention_minutes_s, kept.retention_windows_s) == (90 * DAY_S, 7 * DAY_S, DAY_S)


@pytest.mark.parametrize(
    "argument", ["--retention=1h", "--retention-minutes=60", "--retention-windows=10", "--memory=1m", "--threads=0"]
)
def test_what_is_too_little(argument: str, data: str) -> None:
    assert "at least" in refused("--data", data, argument) or "from" in refused("--data", data, argument)


def test_every_option_has_its_line_in_help() -> None:
    with pytest.raises(HelpRequested) as page:
        load("hub", ROWS, ["--help"], {})
    assert all(f"  {row.usage}\n" in str(page.value) for row in ROWS)
