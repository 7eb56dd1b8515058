"""The rows of what a watcher knows of RESP commands."""

from whimbrel.agent import cache_commands
from whimbrel.protocol.resp import commands


def test_every_command_has_one_row() -> None:
    names = [rule.name for rule in cache_commands.rules()]
    assert len(names) == len(set(names))
    assert {command.name for command in commands.COMMANDS} <= set(names)


def test_what_is_said_of_the_servers_commands_is_of_commands_it_has() -> None:
    assert set(cache_commands.OWN) <= {command.name for command in commands.COMMANDS}


def test_rows_use_words_that_exist() -> None:
    for rule in cache_commands.rules():
        assert rule.reply in cache_commands.RULES
        assert rule.ttl in cache_commands.TTLS
        assert rule.action in cache_commands.ACTIONS
        assert rule.name == rule.name.lower()
        assert rule.keys[2] > 0 or rule.keys == (0, 0, 0)
