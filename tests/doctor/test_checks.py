"""The table of checks."""

import pytest

from whimbrel.doctor import packages
from whimbrel.doctor.checks import CHECKS, PROGRAMS, chosen, docs_table


def test_names_are_told_apart_and_programs_known() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    assert {program for check in CHECKS for program in check.programs} == set(PROGRAMS)
    assert all(check.programs and check.purpose for check in CHECKS)


def test_programs_choose_their_checks() -> None:
    hub = {check.name for check in chosen(("hub",))}
    assert {"duckdb", "data directory"} <= hub
    assert not hub & {"capture rights", "libpcap"}
    assert hub < {check.name for check in chosen(("hub", "watch"))}
    assert chosen(("up",)) == chosen(("serve", "watch", "hub"))


def test_building_is_looked_at_in_a_source_tree_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(()) == list(CHECKS)
    monkeypatch.setattr(packages, "checkout", lambda: None)
    assert {"compiler", "Python.h"} == {check.name for check in CHECKS} - {check.name for check in chosen(())}
    assert {check.name for check in chosen(("build",))} == {"compiler", "Python.h"}


def test_the_table_of_the_documents_has_every_row() -> None:
    assert docs_table().count("\n") == len(CHECKS) + 2
