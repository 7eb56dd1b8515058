"""The house rules, as functions from a source tree to its violations.

Each takes the root of a checkout (or of a small tree made by a test) and returns a list of sentences, empty when
the tree keeps the rule.  test_house.py holds this checkout to them, and each of them to a tree that breaks it.

Where the code is not there yet a rule ratchets: exceptions are listed with a reason, and one that is no longer
needed is a violation itself, so the lists only shrink.
"""

import ast
import fnmatch
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

# What each part of the package may import.  A part is a directory or a module right under src/whimbrel.
BELOW_PROGRAMS = {"base", "protocol", "store", "net", "capture", "summary"}
MAY_IMPORT: dict[str, set[str]] = {
    "base": set(),
    "protocol": {"base"},
    "store": {"base"},  # the design: the store knows no protocol
    "net": {"base", "protocol"},
    "capture": {"base", "protocol"},
    "summary": {"base", "protocol"},
    "server": BELOW_PROGRAMS,
    "agent": BELOW_PROGRAMS,
    "hub": BELOW_PROGRAMS,
    "bench": BELOW_PROGRAMS,
    "doctor": BELOW_PROGRAMS,
    "up": BELOW_PROGRAMS,  # it starts the others as processes and imports none of them
    # the library stands beside the programs: storage without sockets
    "cachecodec": {"base"},
    "cacheitem": {"base", "store", "cachecodec"},
    "cacheread": {"base", "store", "cachecodec", "cacheitem"},
    "cachecore": {"base", "store", "cachecodec", "cacheitem", "cacheread"},
    "cachetesting": {"base", "store", "cachecodec", "cacheitem", "cacheread"},
    "cache": {"base", "store", "cachecodec", "cachecore"},
    "cachekeys": {"base", "cache", "cachecodec"},
    "cachecalls": {"base", "cache", "cachecore", "cachekeys"},
    "integrations": {"base", "cache"},
    "cli": BELOW_PROGRAMS | {"server", "agent", "hub", "bench", "doctor", "up"},
    "__main__": {"cli"},
    "__init__": {"base", "cache", "cachecalls"},
}

C_MODULES = {"libc", "posix", "cpython", "cython"}  # Cython's own headers

FROM_LINE = re.compile(r"^\s*from\s+([\w.]+)\s+(?:cimport|import)\s+\(?([\w\s,.*]*)")
IMPORT_LINE = re.compile(r"^\s*(?:cimport|import)\s+([\w., ]+)")

CODE_SUFFIXES = {".py", ".pyx", ".pxd", ".pyi"}
TEXT_SUFFIXES = CODE_SUFFIXES | {".md", ".toml", ".txt", ".in", ""}
KEPT_TREES = ("src", "tests", "tools", "fuzz", "benchmarks", "docs", ".ci")

# Spelled apart, so that this file keeps the rule it states.
LEFTOVERS = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "NotImpl" + "ementedError", "HA" + "CK")
LEFTOVER = re.compile(r"(?<![A-Za-z])(?:" + "|".join(LEFTOVERS) + r")(?![A-Za-z])")
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:root|home|work|Users)/[\w.]")
REGISTRY = re.compile("py" + r"pi\.org|python" + r"hosted\.org")


def sources(root: Path, suffixes: set[str]) -> list[Path]:
    """Files of the package with one of `suffixes`, relative to src/whimbrel."""
    package = root / "src" / "whimbrel"
    return sorted(path.relative_to(package) for path in package.rglob("*") if path.suffix in suffixes)


def kept_files(root: Path) -> Iterator[Path]:
    """Every file people write: the trees of the repository and the files at its root; the fuzz corpus is data."""
    for path in sorted(root.iterdir()):
        if path.is_file() and path.suffix in TEXT_SUFFIXES and path.name not in (".git", "LICENSE"):
            yield path
    for tree in KEPT_TREES:
        for path in sorted((root / tree).rglob("*")):
            data = {"__pycache__", "corpus", "crashes"} & set(path.parts)
            if path.is_file() and path.suffix in TEXT_SUFFIXES and not data and "egg-info" not in str(path):
                yield path


# ---- imports --------------------------------------------------------------------------------------------


