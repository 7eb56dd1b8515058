"""A network of its own for the demo, so that who may not capture sees it work.

    python -m whimbrel.up.network make                    a user and a network namespace, for as long as stdin is open
    python -m whimbrel.up.network enter PID PROGRAM…      a program in those of process PID
    python -m whimbrel.up.network capture PID PROGRAM…    the same, with the right to capture there

Idea: any user may make a user namespace, and in it a network of which he is the master.  There the demo's parts run,
watched by a real agent; forward.py lets this machine's browser and clients in.  Who they are and what files they may
read is as before, and so is what they may do to anybody else: nothing.
Deliberately not: for root, who may capture anyway or is in a container that will not let him make namespaces either.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import NoReturn, Self

from whimbrel.capture.privilege import (
    CAPABILITY_VERSION_3,
    PR_CAP_AMBIENT,
    CapabilityData,
    CapabilityHeader,
    capture_rights,
    libc,
    prctl,
)

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
NAMESPACES = (("user", CLONE_NEWUSER), ("net", CLONE_NEWNET))  # the first gives the right to enter the second
PR_CAP_AMBIENT_RAISE, CAP_NET_RAW = 2, 13
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
INTERFACE_FLAGS = struct.Struct("16sh14x")  # of struct ifreq
READY = b"ready\n"


class Network:
    """The namespaces, held by a process, seen from `up`."""

    def __init__(self, group: int) -> None:
        """OSError with what the kernel says where this user may not have them."""
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "whimbrel.up.network", "make"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=group,
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        if said != READY:
            self.close()
            raise OSError(said.decode(errors="replace").strip() or "it ended at once")

    def entering(self, argv: tuple[str, ...], *, captures: bool = False) -> tuple[str, ...]:
        """The same program in this network."""
        verb = "capture" if captures else "enter"
        return (sys.executable, "-P", "-m", "whimbrel.up.network", verb, str(self.process.pid), *argv)

    def close(self) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def checked(outcome: int) -> None:
    if outcome:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def make() -> None:
    """From here on this process is in a network of its own, as the user it was."""
    user, group = os.getuid(), os.getgid()
    checked(libc().unshare(CLONE_NEWUSER | CLONE_NEWNET))
    process = Path("/proc/self")
    process.joinpath("setgroups").write_text("deny")
    process.joinpath("uid_map").write_text(f"{user} {user} 1")
    process.joinpath("gid_map").write_text(f"{group} {group} 1")
    raise_loopback()


def raise_loopback() -> None:
    """Where every address of 127/8 is, and nothing else."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as any_socket:
        asked = INTERFACE_FLAGS.pack(b"lo", 0)
        name, flags = INTERFACE_FLAGS.unpack(fcntl.ioctl(any_socket, SIOCGIFFLAGS, asked))
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, INTERFACE_FLAGS.pack(name, flags | IFF_UP))


def enter(pid: int) -> None:
    """This process, which has one thread yet, moves to the namespaces of another."""
    for name, kind in NAMESPACES:
        with Path(f"/proc/{pid}/ns/{name}").open("rb") as namespace:
            checked(libc().setns(namespace.fileno(), kind))


def keep_right_to_capture() -> None:
    """Of all that the master of a namespace may do, let the next program have this."""
    header, data = CapabilityHeader(CAPABILITY_VERSION_3, 0), (CapabilityData * 2)()
    checked(libc().capget(ctypes.byref(header), data))
    data[0].inheritable |= 1 << CAP_NET_RAW
    checked(libc().capset(ctypes.byref(header), data))
    checked(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW))


def hold() -> int:
    try:
        make()
        trouble = capture_rights()  # a security module may give the namespace and not what it is for
    except OSError as error:
        trouble = error.strerror or str(error)
    print(trouble or READY.decode().strip(), flush=True)
    if trouble:
        return 1
    while sys.stdin.buffer.read(4096):
        pass
    return 0


def become(pid: int, program: list[str], *, captures: bool) -> NoReturn:
    """The program in the network of that process, in this one's place."""
    enter(pid)
    if captures:
        keep_right_to_capture()
    os.execv(program[0], program)  # noqa: S606 - there is nothing for a shell to do


def main(argv: list[str]) -> int:
    verb, *rest = argv
    if verb == "make":
        return hold()
    become(int(rest[0]), rest[1:], captures=verb == "capture")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
