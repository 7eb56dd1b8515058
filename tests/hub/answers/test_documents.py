"""OpenAPI documents: ours, and those of strangers."""

import json
from typing import Any

import openapi_spec_validator
import pytest

from tests.hub.answers.sample import ASKED
from tests.hub.batches import NOON, batch, endpoint, row
from tests.hub.shapes import shape_of
from whimbrel.hub.answers import documents
from whimbrel.hub.answers.asked import Asked, UnknownError
from whimbrel.hub.answers.documents import DEPTH_MOST, DOCUMENT_BYTES_MOST, comparison, document, parse_document
from whimbrel.hub.documented import DocumentError
from whimbrel.hub.duck import DuckArchive

MINE: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "shop", "version": "1"},
    "paths": {
        "/books/{id}": {"get": {"responses": {"200": {"description": "a book"}, "500": {"description": "not a book"}}}},
        "/carts": {"get": {"responses": {"200": {"description": "a cart"}}}},
    },
}


def test_a_service_as_a_document(shop: DuckArchive) -> None:
    made = document(shop, ASKED, "shop")
    openapi_spec_validator.validate(made)
    assert sorted(made["paths"]) == ["/books/{books_id}", "/orders"]
    assert sorted(made["paths"]["/orders"]["post"]["responses"]) == ["201", "400"]
    assert made["paths"]["/orders"]["post"]["security"] == [{"bearer": []}]


@pytest.mark.parametrize("service", ["nobody", "redis", ""])
def test_a_service_that_is_none(shop: DuckArchive, service: str) -> None:
    with pytest.raises(UnknownError, match="no HTTP calls"):
        document(shop, ASKED, service)


def test_schemas_are_those_of_all_agents(archive: DuckArchive) -> None:
    for number, value in ((1, {"id": 1}), (2, {"id": 2, "note": "x"})):
        one = endpoint(number, row(5, body=shape_of(value)), template="/x")
        archive.load([batch(one, agent=f"agent {number}")])
    made = document(archive, Asked.between(NOON, NOON + 60, NOON), "shop")
    schema = made["paths"]["/x"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert sorted(schema["properties"]) == ["id", "note"] and schema["required"] == ["id"]


def test_what_is_seen_and_what_is_written(shop: DuckArchive) -> None:
    found = comparison(shop, ASKED, "shop", MINE)
    assert (found.service, found.operations) == ("shop", 2)
    assert [(line.kind, line.endpoint) for line in found.findings] == [
        ("undocumented endpoint", "POST /orders"), ("unused operation", "GET /carts"),
    ]  # fmt: skip


def test_our_own_document_agrees_with_what_it_was_made_of(shop: DuckArchive) -> None:
    assert comparison(shop, ASKED, "shop", document(shop, ASKED, "shop")).findings == []


# ---- reading -------------------------------------------------------------------------------------------

YAML = """\
# the shop's own
openapi: 3.1.0
paths:
  /books:
    get:
      responses:
        200: {description: "a book"}
"""


def test_json_and_yaml_by_what_they_are() -> None:
    assert parse_document(json.dumps(MINE).encode()) == MINE
    assert parse_document(b"\xef\xbb\xbf  " + json.dumps(MINE).encode()) == MINE
    assert parse_document(YAML.encode()) == {
        "openapi": "3.1.0", "paths": {"/books": {"get": {"responses": {200: {"description": "a book"}}}}},
    }  # fmt: skip


def test_a_document_in_yaml_is_compared_like_one_in_json(shop: DuckArchive) -> None:
    assert comparison(shop, ASKED, "shop", parse_document(YAML.encode())).operations == 1


def test_words_of_yaml_are_those_of_json() -> None:
    told = b"[1, -20, 1.5, true, null, ~, yes, 2001-99-99, 0o17, 012, 1:30, .inf, 1_000, on, 12345678901234567890, <<]"
    assert parse_document(b"a: " + told) == {
        "a": [1, -20, 1.5, True, None, None, "yes", "2001-99-99", "0o17", "012", "1:30", ".inf", "1_000", "on",
              "12345678901234567890", "<<"],
    }  # fmt: skip
    assert parse_document(b"a:\nb: '1'\nc: Null") == {"a": None, "b": "1", "c": "Null"}


BOMB = b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b" " * (DOCUMENT_BYTES_MOST + 1), f"at most {DOCUMENT_BYTES_MOST}"),
        (b"\xff\xfe{}", "not UTF-8: invalid start byte at byte 0"),
        (b'{"openapi": ', "not JSON"),
        (b"[" * 100_000, "nested too deeply|not JSON"),
        (BOMB, "an alias in line 2"),
        (b"- " * 5000 + b"x", f"more than {DEPTH_MOST} lists and mappings|not YAML"),
        (b"a: [" * 300, f"more than {DEPTH_MOST} lists and mappings"),
        (b"a: b: c", "not YAML"),
        (b"--- 1\n--- 2\n", "not YAML"),
        (b"a: !!python/object/apply:os.system [ls]\n", "a tag in line 1"),
        (b"\na: !!timestamp x\n", "a tag in line 2"),
        (b"a: !x [1]\n", "a tag in line 1"),
        (b"a: \x00", "not YAML"),
        (b"? {}\n: 1\n", "not YAML"),
    ],
)
def test_what_is_no_document_costs_one_line(raw: bytes, said: str) -> None:
    with pytest.raises(DocumentError, match=said) as refused:
        parse_document(raw)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 400


def test_values_of_yaml_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "VALUES_MOST", 20)
    assert parse_document(b"- a\n" * 10) == ["a"] * 10
    with pytest.raises(DocumentError, match="more than 20 values"):
        parse_document(b"- a\n" * 20)


@pytest.mark.parametrize("raw", [b"", b"null", b"[]", b"x", b"12"])
def test_what_is_no_object_is_refused_when_it_is_read(shop: DuckArchive, raw: bytes) -> None:
    with pytest.raises(DocumentError, match="an object is expected"):
        comparison(shop, ASKED, "shop", parse_document(raw))
