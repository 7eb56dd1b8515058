"""Documents of others: what is read of them, and what is refused with a reason."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whimbrel.hub import documented
from whimbrel.hub.documented import ANYTHING, DocumentError, Promise, read_document
from whimbrel.hub.schema import ARRAY, INTEGER, NULL, OBJECT, STRING


def wrapped(schema: Any, **more: Any) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    get = {"responses": {"200": {"description": "", "content": content}}}
    return {"openapi": "3.1.0", "paths": {"/a": {"get": get}}} | more


def promised(schema: Any, **schemas: Any) -> Promise:
    (operation,) = read_document(wrapped(schema, components={"schemas": schemas})).operations
    found = operation.response(200)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "schema, promise",
    [
        ({"type": "integer"}, Promise(INTEGER, open=True)),
        ({"type": ["string", "null"], "format": "uuid"}, Promise(STRING | NULL, "uuid", open=True)),
        ({"type": "string", "nullable": True}, Promise(STRING | NULL, open=True)),
        ({"items": {}}, Promise(ARRAY, items=Promise(open=True), open=True)),
        (
            {"properties": {"a": {"type": "integer"}}, "required": ["a"]},
            Promise(OBJECT, keys={"a": Promise(INTEGER, open=True)}, required=frozenset("a")),
        ),
        (
            {"type": "object", "properties": {"a": True}, "additionalProperties": True},
            Promise(OBJECT, keys={"a": ANYTHING}, open=True),
        ),
        ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, Promise(INTEGER | STRING, open=False)),
        ({"anyOf": [{"type": "integer"}, {}]}, Promise(open=True)),
        ({"$ref": "#/components/schemas/A"}, Promise(STRING, open=True)),
    ],
)
def test_schemas(schema: Any, promise: Promise) -> None:
    found = promised(schema, A={"type": "string"})
    assert (found.types, found.format, found.required) == (promise.types, promise.format, promise.required)
    assert found.keys == promise.keys and found.items == promise.items
    assert not promise.keys or found.open == promise.open


def test_all_of_is_everything_together() -> None:
    base = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    found = promised({"allOf": [{"$ref": "#/components/schemas/B"}, {"properties": {"b": {}}}]}, B=base)
    assert found.keys.keys() == {"a", "b"} and found.required == {"a"} and not found.open


def test_one_of_objects_requires_what_all_require() -> None:
    one = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {}}, "required": ["a", "b"]}
    other = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    found = promised({"oneOf": [one, other]})
    assert found.required == {"a"} and found.keys["a"].types == INTEGER | STRING


def test_a_schema_within_itself_ends() -> None:
    tree = {"type": "object", "properties": {"below": {"type": "array", "items": {"$ref": "#/components/schemas/T"}}}}
    found = promised({"$ref": "#/components/schemas/T"}, T=tree)
    assert found.keys["below"].items is ANYTHING


def test_references_that_multiply_are_read_once() -> None:
    def two(name: str) -> dict[str, Any]:
        return {"properties": {key: {"$ref": f"#/components/schemas/{name}"} for key in "xy"}}

    schemas: dict[str, Any] = {f"S{n}": two(f"S{n + 1}") for n in range(40)}
    assert promised({"$ref": "#/components/schemas/S0"}, **schemas, S40={}).types == OBJECT


def test_operations() -> None:
    told = {
        "openapi": "3.0.3",
        "servers": [{"url": "https://shop.example/v1/"}, {"url": "{scheme}://shop/v2?x"}, {"url": "/v3"}],
        "components": {"parameters": {"P": {"name": "page", "in": "query", "required": True}}},
        "paths": {
            "/a": {
                "parameters": [{"$ref": "#/components/parameters/P"}, {"name": "h", "in": "header"}],
                "post": {
                    "parameters": [{"name": "sort", "in": "query"}],
                    "requestBody": {"content": {"application/problem+json": {"schema": {"type": "object"}}}},
                    "responses": {"2xx": {"description": ""}, "default": {"description": ""}},
                },
            }
        },
    }
    found = read_document(told)
    assert found.prefixes == ("/v1", "/v2", "/v3")
    (operation,) = found.operations
    assert operation.name == "POST /a" and operation.query == {"page": True, "sort": False}
    assert operation.request.types == OBJECT
    assert operation.responses.keys() == {"2XX", "default"} and operation.response(404) == ANYTHING


def deep(levels: int) -> Any:
    schema: Any = {}
    for _ in range(levels):
        schema = {"items": schema}
    return schema


@pytest.mark.parametrize(
    "document, reason",
    [
        ([], "the document: an object is expected"),
        ({"swagger": "2.0"}, "OpenAPI 3.0 and 3.1 are read"),
        ({"openapi": "4.0.0"}, "not 4.0.0"),
        ({"openapi": "3.1.0", "paths": []}, "paths: an object"),
        ({"openapi": "3.1.0", "paths": {"/a": {"get": 1}}}, "paths./a.get"),
        ({"openapi": "3.1.0", "servers": {}}, "servers: a list"),
        ({"openapi": "3.1.0", "servers": [{}] * 21}, "at most 20"),
        (wrapped({"$ref": "https://elsewhere.example/x"}), "into the document itself"),
        (wrapped({"$ref": "#/nowhere"}), "leads nowhere"),
        (wrapped({"allOf": {}}), "a list is expected"),
        (wrapped(3), "an object is expected"),
        (wrapped(deep(200)), "schemas in each other"),
        ({"openapi": "3.1.0", "paths": {"/a": {"$ref": "#/paths/~1a"}}}, "go round"),
    ],
)
def test_refused_with_a_reason(document: Any, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason):
        read_document(document)


def test_operations_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documented, "OPERATIONS_MOST", 0)
    with pytest.raises(DocumentError, match="1 operations"):
        read_document(wrapped({}))


def twice(name: str, depth: int) -> dict[str, Any]:
    """Each of these schemas has the next one twice."""
    made = {
        f"{name}{n}": {"properties": {key: {"$ref": f"#/components/schemas/{name}{n + 1}"} for key in "xy"}}
        for n in range(depth)
    }
    return made | {f"{name}{depth}": {"type": "string"}}


def test_work_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a few lines unfold to has no other end."""
    monkeypatch.setattr(documented, "WORK_MOST", 1000)
    either = {"oneOf": [{"$ref": "#/components/schemas/a0"}, {"$ref": "#/components/schemas/b0"}]}
    with pytest.raises(DocumentError, match="contain each other"):
        promised(either, **twice("a", 40), **twice("b", 40))
    assert promised(either, **twice("a", 3), **twice("b", 3)).keys["x"].keys["y"].types == OBJECT
    with pytest.raises(DocumentError, match="contain each other"):
        promised({"allOf": [{"properties": {str(n): {}}} for n in range(100)]})


def test_where_does_not_grow_with_names() -> None:
    with pytest.raises(DocumentError, match="an object is expected") as refused:
        promised({"properties": {"a" * 100_000: 3}})
    assert len(str(refused.value)) < 300


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["object", "3.1.0", "#/paths", "query"]),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "properties", "items", "allOf", "oneOf", "$ref", "required", "get", "content", "a"]
            ),
            below,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON, JSON, JSON)
def test_any_json_is_read_or_refused(schema: Any, item: Any, servers: Any) -> None:
    for told in (wrapped(schema), wrapped({}, paths={"/a": item}), wrapped({}, servers=servers), item):
        with contextlib.suppress(DocumentError):
            assert read_document(told).prefixes
