"""The OpenAPI export: valid by another's validator, whatever was seen, and saying what was seen."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.hub.shapes import shape_of
from whimbrel.hub.model import Endpoint, StatusStats
from whimbrel.hub.openapi import AUTH_SCHEMES, MEDIA_TYPES, METHODS, document, named_path
from whimbrel.hub.schema import NOTHING, Schema, of_shape
from whimbrel.summary.bodies import KINDS
from whimbrel.summary.formats import FORMATS

FORMAT_NAMES = [row.name for row in FORMATS if row.name]


def endpoint(method: str, template: str, *rows: StatusStats, **more: Any) -> Endpoint:
    statuses = {row.status: row for row in rows or (StatusStats(200, 1),)}
    return Endpoint(frozenset([method + template]), "http", method, "shop", template, statuses, **more)


def answer(status: int, *values: Any) -> StatusStats:
    kinds = frozenset([1] if values else [0])
    return StatusStats(status, 1, response=of_shape(shape_of(*values)) if values else NOTHING, response_kinds=kinds)


def valid(told: dict[str, Any]) -> dict[str, Any]:
    assert [error.message for error in OpenAPIV31SpecValidator(told).iter_errors()] == []
    return told


def test_operations_have_names_of_their_own() -> None:
    paths = document("shop", [endpoint("GET", path) for path in ("/", "/a/b", "/a_b", "/a.b", "/{integer}/b~")])[
        "paths"
    ]
    assert {path: item["get"]["operationId"] for path, item in paths.items()} == {
        "/": "get", "/a.b": "get_a_b", "/a/b": "get_a_b_2", "/a_b": "get_a_b_3", "/{id}/b~": "get_by_id_b",
    }  # fmt: skip


def test_a_service() -> None:
    told = valid(
        document(
            "shop",
            [
                endpoint("GET", "/users/{integer}", answer(200, {"id": 1, "name": None}), answer(404, {"error": "x"})),
                endpoint(
                    "POST",
                    "/users",
                    StatusStats(201, 3, request_kinds=frozenset([1])),
                    request=of_shape(shape_of({"name": "x"}, {"name": "y", "age": 3})),
                    auth=frozenset(["bearer"]),
                ),
                endpoint("GET", "/users", query=of_shape(shape_of({"page": "1"}, {"page": "2", "sort": "x"}))),
                endpoint("GET", "/elsewhere").__class__(frozenset("z"), "http", "GET", "other", "/elsewhere"),
            ],
        )
    )
    assert told["servers"] == [{"url": "http://shop"}]
    assert told["paths"].keys() == {"/users", "/users/{users_id}"}
    one = told["paths"]["/users/{users_id}"]
    assert one["get"]["operationId"] == "get_users_by_users_id"
    assert one["parameters"] == [
        {"name": "users_id", "in": "path", "required": True, "schema": {"type": "integer"}},
    ]
    schema = one["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert schema == {
        "type": "object",
        "properties": {"id": {"type": "integer"}, "name": {"type": "null"}},
        "required": ["id", "name"],
    }
    assert one["get"]["responses"]["404"]["description"] == "Not Found"
    post = told["paths"]["/users"]["post"]
    assert post["requestBody"]["required"] is True
    assert post["requestBody"]["content"]["application/json"]["schema"]["required"] == ["name"]
    assert post["security"] == [{"bearer": []}] and told["components"]["securitySchemes"].keys() == {"bearer"}
    page, sort = told["paths"]["/users"]["get"]["parameters"]
    assert (page["name"], page.get("required"), sort.get("required")) == ("page", True, None)


def test_templates_that_differ_in_formats_only_are_one_path() -> None:
    told = valid(document("shop", [endpoint("GET", "/a/{integer}"), endpoint("GET", "/a/{uuid}", answer(404))]))
    ((path, item),) = told["paths"].items()
    assert path == "/a/{a_id}"
    assert item["parameters"][0]["schema"] == {"type": "string", "x-formats": ["integer", "uuid"]}
    assert item["get"]["responses"].keys() == {"200", "404"}


@pytest.mark.parametrize(
    "template, path",
    [
        ("/", "/"),
        ("/{integer}", "/{id}"),
        ("/a/{integer}/b/{uuid}", "/a/{a_id}/b/{b_id}"),
        ("/a/{integer}/{integer}", "/a/{a_id}/{a_id_2}"),
        ("/a/{date}", "/a/{a_date}"),
        ("/a/{date-time}", "/a/{a_date_time}"),
        ("/~3fa9c1d2e4b5/{integer}", "/~3fa9c1d2e4b5/{id}"),
        ("/a-b/v{integer}.json", "/a-b/v{v_id}.json"),
    ],
)
def test_parameters_have_names_of_their_own(template: str, path: str) -> None:
    assert named_path([template])[0] == path


def test_what_openapi_has_no_words_for_is_named() -> None:
    told = valid(
        document(
            "shop",
            [
                endpoint("PROPFIND", "/a"),
                endpoint("OPTIONS", "*"),
                endpoint("{method}", "{other}"),
                endpoint("GET", "{other}"),
                endpoint("GET", "/b", StatusStats(0, 1)),
                endpoint("GET", "/{}"),
            ],
        )
    )
    assert told["paths"] == {}
    assert [row["reason"] for row in told["x-whimbrel-left-out"]] == [
        "no response was seen",
        "braces that are no parameter",
        "calls of many kinds",
        "its target is no path",
        "a method that OpenAPI does not have",
        "a method that OpenAPI does not have",
    ]


def test_a_service_that_is_an_address_has_no_server() -> None:
    assert "servers" not in valid(document("{ipv4}", []))
    assert valid(document("", []))["info"]["title"] == "service"


def test_every_kind_of_body_has_a_media_type() -> None:
    assert MEDIA_TYPES.keys() == set(KINDS) - {"none"}
    told = valid(document("shop", [endpoint("GET", "/a", StatusStats(200, 1, response_kinds=frozenset(range(9))))]))
    assert told["paths"]["/a"]["get"]["responses"]["200"]["content"].keys() == set(MEDIA_TYPES.values())


SCHEMAS = st.lists(
    st.recursive(
        st.sampled_from([None, True, 1, 1.5, "x"]),
        lambda below: st.lists(below, max_size=2) | st.dictionaries(st.sampled_from("ab$"), below, max_size=2),
        max_leaves=5,
    ),
    min_size=1,
    max_size=2,
).map(lambda values: of_shape(shape_of(*values)))
SEGMENTS = st.sampled_from(["users", "a.b", "~3fa9c1d2e4b5", "v{integer}", "", "%7B"]) | st.sampled_from(
    [f"{{{name}}}" for name in FORMAT_NAMES]
)
ROWS = st.builds(
    StatusStats,
    st.sampled_from([0, 100, 200, 204, 299, 404, 599, 999]),
    st.integers(1, 9),
    response=SCHEMAS,
    request_kinds=st.frozensets(st.integers(0, 9), max_size=2),
    response_kinds=st.frozensets(st.integers(0, 9), max_size=2),
)
ENDPOINTS = st.builds(
    Endpoint,
    st.just(frozenset("x")),
    st.just("http"),
    st.sampled_from([*map(str.upper, METHODS), "MKCOL", "~3fa9c1d2e4b5"]),
    st.just("shop"),
    st.lists(SEGMENTS, max_size=3).map(lambda parts: "/" + "/".join(parts)),
    st.lists(ROWS, max_size=3).map(lambda rows: {row.status: row for row in rows}),
    SCHEMAS,
    SCHEMAS,
    auth=st.frozensets(st.sampled_from([*AUTH_SCHEMES, "new"]), max_size=2),
)


@given(st.lists(ENDPOINTS, max_size=4))
@settings(max_examples=60, deadline=None)
def test_whatever_was_seen_the_document_is_valid(endpoints: list[Endpoint]) -> None:
    valid(document("shop", endpoints))


def test_a_schema_of_strings_without_a_known_kind_is_json() -> None:
    told = document("shop", [endpoint("GET", "/a", StatusStats(200, 1, response=Schema(4)))])
    assert told["paths"]["/a"]["get"]["responses"]["200"]["content"].keys() == {"application/json"}
