"""Addresses of hosts, people and resources, compared with ipaddress where that knows better."""

import ipaddress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.summary.looks import format_name

IS = {
    "ipv6": [
        "::",
        "::1",
        "fe80::1",
        "2001:db8::8a2e:370:7334",
        "1:2:3:4:5:6:7:8",
        "::ffff:1.2.3.4",
        "1:2:3:4:5:6:7::",
        "ABCD::ef",
    ],
    "hostname": [
        "example.com",
        "api.example.co.uk",
        "a-b.c1.internal",
        "www.example.de",
        "1.pool.ntp.org",
        "x.xn--p1ai",
    ],
    "email": [
        "a@b.co",
        "first.last+tag@example.com",
        "o'neil@example.org",
        "x_y-z%a@sub.example.museum",
        "a@xn--bcher-kva.example",
        "A.B@Example.COM",
    ],
    "uri": [
        "https://example.com",
        "http://localhost:8080/a?b=c#d",
        "ftp://user@host/x",
        "s3://bucket/key",
        "postgres://u:p@h/db",
        "urn:isbn:0451450523",
        "mailto:a@b.co",
        "data:text/plain;base64,SGk=",
        "tel:+14155550123",
        "https://[::1]:80/",
    ],
}

IS_NOT = {
    "ipv6": [
        ":",
        ":::",
        "1::2::3",
        "12345::",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "::g",
        "12:34:56",
        "::1.2.3",
        "1:",
        ":1",
        "1:2:3:4:5:6:7:1.2.3.4",
        "fe80::1%eth0",
        "aa:bb:cc:dd:ee:ff",
    ],
    "hostname": [
        "example",
        "index.html",
        "user.name",
        "main.py",
        "order.id",
        "1.2.3",
        "-a.com",
        "a-.com",
        "a..com",
        ".com",
        "com.",
        "v1.2.3",
        "a_b.com",
        "Foo.Bar",
        "x" * 64 + ".com",
        "foo.c",
        "java.lang.String",
        "a.com/",
    ],
    "email": [
        "@b.co",
        "a@",
        "a@b",
        "a b@c.de",
        "a@b..co",
        ".a@b.co",
        "a.@b.co",
        "a..b@c.de",
        "a@b@c.de",
        "a@-b.co",
        '"a"@b.co',
        "x" * 65 + "@b.co",
        "@type",
        "a@b.c",
    ],
    "uri": [
        "://x",
        "http:/x",
        "http://",
        "http:// x",
        "1http://x",
        "example.com/path",
        "/a/b",
        "http",
        "foo:bar",
        "a://b c",
        "urn:",
        "http://x/<y>",
        "12:30",
    ],
}


@pytest.mark.parametrize("name, text", [(name, text) for name, texts in IS.items() for text in texts])
def test_is(name: str, text: str) -> None:
    assert format_name(text) == name


@pytest.mark.parametrize("name, text", [(name, text) for name, texts in IS_NOT.items() for text in texts])
def test_is_not(name: str, text: str) -> None:
    assert format_name(text) != name


def address_of(text: str) -> str | None:
    try:
        return f"ipv{ipaddress.ip_address(text).version}"
    except ValueError:
        return None


@settings(max_examples=300)
@given(
    st.text("0123456789abcdF:.", max_size=20)
    | st.ip_addresses().map(str)
    | st.ip_addresses(v=6).map(lambda a: a.exploded)
)
@example("1:2:3:4:5:6:1.2.3.4")
@example("::1:2:3:4:5:6:7")
@example("1::2:3:4:5:6:7")
@example("1:2:3:4:5:6:7::")
@example("::1.2.3.4:5")
@example("1.2.3.4::")
@example("::01.2.3.4")
def test_ip_addresses_are_those_of_ipaddress(text: str) -> None:
    found = format_name(text)
    assert (found if found in ("ipv4", "ipv6") else None) == address_of(text)


@given(st.emails())
def test_addresses_that_others_make_up_are_found_or_missed_but_nothing_else(text: str) -> None:
    assert format_name(text) in ("email", "")