def python_imports(text: str) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything a .py or .pyi imports, at any depth; `from a import b` is a.b."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{module}.{name.name}") for name in node.names)


def cython_imports(text: str) -> Iterator[tuple[int, str]]:
    """The same of a .pyx or .pxd, read line by line; names continued on further lines share the first's module."""
    for number, line in enumerate(text.splitlines(), 1):
        code = line.partition("#")[0]
        if match := FROM_LINE.match(code):
            names = [name.split()[0] for name in match[2].split(",") if name.split()]
            yield from ((number, f"{match[1]}.{name}") for name in names or ["*"])
        elif (match := IMPORT_LINE.match(code)) and not code.lstrip().startswith("import_"):
            yield from ((number, name.split()[0]) for name in match[1].split(",") if name.split())


def imports(path: Path) -> list[tuple[int, str]]:
    text = path.read_text()
    return list(python_imports(text) if path.suffix in (".py", ".pyi") else cython_imports(text))


def part_of(relative: Path) -> str:
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imported_part(name: str) -> str:
    """The part a dotted name under whimbrel belongs to; the package's own names are `__init__`."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in MAY_IMPORT else "__init__"


def layer_violations(root: Path) -> list[str]:
    """Imports against the order of layers, or between members of one brace, or relative ones."""
    found = []
    for relative in sources(root, CODE_SUFFIXES):
        part = part_of(relative)
        if part not in MAY_IMPORT:
            found.append(f"{relative}: {part!r} has no place in the order of layers; give it one in tests/house.py")
            continue
        for line, name in imports(root / "src" / "whimbrel" / relative):
            if name.startswith("."):
                found.append(f"{relative}:{line}: relative import {name}")
            if name.split(".")[0] != "whimbrel" or name == "whimbrel.__version__":  # the root imports nothing
                continue
            target = imported_part(name)
            if target != part and target not in MAY_IMPORT[part]:
                found.append(f"{relative}:{line}: {part} may not import {name}")
    return found


def third_party_violations(root: Path, allowed: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Imports of anything but the standard library; `allowed` is {file: {package: reason}}."""
    found, used = [], set()
    own = {"whimbrel"} | C_MODULES | sys.stdlib_module_names
    for relative in sources(root, CODE_SUFFIXES):
        for line, name in imports(root / "src" / "whimbrel" / relative):
            top = name.split(".")[0]
            if top in own or not top:
                continue
            used.add((str(relative), top))
            if top not in allowed.get(str(relative), {}):
                found.append(f"{relative}:{line}: {top} is neither ours nor the standard library's")
    listed = {(name, package) for name, packages in allowed.items() for package in packages}
    return found + [f"{name}: the exception for {package} is no longer needed" for name, package in listed - used]


def header_violations(root: Path) -> list[str]:
    """What is cimported from the package without a .pxd."""
    found = []
    package = root / "src" / "whimbrel"
    for relative in sources(root, {".pyx", ".pxd"}):
        text = (package / relative).read_text()
        cimports = "\n".join(line if re.search(r"\bcimport\b", line) else "" for line in text.splitlines())
        for number, name in cython_imports(cimports):
            parts = name.split(".")
            if parts[0] != "whimbrel":
                continue
            module = package.joinpath(*parts[1:])  # `from package cimport module`, else `from module cimport name`
            if not module.with_suffix(".pxd").exists() and not module.parent.with_suffix(".pxd").exists():
                found.append(f"{relative}:{number}: {name} has no .pxd")
    return found


CONSTANT = re.compile(r"^\s+(\w+)\s*=\s*(-?(?:0x[0-9a-fA-F]+|\d+))\s*(?:#.*)?$")


def wide_enum_violations(root: Path) -> list[str]:
    """Constants of enums that are no int: of which type the others are then, C compilers do not agree on."""
    found = []
    for relative in sources(root, {".pyx", ".pxd"}):
        inside: int | None = None
        for number, line in enumerate((root / "src" / "whimbrel" / relative).read_text().splitlines(), 1):
            indent = len(line) - len(line.lstrip())
            if re.match(r"\s*cp?def enum\b", line):
                inside = indent
            elif inside is not None and line.strip() and indent <= inside:
                inside = None
            elif (
                inside is not None and (match := CONSTANT.match(line)) and not -(1 << 31) <= int(match[2], 0) < 1 << 31
            ):
                found.append(f"{relative}:{number}: {match[1]} is wider than an enum's int")
    return found


