"""What an install keeps between runs: one directory, one key.

    STATE/            0700
      key             32 random bytes, 0600: made once, never sent, never shown
      lock            held by the one agent that uses this directory
      spool/          batches on their way (spool.py)

Idea: everything that must be the same after a restart follows from the key: the agent's id is a keyed hash, and so are
the tokens that stand for strings in batches.  Who deletes the key becomes another agent, whose tokens nobody can
connect with the old ones.
Deliberately not: a configuration, nor anything about what was seen.
"""

from __future__ import annotations

import fcntl
import hmac
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from whimbrel.base.errors import UsageError
from whimbrel.base.places import state_path

KEY_BYTES = 32
TOKEN_BYTES_MAX = 4096  # of a token file's first line: more is no token
OTHERS = stat.S_IRWXG | stat.S_IRWXO
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True)
class State:
    """An open state directory, or (path None) a key of this run only."""

    key: bytes
    path: Path | None = None
    lock: int = -1

    @property
    def agent(self) -> str:
        """This install's id: public, and says nothing about the key."""
        return hmac.digest(self.key, b"whimbrel agent id", "sha256")[:8].hex()

    @property
    def spool(self) -> Path:
        assert self.path is not None
        return self.path / "spool"

    @property
    def places(self) -> list[Path]:
        """The directories in which something is written while the agent runs: for who drops privileges."""
        places = [self.path, self.spool, self.spool / "refused"] if self.path else []
        return [place for place in places if place.is_dir()]  # without a hub there is no spool

    def close(self) -> None:
        if self.lock >= 0:
            os.close(self.lock)


def default_path() -> str:
    return state_path("whimbrel")


def forgotten() -> State:
    """The state of a run that leaves nothing behind."""
    return State(secrets.token_bytes(KEY_BYTES))


def open_state(path: str | None = None) -> State:
    """The directory, its key made if there is none; UsageError where it cannot be used."""
    place = Path(path or default_path())
    try:
        make_directory(place)
        lock = os.open(place / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise UsageError(f"--state: {str(place)!r}: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return State(read_key(place / "key"), place, lock)
    except BlockingIOError:
        os.close(lock)
        raise UsageError(f"--state: {str(place)!r} is in use by another agent; give this one its own") from None
    except OSError as error:
        os.close(lock)
        raise UsageError(f"--state: {str(place)!r}: {error.strerror}") from None
    except UsageError:
        os.close(lock)
        raise


def make_directory(place: Path) -> None:
    """Where others may write they may put a key that they know."""
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError:
        raise UsageError(f"--state: {str(place)!r} is not a directory") from None
    if place.stat().st_mode & OTHERS_WRITE:
        raise UsageError(f"--state: {str(place)!r} can be written by others; chmod 700 it, or choose another")


def read_key(path: Path) -> bytes:
    """The key in `path`, made first where there is none.  The directory's lock is held."""
    if not path.exists():
        make_key(path)
    if path.stat().st_mode & OTHERS:
        raise UsageError(f"--state: {str(path)!r} can be read by others; chmod 600 it, or delete it for a new one")
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise UsageError(f"--state: {str(path)!r} is no key: {len(key)} bytes, expected {KEY_BYTES}")
    return key


def make_key(path: Path) -> None:
    """Whole or not at all: a machine that stops in between finds no key, never half of one."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_bytes(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make renames and removals in it last."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_token(path: str) -> str:
    """The first line of --token-file; never part of a message."""
    try:
        with Path(path).open("rb") as file:
            line = file.readline(TOKEN_BYTES_MAX + 1).strip()
    except OSError as error:
        raise UsageError(f"--token-file: {path!r}: {error.strerror}") from None
    if not line or len(line) > TOKEN_BYTES_MAX or any(byte <= 32 or byte >= 127 for byte in line):
        raise UsageError(f"--token-file: {path!r}: expected a token as its first line, printable and without blanks")
    return line.decode("ascii")
