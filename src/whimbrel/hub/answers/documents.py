"""A service as an OpenAPI document, and a document held against what was seen.

A document that somebody sends is read as JSON or YAML by what it begins with.  It is a stranger's: its size and depth
are bounded before anything is made of it, and YAML's aliases, by which a few lines become gigabytes, are refused.
Plain words of YAML are what JSON has (numbers, true, false, null), and everything else a string: no dates, no octal
numbers, no tags.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

import msgspec
import yaml

from whimbrel.hub import openapi
from whimbrel.hub.answers.asked import Asked, UnknownError
from whimbrel.hub.answers.measures import HTTP
from whimbrel.hub.answers.shapes import Comparison, FindingLine
from whimbrel.hub.archive import Archive
from whimbrel.hub.conformity import Finding, conformity
from whimbrel.hub.documented import DocumentError, read_document
from whimbrel.hub.model import Endpoint
from whimbrel.hub.periods import period_of

DOCUMENT_BYTES_MOST = 8 << 20  # the largest public ones have six
# What a word without quotes is, by its first letters: YAML 1.2's rules, as OpenAPI wants them.
PLAIN_WORDS = (
    ("null", r"null|~|", "n~"),
    ("bool", r"true|false", "tf"),
    ("int", r"-?(?:0|[1-9][0-9]{0,17})", "-0123456789"),
    ("float", r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,18}", "-0123456789"),
)
VALUES_MOST = 500_000  # of YAML: each takes some 8 us and 400 bytes to read; in 8 MiB that people write are fewer
DEPTH_MOST = 200  # of lists and mappings in each other: people write thirty


def document(archive: Archive, asked: Asked, service: str) -> dict[str, Any]:
    """OpenAPI 3.1, of what was called in the period."""
    return openapi.document(service, seen_of(archive, asked, service))


def comparison(archive: Archive, asked: Asked, service: str, document: object) -> Comparison:
    """DocumentError: it is no OpenAPI document."""
    documented = read_document(document)
    found = conformity(seen_of(archive, asked, service), documented)
    return Comparison(
        span=asked.span,
        service=service,
        operations=len(documented.operations),
        findings=[_line(finding) for finding in found],
    )


def seen_of(archive: Archive, asked: Asked, service: str) -> tuple[Endpoint, ...]:
    """Its endpoints with their schemas."""
    rows = [row for row in archive.endpoints(asked.period) if row.protocol == HTTP and (row.host or HTTP) == service]
    if not rows:
        raise UnknownError(f"no HTTP calls of a service {service!r} in this period")
    return period_of(archive, asked.period, [row.id for row in rows], sliced=False).endpoints


def _line(finding: Finding) -> FindingLine:
    return FindingLine(
        kind=finding.kind,
        endpoint=finding.endpoint,
        place=finding.place,
        documented=finding.documented,
        observed=finding.observed,
    )


# ---- reading -------------------------------------------------------------------------------------------


def parse_document(raw: bytes) -> object:
    """JSON or YAML as plain values."""
    if len(raw) > DOCUMENT_BYTES_MOST:
        raise DocumentError(f"a document of {len(raw)} bytes; at most {DOCUMENT_BYTES_MOST} are read")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(f"not UTF-8: {error.reason} at byte {error.start}") from None
    return _json(text) if text.lstrip()[:1] in ("{", "[") else _yaml(text)


def _json(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except RecursionError:
        raise DocumentError("nested too deeply") from None
    except msgspec.DecodeError as error:
        raise DocumentError(f"not JSON: {error}") from None


class _Loader(yaml.CSafeLoader):  # type: ignore[misc]  # the library is not typed
    """Of PLAIN_WORDS only."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}  # filled below


for _name, _pattern, _first in PLAIN_WORDS:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(f"(?:{_pattern})$"), [*_first, ""])


def _yaml(text: str) -> object:
    """Looked through first, event by event, and only then built."""
    try:
        _check_events(text)
        return yaml.load(text, _Loader)  # noqa: S506 - it is the safe one with less in it
    except yaml.YAMLError as error:
        raise DocumentError(f"not YAML: {' '.join(str(error).split())}") from None


def _check_events(text: str) -> None:
    depth = 0
    for number, event in enumerate(yaml.parse(text, yaml.CSafeLoader)):
        if number > VALUES_MOST:
            raise DocumentError(f"more than {VALUES_MOST} values; as JSON it can be larger")
        if isinstance(event, yaml.AliasEvent):
            raise DocumentError(f"an alias in line {event.start_mark.line + 1}; YAML with aliases is not read")
        if getattr(event, "tag", None) is not None:
            raise DocumentError(f"a tag in line {event.start_mark.line + 1}; YAML with tags is not read")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEPTH_MOST:
                raise DocumentError(f"more than {DEPTH_MOST} lists and mappings in each other")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
