"""Forms and multipart bodies, compared with the standard library's readers, in any pieces."""

import email.policy
import urllib.parse
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.summary.shapes import names_of
from whimbrel.summary.testing_body import Bodies

FORM = b"application/x-www-form-urlencoded"
names = st.sampled_from(["id", "user[name]", "naïve", "a b", "x" * 64, "plus+plus", "50%", "a&b=c"])
texts = st.sampled_from(
    ["", "17", "a@b.co", "2024-01-02", "x y", "€", "100%", "a=b&c", "word", "0123456789abcdef" * 20]
)


def typed(content_type: bytes, data: bytes, size: int) -> dict[str, Any]:
    bodies = Bodies()
    typer = bodies.begin(content_type)
    assert typer is not None
    for i in range(0, len(data), size):
        typer.feed(data[i : i + size])
    told = typer.end()
    assert bodies.used == 0
    return told


def members(told: dict[str, Any]) -> dict[bytes, tuple[int, list[str]]]:
    keys = told["shape"]["keys"] if told["shape"] else {}
    return {name: (node["seen"], names_of(node["formats"])) for name, node in keys.items()}


# ---- forms --------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(names, texts), min_size=1, max_size=6), st.integers(1, 50))
def test_a_forms_names_are_those_that_were_encoded(pairs: list[tuple[str, str]], size: int) -> None:
    data = urllib.parse.urlencode(pairs).encode()
    told = typed(FORM, data, size)
    assert told["kind"] == "form" and told["flags"] == []
    assert told == typed(FORM, data, len(data))
    short = [name.encode() for name, _ in pairs if len(name.encode()) <= 64]
    found = told["shape"].get("keys") or told["shape"].get("values")
    assert found is not None
    if "keys" in told["shape"]:
        assert {name: node["seen"] for name, node in found.items()} == {name: short.count(name) for name in short}


@pytest.mark.parametrize(
    "data, wanted",
    [
        (b"a=1&b=", {b"a": (1, ["integer"]), b"b": (1, ["empty"])}),
        (b"a&b", {b"a": (1, ["empty"]), b"b": (1, ["empty"])}),
        (b"&&a=1&&", {b"a": (1, ["integer"])}),
        (b"a=1=2", {b"a": (1, [""])}),
        (b"a=1&a=x%40y.de", {b"a": (2, ["integer", "email"])}),
        (b"a=%", {b"a": (1, [""])}),
        (b"a=%4", {b"a": (1, [""])}),
        (b"a=%zz&b=%4z&c=%%41", {b"a": (1, [""]), b"b": (1, [""]), b"c": (1, [""])}),
        (b"first%5Fname=x", {b"first_name": (1, ["word"])}),
        (b"a=" + b"x+" * 500 + b"&b=2", {b"a": (1, [""]), b"b": (1, ["integer"])}),
    ],
)
def test_forms(data: bytes, wanted: dict[bytes, Any]) -> None:
    for size in (1, 2, 3, 7, 5000):
        assert members(typed(FORM, data, size)) == wanted


def test_a_long_name_has_no_key() -> None:
    shape = typed(FORM, b"a=1&" + b"n" * 65 + b"=2", 10)["shape"]
    assert set(shape["keys"]) == {b"a"} and shape["values"]["seen"] == 1


# ---- multipart ----------------------------------------------------------------------------------------------------


def part(headers: bytes, content: bytes) -> bytes:
    return b"--B\r\n" + headers + b"\r\n\r\n" + content + b"\r\n"


def field(name: bytes, content: bytes) -> bytes:
    return part(b'Content-Disposition: form-data; name="' + name + b'"', content)


MULTIPART = b"multipart/form-data; boundary=B"
END = b"--B--\r\n"

