"""Batches to the hub: one thread, one at a time, oldest first, until it has them.

    POST URL/v1/batches
    Authorization: Bearer TOKEN    Content-Type: application/x-msgpack    X-Batch-Id: ID

What the answer means is one table (ANSWERS).  A batch goes from the spool when the hub says that it has it, so a
batch may be sent twice (the answer was lost), and its id lets the hub count it once.  What fails is tried again after
a wait that doubles from 1 s to 60 s, less a random part so that agents do not come back all together, and not before
a Retry-After.

Deliberately not: following redirects (the token is for this address), proxies, more than one request in flight.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - asked for by name when a host is resolved, and then privileges to read it are gone
import http.client
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from whimbrel import __version__
from whimbrel.agent.spool import Entry, Spool

TIMEOUT_S = 10.0  # of connecting, and between any two bytes
ANSWER_BYTES_MAX = 64 * 1024  # of an answer's body that are read so that the connection can be used again
WAIT_FIRST_S, WAIT_MOST_S = 1.0, 60.0
DOUBLINGS_MAX = 30  # beyond any cap, and no overflow
RETRY_AFTER_MOST_S = 600.0  # a hub that asks for more is asked again earlier
JITTER = 0.5  # of a wait is random
LOOK_S = 0.5  # how soon a stop is noticed by a thread that has nothing to send
CONTENT_TYPE = "application/x-msgpack"

STORED, AGAIN, REFUSED = "stored", "again", "refused"
ANSWERS: dict[int, tuple[str, str]] = {
    409: (STORED, "the hub has it already"),
    401: (AGAIN, "the hub does not know this token"),  # these four are about the address or the token, not the batch
    403: (AGAIN, "the hub does not let this token send"),
    404: (AGAIN, "there is no hub at this address"),
    407: (AGAIN, "a proxy wants a password"),
    408: (AGAIN, "the hub waited too long"),
    425: (AGAIN, "the hub is not ready"),
    429: (AGAIN, "the hub asks for patience"),
}


def meaning(status: int) -> tuple[str, str]:
    """What becomes of the batch, and why."""
    if status in ANSWERS:
        return ANSWERS[status]
    if 200 <= status < 300:
        return STORED, ""
    if 300 <= status < 400:
        return AGAIN, f"the hub has another address: it answered {status}"
    if 400 <= status < 500:
        return REFUSED, f"the hub answered {status}"
    return AGAIN, f"the hub answered {status}"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int  # 0: none came
    reason: str = ""
    retry_after_s: float = 0.0


class Hub:
    """One hub, over one connection that is kept while it works."""

    def __init__(self, url: str, token: str, timeout_s: float = TIMEOUT_S) -> None:
        parts = urlsplit(url)
        self.secure = parts.scheme == "https"
        self.host, self.port = parts.hostname or "", parts.port
        self.target = parts.path.rstrip("/") + "/v1/batches"
        self.timeout_s = timeout_s
        self.headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": CONTENT_TYPE,
            "User-Agent": f"whimbrel/{__version__}",
        }
        self.context = ssl.create_default_context() if self.secure else None
        self.connection: http.client.HTTPConnection | None = None

    def post(self, batch_id: str, batch: bytes) -> Answer:
        """One attempt."""
        fresh = self.connection is None
        try:
            return self._post(batch_id, batch)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if not fresh and isinstance(error, (ConnectionError, http.client.BadStatusLine)):
                return self.post(batch_id, batch)  # a kept connection may have been closed at the other end: once more
            return Answer(0, reason_of(error))

    def _post(self, batch_id: str, batch: bytes) -> Answer:
        if self.connection is None:
            self.connection = self._connect()
        self.connection.request("POST", self.target, batch, {**self.headers, "X-Batch-Id": batch_id})
        response = self.connection.getresponse()
        if response.length is None and not response.chunked:  # nothing says that its head arrived whole
            raise http.client.IncompleteRead(b"")
        body = response.read(ANSWER_BYTES_MAX)
        answer = Answer(response.status, "", retry_after_s(response.getheader("Retry-After")))
        if len(body) == ANSWER_BYTES_MAX or response.will_close:
            self.close()
        return answer

    def _connect(self) -> http.client.HTTPConnection:
        if self.context is not None:
            return http.client.HTTPSConnection(self.host, self.port, timeout=self.timeout_s, context=self.context)
        return http.client.HTTPConnection(self.host, self.port, timeout=self.timeout_s)

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def reason_of(error: Exception) -> str:
    """In words, without anything an answer contained."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the hub's certificate is not trusted: {error.verify_message}"
    if isinstance(error, socket.gaierror):
        return "the hub's name is not known"
    if isinstance(error, TimeoutError):
        return "the hub did not answer in time"
    if isinstance(error, OSError):
        return f"the hub cannot be reached: {error.strerror or type(error).__name__}"
    if isinstance(error, http.client.IncompleteRead):
        return "the hub's answer was cut"
    return f"the hub's answer is no HTTP: {type(error).__name__}"


