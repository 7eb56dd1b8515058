from pathlib import Path

from whimbrel.protocol import document
from whimbrel.protocol.memcache import commands as memcache
from whimbrel.protocol.resp import commands as resp

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "protocols.md"


def test_the_document_is_what_the_tables_say() -> None:
    assert DOCUMENT.read_text() == document.render(), "run python -m whimbrel.protocol.document docs/protocols.md"


def test_every_command_and_flag_is_in_it() -> None:
    text = document.render()
    for command in memcache.COMMANDS:
        assert not command.listed or f"| `{command.name}" in text
    for flag in memcache.FLAGS:
        assert f"| `{flag.command}` | `{flag.letter}" in text
    for row in resp.COMMANDS:
        assert f"| `{row.syntax}".replace("|", "\\|")[2:] in text


def test_a_bar_in_a_cell_does_not_end_it() -> None:
    assert list(document.table(("a",), [("x|y",)]))[2] == "| x\\|y |"
