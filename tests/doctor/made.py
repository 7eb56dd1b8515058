"""Machines made of a directory: what the kernel would show, written by the test."""

from pathlib import Path

from whimbrel.doctor.machine import Machine

DEBIAN = 'ID=debian\nNAME="Debian GNU/Linux"\n'


def machine(root: Path, files: dict[str, str] | None = None, user_id: int = 1000) -> Machine:
    for name, text in {"/etc/os-release": DEBIAN, **(files or {})}.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Machine(root, user_id, "/opt/my python", str(root / "state"), str(root / "data"))
