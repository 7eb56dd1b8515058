"""A browser's session: a signed cookie, nothing kept at the hub.

    cookie = name of the grant . expiry . MAC(key, name, the grant's role and hash, expiry)

Idea: the MAC covers the hash of the token that the session was opened with.  A token that is removed or given anew
ends its sessions at the next request, as it ends whatever else shows it; so does a new key (remove the file).
A form token is another MAC under the same key, over the cookie: a page of another site cannot know it.

Deliberately not: a table of sessions.  Logging out makes the browser forget the cookie; whoever had copied it keeps
it until it expires or the token is removed.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from whimbrel.base.errors import UsageError
from whimbrel.hub.tokens import Grant

SESSION_S = 7 * 86400  # a week of work; then the token is asked for again
KEY_BYTES = 32
COOKIE_MOST = 512  # characters that are looked at: 64 of a name, 12 of a time, 64 of a MAC
KEY_NAME = "session.key"
OTHERS_READ = 0o077


def open_key(directory: Path) -> bytes:
    """The key in the data directory, made where there is none; UsageError where it cannot be used."""
    path = directory / KEY_NAME
    try:
        make_key(path)
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & OTHERS_READ:
                raise UsageError(f"{str(path)!r} can be read by others, who could sign in as anybody; chmod 600 it")
            key = file.read(KEY_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{str(path)!r}: {error.strerror}") from None
    if len(key) != KEY_BYTES:
        raise UsageError(f"{str(path)!r}: expected {KEY_BYTES} bytes; remove it, and a new one is made")
    return key


def make_key(path: Path) -> None:
    """Whole or not at all, and never over one that is there."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    if path.exists():
        return
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_bytes(KEY_BYTES))
    try:
        path.hardlink_to(fresh)
    except FileExistsError:  # another process was first
        return
    finally:
        fresh.unlink()


class Sessions:
    """Makes and reads cookies."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.cookie = "whimbrel_" + self._mac("cookie")[:8]  # cookies know no ports: two hubs of a host must not mix

    def open(self, grant: Grant, now_s: float) -> str:
        expiry = str(int(now_s) + SESSION_S)
        return f"{grant.name}.{expiry}.{self._signature(grant, expiry)}"

    def find(self, grants: Sequence[Grant], value: str, now_s: float) -> Grant | None:
        """Whose session this is, and still is."""
        name, _, rest = value[:COOKIE_MOST].rpartition(".")
        name, _, expiry = name.rpartition(".")
        grant = next((one for one in grants if one.name == name), None)
        if grant is None or not expiry.isascii() or not expiry.isdigit() or int(expiry) < now_s:
            return None
        return grant if hmac.compare_digest(self._signature(grant, expiry).encode(), rest.encode()) else None

    def form_token(self, value: str) -> str:
        """What forms of this session carry."""
        return self._mac("form", value)

    def is_form_token(self, value: str, given: str) -> bool:
        return hmac.compare_digest(self.form_token(value).encode(), given.encode())

    def _signature(self, grant: Grant, expiry: str) -> str:
        return self._mac("session", grant.name, grant.role, grant.digest.hex(), expiry)

    def _mac(self, *parts: str) -> str:
        return hmac.new(self.key, "\0".join(parts).encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
