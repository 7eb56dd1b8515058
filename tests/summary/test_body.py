"""A body is typed by its content type and through its codings, in bounded memory, and what went wrong is flagged."""

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from whimbrel.summary import bodies as rows
from whimbrel.summary import coding
from whimbrel.summary.testing_body import FREE, RATIO, Bodies, Typer, kind_of

JSON = b"application/json"
FORM = b"application/x-www-form-urlencoded"
DOCUMENT = b'{"id":17,"items":[{"price":1.5},{"price":null}]}'
CAPTURES = Path(__file__).resolve().parents[3] / "shared" / "data" / "captures"


def begun(bodies: Bodies, content_type: bytes, coded: bytes = b"", look: bool = True) -> Typer:
    typer = bodies.begin(content_type, coded, look)
    assert typer is not None
    return typer


def typed(content_type: bytes, data: bytes, coded: bytes = b"", whole: bool = True, size: int = 0) -> dict[str, Any]:
    bodies = Bodies()
    typer = begun(bodies, content_type, coded)
    for i in range(0, len(data), size or len(data) or 1):
        typer.feed(data[i : i + (size or len(data))])
    told = typer.end(whole)
    assert bodies.used == 0 and coding.ledger.used_bytes == 0
    return told


def keys_of(told: dict[str, Any]) -> set[bytes]:
    return set(told["shape"].get("keys", ())) if told["shape"] else set()


# ---- content types ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type, kind",
    [
        (b"application/json", "json"),
        (b"application/json; charset=utf-8", "json"),
        (b" Application/JSON ;charset=utf-8", "json"),
        (b"application/problem+json", "json"),
        (b"application/vnd.api+json;version=1", "json"),
        (b"text/json", "json"),
        (b"application/x-ndjson", "json"),
        (b"application/x-www-form-urlencoded", "form"),
        (b"multipart/form-data; boundary=x", "multipart"),
        (b"multipart/mixed; boundary=x", "binary"),
        (b"text/html", "html"),
        (b"application/xhtml+xml", "html"),
        (b"application/soap+xml", "xml"),
        (b"text/xml", "xml"),
        (b"image/svg+xml", "image"),
        (b"image/png", "image"),
        (b"text/plain", "text"),
        (b"application/javascript", "text"),
        (b"application/octet-stream", "binary"),
        (b"application/jsonx", "binary"),
        (b"json", "binary"),
        (b"", "binary"),
        (b";", "binary"),
        (b"\xff" * 200, "binary"),
    ],
)
def test_a_content_type_says_the_kind(content_type: bytes, kind: str) -> None:
    assert kind_of(content_type) == kind


def test_rows_are_of_kinds_that_exist() -> None:
    assert {kind for _, kind in rows.CONTENT_TYPES} < set(rows.KINDS)
    assert len({pattern for pattern, _ in rows.CONTENT_TYPES}) == len(rows.CONTENT_TYPES)
    assert all(pattern.strip("*") == pattern.strip("*").lower() != "" for pattern, _ in rows.CONTENT_TYPES)


@pytest.mark.parametrize(
    "content_type, data, kind, flags",
    [
        (b"", b' \r\n {"a":1}', "json", []),
        (b"", b"[1]", "json", []),
        (b"", b"hello", "binary", []),
        (b"", b"   ", "binary", []),
        (FORM, b'{"a":1}', "json", ["broken"]),
        (FORM, b"a=1", "form", []),
        (JSON, b"<html>", "json", ["broken"]),
        (JSON, b'{"a":', "json", ["broken"]),
        (JSON, b"", "none", []),
        (b"image/png", b"\x89PNG", "image", []),
        (b"text/plain", b'{"a":1}', "text", []),
        (JSON, b"\xef\xbb\xbf" + DOCUMENT, "json", []),
    ],
)
def test_the_first_byte_decides_only_where_the_type_does_not(
    content_type: bytes, data: bytes, kind: str, flags: list[str]
) -> None:
    for size in (0, 1):
        told = typed(content_type, data, size=size)
        assert (told["kind"], told["flags"]) == (kind, flags)


