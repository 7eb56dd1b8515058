"""Marks that whole directories have; property tests without a clock."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says something about the machine, and nothing about us.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

HERE = Path(__file__).parent
PLAIN = ("hub", "up", "browser", "doctor")  # plain Python through and through, and compiled parts of others beside it


def is_plain(path: Path) -> bool:
    return path.is_relative_to(HERE) and path.relative_to(HERE).parts[:1] in {(name,) for name in PLAIN}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where they are left out, what they import (a database, a browser's driver) is not imported either."""
    return True if "not plain" in config.option.markexpr and is_plain(collection_path) else None


@pytest.hookimpl(tryfirst=True)  # before marks select
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if is_plain(item.path):
            item.add_marker("plain")
