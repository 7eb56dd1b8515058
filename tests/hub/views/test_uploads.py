"""Forms with a file."""

import pytest

from whimbrel.hub.refusal import Refusal
from whimbrel.hub.views.uploads import PARTS_MOST, fields_of

TYPE = 'multipart/form-data; boundary="xyz"'


def form(**fields: bytes) -> bytes:
    parts = [
        b'--xyz\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), content)
        for name, content in fields.items()
    ]
    return b"".join(parts) + b"--xyz--\r\n"


def test_fields_by_name() -> None:
    assert fields_of(TYPE, form(text=b"a: 1\nb: 2\n", file="é".encode())) == {
        "text": b"a: 1\nb: 2\n",
        "file": "é".encode(),
    }


def test_a_file_has_a_name_and_a_type_of_its_own() -> None:
    head = b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.json"\r\nContent-Type: application/json'
    assert fields_of(TYPE, head + b'\r\n\r\n{"a": 1}\r\n--xyz--\r\n') == {"file": b'{"a": 1}'}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", b"x"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=é", b"x"),
        ("multipart/form-data; boundary=a\r\nX: y", b"x"),
        ("multipart/mixed; boundary=xyz", form(a=b"")),
        (TYPE, b""),
        (TYPE, form(a=b"")[:-4]),
        (TYPE, b"--xyz\r\n" + b"A: b\r\n" * 1000 + b"\r\n\r\n--xyz--"),
    ],
)
def test_what_is_no_form_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        fields_of(content_type, body)
    assert refused.value.status == 400


def test_a_form_has_few_parts() -> None:
    with pytest.raises(Refusal, match="at most"):
        fields_of(TYPE, form(**{f"f{number}": b"" for number in range(PARTS_MOST + 1)}))


def test_parts_of_a_part_are_its_content() -> None:
    """However deep they are nested, and however many lines they have."""
    nested = b"".join(b"--x%d\r\nContent-Type: multipart/mixed; boundary=x%d\r\n\r\n" % (n, n + 1) for n in range(3000))
    head = b'--xyz\r\nContent-Disposition: form-data; name="file"\r\nContent-Type: multipart/mixed; boundary=x0\r\n\r\n'
    assert fields_of(TYPE, head + nested + b"\r\n--xyz--\r\n") == {"file": nested}