def test_only_structure_has_a_shape() -> None:
    assert keys_of(typed(JSON, DOCUMENT)) == {b"id", b"items"}
    assert typed(b"text/plain", DOCUMENT)["shape"] is None


# ---- codings ----------------------------------------------------------------------------------------------------


def coded_with(name: str, data: bytes) -> bytes:
    if name == "br":
        return bytes(pytest.importorskip("brotli", reason="brotli is not installed").compress(data))
    if name == "zstd":
        library = coding.library("compression.zstd", "backports.zstd", needs="ZstdDecompressor.decompress")
        if library is None:
            pytest.skip("zstd is not installed")
        return bytes(library.compress(data))
    return gzip.compress(data) if name == "gzip" else zlib.compress(data)


@pytest.mark.parametrize(
    "names", [["gzip"], ["deflate"], ["br"], ["zstd"], ["gzip", "br"], ["deflate", "zstd", "gzip"]]
)
@pytest.mark.parametrize("content_type, data", [(JSON, DOCUMENT), (FORM, b"a=1&b=2"), (b"", DOCUMENT)])
def test_a_coded_body_has_the_shape_of_what_it_decodes_to(names: list[str], content_type: bytes, data: bytes) -> None:
    coded = data
    for name in names:
        coded = coded_with(name, coded)
    for size in (0, 1, 7):
        told = typed(content_type, coded, ", ".join(names).encode(), size=size)
        assert (told["flags"], told["decoded"]) == ([], len(data))
        assert told["shape"] == typed(content_type, data)["shape"] is not None


@pytest.mark.parametrize(
    "header", [b"identity", b"Identity, identity", b"", b" , ", b"identity,,identity,identity,identity"]
)
def test_identity_is_no_coding(header: bytes) -> None:
    told = typed(JSON, DOCUMENT, header)
    assert (told["flags"], told["decoded"], keys_of(told)) == ([], 0, {b"id", b"items"})


@pytest.mark.parametrize("header", [b"compress", b"gzip, aes128gcm", b"gzip,gzip,gzip,gzip", b"x" * 500, b"\xff\x00"])
def test_what_cannot_be_decoded_is_flagged(header: bytes) -> None:
    told = typed(JSON, gzip.compress(DOCUMENT), header)
    assert (told["kind"], told["flags"], told["shape"]) == ("json", ["no_decoder"], None)


def test_upper_case_and_blanks_in_the_header() -> None:
    assert typed(JSON, gzip.compress(DOCUMENT), b"\t GZip ")["flags"] == []


def test_kinds_without_structure_are_not_decoded() -> None:
    told = typed(b"text/html", gzip.compress(b"<p>" * 1000), b"gzip")
    assert (told["kind"], told["flags"], told["decoded"]) == ("html", [], 0)


def test_a_coded_body_that_is_no_json_stops_at_once() -> None:
    told = typed(JSON, gzip.compress(b"<" + bytes(3_000_000)), b"gzip")
    assert told["flags"] == ["broken"] and told["decoded"] <= coding.STEP_BYTES


def test_a_broken_stream_and_a_cut_one() -> None:
    coded = gzip.compress(DOCUMENT * 50)
    assert typed(JSON, coded[:30] + b"\xff" * 30 + coded[60:], b"gzip")["flags"] == ["broken"]
    assert typed(JSON, coded[:-1], b"gzip")["flags"] == ["cut"]
    assert typed(JSON, coded[:40], b"gzip", whole=False)["flags"] == ["cut"]


def test_an_error_inside_a_decoder_ends_typing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> object:
        raise MemoryError

    monkeypatch.setattr(coding.Chain, "feed", refuse)
    told = typed(JSON, gzip.compress(DOCUMENT), b"gzip", size=10)
    assert (told["flags"], told["shape"]) == (["untyped"], None)


# ---- what is missing --------------------------------------------------------------------------------------------


def test_bytes_that_were_lost_end_typing_and_keep_what_was_there() -> None:
    bodies = Bodies()
    typer = begun(bodies, JSON)
    typer.feed(b'{"a":1,"b"')
    typer.lost()
    typer.feed(b'"c":2}')
    told = typer.end()
    assert (told["flags"], keys_of(told)) == (["cut"], {b"a", b"b"})


