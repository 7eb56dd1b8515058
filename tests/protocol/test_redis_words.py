"""Redis's names: the table's and those beyond it, no one twice."""

from whimbrel.protocol import redis_words
from whimbrel.protocol.resp import commands


def test_the_groups_are_those_that_the_table_only_names() -> None:
    assert set(redis_words.BEYOND_THE_TABLE) == set(commands.ABSENT_GROUPS)


def test_no_name_stands_twice() -> None:
    beyond = [name for names in redis_words.BEYOND_THE_TABLE.values() for name in names.split()]
    table = [command.name for command in commands.ROWS if not command.parent]
    assert len(beyond) == len(set(beyond))
    assert not set(beyond) & set(table)
    assert set(beyond) | set(table) == redis_words.WORDS
    assert all(name == name.lower() for name in redis_words.WORDS)
