"""/metrics: every row, in text that Prometheus reads."""

from prometheus_client.parser import text_string_to_metric_families

from tests.hub.running import Hub
from whimbrel.base.metrics import CONTENT_TYPE
from whimbrel.hub.http_metrics import ROWS


def test_every_row_is_there_and_readable(open_hub: Hub) -> None:
    open_hub.send(b"")
    open_hub.get("/api/agents")
    reply = open_hub.get("/metrics")
    assert reply.headers["content-type"] == CONTENT_TYPE
    found = {family.name: family for family in text_string_to_metric_families(reply.body.decode())}
    assert {row.full_name.removesuffix("_total") for row in ROWS} == set(found)
    assert all(family.documentation for family in found.values())
    routes = {sample.labels["route"] for sample in found["whimbrel_hub_requests"].samples}
    assert {"POST /v1/batches", "GET /api/agents"} <= routes


def test_what_strangers_ask_for_is_one_row(open_hub: Hub) -> None:
    for number in range(5):
        open_hub.get(f"/nothing/{number}")
        open_hub.get(f"/api/endpoints/{number:016x}")
    text = open_hub.get("/metrics").body.decode()
    assert 'route="other",status="4xx"' in text and "/nothing/" not in text
    assert 'route="GET /api/endpoints/{id}",status="4xx"' in text


def test_batches_are_counted(open_hub: Hub) -> None:
    before = open_hub.metric('whimbrel_hub_batches_total{outcome="refused"}')
    open_hub.send(b"no batch")
    assert open_hub.metric('whimbrel_hub_batches_total{outcome="refused"}') == before + 1


def test_where_there_are_tokens_a_reader_is_asked_for_one(locked_hub: Hub) -> None:
    assert locked_hub.get("/metrics").status == 401
    assert locked_hub.get("/metrics", **locked_hub.bearer("agent")).status == 403
    assert locked_hub.get("/metrics", **locked_hub.bearer("viewer")).status == 200
