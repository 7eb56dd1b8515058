"""/openapi.json: the API's own document, OpenAPI 3.1, made of the rows that route it and the types it answers with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from whimbrel import __version__
from whimbrel.hub.answers.shapes import Answer
from whimbrel.hub.api import PREFIX, Route
from whimbrel.hub.parameters import Parameter

REF = "#/components/schemas/{name}"
REFUSALS = {
    400: "The question cannot be answered as it was put.",
    401: "A token is needed.",
    403: "The token's role may not.",
    404: "There is no such thing.",
    408: "The body did not arrive in time.",
    409: "Not in this state.",
    413: "The body is too large.",
    415: "The body is of another type.",
    503: "Not now: try again after `Retry-After` seconds.",
}


class Problem(Answer, frozen=True):
    """What every refusal says."""

    error: str


def document(rows: Sequence[Route]) -> dict[str, Any]:
    """The whole of it."""
    answers = [row.answer for row in rows if isinstance(row.answer, type) and issubclass(row.answer, msgspec.Struct)]
    _, schemas = msgspec.json.schema_components([*dict.fromkeys(answers), Problem], ref_template=REF)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Whimbrel hub", "version": __version__, "summary": "What agents saw, merged and answered."},
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths(rows),
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def paths(rows: Sequence[Route]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for row in rows:
        made.setdefault(PREFIX + row.path, {})[row.method.lower()] = operation(row)
    return made


def operation(row: Route) -> dict[str, Any]:
    name = re.sub(r"\W+", "_", f"{row.method.lower()}{row.path}").strip("_")
    made: dict[str, Any] = {
        "operationId": name,
        "summary": row.sentence,
        "description": f"Needs the right to {row.right}.",
        "parameters": [parameter(one) for one in row.parameters],
        "responses": {str(row.status): success(row)} | {str(status): refusal(status) for status in REFUSALS},
    }
    if row.body:
        content = {kind: {"schema": row.body.schema} for kind in row.body.types}
        made["requestBody"] = {"required": True, "content": content}
    return made


def parameter(row: Parameter) -> dict[str, Any]:
    default = {} if row.default in (None, "") else {"default": row.default}
    return {
        "name": row.name,
        "in": row.place,
        "required": row.required,
        "description": row.sentence,
        "schema": row.kind.schema | default,
    }


def success(row: Route) -> dict[str, Any]:
    if row.answer is None:
        return {"description": "Done."}
    schema: dict[str, Any] = {"type": "object"}
    if isinstance(row.answer, type) and issubclass(row.answer, msgspec.Struct):
        schema = {"$ref": REF.format(name=row.answer.__name__)}
    return {"description": "The answer.", "content": {"application/json": {"schema": schema}}}


def refusal(status: int) -> dict[str, Any]:
    schema = {"$ref": REF.format(name=Problem.__name__)}
    return {"description": REFUSALS[status], "content": {"application/json": {"schema": schema}}}
