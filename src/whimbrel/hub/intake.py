"""POST /v1/batches: where agents send what they saw.

    who -> how often -> how large -> body, bounded in bytes and time -> decoded and on disk -> 200 | 409 | why not

Answers are those that agent/upload.py knows: 2xx and 409 let the agent forget the batch, other 4xx make it set the
batch aside, and 401, 403, 408, 429 and 5xx make it try again later.  Everything is bounded before memory is taken for
it, and costs the sender that exceeds it, not the others: a rate for each token, a budget of bytes for all bodies that
are being read, two batches being decoded at once.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from whimbrel.hub.access import Visitor
from whimbrel.hub.archive import ArchiveError
from whimbrel.hub.bodies import announced, read_body, require_type
from whimbrel.hub.ingest import Outcome
from whimbrel.hub.json_response import json_response
from whimbrel.hub.refusal import Refusal, later
from whimbrel.hub.service import RETRY_S, Service
from whimbrel.summary.batch import RECORD_MOST, BatchError

PATH = "/v1/batches"
CONTENT_TYPE = "application/x-msgpack"
STATUSES = {Outcome.STORED: 200, Outcome.DUPLICATE: 409}


async def take_batch(service: Service, request: Request) -> Response:
    """One record in the body; 200 once it is on disk."""
    visitor = service.access.require(request, "send")
    key = sender(visitor, request)
    service.batches.take(key, "batches")
    require_type(request, CONTENT_TYPE)
    with service.bodies.hold(key, announced(request, RECORD_MOST), "batches"):
        record = await read_body(request, RECORD_MOST)
        service.traffic.batch_bytes += len(record)
        async with service.decoding.through("batches"):
            outcome = await service.in_thread(lambda: accepted(service, record))
    return json_response({"outcome": outcome.value}, STATUSES[outcome])


def sender(visitor: Visitor, request: Request) -> str:
    """Whose rate it is: the token's, or the address's where there are none."""
    return visitor.name or (request.client.host if request.client else "")


def accepted(service: Service, record: bytes) -> Outcome:
    try:
        return service.ingest.accept(record)
    except BatchError as error:
        raise Refusal(400, f"not taken: {error}") from None
    except ArchiveError as error:
        raise later(503, str(error), RETRY_S) from None
    except OSError as error:
        raise later(503, f"the batch could not be kept: {error.strerror}", RETRY_S) from None
