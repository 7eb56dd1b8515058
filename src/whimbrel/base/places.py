"""Where programs keep what outlives them, when nobody says where."""

import os
from pathlib import Path

SYSTEM_STATE = "/var/lib"


def state_path(name: str) -> str:
    """The directory `name` among the states of the system for root, else among the user's own; it may not exist."""
    if os.geteuid() == 0:
        return str(Path(SYSTEM_STATE) / name)
    home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return str(Path(home) / name)
