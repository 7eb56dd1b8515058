"""Compiled modules: every .pyx under src/, found by looking, built alike.

WHIMBREL_BUILD   release (default: -O2) | test (-O1, quick to build) | sanitize (ASAN + UBSAN, .pyx line numbers)
WHIMBREL_ONLY    comma-separated module prefixes (whimbrel.store,...): build only these
"""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

MODE = os.environ.get("WHIMBREL_BUILD", "release")
ONLY = tuple(name for name in os.environ.get("WHIMBREL_ONLY", "").split(",") if name)
JOBS = int(os.environ.get("WHIMBREL_JOBS", "0")) or os.cpu_count() or 1

COMPILE_ARGS = {
    "release": ["-O2"],
    "test": ["-O1"],
    "sanitize": ["-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"],
}
LINK_ARGS = {"sanitize": ["-fsanitize=address,undefined"]}
DIRECTIVES = {
    "language_level": "3",
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "embedsignature": True,
}

ROOT = Path(__file__).parent


def extensions() -> list[Extension]:
    if MODE not in COMPILE_ARGS:
        raise SystemExit(f"WHIMBREL_BUILD={MODE!r} is not one of {', '.join(COMPILE_ARGS)}")
    found = []
    for path in sorted((ROOT / "src").rglob("*.pyx")):
        source = path.relative_to(ROOT)
        name = ".".join(source.with_suffix("").parts[1:])
        if ONLY and not name.startswith(ONLY):
            continue
        found.append(
            Extension(
                name,
                [str(source)],
                extra_compile_args=[*COMPILE_ARGS[MODE], "-std=gnu11", "-fno-strict-aliasing", "-Wno-unused-function"],
                extra_link_args=LINK_ARGS.get(MODE, []),
            )
        )
    return found


setup(
    ext_modules=cythonize(
        extensions(),
        build_dir=f"build/{MODE}",
        include_path=["src"],
        compiler_directives=DIRECTIVES,
        emit_linenums=MODE == "sanitize",
        nthreads=0,
        quiet=True,
    ),
    options={"build_ext": {"parallel": JOBS}, "build": {"build_base": f"build/{MODE}"}},
)
