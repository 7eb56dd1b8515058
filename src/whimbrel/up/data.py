"""Where the parts keep things, and the token by which the agent sends to the hub.

    DATA/            0700; for root 0711: the agent, then nobody, passes through it
      lock           held by the one `whimbrel up` that uses this directory
      hub/           the hub's --data
      watch/         the agent's --state
      watch.token    0600: what the agent shows to the hub

The agent must show a token, and a hub that has no tokens asks nobody on this machine for one.  So as long as there
are none, one is made up that means nothing.  Once somebody locks the hub (`whimbrel hub token`), `up` asks for a real
one in the same way as people do: by the command, under the name `up`.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from whimbrel.base.errors import UsageError, WhimbrelError
from whimbrel.up.child import environment
from whimbrel.up.options import TOKENS_NAME

TOKEN_HOLDER = "up"  # noqa: S105 - the name that has the token
TOKEN_COMMAND_S = 60.0  # a short command, on a machine that does other things too
MODE, MODE_OF_ROOT = 0o700, 0o711


@dataclass(frozen=True)
class Data:
    """An open data directory."""

    path: Path
    temporary: bool

    @property
    def hub(self) -> Path:
        return self.path / "hub"

    @property
    def watch(self) -> Path:
        return self.path / "watch"

    @property
    def token(self) -> Path:
        return self.path / "watch.token"

    @property
    def locked(self) -> bool:
        """The hub asks for tokens."""
        return (self.hub / TOKENS_NAME).exists()


def open_data(path: Path | None, opened: ExitStack) -> Data:
    """The directory, and everything under it that must be there; UsageError where it cannot be used."""
    data = Data(path or Path(tempfile.mkdtemp(prefix="whimbrel-demo-")), temporary=path is None)
    if data.temporary:
        opened.callback(partial(shutil.rmtree, data.path, ignore_errors=True))
    try:
        if data.temporary or not data.path.exists():
            data.path.mkdir(mode=MODE, parents=True, exist_ok=True)
            data.path.chmod(MODE_OF_ROOT if os.geteuid() == 0 else MODE)
        for place in (data.hub, data.watch):
            place.mkdir(mode=MODE, exist_ok=True)
        opened.callback(os.close, hold(data.path))
    except BlockingIOError:
        raise UsageError(
            f"--data: {str(data.path)!r} is in use by another `whimbrel up`; give this one its own"
        ) from None
    except OSError as error:
        raise UsageError(f"--data: {str(data.path)!r}: {error.strerror}") from None
    return data


def hold(path: Path) -> int:
    lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock


# ---- the token


def give_token(data: Data, environ: Mapping[str, str]) -> None:
    """Write a token that the hub takes from the agent; a new one each time."""
    write_token(data.token, hub_token(data, environ) if data.locked else made_up())


def made_up() -> str:
    return f"whimbrel_up_{secrets.token_urlsafe(16)}"


def hub_token(data: Data, environ: Mapping[str, str]) -> str:
    """A token from the hub's own command, in place of the one it gave before."""
    held = [line.split()[0] for line in hub_command(data, environ, "--list").splitlines()]
    if TOKEN_HOLDER in held:
        hub_command(data, environ, "--remove", TOKEN_HOLDER)
    return hub_command(data, environ, TOKEN_HOLDER, "agent").strip()


def hub_command(data: Data, environ: Mapping[str, str], *arguments: str) -> str:
    """What `whimbrel hub token` prints."""
    argv = (sys.executable, "-P", "-m", "whimbrel", "hub", "token", *arguments, "--data", str(data.hub))
    try:
        done = subprocess.run(
            argv,
            env=environment(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TOKEN_COMMAND_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WhimbrelError(f"no token for the agent: {error}") from None
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise WhimbrelError(f"no token for the agent: {said}")
    return done.stdout


def write_token(path: Path, token: str) -> None:
    """Whole or not at all, for its owner's eyes."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(token + "\n")
    fresh.rename(path)
