"""Answers as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

JSON_TYPE = "application/json"


def json_response(answer: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`answer` is a Struct, or what JSON is made of."""
    return Response(msgspec.json.encode(answer), status, headers, JSON_TYPE)
