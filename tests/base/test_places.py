"""Where state is kept when nobody says where."""

import os
from pathlib import Path

import pytest

from whimbrel.base.places import state_path


def test_root_has_the_systems_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert state_path("whimbrel") == "/var/lib/whimbrel"


def test_others_have_their_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_path("one") == str(tmp_path / "one")
    monkeypatch.setenv("XDG_STATE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_path("two") == str(tmp_path / ".local" / "state" / "two")