def retry_after_s(text: str | None, now_s: Callable[[], float] = time.time) -> float:
    """Seconds of a Retry-After in either of its forms; 0 where there is none."""
    if not text:
        return 0.0
    try:
        wait_s = (
            float(text)
            if text.strip().isdecimal() and text.isascii()
            else parsedate_to_datetime(text).timestamp() - now_s()
        )
    except (ValueError, OverflowError, TypeError):
        return 0.0
    return min(max(wait_s, 0.0), RETRY_AFTER_MOST_S)


@dataclass
class Waits:
    """How long until the next attempt."""

    first_s: float = WAIT_FIRST_S
    most_s: float = WAIT_MOST_S
    draw: Callable[[], float] = random.random
    failures: int = 0

    def next_s(self, retry_after_s: float) -> float:
        whole_s = min(self.first_s * 2.0 ** min(self.failures, DOUBLINGS_MAX), self.most_s)
        self.failures += 1
        return max(retry_after_s, whole_s * (1 - JITTER * self.draw()))

    def reset(self) -> None:
        self.failures = 0


@dataclass
class Sent:
    """What the uploader did, for the table and the next batch."""

    batches: int = 0
    bytes: int = 0
    attempts_failed: int = 0
    refused_batches: int = 0
    refused_calls: int = 0
    trouble: str = ""  # why the last attempt failed; empty: it did not
    reasons: dict[str, int] = field(default_factory=dict)


class Uploader(threading.Thread):
    """Sends what is in the spool until it is stopped."""

    def __init__(
        self, spool: Spool, hub: Hub, tell: Callable[[str], None], waits: Waits | None = None, look_s: float = LOOK_S
    ) -> None:
        super().__init__(name="upload", daemon=True)  # a hub that never answers does not hold up the end
        self.spool, self.hub, self.tell = spool, hub, tell
        self.waits = waits or Waits()
        self.look_s = look_s
        self.sent = Sent()
        self.refused_told = (0, 0)
        self.stopping = threading.Event()
        self.hurry = threading.Event()  # stop as soon as the spool is empty or an attempt fails

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                found = self.spool.oldest()
                if found is not None:
                    self._send(*found)
                elif self.hurry.is_set():
                    break
                else:
                    self.spool.arrived.wait(self.look_s)
            except OSError as error:
                self._failed(f"the spool cannot be read: {error.strerror}", 0.0)
        self.hub.close()

    def _send(self, entry: Entry, batch: bytes) -> None:
        answer = self.hub.post(entry.id, batch)
        outcome, reason = meaning(answer.status) if answer.status else (AGAIN, answer.reason)
        if outcome == AGAIN:
            self._failed(reason, answer.retry_after_s)
            return
        if outcome == STORED:
            self.spool.remove(entry)
            self.sent.batches += 1
            self.sent.bytes += len(batch)
        else:
            self.spool.set_aside(entry)
            self.sent.refused_batches += 1
            self.sent.refused_calls += entry.calls
            self.sent.reasons[reason] = self.sent.reasons.get(reason, 0) + 1
            if self.sent.reasons[reason] == 1:  # the next batches say how many
                self.tell(f"{reason}: a batch was set aside, and so will be others")
        if self.sent.trouble:
            self.tell("the hub takes batches again")
        self.sent.trouble = ""
        self.waits.reset()

    def _failed(self, reason: str, retry_after_s: float) -> None:
        self.sent.attempts_failed += 1
        if reason != self.sent.trouble:  # said once, not at every attempt
            self.tell(f"{reason}; batches wait in the spool")
        self.sent.trouble = reason
        if self.hurry.is_set():
            self.stopping.set()
            return
        self._wait(self.waits.next_s(retry_after_s))

    def _wait(self, seconds: float) -> None:
        deadline_s = time.monotonic() + seconds
        while not self.stopping.is_set() and not self.hurry.is_set():
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                break
            self.hurry.wait(min(left_s, self.look_s))

    def take_refused(self) -> tuple[int, int]:
        """Batches and calls that the hub refused since this was asked last."""
        now = (self.sent.refused_batches, self.sent.refused_calls)
        before, self.refused_told = self.refused_told, now
        return now[0] - before[0], now[1] - before[1]

    def finish(self, seconds: float) -> bool:
        """Send what there is for at most this long, then stop; False where a request was still under way."""
        self.hurry.set()
        self.spool.arrived.set()
        self.join(seconds)
        self.stopping.set()
        return not self.is_alive()
