"""Who may do what at the hub: a file of names, roles and hashes.

    # name   role     hash of the token
    web1     agent    sha256:9f2c…
    ada      admin    sha256:04b7…

Idea: a token is 32 random bytes, shown once and never kept.  Nobody guesses it, so its hash needs neither salt nor
slowness, as a password's would.  A token that is presented is compared with every row, each in constant time: how
long it takes says neither whether nor where it was found.

The file is read again when it has changed, so that a line taken out is a token revoked.  Nothing that was presented,
and nothing that stands where a hash should, is ever part of a message: it may be a token.
Deliberately not: expiry, groups, passwords, sessions (the page's cookies are the page's).
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from whimbrel.base.errors import UsageError

Role = Literal["agent", "viewer", "admin"]
Right = Literal["send", "read", "change"]

# What a role may: give batches to the hub, look at what it knows, change what it keeps.
RIGHTS: dict[Role, frozenset[Right]] = {
    "agent": frozenset({"send"}),
    "viewer": frozenset({"read"}),
    "admin": frozenset({"send", "read", "change"}),
}

TOKEN_PREFIX = "whimbrel_"  # noqa: S105 - so that people, and scanners of repositories, see what they have found
TOKEN_RANDOM_BYTES = 32
PRESENTED_MAX = 4096  # characters: as long as an agent's token file may have; what is longer is not hashed
GRANTS_MAX = 4096  # each is compared for each request: 4,096 take about a millisecond
FILE_BYTES_MAX = 1 << 20  # 4,096 lines and as many comments
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
HASH = re.compile(r"sha256:([0-9a-f]{64})")
OTHERS_WRITE = 0o022
ALLOWED_NAME = "1 to 64 letters, digits, dots, dashes and underscores, the first a letter or digit"


@dataclass(frozen=True, slots=True)
class Grant:
    """One line of the file."""

    name: str
    role: Role
    digest: bytes

    def may(self, right: Right) -> bool:
        return right in RIGHTS[self.role]

    def line(self) -> str:
        return f"{self.name} {self.role} sha256:{self.digest.hex()}\n"


def digest_of(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def new_token() -> str:
    return TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_RANDOM_BYTES)


def find(grants: Sequence[Grant], token: str) -> Grant | None:
    """Whose token this is; looks at every grant, wherever it is found."""
    if len(token) > PRESENTED_MAX:
        return None
    digest, found = digest_of(token), None
    for grant in grants:
        if hmac.compare_digest(grant.digest, digest):
            found = grant
    return found


# ---- the file


def parse(text: str, where: str) -> tuple[Grant, ...]:
    """The grants of a file's text; UsageError names the line, not what is in it."""
    found: dict[str, Grant] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        grant = parse_line(line, f"{where}, line {number}")
        if grant.name in found:
            raise UsageError(f"{where}, line {number}: {grant.name!r} has a line already")
        found[grant.name] = grant
        if len(found) > GRANTS_MAX:
            raise UsageError(f"{where}: more than {GRANTS_MAX} tokens")
    return tuple(found.values())


def parse_line(line: str, where: str) -> Grant:
    fields = line.split()
    if len(fields) != 3:
        raise UsageError(f"{where}: expected NAME ROLE HASH, as `whimbrel hub token` writes them")
    name, role, text = fields
    if not NAME.fullmatch(name):
        raise UsageError(f"{where}: the name is not allowed: expected {ALLOWED_NAME}")
    if (hashed := HASH.fullmatch(text)) is None:
        raise UsageError(f"{where}: expected sha256: and 64 hexadecimal digits as the third word, not a token")
    return Grant(name, role_of(role, where), bytes.fromhex(hashed[1]))


def role_of(text: str, where: str) -> Role:
    for role in RIGHTS:
        if text == role:
            return role
    raise UsageError(f"{where}: the role is not allowed: expected one of {', '.join(RIGHTS)}")


