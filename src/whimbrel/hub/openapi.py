"""A service as an OpenAPI 3.1 document, made of what was seen.

Paths are templates, and what stood in their parameters is named after what stands before it: `/users/{integer}` is
`/users/{users_id}`.  Templates that are alike but for their formats are one path, as OpenAPI wants it.  Whatever the
document cannot express is left out and named in `x-whimbrel-left-out`, never bent into something it is not: methods
that OpenAPI does not have, targets that are no path, calls that found no place of their own.

It says what was seen: a parameter is required because every call had it, a status is there because it occurred.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Any

from whimbrel.hub.model import OTHER, PARAMETER, Endpoint
from whimbrel.hub.schema import ARRAY, OBJECT, STRING, TYPE_NAMES, Schema, json_schema, unite
from whimbrel.summary.bodies import KINDS

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")  # that a path item has in 3.1
MEDIA_TYPES = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "multipart": "multipart/form-data",
    "xml": "application/xml",
    "text": "text/plain",
    "html": "text/html",
    "image": "image/*",
    "binary": "application/octet-stream",
}
TYPED_KINDS = {"json", "form", "multipart"}  # whose bodies have a schema
IDENTIFIERS = {"integer", "uuid", "hex", "base64", "unix-time"}  # formats of parameters that are called ..._id
UNSEEN = "; its name does not leave the hosts that were watched"

AUTH_SCHEMES: dict[str, dict[str, str]] = {
    "basic": {"type": "http", "scheme": "basic"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "digest": {"type": "http", "scheme": "digest"},
    "negotiate": {"type": "http", "scheme": "negotiate"},
    "signature": {"type": "http", "scheme": "signature"},
    "other": {"type": "apiKey", "in": "header", "name": "Authorization", "description": "an unusual scheme"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "cookie", "description": "a cookie" + UNSEEN},
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "a key" + UNSEEN},
}


def document(service: str, endpoints: Iterable[Endpoint], title: str = "", version: str = "observed") -> dict[str, Any]:
    """The OpenAPI document of one HTTP service."""
    own = sorted((each for each in endpoints if each.protocol == "http" and each.host == service), key=lambda e: e.name)
    expressible = [each for each in own if left_out(each) is None]
    paths: dict[str, dict[str, Any]] = {}
    names = set[str]()
    for alike in _grouped(expressible).values():
        path, parameters = named_path([each.template for each in alike])
        item = paths.setdefault(path, {"parameters": parameters} if parameters else {})
        for method in METHODS:
            if several := [each for each in alike if each.method.lower() == method]:
                item[method] = {"operationId": _operation_id(path, method, names)} | _operation(several)
    told: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": title or service or "service", "version": version},
        "paths": paths,
    }
    if service and not PARAMETER.search(service):
        told["servers"] = [{"url": f"http://{service}"}]
    if kinds := sorted({kind for each in expressible for kind in each.auth if kind in AUTH_SCHEMES}):
        told["components"] = {"securitySchemes": {kind: AUTH_SCHEMES[kind] for kind in kinds}}
    if rest := [{"endpoint": each.name, "reason": reason} for each in own if (reason := left_out(each))]:
        told["x-whimbrel-left-out"] = rest
    return told


def left_out(endpoint: Endpoint) -> str | None:
    """Why OpenAPI has no words for an endpoint; None: it has."""
    if endpoint.method.lower() not in METHODS:
        return "a method that OpenAPI does not have"
    if endpoint.template == OTHER:
        return "calls of many kinds"
    if not endpoint.template.startswith("/"):
        return "its target is no path"
    if "{" in PARAMETER.sub("", endpoint.template):
        return "braces that are no parameter"
    if not any(100 <= status <= 599 for status in endpoint.statuses):
        return "no response was seen"
    return None


# ---- paths ---------------------------------------------------------------------------------------------


def shape_of_path(template: str) -> str:
    """The template without what its parameters are: those with the same are one path."""
    return PARAMETER.sub("{}", template)


def _grouped(endpoints: Iterable[Endpoint]) -> dict[str, list[Endpoint]]:
    found: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        found.setdefault(shape_of_path(endpoint.template), []).append(endpoint)
    return found


def named_path(templates: Sequence[str]) -> tuple[str, list[dict[str, Any]]]:
    """The path of templates with one shape, and its parameters."""
    every = [PARAMETER.findall(template) for template in templates]
    pieces = shape_of_path(templates[0]).split("{}")
    path, parameters, used = pieces[0], [], set[str]()
    for place, piece in enumerate(pieces[1:]):
        formats = sorted({formats[place] for formats in every})
        name = _parameter_name(path, formats, used)
        path += f"{{{name}}}{piece}"
        parameters.append({"name": name, "in": "path", "required": True, "schema": _parameter_schema(formats)})
    return path, parameters


def _parameter_name(path_before: str, formats: Sequence[str], used: set[str]) -> str:
    words = [word for word in re.sub(r"\{[^}]*\}|~\w+", "", path_before).split("/") if word]
    before = re.sub(r"\W+", "_", words[-1]).strip("_") if words else ""
    suffix = "id" if set(formats) <= IDENTIFIERS else re.sub(r"\W+", "_", formats[0])
    return _unused(f"{before}_{suffix}" if before else suffix, used)


def _unused(name: str, used: set[str]) -> str:
    """The name, with a number where another has it."""
    number = 2
    chosen = name
    while chosen in used:
        chosen, number = f"{name}_{number}", number + 1
    used.add(chosen)
    return chosen


def _parameter_schema(formats: Sequence[str]) -> dict[str, Any]:
    """A format of one of our own names is an annotation, as JSON Schema allows."""
    if all(name in ("integer", "unix-time") for name in formats):
        return {"type": "integer"}
    if len(formats) > 1:
        return {"type": "string", "x-formats": list(formats)}
    return {"type": formats[0]} if formats[0] in TYPE_NAMES else {"type": "string", "format": formats[0]}


# ---- operations ----------------------------------------------------------------------------------------


def _operation(several: Sequence[Endpoint]) -> dict[str, Any]:
    told: dict[str, Any] = {"responses": _responses(several)}
    if parameters := list(_query_parameters(unite(each.query for each in several))):
        told["parameters"] = parameters
    kinds = {kind for each in several for row in each.succeeded() for kind in row.request_kinds}
    request = unite(each.request for each in several)
    if content := _content(kinds, request):
        told["requestBody"] = {"content": content} | ({"required": True} if 0 not in kinds else {})
    if auth := sorted({kind for each in several for kind in each.auth if kind in AUTH_SCHEMES}):
        told["security"] = [{kind: []} for kind in auth]
    told["x-whimbrel-calls"] = sum(each.calls for each in several)
    return told


def _operation_id(path: str, method: str, used: set[str]) -> str:
    """get_users_by_users_id: what generators can call a function."""
    words = re.sub(r"\{([^}]*)\}", r"by_\1", path)
    return _unused(re.sub(r"\W+", "_", f"{method}{words}", flags=re.ASCII).strip("_"), used)


def _query_parameters(query: Schema) -> Iterator[dict[str, Any]]:
    for name, member in sorted(query.keys.items()):
        parameter: dict[str, Any] = {"name": name, "in": "query", "schema": json_schema(member.schema)}
        if member.required:
            parameter["required"] = True
        yield parameter


def _responses(several: Sequence[Endpoint]) -> dict[str, Any]:
    rows = [row for each in several for row in each.statuses.values() if 100 <= row.status <= 599]
    told = {}
    for status in sorted({row.status for row in rows}):
        alike = [row for row in rows if row.status == status]
        kinds = {kind for row in alike for kind in row.response_kinds}
        content = _content(kinds, unite(row.response for row in alike))
        told[str(status)] = {"description": _phrase(status)} | ({"content": content} if content else {})
    return told


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


def _content(kinds: Iterable[int], schema: Schema) -> dict[str, Any]:
    """Media types by what bodies were; the schema belongs to those that have one."""
    names = [KINDS[kind] for kind in sorted(kinds) if 0 < kind < len(KINDS)]
    if not names and schema.types & (OBJECT | ARRAY | STRING):
        names = ["json"]
    told: dict[str, Any] = {}
    for name in names:
        told[MEDIA_TYPES[name]] = {"schema": json_schema(schema)} if name in TYPED_KINDS and schema.types else {}
    return told
