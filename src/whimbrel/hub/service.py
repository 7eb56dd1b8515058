"""The running hub as its routes see it: what is known, who may ask, and how much at once.

    route -> service.access.require(request, "read")          who
          -> await service.ask("overview", lambda archive: overview(archive, asked))
                   gate (4 at once, few wait) -> a thread -> archive -> Struct | page

Idea: every route, the API's and the pages', asks through `ask`.  There questions are counted, bounded in number and
time, and whatever goes wrong in an answer becomes the one line that the route passes on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from whimbrel.hub.access import Access
from whimbrel.hub.answers.asked import Asked, Kept, QuestionError, UnknownError
from whimbrel.hub.archive import Archive, ArchiveError
from whimbrel.hub.documented import DocumentError
from whimbrel.hub.http_metrics import Traffic
from whimbrel.hub.ingest import Ingest
from whimbrel.hub.limits import Buckets, Budget, Gate
from whimbrel.hub.patience import Patience, TooSlowError
from whimbrel.hub.refusal import Refusal, later
from whimbrel.summary.batch import RECORD_MOST

QUESTIONS_AT_ONCE = 4  # each has a cursor; more would share the same cores and the same memory
QUESTIONS_WAITING = 64  # pages that refresh themselves in a few dozen browsers
QUESTION_WAIT_S = 10.0
QUESTION_S = 20.0  # then its statements are interrupted; the slowest page over a month takes a second or two
DECODED_AT_ONCE = 2  # batches: each may be 48 MiB when inflated
DECODED_WAITING = 64
DECODE_WAIT_S = 5.0  # an agent waits ten seconds for an answer
BATCHES_PER_S, BATCHES_BURST = 50.0, 500.0  # a token: an agent sends six a minute, and what waited in its spool
LOGINS_PER_S, LOGINS_BURST = 0.2, 10.0  # an address: people mistype
BODIES_BYTES_MOST = 4 * RECORD_MOST  # of batches that are being read; one sender has a quarter of it
RETRY_S = 5.0

T = TypeVar("T")


@dataclass
class Service:
    """Made and used in one event loop; what it runs in threads is said."""

    archive: Archive
    ingest: Ingest
    access: Access
    data: Path
    tell: Callable[[str], None]
    kept: Kept = field(default_factory=Kept)
    clock: Callable[[], float] = time.time
    traffic: Traffic = field(default_factory=Traffic)

    def __post_init__(self) -> None:
        self.questions = Gate(QUESTIONS_AT_ONCE, QUESTIONS_WAITING, QUESTION_WAIT_S)
        self.decoding = Gate(DECODED_AT_ONCE, DECODED_WAITING, DECODE_WAIT_S)
        self.bodies = Budget(BODIES_BYTES_MOST, RECORD_MOST)
        self.batches = Buckets(BATCHES_PER_S, BATCHES_BURST)
        self.logins = Buckets(LOGINS_PER_S, LOGINS_BURST)
        self.backing_up = asyncio.Lock()
        self.threads = ThreadPoolExecutor(QUESTIONS_AT_ONCE + DECODED_AT_ONCE + 1, "hub")  # one for files

    def now(self) -> int:
        return int(self.clock())

    def asked_last(self, seconds: int) -> Asked:
        with refusals():
            return Asked.last(seconds, self.now(), self.kept)

    def asked_between(self, start: int, end: int) -> Asked:
        with refusals():
            return Asked.between(start, end, self.now(), self.kept)

    async def ask(self, name: str, question: Callable[[Archive], T]) -> T:
        """The answer, or a Refusal: 400 or 404 of the question's own, 503 where the archive or time is short."""
        async with self.questions.through("questions"):
            with self.traffic.question(name), self.patient() as patience:
                return await self.in_thread(lambda: answered(self.archive, question, patience))

    @contextmanager
    def patient(self) -> Iterator[Patience]:
        """For QUESTION_S, and as long as somebody waits for the answer."""
        patience = Patience()
        timer = asyncio.get_running_loop().call_later(QUESTION_S, patience.give_up)
        try:
            yield patience
        except asyncio.CancelledError:
            patience.give_up()
            raise
        finally:
            timer.cancel()

    async def in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)

    def close(self) -> None:
        self.threads.shutdown(cancel_futures=True)


def answered(archive: Archive, question: Callable[[Archive], T], patience: Patience) -> T:
    with refusals(), patience.asked():
        return question(archive)


@contextmanager
def refusals() -> Iterator[None]:
    """What goes wrong in a question, as what is answered."""
    try:
        yield
    except (QuestionError, DocumentError) as error:
        raise Refusal(400, str(error)) from None
    except UnknownError as error:
        raise Refusal(404, str(error)) from None
    except TooSlowError:
        raise later(503, f"no answer within {QUESTION_S:g} s: ask for a shorter period", RETRY_S) from None
    except ArchiveError as error:
        raise later(503, str(error), RETRY_S) from None
