import pytest

from whimbrel.base.options import HelpRequested, load
from whimbrel.server.options import ROWS, ServeOptions


def test_the_defaults_are_the_documented_ones() -> None:
    options = ServeOptions.of(load("serve", ROWS, [], {}))
    assert options == ServeOptions(("127.0.0.1:11211",), 64 << 20, 1, None, 10000, 0, 1 << 20, "s3fifo")


def test_every_option_of_the_usage_is_there() -> None:
    with pytest.raises(HelpRequested) as page:
        load("serve", ROWS, ["--help"], {})
    for name in ("listen", "memory", "threads", "admin", "max-connections", "idle-timeout", "max-item", "eviction"):
        assert f"--{name} " in str(page.value)


def test_values_show_as_a_person_would_write_them() -> None:
    shown = ServeOptions.of(load("serve", ROWS, ["--memory", "1g", "--idle-timeout", "0.5"], {})).as_text()
    assert (shown["memory"], shown["idle-timeout"], shown["admin"]) == ("1GiB", "0.5", "")
