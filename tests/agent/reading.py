"""What is in the bytes that leave, unpacked, for tests that search them."""

from __future__ import annotations

import io
import json
from typing import Any

from whimbrel.summary.batch import decode, read_batches


def batches_of(data: bytes) -> list[dict[str, Any]]:
    """The batches of a file or of several uploads in a row."""
    return list(read_batches(io.BytesIO(data)))


def leaves(data: bytes) -> bytes:
    """The bytes as they are, and behind them everything that is packed in them: strings, bytes as text and as they are.

    Anything that is not a record is searched as it is.
    """
    found = [data]
    if data.startswith(b"WHB1"):
        for batch in batches_of(data):
            found.append(json.dumps(batch, default=bytes.hex).encode())
            found += list(raw_bytes(batch))
    return b"\n".join(found)


def raw_bytes(value: Any) -> list[bytes]:
    """Every bytes in a document."""
    if isinstance(value, bytes):
        return [value]
    if isinstance(value, dict):
        return [piece for one in value.values() for piece in raw_bytes(one)]
    if isinstance(value, (list, tuple)):
        return [piece for one in value for piece in raw_bytes(one)]
    return []


__all__ = ["batches_of", "decode", "leaves", "raw_bytes"]
