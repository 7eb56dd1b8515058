"""The tables of the documents come from the rows in the code.

    python tools/docs.py            write them
    python tools/docs.py --check    say which are out of date, and exit 1

A table stands between `<!-- NAME ... -->` and `<!-- /NAME -->`; what stands there is replaced whole.
"""

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def serve_options() -> str:
    from whimbrel.base.options import docs_table
    from whimbrel.server.options import ROWS

    return docs_table(ROWS)


def watch_options() -> str:
    from whimbrel.agent.options import ROWS
    from whimbrel.base.options import docs_table

    return docs_table(ROWS)


def hub_options() -> str:
    from whimbrel.base.options import docs_table
    from whimbrel.hub.options import ROWS

    return docs_table(ROWS)


def hub_token_options() -> str:
    from whimbrel.base.options import docs_table
    from whimbrel.hub.token_command import ROWS

    return docs_table(ROWS)


def up_options() -> str:
    from whimbrel.base.options import docs_table
    from whimbrel.up.options import ROWS

    return docs_table(ROWS)


def hub_api() -> str:
    from whimbrel.hub.api import PREFIX
    from whimbrel.hub.site import ROWS

    lines = ["| request | right | parameters | what is answered |", "|---|---|---|---|"]
    for row in ROWS:
        given = ", ".join(f"`{one.name}`" for one in row.parameters if one.place == "query")
        lines.append(f"| `{row.method} {PREFIX}{row.path}` | {row.right} | {given} | {row.sentence} |")
    return "\n".join(lines)


def hub_metrics() -> str:
    from whimbrel.base.metrics import docs_table
    from whimbrel.hub.http_metrics import ROWS

    return docs_table(ROWS)


def doctor_options() -> str:
    from whimbrel.base.options import docs_table
    from whimbrel.doctor.main import ROWS

    return docs_table(ROWS)


def doctor_checks() -> str:
    from whimbrel.doctor.checks import docs_table

    return docs_table()


def serve_metrics() -> str:
    from whimbrel.base.metrics import docs_table
    from whimbrel.server.metrics import ROWS

    return docs_table(ROWS)


def watch_flags() -> str:
    from whimbrel.summary.call import FLAGS

    return two_columns("flag", "a call has it when", FLAGS.values())


def watch_counters() -> str:
    from whimbrel.hub.answers.losses import LOSSES
    from whimbrel.summary.counters import SEEN

    return two_columns("counter", "what it counts", [*SEEN.items(), *LOSSES.items()])


def two_columns(name: str, meaning: str, rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join([f"| {name} | {meaning} |", "|---|---|", *(f"| `{one}` | {says} |" for one, says in rows)])


TABLES: tuple[tuple[str, str, Callable[[], str]], ...] = (
    ("docs/serve.md", "options", serve_options),
    ("docs/watch.md", "options", watch_options),
    ("docs/watch.md", "flags", watch_flags),
    ("docs/watch.md", "counters", watch_counters),
    ("docs/hub.md", "options", hub_options),
    ("docs/hub.md", "token-options", hub_token_options),
    ("docs/hub.md", "api", hub_api),
    ("docs/hub.md", "metrics", hub_metrics),
    ("docs/up.md", "options", up_options),
    ("docs/doctor.md", "options", doctor_options),
    ("docs/doctor.md", "checks", doctor_checks),
    ("docs/metrics.md", "metrics", serve_metrics),
)


def filled(text: str, name: str, table: str) -> str:
    """`text` with `table` in its section `name`."""
    pattern = re.compile(rf"(<!-- {name}\b[^>]*-->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(text):
        raise SystemExit(f"docs: there is no section {name}")
    return pattern.sub(lambda match: f"{match[1]}{table.strip()}\n{match[2]}", text, count=1)


def main() -> int:
    check = "--check" in sys.argv[1:]
    stale = []
    for file, name, table in TABLES:
        path = ROOT / file
        old = path.read_text()
        new = filled(old, name, table())
        if new != old:
            stale.append(f"{file}: section {name} is not what the rows say; run `python tools/docs.py`")
            if not check:
                path.write_text(new)
    if check and stale:
        print("\n".join(stale))
    return 1 if check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