def read(path: Path) -> tuple[str, os.stat_result]:
    """The file's text, and what the file was when it was read."""
    where = f"token file {str(path)!r}"
    try:
        with path.open("rb") as file:
            seen = os.fstat(file.fileno())
            raw = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(f"{where}: {error.strerror}") from None
    if len(raw) > FILE_BYTES_MAX:
        raise UsageError(f"{where}: larger than {FILE_BYTES_MAX} bytes")
    if seen.st_mode & OTHERS_WRITE:
        raise UsageError(f"{where} can be written by others, who could let themselves in; chmod 600 it")
    try:
        return raw.decode("utf-8"), seen
    except UnicodeDecodeError:
        raise UsageError(f"{where}: not text") from None


Signature = tuple[int, int, int]


def signature(seen: os.stat_result) -> Signature:
    """Another one where the file was written again."""
    return seen.st_ino, seen.st_size, seen.st_mtime_ns


class Tokens:
    """The grants of a file, as it is now."""

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        """UsageError where the file cannot be used."""
        self.path, self.tell = path, tell
        text, seen = read(path)
        self.grants = parse(text, f"token file {str(path)!r}")
        self.seen: Signature | None = signature(seen)

    def find(self, token: str) -> Grant | None:
        """Whose token this is, by the file as it is now."""
        self.refresh()
        return find(self.grants, token)

    def refresh(self) -> None:
        """Read a file that has changed.  One that cannot be used is said once, and what was in force stays, so that a
        slip while editing locks nobody out; one that was taken away lets nobody in."""
        try:
            now: Signature | None = signature(self.path.stat())
        except FileNotFoundError:
            now = None
        except OSError as error:
            self._once((0, 0, error.errno or 0), f"token file {str(self.path)!r}: {error.strerror}; the last one stays")
            return
        if now == self.seen:
            return
        if now is None:
            self.grants = ()
            self._once(None, f"token file {str(self.path)!r} is gone: nobody is let in")
            return
        try:
            text, seen = read(self.path)
            self.grants = parse(text, f"token file {str(self.path)!r}")
            self.seen = signature(seen)
        except UsageError as error:
            self._once(now, f"{error}; the tokens of before stay in force")

    def _once(self, now: Signature | None, message: str) -> None:
        if now != self.seen:
            self.seen = now
            self.tell(message)


# ---- changing it


def add(path: Path, name: str, role: str) -> str:
    """Give `name` a token with `role`; the token, which is nowhere else."""
    if not NAME.fullmatch(name):
        raise UsageError(f"name {name!r} is not allowed: expected {ALLOWED_NAME}")
    token = new_token()
    grant = Grant(name, role_of(role, f"role {role!r}"), digest_of(token))

    def with_it(text: str) -> str:
        if any(one.name == name for one in parse(text, f"token file {str(path)!r}")):
            raise UsageError(f"{name!r} has a token already: remove it first (--remove {name}), or choose another name")
        changed = text + ("" if not text or text.endswith("\n") else "\n") + grant.line()
        parse(changed, f"token file {str(path)!r}")  # its limits
        return changed

    change(path, with_it)
    return token


def remove(path: Path, name: str) -> None:
    """Take the token of `name` away."""

    def without_it(text: str) -> str:
        if not any(one.name == name for one in parse(text, f"token file {str(path)!r}")):
            raise UsageError(f"{name!r} has no token in {str(path)!r}")
        return "".join(line for line in text.splitlines(keepends=True) if line.split()[:1] != [name])

    change(path, without_it)


def change(path: Path, edit: Callable[[str], str]) -> None:
    """Replace the file by its edited text, whole or not at all, one at a time."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            text, seen = read(path) if path.exists() else ("", None)
            write(path, edit(text), seen, os.fstat(lock))
            os.fsync(lock)  # the new name lasts
        finally:
            os.close(lock)
    except OSError as error:
        raise UsageError(f"token file {str(path)!r}: {error.strerror}") from None


def write(path: Path, text: str, before: os.stat_result | None, directory: os.stat_result) -> None:
    """The file keeps its mode and owner; a new one is its owner's only, and belongs to whoever owns the directory, so
    that root can make a token for a hub that is not."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    owner = before or directory
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        if os.geteuid() == 0:
            os.fchown(handle, owner.st_uid, owner.st_gid)
        os.fchmod(handle, before.st_mode & 0o777 if before else 0o600)
        file.write(text.encode())
        file.flush()
        os.fsync(handle)
    fresh.rename(path)
