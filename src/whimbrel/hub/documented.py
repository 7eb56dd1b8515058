"""An OpenAPI document that somebody wrote, as promises to hold traffic against: 3.0 and 3.1.

A promise says what a value may be; without types it allows anything.  `oneOf` and `anyOf` allow what any of them
allows, `allOf` what is in all of them together; what else JSON Schema can forbid (patterns, ranges, enumerations) is
not looked at, since values do not get here.  A schema that contains itself is followed once around.

A document is a stranger's: references lead only into itself, every schema is read once however often it is referred
to, nesting is bounded, and what is not as it must be is one DocumentError that says where.  What `allOf` and `oneOf`
put together can be far more than what is written: ten schemas that refer to the next one twice are a thousand.  So the
work is counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from whimbrel.hub.schema import ARRAY, NULL, OBJECT, TYPE_NAMES

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
DEPTH_MOST = 100  # of nested schemas: people write ten
SERVERS_MOST = 20  # every endpoint is held against the paths below each of them
OPERATIONS_MOST = 20_000  # the largest public documents have about 10,000
WORK_MOST = 2_000_000  # schemas and keys that are looked at: a few seconds; 8 MiB of them are at most 1 million
WORD_SHOWN = 64  # characters of a name in the words that say where


class DocumentError(ValueError):
    """This is no OpenAPI document that we read."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What a value may be."""

    types: int = 0  # bits as of schemas; 0: anything
    format: str = ""
    keys: Mapping[str, Promise] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    open: bool = False  # other keys are said to be welcome
    items: Promise | None = None


