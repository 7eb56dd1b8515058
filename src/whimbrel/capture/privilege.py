"""The right to capture, and giving it up again.

Opening a packet socket needs CAP_NET_RAW in the network namespace; reading the ring needs nothing.  So the agent opens
its ring first and then, before it looks at the first hostile byte, becomes a user that owns nothing, without
capabilities and without a way to get any back.

What still has to be written afterwards (the spool, --out, a socket) is opened before, or named in `owner_of`, to be
handed to that user.  Modules are imported before, too: an interpreter in root's home cannot be read by others.
Capabilities belong to threads: drop them before starting any, a thread that still has some is an error.
"""

import ctypes
import errno
import os
import pwd
import socket
import stat
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from whimbrel.base.errors import UsageError, WhimbrelError

PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 24, 38, 47, 4
CAPABILITY_VERSION_3 = 0x20080522
CAP_SETPCAP = 8
CAPABILITIES_MAX = 64  # the kernel has 41 in use and answers EINVAL for what it does not know
CAPABILITY_SETS = ("CapInh", "CapPrm", "CapEff", "CapAmb")

HOW_TO_GRANT = (
    "start it as root (sudo; it drops the privilege once the ring is open), "
    "or in a systemd unit with AmbientCapabilities=CAP_NET_RAW, "
    "or grant it to this interpreter: sudo setcap cap_net_raw+ep {interpreter}"
)


def capture_rights() -> str | None:
    """None where this process may capture; else one line: which capability is missing and how to grant it."""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0).close()
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EACCES):
            return f"this kernel offers no packet sockets: {error.strerror}"
        how = HOW_TO_GRANT.format(interpreter=Path(sys.executable).resolve())
        return f"capturing needs the capability CAP_NET_RAW, which this process does not have: {how}"
    return None


class CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class CapabilityData(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def prctl(*arguments: int) -> int:
    return int(libc().prctl(*map(ctypes.c_ulong, (*arguments, 0, 0, 0, 0)[:5])))


def status(thread: str) -> dict[str, str]:
    """/proc's account of a thread of this process."""
    lines = (line.partition(":") for line in Path("/proc/self/task", thread, "status").read_text().splitlines())
    return {name: value.strip() for name, _, value in lines}


def own_status() -> dict[str, str]:
    return status(str(threading.get_native_id()))


def empty_bounding_set() -> None:
    """So that nothing executed later can have a capability.  Needs one itself: before they are dropped."""
    if int(own_status()["CapEff"], 16) >> CAP_SETPCAP & 1:
        for capability in range(CAPABILITIES_MAX):
            prctl(PR_CAPBSET_DROP, capability)


def clear_capabilities() -> None:
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)  # fails before Linux 4.3, which has no such set
    none = (CapabilityData * 2)()
    if libc().capset(ctypes.byref(CapabilityHeader(CAPABILITY_VERSION_3, 0)), none):
        raise WhimbrelError(f"cannot drop capabilities: {os.strerror(ctypes.get_errno())}")


def find_user(user: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(user)
    except KeyError:
        raise UsageError(f"there is no user {user!r} to run as") from None


def become(user: str) -> None:
    """Take the identity of `user` and its group, for good."""
    entry = find_user(user)
    try:
        os.setgroups([])
        os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
        os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    except OSError as error:
        raise WhimbrelError(f"cannot become user {user!r}: {error.strerror}") from None


def hand_over(path: Path, user: str) -> None:
    """Make `user` the owner of a file, or of a directory and the plain files in it.

    Never through a symbolic link, and no file that has another name: whoever could write into the directory before
    could otherwise have another's file handed over.
    """
    entry = find_user(user)
    inside = [one for one in path.iterdir() if stat.S_ISREG(one.lstat().st_mode)] if path.is_dir() else []
    for one in [path, *inside]:
        try:
            handle = os.open(one, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise WhimbrelError(f"cannot hand {one} to user {user!r}: {error.strerror}") from None
        try:
            found = os.fstat(handle)
            if stat.S_ISDIR(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_nlink == 1):
                os.fchown(handle, entry.pw_uid, entry.pw_gid)
        finally:
            os.close(handle)


def drop_privileges(user: str | None = "nobody", owner_of: Sequence[Path] = ()) -> None:
    """Give up every privilege for good; to be called once, when what needs one is open, before threads start.

    Root becomes `user` (None: stays the user it is, without capabilities), who is made the owner of the paths in
    `owner_of` first.  A process that is not root only loses the capabilities it was given.  Raises WhimbrelError
    where a privilege is left, or a path of `owner_of` cannot be written any more.
    """
    identity = user if os.geteuid() == 0 else None
    "".encode("idna")  # loads what looking up a host name needs
    if identity is not None:
        for path in owner_of:
            hand_over(path, identity)
    empty_bounding_set()
    if identity is not None:
        become(identity)
    clear_capabilities()
    if prctl(PR_SET_NO_NEW_PRIVS, 1):
        raise WhimbrelError("cannot rule out new privileges: prctl refuses PR_SET_NO_NEW_PRIVS")
    left = list(privileges_left(identity))
    if left:
        raise WhimbrelError(f"privileges are left after dropping them: {', '.join(left)}")
    for path in owner_of:
        if not os.access(path, os.W_OK):
            raise WhimbrelError(f"without privileges {path} cannot be written: choose a place {user!r} can reach")


def privileges_left(identity: str | None) -> Iterator[str]:
    """What somebody who took over this process could still use, in every thread of it."""
    if identity is not None and (os.getresuid() != (find_user(identity).pw_uid,) * 3 or os.getgroups()):
        yield f"not user {identity!r}"
    for task in Path("/proc/self/task").iterdir():
        thread = task.name
        try:
            seen = status(thread)
        except FileNotFoundError:  # it ended meanwhile
            continue
        yield from (f"{name} of thread {thread}" for name in CAPABILITY_SETS if int(seen.get(name, "0"), 16))
        if seen.get("NoNewPrivs") != "1":
            yield f"new privileges of thread {thread}"
    if capture_rights() is None:
        yield "the right to capture"
