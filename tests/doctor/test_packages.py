"""Packages and compilers; the rows are those of pyproject.toml."""

import importlib
import ssl
import sysconfig
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from tests.doctor.made import machine
from whimbrel.doctor import packages
from whimbrel.doctor.packages import PACKAGES, Package, numbers

ROOT = Path(__file__).resolve().parents[2]
RUNNING = ("serve", "bench", "watch", "library", "hub")  # the extras that programs ask for; others are for development
ROW = Package("json>=2,<3", ("json",), ("watch",), "a test")


def test_every_requirement_of_a_program_has_its_row() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    wanted = {one.partition(";")[0].strip() for name in RUNNING for one in extras.get(name, [])}
    wanted = {one for one in wanted if not one.startswith("whimbrel[")}
    assert wanted - {row.requirement for row in PACKAGES} == set(), "give it a row in doctor/packages.py"


@pytest.mark.parametrize("row", PACKAGES, ids=lambda row: row.distribution)
def test_a_row_can_be_read(row: Package) -> None:
    _, low, high = row.bounds()
    assert low < high


def is_usable(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


@pytest.mark.parametrize("row", PACKAGES, ids=lambda row: row.distribution)
def test_what_is_installed_for_tests_is_found(row: Package, tmp_path: Path) -> None:
    usable = any(is_usable(name) for name in row.modules)
    lacks = "missing" if row.needed else "advice"
    assert packages.package(row, machine(tmp_path)).state == ("ok" if usable else lacks)


@pytest.mark.parametrize(
    ("version", "state"), [("2.0", "ok"), ("2.9.9rc1", "ok"), ("1.9", "missing"), ("3", "missing")]
)
def test_versions(version: str, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda _name: version)
    found = packages.package(ROW, machine(tmp_path))
    assert found.state == state and version in found.found
    assert found.fix.endswith("'json>=2,<3'") == (state == "missing")


def test_a_module_without_a_distribution_is_this_pythons(tmp_path: Path) -> None:
    assert packages.package(ROW, machine(tmp_path)).state == "ok"


def test_what_is_not_there(tmp_path: Path) -> None:
    absent = Package("no-such>=1,<2", ("no_such_module",), ("hub",), "")
    assert packages.package(absent, machine(tmp_path)).state == "missing"
    assert packages.package(Package("no-such>=1,<2", ("no_such_module",), (), "", False), machine(tmp_path)).state == (
        "advice"
    )


def test_numbers_of_versions() -> None:
    assert [numbers(one) for one in ("1", "1.2.3.4", "2.0rc1", "1.5+cu1")] == [(1,), (1, 2, 3), (2, 0, 1), (1, 5)]


def test_a_python_that_refuses_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda _name: str(tmp_path))
    monkeypatch.setattr(packages, "in_environment", lambda: False)
    made = machine(tmp_path)
    assert packages.pip_line(made, "a>=1,<2") == "'/opt/my python' -m pip install 'a>=1,<2'"
    (tmp_path / "EXTERNALLY-MANAGED").write_text("")
    assert "venv" in packages.pip_line(made, "a>=1,<2")
    monkeypatch.setattr(packages, "in_environment", lambda: True)
    assert "venv" not in packages.pip_line(made, "a>=1,<2")


def test_compiled_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert packages.compiled(machine(tmp_path)).state == "ok"
    monkeypatch.setattr(packages, "COMPILED", ("no.such",))
    found = packages.compiled(machine(tmp_path))
    assert found.state == "missing" and "no.such" in found.found
    assert found.fix.startswith("make -C ")
    monkeypatch.setattr(packages, "checkout", lambda: None)
    assert "--force-reinstall whimbrel" in packages.compiled(machine(tmp_path)).fix


def test_every_compiled_module_that_is_named_is_there() -> None:
    source = ROOT / "src" / "whimbrel"
    assert [name for name in packages.COMPILED if not (source / (name.replace(".", "/") + ".pyx")).exists()] == []


def test_openssl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Nobody:
        def cert_store_stats(self) -> dict[str, int]:
            return {"x509_ca": 0}

    class Nowhere:
        capath = None

    monkeypatch.setattr(ssl, "create_default_context", Nobody)
    monkeypatch.setattr(ssl, "get_default_verify_paths", Nowhere)
    found = packages.openssl(machine(tmp_path))
    assert (found.state, found.fix) == ("missing", "sudo apt-get install -y ca-certificates")
    Nowhere.capath = str(tmp_path)  # type: ignore[assignment]
    (tmp_path / "authority.pem").write_text("")
    assert packages.openssl(machine(tmp_path)).state == "ok"


def test_compilers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert packages.compiler(machine(tmp_path)).fix == "sudo apt-get install -y gcc libc6-dev"
    (tmp_path / "clang").write_text("#!/bin/sh\n")
    (tmp_path / "clang").chmod(0o755)
    assert packages.compiler(machine(tmp_path)).found == str(tmp_path / "clang")


def test_headers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda _name: str(tmp_path))
    assert packages.headers(machine(tmp_path)).fix == "sudo apt-get install -y python3-dev"
    (tmp_path / "Python.h").write_text("")
    assert packages.headers(machine(tmp_path)).state == "ok"