# ---- the test tree --------------------------------------------------------------------------------------


def modules(root: Path) -> set[str]:
    """Modules with something to test in them, as paths without suffix: base/slice, server/main."""
    found = set()
    for path in sources(root, {".py", ".pyx", ".pxd"}):
        text = (root / "src" / "whimbrel" / path).read_text()
        only_docstring = path.suffix == ".py" and len(ast.parse(text).body) <= 1 and ast.get_docstring(ast.parse(text))
        if text.strip() and not only_docstring:
            found.add(str(path.with_suffix("")))
    return found


def test_tree_violations(root: Path, through: Mapping[str, str], elsewhere: Mapping[str, str]) -> list[str]:
    """Modules without a test of their name, and tests without a module.

    tests/base/test_slice.py is the test of base/slice; so is tests/base/test_slice_borrowing.py.
    `through` is {module or pattern: the test it is tested through}, `elsewhere` {place under tests: what it tests}.
    """
    known = modules(root)
    tests = [path.relative_to(root / "tests") for path in sorted((root / "tests").rglob("test_*.py"))]
    own, found = set(), []
    for test in tests:
        if any(test.is_relative_to(place) for place in elsewhere):
            continue
        name = str(test.with_suffix("").parent / test.stem.removeprefix("test_"))
        owners = {module for module in known if name == module or name.startswith(module + "_")}
        own |= owners
        if not owners:
            found.append(f"tests/{test}: no module {name}")
    excused = {pattern: set(fnmatch.filter(known - own, pattern)) for pattern in through}
    for module in sorted(known - own - set().union(*excused.values())):
        found.append(f"{module}: no tests/{Path(module).parent}/test_{Path(module).name}.py")
    found += [f"{pattern}: is excused, but every such module has a test" for pattern, hit in excused.items() if not hit]
    listed = {*through.values(), *elsewhere}
    return found + [
        f"tests/{place}: is listed, but not there" for place in sorted(listed) if not (root / "tests" / place).exists()
    ]


# ---- text -----------------------------------------------------------------------------------------------


def length_violations(root: Path, most_code: int, most_tests: int, ceilings: Mapping[str, int]) -> list[str]:
    """Files longer than they should be, or than the ceiling that was written down for them."""
    found, long = [], set()
    for path in kept_files(root):
        relative = str(path.relative_to(root))
        if path.suffix not in CODE_SUFFIXES:
            continue
        most = most_tests if relative.startswith("tests/") else most_code
        lines = len(path.read_text().splitlines())
        if lines > most:
            long.add(relative)
        if lines > ceilings.get(relative, most):
            found.append(f"{relative}: {lines} lines, at most {ceilings.get(relative, most)}; split it by idea")
    return found + [f"{name}: no longer needs its ceiling" for name in sorted(set(ceilings) - long)]


def word_violations(root: Path) -> list[str]:
    """Left-over notes, stubs, paths of somebody's machine, and names of package hosts."""
    found = []
    for path in kept_files(root):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for what, pattern in (("left over", LEFTOVER), ("machine path", MACHINE_PATH), ("package host", REGISTRY)):
                if match := pattern.search(line):
                    found.append(f"{path.relative_to(root)}:{number}: {what}: {match[0]}")
    return found


def section(text: str, name: str) -> str:
    """What a document has between `<!-- name` and `<!-- /name -->`."""
    match = re.search(rf"<!-- {name}\b[^>]*-->\n(.*?)<!-- /{name} -->", text, re.DOTALL)
    if not match:
        raise ValueError(f"no section {name}")
    return match[1].strip()


def link_violations(root: Path) -> list[str]:
    """Links of the documents to files of this repository that are not there."""
    found = []
    for path in [*root.glob("*.md"), *(root / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
            place = target.partition("#")[0]
            if place and "://" not in place and not (path.parent / place).exists():
                found.append(f"{path.relative_to(root)}: {place} is not there")
    return found
