"""Questions: bounded in number and time, and what goes wrong in them is an answer."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from whimbrel.hub import service as module
from whimbrel.hub.access import Access
from whimbrel.hub.answers.asked import QuestionError, UnknownError
from whimbrel.hub.archive import ArchiveError
from whimbrel.hub.documented import DocumentError
from whimbrel.hub.duck import DuckArchive
from whimbrel.hub.ingest import Ingest
from whimbrel.hub.refusal import Refusal
from whimbrel.hub.service import QUESTIONS_AT_ONCE, Service
from whimbrel.hub.sessions import Sessions

ENDLESS = "SELECT SUM(a.i * b.i) FROM range(10_000_000) AS a(i), range(10_000_000) AS b(i)"


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[DuckArchive]:
    opened = DuckArchive(tmp_path / "archive.duckdb", memory_mib=128)
    yield opened
    opened.close()


@pytest.fixture
def service(archive: DuckArchive, tmp_path: Path) -> Iterator[Service]:
    access = Access(tmp_path / "tokens", False, Sessions(b"k" * 32), print)
    made = Service(archive, Ingest(archive, tmp_path / "journal"), access, tmp_path, print)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (QuestionError("why"), 400),
        (DocumentError("why"), 400),
        (UnknownError("why"), 404),
        (ArchiveError("why"), 503),
    ],
)
def test_what_goes_wrong_is_an_answer(error: Exception, status: int, service: Service) -> None:
    def question(_archive: object) -> None:
        raise error

    with pytest.raises(Refusal, match="why") as caught:
        asyncio.run(service.ask("overview", question))
    assert caught.value.status == status and ("Retry-After" in caught.value.headers) == (status == 503)
    assert service.traffic.latencies["overview"].count == 1


def test_a_defect_stays_one(service: Service) -> None:
    def question(_archive: object) -> None:
        raise KeyError("ours")

    with pytest.raises(KeyError):
        asyncio.run(service.ask("overview", question))


def test_a_question_that_takes_too_long_is_interrupted(
    service: Service, archive: DuckArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUESTION_S", 0.2)
    with pytest.raises(Refusal, match="ask for a shorter period"):
        asyncio.run(service.ask("overview", lambda _: archive.all(ENDLESS)))
    assert asyncio.run(service.ask("overview", lambda _: archive.all("SELECT 1"))) == [(1,)]


def test_so_many_are_worked_on_at_once(service: Service) -> None:
    inside, most, leave = [0], [0], threading.Event()

    def question(_archive: object) -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        if inside[0] == QUESTIONS_AT_ONCE:
            leave.set()
        assert leave.wait(20)
        inside[0] -= 1

    async def ask_many() -> None:
        await asyncio.gather(*(service.ask("overview", question) for _ in range(3 * QUESTIONS_AT_ONCE)))

    asyncio.run(ask_many())
    assert most[0] <= QUESTIONS_AT_ONCE
    assert service.traffic.latencies["overview"].count == 3 * QUESTIONS_AT_ONCE


def test_periods_that_are_none(service: Service) -> None:
    with pytest.raises(Refusal, match="its end must be later"):
        service.asked_between(20, 10)
    with pytest.raises(Refusal, match="ten years"):
        service.asked_last(10_000 * 86_400)
