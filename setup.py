"""Compiled modules: every .pyx under src/, found by looking, built alike.

WHIMBREL_BUILD   release (default: -O2) | test (-O1, quick to build) | sanitize (ASAN + UBSAN, .pyx line numbers)
WHIMBREL_ONLY    comma-separated module prefixes (whimbrel.store,...): build only these
WHIMBREL_JOBS    compilers run side by side (default: one a core)

Each mode has its own tree, build/<mode>, with the C, the objects and the finished modules; a module is rebuilt
when its .pyx, a .pxd it sees, or anything in its recipe (flags, compiler, Cython, Python) has changed.
"""

import filecmp
import hashlib
import os
import shutil
import sys
import time
from importlib.metadata import version
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "tools"))

import toolchain  # noqa: E402 - found only through the line above

MODE = os.environ.get("WHIMBREL_BUILD", "release")
ONLY = tuple(name for name in os.environ.get("WHIMBREL_ONLY", "").split(",") if name)
JOBS = int(os.environ.get("WHIMBREL_JOBS", "0")) or os.cpu_count() or 1

# A wheel is staged apart from the tree that developers build in: tools/backend.py empties it first.
TREE = Path("build") / ("wheel" if "bdist_wheel" in sys.argv else MODE)
C_TREE = TREE if "bdist_wheel" in sys.argv else Path("build") / "c"  # the same C for every kind of build

SANITIZERS = ["-fsanitize=address,undefined"]
COMPILE_ARGS = {
    "release": ["-O2", "-g0"],
    "test": ["-O1", "-g0"],
    "sanitize": [
        "-O1",
        "-g",
        "-fno-omit-frame-pointer",
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover=undefined",
    ],
}
LINK_ARGS = {"sanitize": ["-fsanitize=address,undefined"]}
COMMON_ARGS = ["-std=gnu11", "-fno-strict-aliasing", "-Wno-unused-function", "-Wno-sign-compare"]
DIRECTIVES = {
    "language_level": "3",
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "embedsignature": True,
}


def recipe() -> str:
    """Everything besides the sources that a compiled module depends on."""
    compiler = os.environ.get("CC", "cc") if toolchain.has_compiler() else " ".join(toolchain.zig_command())
    flags = [os.environ.get(name, "") for name in ("CFLAGS", "CPPFLAGS", "LDFLAGS", "LDSHARED")]
    parts = [sys.version, version("Cython"), compiler, flags, COMPILE_ARGS[MODE], COMMON_ARGS, LINK_ARGS, DIRECTIVES]
    return "\n".join(map(str, parts))


def extensions() -> list[Extension]:
    if MODE not in COMPILE_ARGS:
        raise SystemExit(f"WHIMBREL_BUILD={MODE!r} is not one of {', '.join(COMPILE_ARGS)}")
    found = []
    for path in sorted((ROOT / "src").rglob("*.pyx")):
        source = path.relative_to(ROOT)
        name = ".".join(source.with_suffix("").parts[1:])
        if ONLY and not name.startswith(ONLY):
            continue
        compile_args = [*COMPILE_ARGS[MODE], *COMMON_ARGS]
        link_args = LINK_ARGS.get(MODE, [])
        found.append(Extension(name, [str(source)], extra_compile_args=compile_args, extra_link_args=link_args))
    return found


def c_recipe() -> str:
    """Of that, what the C depends on."""
    return "\n".join(map(str, (sys.version, version("Cython"), DIRECTIVES)))


def stamp(tree: Path, ext: Extension, text: str) -> Path:
    """A file that is as old as the last change of the recipe for this module; void C is removed."""
    path: Path = tree / "recipe" / ext.name
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        if tree == C_TREE:
            (tree / ext.sources[0]).with_suffix(".c").unlink(missing_ok=True)
        path.write_text(text)
    return path


def translate(modules: list[Extension]) -> None:
    """Replace the .pyx of each module by the C made from it, made anew where something changed.

    Cython takes seconds to find out that nothing did, so the time of the last look is kept: where no .pyx or .pxd
    is younger, it is not asked.
    """
    for ext in modules:
        stamp(C_TREE, ext, c_recipe())
    translated = [str((C_TREE / ext.sources[0]).with_suffix(".c")) for ext in modules]
    started_s = time.time()
    names = hashlib.sha256("\n".join(translated).encode()).hexdigest()[:16]
    looked = C_TREE / "recipe" / f"looked-{names}"
    if not (looked.exists() and youngest_source_s() < looked.stat().st_mtime and all(map(os.path.exists, translated))):
        cythonize(
            modules,
            build_dir=str(C_TREE),
            include_path=["src"],
            compiler_directives=DIRECTIVES,
            emit_linenums=True,  # for the sanitizers; others compile without debugging information
            nthreads=JOBS if JOBS > 1 else 0,
            quiet=True,
        )
        looked.touch()
        os.utime(looked, (started_s, started_s))  # what was edited meanwhile is looked at again
    text = recipe()
    for ext, source in zip(modules, translated, strict=True):
        ext.depends = [str(stamp(TREE / "objects", ext, text))]
        ext.sources = [source]


def youngest_source_s() -> float:
    return max(path.stat().st_mtime for path in (ROOT / "src").rglob("*.p[yx][xd]"))


class Build(build):
    """`build`, after which the tree holds what the source holds and nothing older."""

    def run(self) -> None:
        super().run()
        made = {Path(path).resolve() for name in self.get_sub_commands() for path in self.outputs_of(name)}
        for path in Path(self.build_lib).rglob("*"):
            if path.is_file() and path.resolve() not in made and not ONLY and not getattr(self, "editable_mode", False):
                path.unlink()

    def outputs_of(self, name: str) -> list[str]:
        return list(self.get_finalized_command(name).get_outputs())


class BuildExt(build_ext):
    """`build_ext` with zig where there is no compiler, and one object tree for every kind of build."""

    def run(self) -> None:
        if MODE == "sanitize" and not toolchain.has_compiler():
            raise SystemExit("WHIMBREL_BUILD=sanitize needs gcc: zig brings no sanitizer runtime")
        translate(self.extensions)
        if self.editable_mode:  # pip hands an empty temporary tree; the one that is already there is as good
            self.build_lib, self.build_temp = str(TREE / "lib"), str(TREE / "temp")
        super().run()

    def build_extensions(self) -> None:
        if not toolchain.has_compiler():
            toolchain.prepare_zig_cache(Path("build") / "zig-cache")
            self.compiler.set_executables(**toolchain.zig_executables())
        super().build_extensions()

    def copy_extensions_to_source(self) -> None:
        """Put the modules beside their .pyx, each at once: an importer finds the old one or the new one."""
        build_py = self.get_finalized_command("build_py")
        for ext in self.extensions:
            target, built = map(Path, self._get_inplace_equivalent(build_py, ext))
            if target.exists() and filecmp.cmp(built, target):
                continue
            fresh = target.with_name(f".{os.getpid()}.{target.name}")
            shutil.copy2(built, fresh)
            fresh.replace(target)


if __name__ == "__main__":  # cythonize's worker processes may import this file
    setup(
        cmdclass={"build": Build, "build_ext": BuildExt},
        ext_modules=extensions(),
        options={
            "build_ext": {"parallel": JOBS},
            "build": {"build_base": str(TREE), "build_lib": str(TREE / "lib"), "build_temp": str(TREE / "temp")},
        },
    )
