"""The tables: complete, consistent, and the ones the codec reads."""

import re

import pytest

from whimbrel.protocol.memcache import commands, inspect

META = ("mg", "ms", "md", "ma")


def test_names_are_unique_and_states_known() -> None:
    names = [command.name for command in commands.COMMANDS]
    assert len(set(names)) == len(names)
    rows: list[commands.Command | commands.Flag] = [*commands.COMMANDS, *commands.FLAGS]
    assert {row.state for row in rows} == {"full", "partial", "absent"}
    assert all(row.note for row in rows if row.state != "full")


def test_flags_are_unique_per_command_and_complete() -> None:
    """The letters of memcached's doc/protocol.txt."""
    letters = {
        command: {flag.letter for flag in commands.FLAGS if flag.command == command} for command in (*META, "me")
    }
    assert letters == {
        "mg": set("bcfhklOqstuvENRT"),
        "ms": set("bcCEFIkOqsTMN"),
        "md": set("bCEIkOqTx"),
        "ma": set("bCENJDTMOqtcvk"),
        "me": set("b"),
    }
    assert len(commands.FLAGS) == sum(len(found) for found in letters.values())


@pytest.mark.parametrize("command", commands.COMMANDS, ids=lambda command: command.name)
def test_the_codec_knows_the_name_and_the_number_of_words(command: commands.Command) -> None:
    if command.name in ("mg", "ms", "md", "ma", "me") or command.max_tokens == 24:
        line = " ".join([command.name] + ["1"] * max(command.min_tokens - 1, 1)).encode()
        message = inspect.parse_request(line + b"\r\n")[0]
        assert message is not None
        assert message["command"] == command.name
        return
    for words in range(command.min_tokens, command.max_tokens + 1):
        line = b" ".join([command.name.encode()] + [b"0"] * (words - 1)) + b"\r\n"
        message = inspect.parse_request(line + b"\r\n")[0]
        assert message is not None
        assert message["command"] == command.name
        assert command.state == "absent" or message.get("error") != b"ERROR"
    if command.max_tokens < 24:
        line = b" ".join([command.name.encode()] + [b"0"] * command.max_tokens) + b"\r\n"
        message = inspect.parse_request(line)[0]
        assert message is not None
        assert message["error"] == b"ERROR"


@pytest.mark.parametrize("name", ["", "g", "ge", "gett", "GET", "sets", "m", "mgg", "cache_memlimits", "x" * 40])
def test_no_other_name_is_known(name: str) -> None:
    message = inspect.parse_request(f"{name} a b c\r\n".encode())[0]
    assert message is not None
    assert message["error"] == b"ERROR"


@pytest.mark.parametrize("letter", [chr(code) for code in range(33, 127)])
def test_the_codec_knows_the_letters(letter: str) -> None:
    argument = {"M": "S", "b": ""}.get(letter, "1")
    message = inspect.parse_request(f"mg YQ== {letter}{argument}\r\n".encode())[0]
    assert message is not None
    assert (message.get("error") == b"CLIENT_ERROR invalid flag") == (letter not in commands.LETTERS)


def test_error_lines_begin_as_clients_expect() -> None:
    known = re.compile(rb"(CLIENT_|SERVER_)?ERROR|MEMLIMIT_")
    assert all(known.match(line) for line in commands.ERRORS[1:])
