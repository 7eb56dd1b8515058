"""The machine as checks see it: files of the kernel, who we are, and how things are installed here.

Idea: everything is read below `root`, so that a test makes a machine out of a directory; and every line that fixes
something is written here, for this distribution and this user, so that it can be pasted as it is.
"""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path

from whimbrel.base.places import state_path

# family of distributions -> how it installs; what a thing is called there, by the name we use
INSTALLERS = {
    "debian": "apt-get install -y",
    "fedora": "dnf install -y",
    "suse": "zypper install -y",
    "arch": "pacman -S --noconfirm",
    "alpine": "apk add",
}
SYSTEM_PACKAGES: dict[str, dict[str, str]] = {
    "libpcap": {
        "debian": "libpcap0.8",
        "fedora": "libpcap",
        "suse": "libpcap1",
        "arch": "libpcap",
        "alpine": "libpcap",
    },
    "compiler": {"debian": "gcc libc6-dev", "fedora": "gcc", "suse": "gcc", "arch": "gcc", "alpine": "gcc musl-dev"},
    "headers": {
        "debian": "python3-dev",
        "fedora": "python3-devel",
        "suse": "python3-devel",
        "arch": "python",
        "alpine": "python3-dev",
    },
    "authorities": dict.fromkeys(INSTALLERS, "ca-certificates"),
}
FAMILIES = {"ubuntu": "debian", "rhel": "fedora", "centos": "fedora", "opensuse": "suse", "sles": "suse"}


@dataclass(frozen=True)
class Machine:
    root: Path = Path("/")
    user_id: int = field(default_factory=os.geteuid)
    python: str = sys.executable
    state: str = field(default_factory=lambda: state_path("whimbrel"))
    data: str = field(default_factory=lambda: state_path("whimbrel-hub"))

    # ---- looking

    def path(self, name: str) -> Path:
        return self.root / name.lstrip("/")

    def text(self, name: str) -> str | None:
        """A file of the kernel's, stripped; None where there is none or it is not shown to us."""
        try:
            return self.path(name).read_text(errors="replace").strip()
        except OSError:
            return None

    def number(self, name: str) -> int | None:
        text = self.text(name)
        return int(text) if text is not None and text.isascii() and text.isdigit() else None

    def family(self) -> str:
        """The distribution whose packages are installed here; empty for one we do not know."""
        fields = dict(line.split("=", 1) for line in (self.text("/etc/os-release") or "").splitlines() if "=" in line)
        names = f"{fields.get('ID', '')} {fields.get('ID_LIKE', '')}".replace('"', " ").replace("'", " ").split()
        known = (FAMILIES.get(name, name) for name in (one.partition("-")[0] for one in names))
        return next((name for name in known if name in INSTALLERS), "")

    # ---- lines that fix

    def as_root(self, line: str) -> str:
        return line if self.user_id == 0 else f"sudo {line}"

    def install(self, thing: str) -> str:
        family = self.family()
        if not family:
            return f"install the package that has it: {SYSTEM_PACKAGES[thing]['debian']} on Debian"
        return self.as_root(f"{INSTALLERS[family]} {SYSTEM_PACKAGES[thing][family]}")

    def pip_install(self, *requirements: str) -> str:
        quoted = " ".join(shlex.quote(one) for one in requirements)
        return f"{shlex.quote(self.python)} -m pip install {quoted}"

    def sysctl(self, name: str, value: int) -> str:
        return self.as_root(f"sysctl -w {name}={value}")

    def put(self, text: str, path: str) -> str:
        return f"echo {text} > {path}" if self.user_id == 0 else f"echo {text} | sudo tee {path}"
