"""What is installed for this interpreter: our compiled modules, other people's packages, what building needs.

A package is imported, not only looked for: one whose compiled part does not fit this machine is as good as missing.
"""

from __future__ import annotations

import functools
import importlib
import platform
import re
import shlex
import shutil
import sys
import sysconfig
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from whimbrel.doctor.finding import Check, Finding, advice, fine, missing
from whimbrel.doctor.machine import Machine

COMPILED = ("store.store", "server.server", "agent.engine", "capture.ring", "bench.client", "cachecore")
COMPILERS = ("cc", "gcc", "clang")  # as tools/toolchain.py looks for them
REQUIREMENT = re.compile(r"([\w.-]+)>=([\d.]+),<([\d.]+)")


@dataclass(frozen=True, slots=True)
class Package:
    """One that an extra of ours asks for; `requirement` is written as in pyproject.toml, which a test holds it to."""

    requirement: str
    modules: tuple[str, ...]  # any of them will do
    programs: tuple[str, ...]
    purpose: str
    needed: bool = True

    @property
    def distribution(self) -> str:
        return self.bounds()[0]

    def bounds(self) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
        """Name, the lowest version that will do, the lowest that will not."""
        match = REQUIREMENT.fullmatch(self.requirement)
        assert match is not None, self.requirement
        return match[1], numbers(match[2]), numbers(match[3])


PACKAGES = (
    Package("msgspec>=0.19,<1", ("msgspec",), ("watch", "hub"), "batches between agents and the hub"),
    Package("brotli>=1.2,<2", ("brotli",), ("watch",), "bodies sent with `br`; they are counted without it", False),
    Package("backports.zstd>=1,<2", ("compression.zstd", "backports.zstd"), ("watch",),
            "bodies sent with `zstd`; they are counted without it", False),
    Package("duckdb>=1.1,<2", ("duckdb",), ("hub",), "the hub's archive"),
    Package("starlette>=0.45,<2", ("starlette",), ("hub",), "the hub's pages and API"),
    Package("uvicorn>=0.34,<1", ("uvicorn",), ("hub",), "the hub's HTTP server"),
    Package("jinja2>=3.1,<4", ("jinja2",), ("hub",), "the hub's pages"),
    Package("plotly>=6,<8", ("plotly",), ("hub",), "the hub's charts: its JavaScript draws them"),
    Package("pyyaml>=6,<7", ("yaml",), ("hub",), "OpenAPI documents in YAML, which the hub compares with"),
)  # fmt: skip


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: 1.2.3rc1 is (1, 2, 3)."""
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])


def package(row: Package, machine: Machine) -> Finding:
    lacks = missing if row.needed else advice
    fix = pip_line(machine, row.requirement)
    for name in row.modules:
        try:
            importlib.import_module(name)
        except ImportError:
            continue
        break
    else:
        return lacks("not installed, or not usable here", fix)
    try:
        version = metadata.version(row.distribution)
    except metadata.PackageNotFoundError:  # part of this Python, or put there without pip
        return fine(f"{name} is there")
    _, low, high = row.bounds()
    if not low <= numbers(version) < high:
        return lacks(f"{version}, where {row.requirement} is expected", fix)
    return fine(version)


def pip_line(machine: Machine, requirement: str) -> str:
    """A distribution's own Python refuses pip: there, an environment of one's own is the way."""
    if Path(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED").exists() and not in_environment():
        quoted = shlex.quote(machine.python)
        return f"{quoted} -m venv --system-site-packages .venv && .venv/bin/pip install {shlex.quote(requirement)}"
    return machine.pip_install(requirement)


def in_environment() -> bool:
    return sys.prefix != sys.base_prefix


def package_checks() -> tuple[Check, ...]:
    return tuple(
        Check(row.distribution, row.programs, row.purpose, functools.partial(package, row)) for row in PACKAGES
    )


# ---- ourselves


def checkout() -> Path | None:
    """The source tree that this runs from, None where it was installed."""
    root = Path(__file__).resolve().parents[3]
    return root if (root / "setup.py").exists() and (root / "tools").is_dir() else None


def compiled(machine: Machine) -> Finding:
    broken = []
    for name in COMPILED:
        try:
            importlib.import_module(f"whimbrel.{name}")
        except ImportError as error:
            broken.append(f"{name} ({error})")
    if not broken:
        return fine(f"for {platform.python_implementation()} {platform.python_version()}, {platform.machine()}")
    root = checkout()
    fix = machine.pip_install("--force-reinstall", "whimbrel") if root is None else f"make -C {shlex.quote(str(root))}"
    return missing(f"{len(broken)} of {len(COMPILED)} are not usable, such as {broken[0]}", fix)


def openssl(machine: Machine) -> Finding:
    try:
        import ssl
    except ImportError:
        return missing("this Python was built without it", "use a Python with the module ssl")
    paths = ssl.get_default_verify_paths()
    context = ssl.create_default_context()
    if context.cert_store_stats()["x509_ca"] == 0 and not (paths.capath and any(Path(paths.capath).iterdir())):
        return missing(f"{ssl.OPENSSL_VERSION}, without authorities to trust", machine.install("authorities"))
    return fine(ssl.OPENSSL_VERSION)


# ---- building


def compiler(machine: Machine) -> Finding:
    found = next((path for name in COMPILERS if (path := shutil.which(name))), None)
    if found is None:
        return advice("none; the build takes one from pip (ziglang)", machine.install("compiler"))
    return fine(found)


def headers(machine: Machine) -> Finding:
    place = Path(sysconfig.get_path("include"))
    if not (place / "Python.h").exists():
        return missing(f"no Python.h in {place}", machine.install("headers"))
    return fine(str(place))
