"""Templates: what becomes a parameter, what is shown, and that every call is counted at one endpoint."""

import string
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whimbrel.summary.formats import FORMATS
from whimbrel.summary.looks import PARAMETER_NAMES
from whimbrel.summary.template import REVEAL_CALLS
from whimbrel.summary.testing_window import Trie

WORDS = [a + b + "el" for a in "bdfglmnprt" for b in "aeiou"]  # that look like no value

PATHS = {
    "/users/17": "/users/{integer}",
    "/users/17/orders": "/users/{integer}/orders",
    "/users/550e8400-e29b-41d4-a716-446655440000": "/users/{uuid}",
    "/days/2024-02-29": "/days/{date}",
    "/api/v1/items/": "/api/v1/items/",
    "//items": "//items",
    "/items/../users/.": "/items/../users/.",
    "/img/17.png": "/img/{integer}.png",
    "/mail/alice@example.com": "/mail/{email}",
    "/pages;session=abcdef": "/pages;session={value}",
    "/hosts/10.1.2.3": "/hosts/{ipv4}",
    "/a%20b": "/{value}",
    "/~alice": "/{value}",
    "/{value}": "/{value}",
    "/caf\xe9": "/{value}",
    "/" + "long" * 30: "/{value}",
    "http://example.com/items?id=3": "/items",
    "*": "*",
    "": "",
}

KEYS = {
    "user:17": "user:{integer}",
    "user_17": "user_{integer}",
    "user:17:cart": "user:{integer}:cart",
    "session-550e8400-e29b-41d4-a716-446655440000": "session-{uuid}",
    "log:2024-01-01T10:00:00Z": "log:{date-time}",
    "net:2001:db8::1": "net:{ipv6}",
    "page:https://example.com/a?b": "page:{uri}",
    "shopping_cart": "shopping_cart",
    "d41d8cd98f00b204e9800998ecf8427e": "{hex}",
    ":1:views.cache": ":{integer}:views.cache",
    "a/b|c": "a/b|c",
}


def test_keys_of_one_command_are_one_call_at_each_place() -> None:
    trie = Trie(k=3)
    for command in range(1, 4):
        for n in range(50):
            shown = trie.find_key(b"mget", b"people:alice:%d" % n, many=command)
            assert ("alice" in shown) == (command == 3)
    assert trie.find_key(b"mget", b"people:bob:1", many=2**32 - 1) == trie.find_key(b"mget", b"people:bob:2", many=1)
    assert trie.find_key(b"mget", b"people:bob:3", many=3) == "people:bob:{integer}"  # the number may wrap


def test_keys_of_one_command_are_one_call_after_a_merge() -> None:
    trie = Trie(k=3)
    for n in range(200):
        trie.find_key(b"mget", f"{WORDS[n % 50]}-{WORDS[n // 50]}:alice".encode(), many=1)
    shown = [template for template, _ in trie.endpoints()]
    assert any(template.startswith("{value}:") for template in shown) and not any("alice" in one for one in shown)


@pytest.mark.parametrize("path", PATHS)
def test_paths(path: str) -> None:
    assert Trie(k=0).find(b"GET", b"api.example.com", path.encode("latin-1")) == PATHS[path]


@pytest.mark.parametrize("key", KEYS)
def test_keys(key: str) -> None:
    assert Trie(k=0).find_key(b"get", key.encode()) == KEYS[key]


def test_targets_that_are_no_path() -> None:
    assert Trie().find(b"CONNECT", b"h", b"secret.example.com:443") == "{authority}"
    assert Trie().find(b"", b"", b"") == "{unknown}"
    assert Trie(k=0).find(b"GET", b"h", b"/a" * 100) == "/a" * 24 + "/{other}"


def test_names_of_parameters_are_those_of_formats() -> None:
    for number, name in PARAMETER_NAMES.items():
        assert number >= 64 or FORMATS[number].name == name


# ---- the reveal rule


@pytest.mark.parametrize("k", [1, 2, REVEAL_CALLS, 50])
def test_hidden_until_k_calls(k: int) -> None:
    trie = Trie(k=k)
    texts = [trie.find(b"GET", b"h", b"/secret/sauce") for _ in range(k + 3)]
    assert all("secret" not in text and text.count("~") == 2 for text in texts[: k - 1])
    assert len(set(texts[: k - 1])) <= 1  # one token until then
    assert texts[k - 1 :] == ["/secret/sauce"] * 4


def test_a_word_is_counted_at_its_place() -> None:
    trie = Trie(k=3)
    for word in ("alpha", "beta", "gamma"):
        shown = [trie.find(b"GET", b"h", f"/{word}/secret".encode()) for _ in range(2)]
        assert all("secret" not in text for text in shown)


