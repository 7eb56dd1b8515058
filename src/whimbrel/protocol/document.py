"""docs/protocols.md, drawn from the command tables of both protocols.

    python -m whimbrel.protocol.document          print it
    python -m whimbrel.protocol.document FILE     write it

A test holds the file in the tree to what this prints.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from whimbrel.protocol.memcache import commands as memcache
from whimbrel.protocol.resp import commands as resp

INTRODUCTION = """\
# Protocols

One port speaks memcache (text and meta commands) and RESP (2 and 3); a connection's first byte decides. Both see
the same items: flags, times to live and CAS tokens mean the same through either.

This page is written by `python -m whimbrel.protocol.document docs/protocols.md` from the tables that the codecs and
executors read. *full* is as the original does it, *partial* says what differs, *absent* says what is answered or why.
"""


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
    yield ""


def code(text: str) -> str:
    return f"`{text}`" if text else ""


def summary(states: Iterable[str]) -> str:
    counts = Counter(states)
    return ", ".join(f"{counts[state]} {state}" for state in ("full", "partial", "absent")) + "."


def memcache_part() -> Iterator[str]:
    listed = [command for command in memcache.COMMANDS if command.listed]
    yield "## Memcache\n"
    yield "The original is memcached 1.6. Commands: " + summary(command.state for command in listed) + "\n"
    yield from table(
        ("command", "replies", "state", ""),
        (
            (code(f"{command.name} {command.arguments}".strip()), code(command.replies), command.state, command.note)
            for command in listed
        ),
    )
    yield "### Flags of the meta commands\n"
    yield from table(
        ("command", "flag", "state", "meaning"),
        (
            (
                code(flag.command),
                code(flag.letter + (f"({flag.argument})" if flag.argument else "")),
                flag.state,
                flag.note,
            )
            for flag in memcache.FLAGS
        ),
    )
    yield "Flags that come back unasked:\n"
    yield from table(("flag", "meaning"), ((code(letter), meaning) for letter, meaning in memcache.RETURNED))
    yield "### Around the commands\n"
    yield from table(("what", "state", ""), memcache.BEYOND_COMMANDS)


def resp_note(command: resp.Command) -> str:
    return ". ".join(part.rstrip(".") for part in (command.summary, command.note) if part)


def resp_part() -> Iterator[str]:
    yield "## RESP\n"
    yield "The original is Redis 7. Commands and subcommands: "
    yield summary(command.state.value for command in resp.COMMANDS) + "\n"
    groups = dict.fromkeys(command.group for command in resp.COMMANDS)
    for group in groups:
        yield f"### {group}\n"
        yield from table(
            ("command", "state", ""),
            (
                (code(command.syntax), command.state.value, resp_note(command))
                for command in resp.COMMANDS
                if command.group == group
            ),
        )
    yield "### Whole families that are absent\n"
    yield from table(("family", "why"), resp.ABSENT_GROUPS.items())


def render() -> str:
    return "\n".join([INTRODUCTION, *memcache_part(), *resp_part()]).rstrip() + "\n"


def main() -> None:
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(render())
    else:
        sys.stdout.write(render())


if __name__ == "__main__":
    main()
