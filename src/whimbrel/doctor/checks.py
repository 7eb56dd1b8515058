"""Every check, in the order in which it is shown."""

from __future__ import annotations

from whimbrel.doctor import capturing, limits, packages
from whimbrel.doctor.finding import Check

PROGRAMS = ("serve", "watch", "hub", "bench", "library", "build")
STARTS = {"up": ("serve", "watch", "hub")}  # a program that is others

CHECKS: tuple[Check, ...] = (
    Check("modules", ("serve", "watch", "bench", "library"), "the compiled half of Whimbrel", packages.compiled),
    *packages.package_checks(),
    Check("libssl", ("watch", "hub"), "agents that send to an https:// hub", packages.openssl),
    Check("capture rights", ("watch",), "watching interfaces; files need none", capturing.rights),
    Check("packet ring", ("watch",), "watching interfaces without a copy of each packet", capturing.ring),
    Check("libpcap", ("watch",), "all of tcpdump's filter language", capturing.pcap),
    Check("compiled filters", ("watch",), "refusing packets cheaply", capturing.filters),
    Check("packet backlog", ("watch",), "packets that no ring would ever see", capturing.backlog),
    Check("card rings", ("watch",), "bursts that arrive while the kernel is busy", capturing.cards),
    Check("files", ("serve", "bench"), "10,000 connections", limits.files),
    Check("accept queue", ("serve", "hub"), "many clients that connect at once", limits.accepting),
    Check("clock source", ("serve", "watch", "bench"), "telling time for each request", limits.clock_source),
    Check("clock", ("watch", "hub"), "times of several hosts side by side", limits.clock_set),
    Check("memory", ("serve", "watch", "hub"), "what --memory promises", limits.memory),
    Check("huge pages", ("serve", "library"), "lookups in caches of 256 MiB and more", limits.huge_pages),
    Check("shared memory", ("library",), "caches that processes share", limits.shared_memory),
    Check("state directory", ("watch",), "the agent's key, and batches while the hub is away", limits.state_disk),
    Check("data directory", ("hub",), "the archive", limits.data_disk),
    Check("compiler", ("build",), "building from source", packages.compiler),
    Check("Python.h", ("build",), "building from source", packages.headers),
)


def chosen(programs: tuple[str, ...]) -> list[Check]:
    """The checks that one of `programs` wants; without any, those of all, of building only in a source tree."""
    named = {part for program in programs for part in STARTS.get(program, (program,))}
    wanted = named or set(PROGRAMS if packages.checkout() else PROGRAMS[:-1])
    return [check for check in CHECKS if wanted.intersection(check.programs)]


def docs_table() -> str:
    """The rows as a Markdown table."""
    lines = ["| check | wanted by | for |", "|---|---|---|"]
    lines += [f"| {check.name} | {', '.join(check.programs)} | {check.purpose} |" for check in CHECKS]
    return "\n".join(lines) + "\n"
