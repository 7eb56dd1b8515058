"""Traffic against a document: what disagrees is named, and where it cannot be known nothing is."""

from typing import Any

import pytest

from tests.hub.shapes import shape_of
from whimbrel.hub.conformity import conformity, could_be, fits
from whimbrel.hub.documented import read_document
from whimbrel.hub.model import Endpoint, StatusStats
from whimbrel.hub.openapi import document
from whimbrel.hub.schema import INTEGER, OBJECT, STRING, Hidden, Member, Schema, of_shape

USER = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "name": {"type": "string"},
        "score": {"type": "number"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["id", "name"],
}
DOCUMENT = {
    "openapi": "3.1.0",
    "servers": [{"url": "http://shop/v1"}],
    "paths": {
        "/users/{id}": {
            "get": {
                "parameters": [{"name": "page", "in": "query", "required": True}],
                "responses": {"200": {"description": "", "content": {"application/json": {"schema": USER}}}},
            }
        },
        "/users/me": {"get": {"responses": {"default": {"description": ""}}}},
        "/orders": {"post": {"responses": {"2XX": {"description": ""}}}},
    },
}
UUIDS = Schema(STRING, 1 << 5, calls=1)


def endpoint(template: str, method: str = "GET", response: Schema | None = None, **more: Any) -> Endpoint:
    status = more.pop("status", 200)
    rows = {status: StatusStats(status, 5, response=response or Schema())}
    return Endpoint(frozenset([template]), "http", method, "shop", template, rows, **more)


def findings(*endpoints: Endpoint, told: Any = DOCUMENT) -> list[tuple[str, str]]:
    found = conformity(endpoints, read_document(told))
    return [(one.kind, one.place or one.endpoint) for one in found if one.kind != "unused operation"]


def unused(*endpoints: Endpoint) -> list[str]:
    found = conformity(endpoints, read_document(DOCUMENT))
    return [one.endpoint for one in found if one.kind == "unused operation"]


def user(**members: Schema) -> Schema:
    keys = {"id": Member(UUIDS, True), "name": Member(Schema(STRING, calls=1), True)}
    return Schema(OBJECT, calls=1, keys=keys | {name: Member(each, True) for name, each in members.items()})


def test_what_agrees_is_not_mentioned() -> None:
    assert findings(endpoint("/v1/users/{uuid}", response=user(score=Schema(INTEGER, calls=1)))) == []
    assert findings(endpoint("/v1/orders", "POST", status=204)) == []


@pytest.mark.parametrize(
    "seen, found",
    [
        (endpoint("/v1/carts"), ("undocumented endpoint", "GET /v1/carts")),
        (endpoint("/users/{uuid}"), ("undocumented endpoint", "GET /users/{uuid}")),
        (endpoint("/v1/users/{uuid}", "DELETE"), ("undocumented method", "DELETE /v1/users/{uuid}")),
        (endpoint("/v1/orders", "POST", status=409), ("undocumented status", "409")),
        (endpoint("/v1/users/{uuid}", response=Schema(STRING)), ("undocumented type", "response 200")),
        (
            endpoint("/v1/users/{uuid}", response=user(name=Schema(INTEGER))),
            ("undocumented type", "response 200: name"),
        ),
        (endpoint("/v1/users/{uuid}", response=user(email=UUIDS)), ("undocumented field", "response 200: email")),
        (
            endpoint("/v1/users/{uuid}", response=user(tags=of_shape(shape_of([1])))),
            ("undocumented type", "response 200: tags[]"),
        ),
        (
            endpoint("/v1/users/{uuid}", response=user(id=Schema(STRING, 1 << 6))),
            ("another format", "response 200: id"),
        ),
        (
            endpoint("/v1/users/{uuid}", response=Schema(OBJECT, keys={"id": Member(UUIDS, True)})),
            ("required field missing", "response 200: name"),
        ),
        (
            endpoint("/v1/users/{uuid}", query=of_shape(shape_of({"page": "x", "sort": "x"}))),
            ("undocumented query parameter", "sort"),
        ),
        (
            endpoint("/v1/users/{uuid}", query=of_shape(shape_of({"page": "x"}, {}))),
            ("query parameter is not required", "page"),
        ),
    ],
)
def test_a_mismatch_is_named(seen: Endpoint, found: tuple[str, str]) -> None:
    assert findings(seen) == [found]


def test_unused() -> None:
    assert unused() == ["GET /users/{id}", "GET /users/me", "POST /orders"]
    assert unused(endpoint("/v1/orders", "POST", status=201), endpoint("/v1/users/me")) == ["GET /users/{id}"]


def test_the_most_literal_path_is_meant() -> None:
    assert findings(endpoint("/v1/users/me", response=Schema(STRING))) == []


def test_what_a_name_that_stays_on_the_host_is_nobody_knows() -> None:
    assert findings(endpoint("/v1/~3fa9c1d2e4b5")) == []
    assert "POST /orders" not in unused(endpoint("/v1/~3fa9c1d2e4b5", "POST"))
    assert "GET /users/me" not in unused(endpoint("/v1/users/{word}"))


def test_a_field_may_be_among_those_without_names() -> None:
    hidden = Schema(OBJECT, keys={"id": Member(UUIDS, True)}, hidden=Hidden(1, STRING, 0))
    assert findings(endpoint("/v1/users/{uuid}", response=hidden)) == []


def test_paths_that_are_not_there_are_not_undocumented() -> None:
    assert findings(endpoint("/wp-admin", status=404)) == []
    assert findings(endpoint("/v1/users/{uuid}", "OPTIONS")) == []


def test_what_was_exported_agrees_with_itself() -> None:
    seen = [
        endpoint("/users/{uuid}", response=user(tags=of_shape(shape_of(["x"], None)))),
        endpoint("/users", "POST", request=of_shape(shape_of({"a": 1}, {"a": 2.5, "b": [{}]})), status=201),
        endpoint("/a/v{integer}.json", query=of_shape(shape_of({"q": "x"}, {}))),
    ]
    assert conformity(seen, read_document(document("shop", seen))) == []


@pytest.mark.parametrize(
    "seen, written, fit, could",
    [
        ("a", "a", True, True),
        ("a", "b", False, False),
        ("{word}", "b", False, True),
        ("~3fa9c1d2e4b5", "b", False, True),
        ("a", "{x}", True, True),
        ("", "{x}", False, False),
        ("v{integer}.json", "v{x}.json", True, True),
        ("v.json", "v{x}.json", False, False),
        ("a-b", "{x}-{y}", True, True),
        ("a-", "{x}-{y}", False, False),
        ("a" * 200, "{x}" * 100 + "b", False, False),
        ("a{", "a{", True, True),
    ],
)
def test_segments(seen: str, written: str, fit: bool, could: bool) -> None:
    assert (fits(seen, written), could_be(seen, written)) == (fit, could)


def test_a_sentence() -> None:
    (found, *_) = conformity([endpoint("/v1/users/{uuid}", response=Schema(STRING))], read_document(DOCUMENT))
    words = "GET /v1/users/{uuid}: undocumented type response 200: documented object, seen string"
    assert found.sentence == words
