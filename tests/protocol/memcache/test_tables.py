"""Lookup: every name finds itself, and nothing that is nearly one finds anything."""

import pytest

from whimbrel.protocol.memcache import commands, inspect, tables

NAMES = [command.name for command in commands.COMMANDS]


def command_of(name: str) -> str:
    message = inspect.parse_request(f"{name} 1 1 1 1 1\r\n1\r\n".encode("latin-1"))[0]
    assert message is not None
    return str(message.get("command", ""))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_finds_itself_and_its_neighbours_nothing(name: str) -> None:
    assert command_of(name) == name
    neighbours = [name[:-1], name + "x", name.upper(), chr(ord(name[0]) ^ 1) + name[1:], name + "\x00", "_" + name]
    for other in neighbours:
        assert command_of(other) == (other if other in NAMES else "")


def test_every_family_has_a_command() -> None:
    assert {tables.family_of(index) for index in range(len(NAMES))} == set(range(10))