def test_a_body_that_ended_early() -> None:
    assert typed(JSON, b'{"a":1,"b":', whole=False)["flags"] == ["cut"]
    assert typed(JSON, b"", whole=False)["flags"] == ["cut"]


def test_under_pressure_only_the_kind_is_told() -> None:
    bodies = Bodies()
    for content_type, flags in ((JSON, ["untyped"]), (FORM, ["untyped"]), (b"image/png", []), (b"", ["untyped"])):
        typer = begun(bodies, content_type, b"gzip", look=False)
        typer.feed(gzip.compress(DOCUMENT))
        told = typer.end()
        assert (told["kind"], told["flags"], told["shape"]) == (kind_of(content_type), flags, None)


def test_without_memory_there_is_no_typer() -> None:
    bodies = Bodies(1 << 20)
    typers = []
    while (typer := bodies.begin(JSON)) is not None:
        typers.append(typer)
    assert len(typers) >= 200
    for typer in typers:
        typer.end()
    assert bodies.used == 0


# ---- bombs and sizes --------------------------------------------------------------------------------------------


def test_a_bomb_is_flagged_and_costs_what_it_sends() -> None:
    bomb = gzip.compress(b"[" + b" " * (40 << 20) + b"]", 9)
    told = typed(JSON, bomb, b"gzip", size=1000)
    assert told["flags"] == ["bomb"] and told["decoded"] <= max(FREE, RATIO * len(bomb))


def test_text_that_compresses_well_is_no_bomb() -> None:
    data = json.dumps([{"id": n, "name": "name", "active": True} for n in range(60_000)]).encode()
    coded = gzip.compress(data, 9)
    assert len(coded) * 8 < len(data)
    told = typed(JSON, coded, b"gzip", size=1448)
    assert (told["flags"], told["decoded"]) == ([], len(data))


def test_depth_is_flagged() -> None:
    assert typed(JSON, b"[" * 100_000)["flags"] == ["deep"]


LARGE_BYTES = 27 << 20  # what made another agent cut bodies off
BODIES = 10


def test_ten_large_documents_at_once_are_typed_to_their_end_in_a_megabyte() -> None:
    order = {
        "id": 1,
        "email": "a@b.co",
        "items": [{"sku": "x1", "price": 1.5, "tags": ["a", "b"]}] * 5,
        "note": "x" * 300,
    }
    piece = b",".join([json.dumps(order).encode()] * 90) + b","
    bodies = Bodies(1 << 20)
    typers = [begun(bodies, JSON) for _ in range(BODIES)]
    for typer in typers:
        typer.feed(b'{"orders":[')
    for _ in range(LARGE_BYTES // len(piece)):
        for typer in typers:
            typer.feed(piece)
    for typer in typers:
        typer.feed(b'{}],"last":true}')
    told = [typer.end() for typer in typers]
    assert all(one["flags"] == [] and keys_of(one) == {b"orders", b"last"} for one in told)
    assert told[0]["shape"]["keys"][b"orders"]["items"]["seen"] == LARGE_BYTES // len(piece) * 90 + 1
    assert bodies.used == 0 and bodies.peak <= 128 * 1024


# ---- real traffic -----------------------------------------------------------------------------------------------


def body_in(capture: str, after: bytes) -> bytes:
    """The bytes of a small capture behind the head that holds `after`: enough where one packet has both."""
    path = CAPTURES / capture
    if not path.exists():
        pytest.skip(f"{capture} is not here")
    data = path.read_bytes()
    return data[data.index(b"\r\n\r\n", data.index(after)) + 4 :]


def test_deflate_without_zlibs_header_as_it_was_sent() -> None:
    """A script, called JSON here so that it is decoded; the piece is what the first packet has of it."""
    told = typed(JSON, body_in("missing-zlib-header.pcap", b"Content-Encoding: deflate")[:600], b"deflate", whole=False)
    assert told["decoded"] > 600 and "no_decoder" not in told["flags"]


def test_x_gzip_as_it_was_sent() -> None:
    told = typed(b"", body_in("x-gzip.pcap", b"Content-Encoding: x-gzip")[:39], b"x-gzip")
    assert told["decoded"] > 0 and told["flags"] == []
