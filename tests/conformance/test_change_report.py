"""Two recorded periods of the demo API, before and after a release: what was seeded is named, nothing is invented."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from whimbrel.hub.answers.changes import changes
from whimbrel.hub.answers.shapes import ChangeLine, Changes
from whimbrel.hub.archive import Period
from whimbrel.hub.main import main as hub
from whimbrel.up.demo_changes import SEEDED, Seeded

from .recording import Crowd, api, capture, made_state
from .watching import run

pytestmark = [pytest.mark.slow, pytest.mark.plain]

VISITS = 450  # of each client in each period
LENGTH_S = 600
FIRST_S = (int(time.time()) // LENGTH_S - 3) * LENGTH_S  # recent: the archive keeps such windows as they came
BEFORE, AFTER = Period(FIRST_S, FIRST_S + LENGTH_S), Period(FIRST_S + LENGTH_S, FIRST_S + 2 * LENGTH_S)


@pytest.fixture(scope="module")
def periods(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Version 1, version 1 again, and version 2."""
    place = tmp_path_factory.mktemp("periods")
    files = place / "before.pcap", place / "same.pcap", place / "after.pcap"
    with api(place, "--work", "0") as shop:
        crowd = Crowd(shop.address)
        files[0].write_bytes(capture(crowd.visit(VISITS), BEFORE.start, LENGTH_S))
        files[1].write_bytes(capture(crowd.visit(VISITS), AFTER.start, LENGTH_S))
        shop.deploy()
        crowd.follow(2)
        files[2].write_bytes(capture(crowd.visit(VISITS), AFTER.start, LENGTH_S))
        crowd.close()
        shop.stop()
    return files


def reported(place: Path, *runs: list[Path]) -> Changes:
    """Each run of an agent over its files, into an archive, compared."""
    from whimbrel.hub.duck import DuckArchive

    out, state = place / "out.whb", made_state(place / "state")
    for files in runs:
        done = run("--out", str(out), "--state", str(state), *map(str, files))
        assert done.returncode == 0, done.stderr.decode()
    assert hub(["import", str(out), "--data", str(place / "hub")]) == 0
    archive = DuckArchive(place / "hub" / "archive.duckdb", memory_mib=256, threads=1)
    try:
        return changes(archive, BEFORE, AFTER)
    finally:
        archive.close()


def named(one: ChangeLine | Seeded) -> tuple[str, str, bool]:
    return one.endpoint, one.place, one.breaking


@pytest.mark.parametrize("restarted", [False, True])
def test_what_was_seeded_is_named_and_nothing_else(
    periods: tuple[Path, Path, Path], tmp_path: Path, restarted: bool
) -> None:
    before, _, after = periods
    report = reported(tmp_path, *([[before], [after]] if restarted else [[before, after]]))
    expected = {(one.kind if restarted else one.running or one.kind, *named(one)) for one in SEEDED}
    assert {(line.kind, *named(line)) for line in report.breaking + report.changes} == expected
    assert {line.service for line in report.breaking} == {"shop.internal:9810"}


def test_two_periods_of_the_same_version_say_nothing(periods: tuple[Path, Path, Path], tmp_path: Path) -> None:
    before, same, _ = periods
    report = reported(tmp_path, [before, same])
    assert report.breaking == report.changes == []
    assert report.before.calls > 4 * VISITS and report.after.endpoints == report.before.endpoints
