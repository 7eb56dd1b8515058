"""The `whimbrel` command: which program, and one line for whatever stops it."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Sequence

from whimbrel import __version__
from whimbrel.base.errors import UsageError, WhimbrelError
from whimbrel.base.options import HelpRequested

# name -> module with main(argv) -> exit code, and what it is; imported only when asked for
PROGRAMS = {
    "serve": ("whimbrel.server.main", "a cache server for memcached and Redis clients"),
    "watch": ("whimbrel.agent.main", "an agent that summarises the API calls in network traffic"),
    "hub": ("whimbrel.hub.main", "what agents sent, kept and answered"),
    "up": ("whimbrel.up.main", "serve, watch and hub on this machine, in one go"),
    "doctor": ("whimbrel.doctor.main", "what this machine can do, and how to mend what it cannot"),
    "bench": ("whimbrel.bench.main", "a load client for cache servers"),
}
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def usage() -> str:
    lines = ["usage: whimbrel PROGRAM [options]   (whimbrel PROGRAM --help lists them)", ""]
    lines += [f"  {name:<8} {sentence}" for name, (_, sentence) in PROGRAMS.items()]
    return "\n".join([*lines, "  --version"])


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code: 0, 1 for a failure, 2 for a wrong request."""
    try:
        code = run(argv)
        sys.stdout.flush()
    except BrokenPipeError:  # `whimbrel ... | head`: who reads has seen enough
        forget_output()
        return 1
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        print(f"whimbrel: cannot write: {error.strerror}", file=sys.stderr)
        forget_output()
        return 1
    return code


def forget_output() -> None:
    """Or the interpreter's last flush complains."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run(argv: Sequence[str] | None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["--version"]:
        print(f"whimbrel {__version__}")
        return 0
    if not arguments or arguments[0] in ("--help", "-h", "help"):
        print(usage())
        return 0 if arguments else 2
    try:
        if arguments[0] not in PROGRAMS:
            raise UsageError(f"{arguments[0]!r} is not one of {', '.join(PROGRAMS)}")
        return int(importlib.import_module(PROGRAMS[arguments[0]][0]).main(arguments[1:]))
    except HelpRequested as page:
        print(page)
        return 0
    except WhimbrelError as error:
        print(f"whimbrel: {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