ANYTHING = Promise()


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of a path."""

    method: str  # in capitals
    path: str  # as it is written
    query: Mapping[str, bool] = field(default_factory=dict)  # name: whether it is required
    request: Promise = ANYTHING
    responses: Mapping[str, Promise] = field(default_factory=dict)  # "200", "2XX", "default"

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def response(self, status: int) -> Promise | None:
        """What was promised for a status; None: nothing."""
        for key in (str(status), f"{status // 100}XX", "default"):
            if key in self.responses:
                return self.responses[key]
        return None


@dataclass(frozen=True, slots=True)
class Documented:
    operations: tuple[Operation, ...]
    prefixes: tuple[str, ...]  # paths of the servers, without a slash at the end


def read_document(document: object) -> Documented:
    """The operations of an OpenAPI document that was parsed from JSON or YAML."""
    return _Reader(_mapping(document, "the document")).read()


def _mapping(value: object, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise DocumentError(f"{place}: an object is expected")
    return value


def _list(value: object, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise DocumentError(f"{place}: a list is expected")
    return value


class _Reader:
    """Follows references, and remembers where they led."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.known: dict[str, Promise] = {}
        self.open: set[str] = set()  # references that are being followed
        self.work = 0

    def spend(self, amount: int) -> None:
        self.work += amount
        if self.work > WORK_MOST:
            raise DocumentError(f"its schemas contain each other more than {WORK_MOST} times")

    def read(self) -> Documented:
        version = str(self.document.get("openapi", ""))
        if not re.match(r"3\.[01]\.", version):
            raise DocumentError(f"OpenAPI 3.0 and 3.1 are read, not {version[:20] or 'a document without `openapi`'}")
        operations = [
            self._operation(path, method, item, f"{below('paths', path)}.{method}")
            for path, item in self._items(self.document.get("paths", {}), "paths")
            for method in METHODS
            if method in item
        ]
        if len(operations) > OPERATIONS_MOST:
            raise DocumentError(f"{len(operations)} operations; at most {OPERATIONS_MOST} are read")
        return Documented(tuple(operations), self._prefixes())

    def _prefixes(self) -> tuple[str, ...]:
        servers = [_mapping(each, "servers") for each in _list(self.document.get("servers", []), "servers")]
        if len(servers) > SERVERS_MOST:
            raise DocumentError(f"{len(servers)} servers; at most {SERVERS_MOST} are read")
        paths = {re.sub(r"^[^/]*//[^/]*|[?#].*", "", str(each.get("url", ""))).rstrip("/") for each in servers}
        return tuple(sorted(paths)) or ("",)

    def _items(self, value: object, place: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
        """Members of an object of objects, references followed."""
        return [(str(name), self._resolved(each, below(place, name))) for name, each in _mapping(value, place).items()]

    def _resolved(self, value: object, place: str) -> Mapping[str, Any]:
        """What a reference leads to, through a few others."""
        found = _mapping(value, place)
        for _ in range(DEPTH_MOST):
            self.spend(1)
            if "$ref" not in found:
                return found
            found = _mapping(self._target(found["$ref"], place), place)
        raise DocumentError(f"{place}: references go round")

    def _target(self, reference: object, place: str) -> object:
        if not isinstance(reference, str) or not reference.startswith("#/"):
            raise DocumentError(f"{place}: only references into the document itself are followed")
        found: Any = self.document
        for part in reference[2:].split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, Mapping) or name not in found:
                raise DocumentError(f"{place}: the reference leads nowhere")
            found = found[name]
        return found

    # ---- operations

    def _operation(self, path: str, method: str, item: Mapping[str, Any], place: str) -> Operation:
        told = _mapping(item[method], place)
        body = self._resolved(told.get("requestBody", {}), f"{place}.requestBody")
        responses = {
            str(status).upper() if status != "default" else "default": self._content(each, below(place, status))
            for status, each in self._items(told.get("responses", {}), f"{place}.responses")
        }
        request = self._content(body, f"{place}.requestBody")
        return Operation(method.upper(), path, self._query(item, told, place), request, responses)

    def _query(self, item: Mapping[str, Any], told: Mapping[str, Any], place: str) -> dict[str, bool]:
        every = [*_list(item.get("parameters", []), place), *_list(told.get("parameters", []), place)]
        parameters = [self._resolved(each, f"{place}.parameters") for each in every]
        return {str(one.get("name")): one.get("required") is True for one in parameters if one.get("in") == "query"}

    def _content(self, holder: Mapping[str, Any], place: str) -> Promise:
        """The schema of the JSON among media types."""
        for media_type, each in self._items(holder.get("content", {}), place):
            if "json" in media_type.lower() and "schema" in each:
                return self.promise(each["schema"], below(place, media_type))
        return ANYTHING

    # ---- schemas

    def promise(self, schema: object, place: str, depth: int = 0) -> Promise:
        self.spend(1)
        if isinstance(schema, bool):
            return ANYTHING
        told = _mapping(schema, place)
        if depth > DEPTH_MOST:
            raise DocumentError(f"{place}: more than {DEPTH_MOST} schemas in each other")
        if "$ref" in told:
            return self._of_reference(str(told["$ref"]), place, depth)
        found = self._plain(told, place, depth)
        for one in _list(told.get("allOf", []), place):
            found = self._and(found, self.promise(one, place, depth + 1))
        for word in ("oneOf", "anyOf"):
            if several := [self.promise(one, place, depth + 1) for one in _list(told.get(word, []), place)]:
                found = self._and(found, self._any_of(several))
        nullable = told.get("nullable") is True and found.types
        return replace(found, types=found.types | NULL) if nullable else found

    def _of_reference(self, reference: str, place: str, depth: int) -> Promise:
        if reference in self.open:
            return ANYTHING
        if reference not in self.known:
            self.open.add(reference)
            self.known[reference] = self.promise(self._target(reference, place), below("", reference), depth + 1)
            self.open.remove(reference)
        return self.known[reference]

    def _plain(self, told: Mapping[str, Any], place: str, depth: int) -> Promise:
        """What a schema says by itself."""
        names = told.get("type", [])
        types = sum(1 << TYPE_NAMES.index(name) for name in _names(names) if name in TYPE_NAMES)
        keys = {
            str(name): self.promise(each, below(place, name), depth + 1)
            for name, each in _mapping(told.get("properties", {}), place).items()
        }
        items = self.promise(told["items"], f"{place}[]", depth + 1) if "items" in told else None
        types = types or (OBJECT if keys else ARRAY if items else 0)
        required = frozenset(str(name) for name in _list(told.get("required", []), place))
        is_open = bool(told.get("additionalProperties")) or "patternProperties" in told or not keys
        return Promise(types, str(told.get("format", "")), keys, required, is_open, items)

    # ---- together

    def _and(self, one: Promise, other: Promise) -> Promise:
        """What both allow, as far as it is looked at."""
        self.spend(sum(len(each.keys) + len(each.required) for each in (one, other)))
        types = one.types & other.types if one.types and other.types else one.types or other.types
        keys = {**one.keys, **other.keys}
        is_open = (one.open or not one.keys) and (other.open or not other.keys) if keys else True
        return Promise(
            types, one.format or other.format, keys, one.required | other.required, is_open, one.items or other.items
        )

    def _any_of(self, several: list[Promise]) -> Promise:
        """What at least one of them allows."""
        several = list({id(one): one for one in several}.values())
        self.spend(len(several))
        if not all(one.types for one in several):
            return ANYTHING
        if len(several) == 1:
            return several[0]
        types = 0
        for one in several:
            types |= one.types
        objects = [one for one in several if one.types & OBJECT]
        found: dict[str, list[Promise]] = {}
        for one in objects:
            for name, promise in one.keys.items():
                found.setdefault(name, []).append(promise)
        keys = {name: self._any_of(alike) for name, alike in found.items()}
        required = frozenset.intersection(*(one.required for one in objects)) if objects else frozenset()
        arrays = [one for one in several if one.types & ARRAY]
        items = self._any_of([one.items or ANYTHING for one in arrays]) if arrays else None
        formats = {one.format for one in several}
        return Promise(
            types, formats.pop() if len(formats) == 1 else "", keys, required, any(one.open for one in objects), items
        )


def _names(types: object) -> set[str]:
    several = types if isinstance(types, list) else [types]
    return {name for name in several if isinstance(name, str)}


def below(place: str, name: object) -> str:
    """Where something is, in words that do not grow with what somebody calls it."""
    return f"{place}.{str(name)[:WORD_SHOWN]}".lstrip(".")
