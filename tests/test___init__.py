"""The package itself: what it names, what it costs, which version it says it is."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import whimbrel
from whimbrel.cache import Cache
from whimbrel.cachecalls import cached


def test_it_names_the_library():
    assert whimbrel.Cache is Cache
    assert whimbrel.cached is cached
    assert {"Cache", "cached"} <= set(dir(whimbrel))
    with pytest.raises(AttributeError, match="Cash"):
        whimbrel.Cash  # noqa: B018 - the lookup is what raises


def test_importing_it_imports_nothing():
    code = "import whimbrel, sys; assert not any(m.startswith('whimbrel.') for m in sys.modules), sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_version_is_the_package_s():
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
    assert project.get("version", whimbrel.__version__) == whimbrel.__version__
