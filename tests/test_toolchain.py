"""The build's choice of compiler, and that the trees of the build are kept apart."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import toolchain

ROOT = Path(__file__).resolve().parent.parent


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("name", ["cc", "gcc", "clang"])
def test_a_compiler_on_path_is_taken(name: str, tmp_path: Path) -> None:
    executable(tmp_path / name)
    assert toolchain.build_requirements({"PATH": str(tmp_path)}) == []


def test_cc_in_the_environment_is_taken(tmp_path: Path) -> None:
    assert toolchain.build_requirements({"PATH": str(tmp_path), "CC": "mycc"}) == []


def test_without_a_compiler_pip_brings_one(tmp_path: Path) -> None:
    assert toolchain.build_requirements({"PATH": str(tmp_path)}) == [toolchain.ZIG_REQUIREMENT]
    assert toolchain.ZIG_REQUIREMENT.startswith("ziglang>=")
    assert ",<" in toolchain.ZIG_REQUIREMENT


@pytest.mark.parametrize(
    ("machine", "soabi", "glibc", "target"),
    [
        ("x86_64", "cpython-311-x86_64-linux-gnu", "2.36", "x86_64-linux-gnu.2.28"),
        ("x86_64", "cpython-311-x86_64-linux-gnu", "2.17", "x86_64-linux-gnu.2.17"),
        ("x86_64", "cpython-311-x86_64-linux-gnu", "", "x86_64-linux-gnu.2.28"),
        ("aarch64", "cpython-313-aarch64-linux-gnu", "2.39", "aarch64-linux-gnu.2.28"),
        ("aarch64", "cpython-313-aarch64-linux-musl", "", "aarch64-linux-musl"),
    ],
)
def test_zig_is_told_a_target(machine: str, soabi: str, glibc: str, target: str) -> None:
    assert toolchain.zig_target(machine, soabi, glibc) == target


def test_a_machine_zig_is_not_set_up_for_is_named() -> None:
    with pytest.raises(SystemExit, match="not vax"):
        toolchain.zig_target("vax", "", "")


def test_zig_is_told_what_its_defaults_would_get_wrong() -> None:
    commands = toolchain.zig_executables()
    assert "-target" in commands["compiler_so"]
    assert "-target" in commands["linker_so"]
    assert "-fno-sanitize=undefined" in commands["compiler_so"]


def test_the_hooks_ask_for_the_compiler(tmp_path: Path) -> None:
    code = "import backend; print(backend.get_requires_for_build_wheel(), backend.get_requires_for_build_editable())"
    environ = {**os.environ, "PATH": str(tmp_path), "PYTHONPATH": str(ROOT / "tools")}
    environ |= {"WHIMBREL_ONLY": "none", "WHIMBREL_BUILD": "release"}
    environ.pop("CC", None)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True)
    assert done.stdout.count(toolchain.ZIG_REQUIREMENT) == 2, done.stderr


OVERFLOW = """
#include <stdlib.h>
char last(long i) { char *p = malloc(8); p[0] = 1; char c = p[i]; free(p); return c; }
int twice(int i) { return i * 2; }
"""


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc and its sanitizer runtimes")
@pytest.mark.parametrize(
    ("call", "report"),
    [("last(0)", ""), ("last(8)", "heap-buffer-overflow"), ("twice(2147483647)", "signed integer overflow")],
)
def test_the_sanitizer_pass_ends_a_process_that(call: str, report: str, tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text(OVERFLOW)
    flags = ["-shared", "-fPIC", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    subprocess.run(["gcc", *flags, "-o", tmp_path / "a.so", tmp_path / "a.c"], check=True)
    command = [str(ROOT / "tools" / "sanitized"), sys.executable, "-c", f"import ctypes; ctypes.CDLL('./a.so').{call}"]
    environ = {**os.environ, "CC": "gcc"}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert (done.returncode == 0) == (report == ""), done.stderr
    assert report in done.stderr


@pytest.mark.parametrize("mode", ["fast", ""])
def test_an_unknown_mode_is_one_line(mode: str) -> None:
    environ = {**os.environ, "WHIMBREL_BUILD": mode}
    done = subprocess.run([sys.executable, "setup.py", "--name"], cwd=ROOT, env=environ, capture_output=True, text=True)
    assert done.returncode != 0
    assert "WHIMBREL_BUILD" in done.stderr.splitlines()[-1]


# ---- what is built again --------------------------------------------------------------------------------

SMALL_TREE = {
    "src/whimbrel/__init__.py": "",
    "src/whimbrel/one.pxd": "cdef inline int one() noexcept:\n    return 1\n",
    "src/whimbrel/user.pyx": "from whimbrel.one cimport one\n\n\ndef value():\n    return one()\n",
    "src/whimbrel/other.pyx": "def value():\n    return 3\n",
    "README.md": "",
    "LICENSE": "",
}


def built(tree: Path, **environ: str) -> set[str]:
    """Build in place; the names of the modules that were compiled."""
    command = [sys.executable, "setup.py", "build_ext", "--inplace"]
    environ = {**os.environ, "WHIMBREL_BUILD": "test", **environ}
    done = subprocess.run(command, cwd=tree, env=environ, capture_output=True, text=True, check=True)
    return set(re.findall(r"^building '([\w.]+)' extension", done.stdout + done.stderr, re.MULTILINE))


def values(tree: Path) -> list[int]:
    code = "import whimbrel.user, whimbrel.other; print(whimbrel.user.value(), whimbrel.other.value())"
    environ = {**os.environ, "PYTHONPATH": str(tree / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tree, env=environ, capture_output=True, text=True, check=True
    )
    return [int(word) for word in done.stdout.split()]


@pytest.mark.slow
def test_what_changed_is_built_again_and_nothing_else(tmp_path: Path) -> None:
    for name, text in SMALL_TREE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for path in [ROOT / "setup.py", ROOT / "pyproject.toml", *(ROOT / "tools").glob("*.py")]:
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(path.read_text())
    both = {"whimbrel.user", "whimbrel.other"}
    assert built(tmp_path) == both
    assert values(tmp_path) == [1, 3]
    assert built(tmp_path) == set()
    (tmp_path / "src/whimbrel/one.pxd").write_text(SMALL_TREE["src/whimbrel/one.pxd"].replace("1", "2"))
    assert built(tmp_path) == {"whimbrel.user"}
    assert values(tmp_path) == [2, 3]
    (tmp_path / "src/whimbrel/other.pyx").write_text("def value():\n    return 4\n")
    assert built(tmp_path, WHIMBREL_ONLY="whimbrel.user") == set()
    assert built(tmp_path) == {"whimbrel.other"}
    assert values(tmp_path) == [2, 4]
    assert built(tmp_path, CFLAGS="-fno-inline") == both