contents = st.lists(
    st.sampled_from(
        [b"\r", b"\n", b"-", b"--", b"B", b"\r\n", b"\r\n-", b"\r\n--", b"\r\n--C", b"--B", b"x" * 200, b"17", b"\0"]
    ),
    max_size=8,
).map(b"".join)


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.sampled_from([b"a", b"b", b"file"]), contents), min_size=1, max_size=4), st.integers(1, 40)
)
@example([(b"a", b"\r\n--"), (b"b", b"")], 1)
def test_parts_are_those_that_email_finds(fields: list[tuple[bytes, bytes]], size: int) -> None:
    data = b"".join(field(name, content) for name, content in fields) + END
    told = typed(MULTIPART, data, size)
    assert told == typed(MULTIPART, data, len(data))
    if any(b"--B" in content for _, content in fields):
        return  # perhaps a boundary: then it is a matter of taste where the parts end
    head = b"Content-Type: " + MULTIPART + b"\r\n\r\n"
    message = BytesParser(policy=email.policy.HTTP).parsebytes(head + data)
    found = [part for part in message.iter_parts() if isinstance(part, EmailMessage)]
    wanted = [str(part.get_param("name", header="content-disposition")).encode() for part in found]
    assert told["parts"] == len(wanted) and told["flags"] == []
    assert {name: seen for name, (seen, _) in members(told).items()} == {name: wanted.count(name) for name in wanted}


def test_a_part_has_the_format_of_its_value_and_a_file_its_size() -> None:
    data = (
        b"preamble\r\n"
        + field(b"id", b"17")
        + part(
            b'content-disposition: form-data; filename="a;b\\".png"; name="photo"\r\nContent-Type: image/png',
            b"\r\nPNG\r\n",
        )
        + part(b"Content-Disposition: form-data; name=raw; filename*=UTF-8''x\r\nX: y", bytes(300))
        + part(b'Content-Disposition: form-data; name="q\\"q"', b"")
        + b"--B--  \r\nepilogue --B\r\n"
    )
    for size in (1, 2, 3, 5, 1000):
        told = typed(b'Multipart/Form-Data; charset=utf-8; BOUNDARY="B"', data, size)
        assert told["flags"] == []
        assert (told["parts"], told["files"], told["file_bytes"]) == (4, 2, 7 + 300)
        assert told["file_kinds"] == ["image", "binary"]
        assert members(told) == {
            b"id": (1, ["integer"]),
            b"photo": (1, ["binary"]),
            b"raw": (1, ["binary"]),
            b'q"q': (1, ["empty"]),
        }


def test_a_real_one() -> None:
    """As curl sends it: see the capture multipart-extract."""
    boundary = b"----------------------------4ebf00fbcf09"
    lines = [
        b"--" + boundary,
        b'Content-Disposition: form-data; name="example"',
        b"",
        b"test",
        b"--" + boundary + b"--",
        b"",
    ]
    told = typed(b"multipart/form-data; boundary=" + boundary, b"\r\n".join(lines), 20)
    assert members(told) == {b"example": (1, ["word"])}


@pytest.mark.parametrize(
    "content_type",
    [b"multipart/form-data", b"multipart/form-data; boundary=", b"multipart/form-data; boundary=" + b"x" * 71,
     b'multipart/form-data; boundary="a\rb"', b"multipart/form-data; boundaryx=B"],
)  # fmt: skip
def test_no_boundary_is_broken(content_type: bytes) -> None:
    assert typed(content_type, field(b"a", b"1") + END, 100)["flags"] == ["broken"]


@pytest.mark.parametrize(
    "data",
    [
        field(b"a", b"1"),
        field(b"a", b"1") + b"--B",
        b"nothing of it",
        b"--B\r\nContent-Disp",
        b"--Bx\r\n\r\n",
        b"--B-\r\n",
        b"--B\r\n" + b"X: y\r\n" * 100 + b"\r\n1\r\n" + END,
    ],
)
def test_what_is_not_multipart_is_broken(data: bytes) -> None:
    for size in (1, 1000):
        assert typed(MULTIPART, data, size)["flags"] == ["broken"]


def test_endless_headers_and_values_are_not_kept() -> None:
    bodies = Bodies()
    typer = bodies.begin(MULTIPART)
    assert typer is not None
    typer.feed(b"--B\r\nContent-Disposition: form-data; name=a\r\nX: ")
    for _ in range(200):
        typer.feed(b"y" * 10_000)
    typer.feed(b"\r\n\r\n")
    for _ in range(200):
        typer.feed(b"z" * 10_000)
    typer.feed(b"\r\n" + END)
    told = typer.end()
    assert told["flags"] == [] and told["parts"] == 1 and bodies.peak <= 8192
