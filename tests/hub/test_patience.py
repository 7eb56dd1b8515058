"""A question that is given up: its statement is interrupted, and the next one does not begin."""

import threading
from pathlib import Path

import pytest

from whimbrel.hub.archive import ArchiveError
from whimbrel.hub.duck import DuckArchive
from whimbrel.hub.patience import Patience, TooSlowError, go_on, interruptible

ENDLESS = "SELECT SUM(a.i * b.i) FROM range(10_000_000) AS a(i), range(10_000_000) AS b(i)"


@pytest.fixture
def archive(tmp_path: Path):
    opened = DuckArchive(tmp_path / "archive.duckdb", memory_mib=128)
    yield opened
    opened.close()


def test_a_statement_that_runs_is_interrupted(archive: DuckArchive) -> None:
    patience = Patience()
    timer = threading.Timer(0.2, patience.give_up)
    timer.start()
    with patience.asked(), pytest.raises(TooSlowError):
        archive.all(ENDLESS)
    timer.join()
    assert archive.all("SELECT 1") == [(1,)]


def test_no_statement_begins_after_it(archive: DuckArchive) -> None:
    patience = Patience()
    with patience.asked():
        assert archive.all("SELECT 1") == [(1,)]
        patience.give_up()
        with pytest.raises(TooSlowError):
            archive.all("SELECT 2")
    assert archive.all("SELECT 3") == [(3,)]  # the thread is free for the next


def test_questions_of_other_threads_go_on() -> None:
    interrupted = []
    one, other = Patience(), Patience()
    with one.asked(), interruptible(lambda: interrupted.append("one")):
        other.give_up()
        assert interrupted == []
        one.give_up()
    one.give_up()
    assert interrupted == ["one"]


def test_an_archive_that_is_closed_says_so_once_and_a_defect_stays_one(archive: DuckArchive) -> None:
    with pytest.raises(Exception, match="no_such_table") as defect:
        archive.all("SELECT * FROM no_such_table")
    assert not isinstance(defect.value, ArchiveError)
    archive.connection.close()
    with pytest.raises(ArchiveError, match="the archive: "):
        archive.all("SELECT 1")


def test_work_between_statements_ends_too() -> None:
    patience = Patience()
    with patience.asked():
        go_on()
        patience.give_up()
        with pytest.raises(TooSlowError):
            go_on()
    go_on()
