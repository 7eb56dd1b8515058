"""What pages load."""

import gzip
import importlib.util
import re

import pytest

from whimbrel.base.errors import UsageError
from whimbrel.hub.views import assets
from whimbrel.hub.views.assets import OURS, PLOTLY, Assets


@pytest.fixture(scope="module")
def made() -> Assets:
    return Assets()


def test_plotly_is_its_packages(made: Assets) -> None:
    assert b"plotly.js" in made.files[PLOTLY].body[:200]
    assert not (OURS / PLOTLY).exists()


def test_an_address_changes_with_the_file(made: Assets) -> None:
    assert re.fullmatch(r"/static/app\.css\?v=[0-9a-f]{12}", made.address("app.css"))
    assert made.address("app.css")[-12:] != made.address("app.js")[-12:]


def test_what_is_compressed_is_the_same_and_made_once(made: Assets) -> None:
    asset = made.files["app.css"]
    assert gzip.decompress(asset.compressed()) == asset.body
    assert asset.compressed() is asset.compressed()


def test_without_plotly_the_hub_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"plotly.*pip install"):
        assets.plotly_path()


def test_nothing_of_ours_asks_another_host() -> None:
    for path in OURS.iterdir():
        found = re.findall(r"https?://[\w.]+", path.read_text())
        assert [host for host in found if host != "http://www.w3.org"] == [], path.name
