"""Marks that whole directories have."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
PLAIN = ("hub", "up", "browser")  # plain Python through and through, and compiled parts of others beside it


@pytest.hookimpl(tryfirst=True)  # before marks select
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE) and item.path.relative_to(HERE).parts[0] in PLAIN:
            item.add_marker("plain")
