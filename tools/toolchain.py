"""Which C compiler builds this package, and with which words it is called.

A machine with a compiler (CC in the environment, else cc, gcc or clang on PATH) is left to distutils, which
knows its Python's flags.  A machine without one gets `ziglang`, a compiler that pip can install: then both
command lines are ours from the first word to the last, because the flags recorded in sysconfig were written
for a compiler that is not there.

Three things zig needs to be told:
- a target.  Without one it compiles for exactly this CPU, and the wheel dies of SIGILL on the next machine.
- not to trap on undefined behaviour: that is its default where no -O is given, and CPython's headers are full of it.
- a cache directory it may write to; a build user's home often is not one.
"""

import os
import platform
import shutil
import sys
import sysconfig
import tomllib
from collections.abc import Mapping
from pathlib import Path

# 0.13 is the oldest tried; an upper bound because zig's command line is not stable between releases.
ZIG_REQUIREMENT = "ziglang>=0.13,<0.17"

# The glibc the code may assume: memfd_create appeared in 2.27, and 2.28 is what manylinux_2_28 promises.
GLIBC_CEILING = (2, 28)

ZIG_MACHINES = {
    "x86_64": "x86_64-linux-gnu",
    "aarch64": "aarch64-linux-gnu",
    "riscv64": "riscv64-linux-gnu",
    "ppc64le": "powerpc64le-linux-gnu",
    "s390x": "s390x-linux-gnu",
}


def has_compiler(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether distutils would find a C compiler by itself."""
    if environ.get("CC"):
        return True
    return any(shutil.which(name, path=environ.get("PATH")) for name in ("cc", "gcc", "clang"))


def build_requirements(environ: Mapping[str, str] = os.environ) -> list[str]:
    """What a build on this machine needs beyond the `requires` of pyproject.toml."""
    return [] if has_compiler(environ) else [ZIG_REQUIREMENT]


def zig_target(machine: str, soabi: str, glibc: str) -> str:
    """The `-target` of zig for a machine as `platform.machine()` and `sysconfig` name it."""
    if machine not in ZIG_MACHINES:
        known = ", ".join(sorted(ZIG_MACHINES))
        raise SystemExit(f"no C compiler on PATH, and zig is only set up for {known}, not {machine}: install cc")
    triple = ZIG_MACHINES[machine]
    if "musl" in soabi:
        return triple.replace("-gnu", "-musl")
    found = tuple(int(part) for part in glibc.split(".")[:2]) if glibc else GLIBC_CEILING
    return "{}.{}.{}".format(triple, *min(found, GLIBC_CEILING))


def zig_command() -> list[str]:
    """zig as a C compiler for the machine this runs on."""
    target = zig_target(platform.machine(), str(sysconfig.get_config_var("SOABI")), platform.libc_ver()[1])
    return [sys.executable, "-m", "ziglang", "cc", "-target", target]


def zig_executables() -> dict[str, list[str]]:
    """The command lines for distutils' `set_executables`."""
    compiler = [*zig_command(), "-fno-sanitize=undefined", "-fPIC", "-DNDEBUG"]
    if Path("/usr/include").is_dir():
        # Last in the search order: Debian's pyconfig.h includes its per-architecture twin relative to it.
        compiler += ["-idirafter", "/usr/include"]
    return {
        "preprocessor": [*compiler, "-E"],
        "compiler": compiler,
        "compiler_so": compiler,
        "linker_so": [*zig_command(), "-shared", "-s"],
    }


def prepare_zig_cache(directory: Path) -> None:
    """Let zig keep its cache under `directory`, unless the environment already says where."""
    for name in ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"):
        os.environ.setdefault(name, str(directory.resolve()))


def main() -> None:
    """Print, one a line, what pip has to install before setup.py can run."""
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())
    print("\n".join([*project["build-system"]["requires"], *build_requirements()]))


if __name__ == "__main__":
    main()
