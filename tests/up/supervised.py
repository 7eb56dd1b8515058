"""A supervisor of made-up parts as a process: python supervised.py '[{"name": "a", "code": "print(1)"}, ...]'."""

from __future__ import annotations

import json
import os
import re
import sys

from whimbrel.up.child import Part
from whimbrel.up.guard import Guard
from whimbrel.up.log import Log
from whimbrel.up.supervisor import Supervisor


def main() -> int:
    rows = json.loads(sys.argv[1])
    parts = [
        Part(
            name=row["name"],
            argv=(sys.executable, "-I", "-S", "-u", "-c", row["code"]),
            ready=re.compile(row.get("ready", "ready")),
            **{key: row[key] for key in ("needed", "last", "stop_s") if key in row},
        )
        for row in rows
    ]
    log = Log(sys.stdout.fileno(), {part.name: "32" for part in parts}, os.environ)
    with Guard() as guard:
        return Supervisor(parts, log, guard, os.environ, lambda: log.say("all ready")).run()


if __name__ == "__main__":
    sys.exit(main())