def test_tokens_differ_by_place_and_by_key() -> None:
    found = [
        trie.find(b"GET", b"h", path)[-12:]
        for trie in (Trie(key=b"a" * 32), Trie(key=b"b" * 32))
        for path in (b"/secret", b"/x/secret", b"/y/secret")
    ]
    assert len(set(found)) == 6
    assert Trie(key=b"a" * 32, seed=99).find(b"GET", b"h", b"/secret")[-12:] == found[0]  # and not by process


def test_methods_share_what_was_learnt() -> None:
    trie = Trie(k=2)
    trie.find(b"GET", b"h", b"/items")
    assert trie.find(b"POST", b"h", b"/items") == "/items"
    assert len(trie.endpoints()) == 2 + 8  # and {other} of every protocol


# ---- siblings that are too many


def test_siblings_become_one_parameter() -> None:
    trie = Trie(k=5)
    for word in WORDS[:40]:
        for _ in range(6):
            last = trie.find(b"GET", b"h", f"/users/{word}/orders".encode())
    assert last == "/users/{value}/orders"
    counts = {text: calls for (text, _), calls in trie.endpoints().items() if calls}
    assert counts == {"/users/{value}/orders": 240}


def test_resources_right_below_a_host_may_be_more() -> None:
    trie = Trie(k=1)
    for word in WORDS:
        trie.find(b"GET", b"h", f"/{word}".encode())
    assert trie.find(b"GET", b"h", f"/{WORDS[0]}".encode()) == f"/{WORDS[0]}"


def test_many_kinds_of_parameter_become_one() -> None:
    trie = Trie(k=1)
    for value in ("17", "1.5", "2024-02-29", "550e8400-e29b-41d4-a716-446655440000", "a@example.com"):
        trie.find(b"GET", b"h", f"/things/{value}".encode())
    assert trie.find(b"GET", b"h", b"/things/17") == "/things/{value}"
    assert sum(trie.endpoints().values()) == 6


def test_methods_and_hosts_are_bounded() -> None:
    trie = Trie(k=1)
    for word in WORDS * 8:
        trie.find(word.upper().encode(), b"h", b"/")
    for a in WORDS:
        for b in WORDS[:12]:
            trie.find(b"GET", f"{a}.{b}".encode(), b"/")
    assert trie.nodes < 1200
    assert sum(trie.endpoints().values()) == 50 * 8 + 600


# ---- every call is counted once, in bounded memory

SEGMENT = st.sampled_from([*WORDS[:6], "17", "18", "", "a.png", "1.5", "x" * 70, ";v=1"]) | st.text(
    string.ascii_lowercase + string.digits + "/;=.-_%", max_size=6
)
PATH = st.lists(SEGMENT, max_size=5).map(lambda parts: "/" + "/".join(parts))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["GET", "POST", "BREW"]), st.sampled_from(["a", "b", "10.0.0.1"]), PATH), max_size=80
    )
)
def test_calls_are_conserved(calls: list[tuple[str, str, str]]) -> None:
    trie = Trie(k=3)
    for method, host, path in calls:
        trie.find(method.encode(), host.encode(), path.encode())
    assert sum(trie.endpoints().values()) == len(calls)


@pytest.mark.parametrize("size", [1 << 20, 16 << 20])
def test_hostile_paths_stay_within_the_bounds(size: int) -> None:
    trie = Trie(size=size, k=3)
    fed = Counter[str]()
    for n in range(60_000):
        a, b, c = n % 120, n // 120 % 30, n // 3600
        fed[trie.find(b"GET", b"h", f"/q{WORDS[a % 50]}{chr(97 + a // 50)}/w{WORDS[b]}/v{WORDS[c]}".encode())] += 1
    assert trie.nodes <= 32768 + 1024
    assert sum(trie.endpoints().values()) == 60_000
    assert any("{other}" in text for text in fed) == (trie.refused > 0)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4), min_size=40, max_size=150))
def test_merging_conserves_calls_at_every_level(paths: list[list[str]]) -> None:
    trie = Trie(k=3)
    for path in paths:
        trie.find(b"GET", b"h", ("/x/" + "/".join(path)).encode())
    for word in WORDS[:34]:  # what is below /x merges now
        trie.find(b"GET", b"h", f"/x/{word}".encode())
    found = trie.endpoints()
    assert sum(found.values()) == len(paths) + 34
    assert all(text.startswith(("/x/{value}", "/~")) for (text, _), calls in found.items() if calls)
