"""The command table holds together."""

from whimbrel.protocol.resp import commands
from whimbrel.protocol.resp.commands import ROWS, Command, State


def test_names_are_unique() -> None:
    names = [row.full_name for row in ROWS]
    assert len(names) == len(set(names))


def test_present_rows_are_complete() -> None:
    for row in (*commands.COMMANDS, *commands.SUBCOMMANDS):
        assert row.arity != 0, row
        assert row.summary.endswith("."), row
        assert row.since, row
        assert row.syntax.lower().startswith(row.full_name.replace("|", " ")), row


def test_what_is_not_full_says_why() -> None:
    for row in ROWS:
        assert row.state is State.FULL or row.note, row


def test_subcommands_have_containers() -> None:
    names = {row.name for row in commands.COMMANDS}
    assert names >= commands.CONTAINERS
    assert {row.parent for row in commands.SUBCOMMANDS} == commands.CONTAINERS


def test_indexes_fit_the_histograms() -> None:
    assert len(commands.COMMANDS) <= 256 - 64


def needs_keys(row: Command) -> bool:
    return "key" in row.syntax.split() and not row.parent and row.name not in ("eval", "evalsha")


def test_keys_are_where_the_syntax_says() -> None:
    for row in commands.COMMANDS:
        assert not needs_keys(row) or row.keys[0] == 1, row
