"""What watches the hub: /metrics for Prometheus, /healthz for whatever restarts things."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from whimbrel.base.metrics import CONTENT_TYPE, exposition
from whimbrel.hub.http_metrics import samples
from whimbrel.hub.service import Service


async def metrics(service: Service, request: Request) -> Response:
    """Needs a reader's token where there are tokens: names of routes and rates are somebody's business."""
    service.access.require(request, "read")
    return Response(exposition(samples(service)), media_type=CONTENT_TYPE)


async def health(service: Service, _request: Request) -> Response:
    """Whether batches are taken and find their way into the archive; nobody is asked who they are."""
    trouble = service.ingest.trouble
    return PlainTextResponse(f"{trouble}\n" if trouble else "ok\n", 503 if trouble else 200)
