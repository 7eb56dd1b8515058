"""The API's own document: valid, complete, and true (schemathesis asks the running hub everything it promises)."""

import time

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.generation import GenerationMode

from tests.hub.batches import batch, edge, endpoint, row
from tests.hub.running import Hub
from whimbrel.hub import document_api
from whimbrel.hub.api import Route
from whimbrel.hub.site import ROWS
from whimbrel.summary.batch import encode

load_all_checks()
# Left out: two parameters may each be right and together be none (`end` before `start`), which is 400 as documented.
CHECKED = tuple(
    CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "response_headers_conformance",
        "negative_data_rejection",
        "missing_required_header",
        "unsupported_method",
        "ignored_auth",
    )
)
EXAMPLES = 12  # of each of a dozen operations


def test_it_is_valid_and_has_every_route() -> None:
    made = document_api.document(ROWS)
    validate(made, cls=OpenAPIV31SpecValidator)
    assert sum(len(methods) for methods in made["paths"].values()) == len(ROWS)
    names = [one["operationId"] for methods in made["paths"].values() for one in methods.values()]
    assert len(set(names)) == len(names)


def test_it_is_served_to_anybody(locked_hub: Hub) -> None:
    reply = locked_hub.get("/openapi.json")
    assert reply.status == 200 and reply.json() == document_api.document(ROWS)


def test_a_parameter_is_described_as_it_is_read() -> None:
    sort = next(
        one
        for one in document_api.document(ROWS)["paths"]["/api/endpoints"]["get"]["parameters"]
        if one["name"] == "sort"
    )
    assert sort["schema"]["default"] in sort["schema"]["enum"] and not sort["required"]


@pytest.fixture(scope="module")
def promised(locked_hub: Hub):
    """With something to answer in the last hour."""
    start = int(time.time()) // 10 * 10 - 60
    sent = encode(batch(endpoint(1), endpoint(2, row(3, 0), protocol="redis", host=""), edges=[edge()], start=start))
    assert locked_hub.send(sent, **locked_hub.bearer("agent")).status == 200
    return schemathesis.openapi.from_url(f"http://{locked_hub.host}:{locked_hub.port}/openapi.json")


ASKED = [row for row in ROWS if row.path != "/backup"]  # each backup is a file


@pytest.mark.slow
@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize("row", ASKED, ids=lambda row: row.name)
def test_the_hub_does_what_its_document_says(row: Route, mode: GenerationMode, promised, locked_hub: Hub) -> None:
    """As a viewer asks, who may change nothing."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=promised["/api" + row.path][row.method].as_strategy(mode))
    def asked(case) -> None:
        case.call_and_validate(headers=locked_hub.bearer("viewer"), checks=CHECKED)

    asked()
