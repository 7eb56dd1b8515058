"""Canary secrets in every place of a conversation: none of them is in any byte that leaves, or is logged.

Three kinds of secret, because the reveal rule has two halves:

    value    looks like one, and is sent often           in every place
    word     looks like a name, and is sent often        in places for values
    rare     looks like a name, and is sent seldom       in places for names (a path's segment, a key, a header)

What leaves: the --out file, the spool, the hub's uploads, both output streams, each read whole and with every
compressed part unpacked, searched for the secret raw, in either case, in hex and in base64 at each alignment.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.agent import hubs
from tests.agent.reading import batches_of, leaves
from tests.summary.looks import hidden
from tests.summary.test_readout import FIELDS, strings_of

from .pcaps import Talk, pcap
from .watching import run

pytestmark = pytest.mark.slow  # processes of their own, which start slowly under the sanitizers

OFTEN, SELDOM = 40, 4  # of k = 10
WORDS = (
    "heron", "lantern", "copper", "meadow", "harbor", "thistle", "velvet", "ember", "willow", "saffron",
    "garden", "pepper", "marble", "sister", "winter", "barrel", "candle", "hunter", "summer", "banner",
)  # fmt: skip


def as_value(place: str) -> str:
    """Letters and digits mixed, as tokens are."""
    return "Qz" + hashlib.sha256(place.encode()).hexdigest()[:22]


def as_word(place: str) -> str:
    """Three words run together, others for every place."""
    number = ALL.index(place) * 7  # so that neighbours differ in more than the last word
    return "".join(WORDS[number // len(WORDS) ** power % len(WORDS)] for power in range(3))


def http(secret: str = "", *, method: str = "POST", target: str = "/orders", host: str = "shop.example",
         headers: str = "", body: bytes = b"", kind: str = "application/json") -> bytes:  # fmt: skip
    head = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{headers}"
    if body:
        head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}\r\n".encode() + body


CHUNKED = "Transfer-Encoding: chunked\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n" + b'{"ok":true}'


def answer(body: bytes, headers: str = "Content-Type: application/json\r\n", line: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {line}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


def multipart(name: str, filename: str, content: str) -> bytes:
    return (
        f'--bnd\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
        f"Content-Type: text/plain\r\n\r\n{content}\r\n--bnd--\r\n"
    ).encode()


def resp(*words: str) -> bytes:
    return f"*{len(words)}\r\n".encode() + b"".join(f"${len(w)}\r\n{w}\r\n".encode() for w in words)


def sized(data: bytes, size_bytes: int = 2) -> bytes:
    return len(data).to_bytes(size_bytes, "big") + data


def tls_hello(name: str, alpn: str = "h2") -> bytes:
    """A ClientHello with a server name and a protocol."""
    extensions = b"\0\0" + sized(sized(b"\0" + sized(name.encode())))
    extensions += b"\0\x10" + sized(sized(sized(alpn.encode(), 1)))
    body = b"\x03\x03" + bytes(32) + b"\0" + b"\0\x02\x13\x01" + b"\x01\0" + sized(extensions)
    shake = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + len(shake).to_bytes(2, "big") + shake


Pair = tuple[bytes, bytes]  # what the client and the server send
WEB, MEMCACHE, REDIS, TLS = 80, 11211, 6379, 443


@dataclass(frozen=True)
class Place:
    """Where a secret is put."""

    port: int
    send: Callable[[str], Pair]
    name: bool = False  # a place for names: words that are sent often are structure here
    mss: int = 1400


def values() -> dict[str, Place]:
    """Places where nothing may ever leave."""
    zipped: Callable[[str], bytes] = lambda s: gzip.compress(json.dumps({"note": s}).encode())  # noqa: E731
    coded = "Content-Encoding: gzip\r\n"
    web: dict[str, Callable[[str], Pair]] = {
        "query value": lambda s: (http(target=f"/orders?q={s}&w={quote(s)}"), OK),
        "fragment": lambda s: (http(target=f"/orders#{s}"), OK),
        "user in an absolute target": lambda s: (http(target=f"http://{s}:{s}@shop.example/orders"), OK),
        "header value": lambda s: (http(headers=f"X-Note: {s}\r\n"), OK),
        "folded header value": lambda s: (http(headers=f"X-Note: a\r\n {s}\r\n"), OK),
        "cookie": lambda s: (http(headers=f"Cookie: session={s}; {s}={s}\r\n"), OK),
        "authorization": lambda s: (http(headers=f"Authorization: Bearer {s}\r\n"), OK),
        "basic authorization": lambda s: (
            http(headers=f"Authorization: Basic {base64.b64encode(s.encode()).decode()}\r\n"), OK),
        "user agent": lambda s: (http(headers=f"User-Agent: {s}/1.0\r\n"), OK),
        "content type parameter": lambda s: (http(body=b"{}", kind=f"application/json; v={s}"), OK),
        "json string": lambda s: (http(body=json.dumps({"note": s}).encode()), OK),
        "json in an array": lambda s: (http(body=json.dumps([[s], {"a": [s]}]).encode()), OK),
        "json scalar": lambda s: (http(body=json.dumps(s).encode()), OK),
        "json escaped": lambda s: (
            http(body=b'{"note":"' + "".join(f"\\u{ord(c):04x}" for c in s).encode() + b'"}'), OK),
        "form value": lambda s: (http(body=f"note={s}".encode(), kind="application/x-www-form-urlencoded"), OK),
        "multipart content": lambda s: (
            http(body=multipart("note", "f.txt", s), kind="multipart/form-data; boundary=bnd"), OK),
        "multipart file name": lambda s: (
            http(body=multipart("note", s, "x"), kind="multipart/form-data; boundary=bnd"), OK),
        "text body": lambda s: (http(body=s.encode(), kind="text/plain"), OK),
        "xml body": lambda s: (http(body=f"<{s} a='{s}'>{s}</{s}>".encode(), kind="application/xml"), OK),
        "unknown body": lambda s: (http(body=s.encode(), kind=f"application/x-{s}"), OK),
        "gzip body": lambda s: (http(body=zipped(s), headers=coded), OK),
        "deflate body": lambda s: (
            http(body=zlib.compress(json.dumps([s]).encode()), headers="Content-Encoding: deflate\r\n"), OK),
        "broken gzip body": lambda s: (http(body=zipped(s)[:-9] + s.encode(), headers=coded), OK),
        "unknown coding": lambda s: (http(body=s.encode(), headers=f"Content-Encoding: {s}\r\n"), OK),
        "response string": lambda s: (http(), answer(json.dumps({"note": s}).encode())),
        "response header value": lambda s: (http(), answer(b"{}", f"Set-Cookie: a={s}\r\nLocation: /x/{s}\r\n")),
        "reason phrase": lambda s: (http(), answer(b"{}", line=f"404 {s}")),
        "gzip response": lambda s: (http(), answer(zipped(s), f"Content-Type: application/json\r\n{coded}")),
        "chunk and its extension": lambda s: (
            http(headers=CHUNKED) + f"{len(s):x};x={s}\r\n{s}\r\n0\r\nX-T: {s}\r\n\r\n".encode(),
            OK),
        "broken request line": lambda s: (f"GET {s} {s} HTTP/1.1\r\nHost: a\r\n\r\n".encode(), OK),
        "no HTTP at all": lambda s: (f"{s} {s}\r\n{s}\r\n\r\n".encode() * 9, s.encode() * 9),
        "broken header": lambda s: (http(headers=f"{s} {s}\r\n: {s}\r\n"), OK),
        "broken chunk size": lambda s: (http(headers=CHUNKED) + f"{s}\r\n{s}\r\n".encode(), OK),
        "broken json": lambda s: (http(body=f'{{"note": "{s}", {s}'.encode()), OK),
        "contradicting lengths": lambda s: (http(headers="Content-Length: 3\r\n", body=s.encode()), OK),
        "matrix parameter": lambda s: (http(target=f"/orders;note={s};page={s}/items"), OK),
        "assigned in a path": lambda s: (http(target=f"/orders/note={s}"), OK),
        "behind a comma in a path": lambda s: (http(target=f"/orders/a,{s}"), OK),
        "user in a host": lambda s: (http(host=f"{s}:{s}@shop.example"), OK),
        "port of a host": lambda s: (http(host=f"shop.example:{s}"), OK),
        "no version": lambda s: (f"GET /orders?q={s}\r\n".encode(), s.encode()),
        "version": lambda s: (f"GET /orders HTTP/{s}\r\nHost: a\r\n\r\n".encode(), OK),
        "semicolon in a query": lambda s: (http(target=f"/orders?a=1;{s}=2"), OK),
        "authorization scheme": lambda s: (http(headers=f"Authorization: {s} {s}\r\n"), OK),
        "boundary": lambda s: (
            http(body=f"--{s}\r\n\r\nx\r\n--{s}--\r\n".encode(), kind=f"multipart/form-data; boundary={s}"), OK),
        "multipart header": lambda s: (
            http(body=f"--b\r\nX-{s}: {s}\r\nContent-Type: {s}/{s}\r\n\r\nx\r\n--b--\r\n".encode(),
                 kind="multipart/form-data; boundary=b"), OK),
        "trailer": lambda s: (http(headers=CHUNKED) + f"1\r\nx\r\n0\r\n{s}: {s}\r\n\r\n".encode(), OK),
        "response header name": lambda s: (http(), answer(b"{}", f"X-{s}: 1\r\nSet-Cookie: {s}=1\r\n")),
        "offered file name": lambda s: (http(), answer(b"x", f"Content-Disposition: attachment; filename={s}\r\n")),
        "after an upgrade": lambda s: (
            http(headers="Connection: upgrade\r\nUpgrade: chat\r\n"),
            f"HTTP/1.1 101 {s}\r\nUpgrade: {s}\r\n\r\n{s}".encode()),
    }  # fmt: skip
    places = {name: Place(WEB, send) for name, send in web.items()}
    places["json split across packets"] = Place(WEB, web["json string"], mss=3)
    places["header split across packets"] = Place(WEB, web["header value"], mss=3)
    cache: dict[str, Callable[[str], Pair]] = {
        "memcache value": lambda s: (f"set k 0 0 {len(s)}\r\n{s}\r\nget k\r\n".encode(),
                                     f"STORED\r\nVALUE k 0 {len(s)}\r\n{s}\r\nEND\r\n".encode()),
        "memcache error": lambda s: (b"get k\r\n", f"SERVER_ERROR {s}\r\n".encode()),
        "memcache opaque": lambda s: (f"mg k O{s[:30]} v\r\n".encode(), f"VA 1 O{s[:30]}\r\nx\r\n".encode()),
        "memcache command": lambda s: (f"{s}\r\nget k\r\n{s} k\r\n".encode(), b"ERROR\r\nEND\r\nERROR\r\n"),
        "memcache value in a command's place": lambda s: (
            f"set k 0 0 {len(s) - 3}\r\n{s}\r\nget k\r\n".encode(), b"CLIENT_ERROR bad data chunk\r\nERROR\r\nEND\r\n"),
        "broken memcache": lambda s: (f"get k\r\nset k 0 0 {s}\r\n".encode(), f"END\r\n{s}\r\n".encode()),
    }  # fmt: skip
    places |= {name: Place(MEMCACHE, send) for name, send in cache.items()}
    redis: dict[str, Callable[[str], Pair]] = {
        "redis value": lambda s: (resp("SET", "k", s) + resp("GET", "k"), f"+OK\r\n${len(s)}\r\n{s}\r\n".encode()),
        "redis argument": lambda s: (resp("EVAL", s, "1", "k", s), b"$-1\r\n"),
        "redis password": lambda s: (resp("AUTH", s) + resp("HELLO", "3", "AUTH", s, s), b"+OK\r\n%0\r\n"),
        "redis error": lambda s: (resp("GET", "k"), f"-ERR {s}\r\n".encode()),
        "redis status": lambda s: (resp("SET", "k", "v"), f"+{s}\r\n".encode()),
        "redis map reply": lambda s: (resp("HGETALL", "k"), f"%1\r\n+{s}\r\n+{s}\r\n".encode()),
        "redis push": lambda s: (resp("SUBSCRIBE", s), f">3\r\n+message\r\n+{s}\r\n+{s}\r\n".encode()),
        "broken redis": lambda s: (resp("GET", "k") + f"*2\r\n$x{s}\r\n".encode(), f"$-1\r\n?{s}\r\n".encode()),
        "redis unknown command": lambda s: (resp("GET", "k") + resp(s, s), f"$-1\r\n-ERR {s}\r\n".encode()),
        "redis setting": lambda s: (resp("CONFIG", "SET", "requirepass", s) + resp("ACL", "SETUSER", s, s), OK),
        "redis client": lambda s: (resp("CLIENT", "SETNAME", s) + resp("GET", "k"), b"+OK\r\n$-1\r\n"),
        "redis field and member": lambda s: (resp("HSET", "k", s, s) + resp("SADD", "k", s), b":1\r\n:1\r\n"),
        "redis channel": lambda s: (resp("PUBLISH", s, s), b":1\r\n"),
        "redis move": lambda s: (resp("MIGRATE", "h", "1", "k", "0", "9", "AUTH2", s, s), b"+OK\r\n"),
        "inline command": lambda s: (f"GET k\r\n{s} {s}\r\nAUTH {s}\r\n".encode(), b"$-1\r\n-ERR\r\n+OK\r\n"),
        "inline redis": lambda s: (f"SET k {s}\r\n".encode(), b"+OK\r\n"),
    }  # fmt: skip
    places |= {name: Place(REDIS, send) for name, send in redis.items()}
    places["redis value split"] = Place(REDIS, redis["redis value"], mss=3)
    places["TLS protocol"] = Place(TLS, lambda s: (tls_hello("a.example", s), b"\x15\x03\x03\x00\x02\x02\x28"))
    places["after a TLS hello"] = Place(TLS, lambda s: (tls_hello("a.example") + s.encode(), s.encode()))
    return places


def names() -> dict[str, Place]:
    """Places where what is sent often and looks like a name is structure."""
    form = "application/x-www-form-urlencoded"
    web: dict[str, Callable[[str], Pair]] = {
        "path segment": lambda s: (http(target=f"/orders/{s}/items"), OK),
        "encoded path segment": lambda s: (http(target=f"/orders/%{ord(s[0]):02X}{s[1:]}"), OK),
        "query name": lambda s: (http(target=f"/orders?{s}=1"), OK),
        "host label": lambda s: (http(host=f"{s}.shop.example"), OK),
        "method": lambda s: (http(method=s.upper()), OK),
        "header name": lambda s: (http(headers=f"X-{s}: 1\r\n"), OK),
        "json key": lambda s: (http(body=json.dumps({s: 1, "a": {s: 2}}).encode()), OK),
        "response key": lambda s: (http(), answer(json.dumps([{s: 1}]).encode())),
        "form name": lambda s: (http(body=f"{s}=1".encode(), kind=form), OK),
        "multipart name": lambda s: (
            http(body=multipart(s, "f", "x"), kind="multipart/form-data; boundary=bnd"), OK),
        "matrix parameter's name": lambda s: (http(target=f"/orders;{s}=1"), OK),
        "tunnel": lambda s: (http(method="CONNECT", target=f"{s}.example:443"), answer(b"", line="403 No")),
        "query without values": lambda s: (http(target=f"/orders?{s}"), OK),
        "key of every item": lambda s: (http(body=json.dumps([{s: n} for n in range(50)]).encode()), OK),
        "key of every member": lambda s: (
            http(), answer(json.dumps({f"u{n}x{n * 7}": {"a": {s: n}} for n in range(50)}).encode())),
        "parameter again and again": lambda s: (http(target="/orders?" + "&".join([f"{s}=1"] * 50)), OK),
        "header again and again": lambda s: (http(headers=f"X-{s}: 1\r\n" * 50), OK),
        "gzip key": lambda s: (
            http(body=gzip.compress(json.dumps({s: 1}).encode()), headers="Content-Encoding: gzip\r\n"), OK),
    }  # fmt: skip
    places = {name: Place(WEB, send, name=True) for name, send in web.items()}
    places["path split across packets"] = Place(WEB, web["path segment"], name=True, mss=3)

    def many(s: str) -> list[str]:
        return [f"user:{s}:{n}" for n in range(50)]

    places["many memcache keys"] = Place(
        MEMCACHE, lambda s: (f"get {' '.join(many(s))}\r\n".encode(), b"END\r\n"), True
    )
    places["many redis keys"] = Place(REDIS, lambda s: (resp("MGET", *many(s)), b"*50\r\n" + b"$-1\r\n" * 50), True)
    places["assigned in a key"] = Place(REDIS, lambda s: (resp("GET", f"user=9&note={s}"), b"$-1\r\n"), True)
    places["memcache key"] = Place(MEMCACHE, lambda s: (f"get user:{s}:x\r\n".encode(), b"END\r\n"), name=True)
    places["redis key"] = Place(REDIS, lambda s: (resp("GET", f"user:{s}:x"), b"$-1\r\n"), name=True)
    places["redis command"] = Place(REDIS, lambda s: (resp("GET", "k") + resp(s, "k"), b"$-1\r\n:1\r\n"), name=True)
    places["server name"] = Place(
        TLS, lambda s: (tls_hello(f"{s}.example"), b"\x15\x03\x03\x00\x02\x02\x28"), name=True
    )
    return places


PLACES = values() | names()
ALL = [f"{name}{rare}" for name in PLACES for rare in ("", " rare")]
assert len(ALL) * 7 < len(WORDS) ** 3  # or two places had the same words


def planted() -> Iterator[tuple[str, str, int]]:
    """(place, secret, how often)."""
    for name, place in PLACES.items():
        yield name, as_value(name), OFTEN
        yield (name, as_word(name + " rare"), SELDOM) if place.name else (name, as_word(name), OFTEN)


def conversation() -> bytes:
    """Every place with its secrets, each exchange on a connection of its own."""
    talks: list[Talk] = []
    for name, secret, times in planted():
        place = PLACES[name]
        for _ in range(times):
            number = len(talks)
            talk = Talk((f"10.1.{number >> 8 & 255}.{number & 255}", 30000 + number), ("10.0.0.2", place.port))
            sent, replied = place.send(secret)
            talks.append(talk.client(sent, place.mss).server(replied, place.mss).close())
    return pcap(talks)


# ---- searching -----------------------------------------------------------------------------------------


def forms(secret: str) -> list[bytes]:
    """How a secret could hide; all compared in lower case except base64."""
    raw = secret.encode()
    found = [raw.lower(), raw.hex().encode(), raw[::-1].lower(), raw.lower().decode().encode("utf-16-le")]
    for shift in range(3):
        for alphabet in (base64.b64encode, base64.urlsafe_b64encode):
            found.append(alphabet(bytes(shift) + raw)[4:-4])
    return found


def leaked(haystack: bytes, secret: str) -> list[bytes]:
    lower = haystack.lower()
    return [form for form in forms(secret) if form in lower or form in haystack]


def test_the_search_finds_what_it_should() -> None:
    secret = as_value("x")
    for coded in (
        secret,
        secret.upper(),
        secret.encode().hex().upper(),
        base64.b64encode(b"ab" + secret.encode()).decode(),
    ):
        assert leaked(b"..." + coded.encode() + b"...", secret)
    assert not leaked(b"nothing", secret)
    assert len({secret for _, secret, _ in planted()}) == 2 * len(PLACES)
    assert all(re.fullmatch("[a-z]{12,}", as_word(name)) for name in PLACES)
    assert not any(hidden(as_word(name)) for name in ALL) and all(hidden(as_value(name)) for name in PLACES)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("canaries") / "canaries.pcap"
    path.write_bytes(conversation())
    return path


def search(where: str, haystack: bytes) -> None:
    found = {(name, secret) for name, secret, _ in planted() if leaked(haystack, secret)}
    assert not found, f"in {where}: {sorted(found)}"


def test_nothing_of_it_is_in_what_is_sent_or_kept(capture: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(hubs.TOKEN)
    state, out = tmp_path / "state", tmp_path / "out"
    with hubs.running() as hub:
        done = run(str(capture), "--hub", hub.url, "--token-file", str(token), "--out", str(out), "--state", str(state))
        assert done.returncode == 0, done.stderr
        assert hub.stored
    uploads = b"".join(hub.stored.values())
    key = (state / "key").read_bytes()
    for where, data in (("stdout", done.stdout), ("stderr", done.stderr), ("uploads", leaves(uploads)),
                        ("--out", leaves(out.read_bytes()))):  # fmt: skip
        search(where, data)
        assert key not in data and key.hex().encode() not in data
    assert b"shop" in leaves(uploads) and b"orders" in leaves(uploads)  # what was searched is what was sent


def test_nothing_of_it_is_in_the_spool_while_the_hub_is_away(capture: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(hubs.TOKEN)
    state = tmp_path / "state"
    with hubs.running(hubs.always(503)) as hub:
        done = run(str(capture), "--hub", hub.url, "--token-file", str(token), "--state", str(state))
    assert done.returncode == 0, done.stderr
    spooled = list((state / "spool").glob("*.batch"))
    assert spooled
    for path in state.rglob("*"):
        if path.is_file():
            search(path.name, path.name.encode() + leaves(path.read_bytes()))
    search("stderr", done.stderr)


@pytest.mark.parametrize("how", ["--json", "--explain", "--calls"])
def test_nothing_of_it_is_printed_without_reveal(capture: Path, how: str) -> None:
    done = run(str(capture), how, "--reveal-calls", "10")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b"\n") > 10 or how == "--json"
    search(how, done.stdout + done.stderr)


def test_every_string_that_is_sent_is_explained(capture: Path, tmp_path: Path) -> None:
    """Apart from a batch's own random id, and the names of fields."""
    out = tmp_path / "out"
    done = run(str(capture), "--explain", "--out", str(out), "--state", str(tmp_path / "s"))
    assert done.returncode == 0, done.stderr
    explained = {line.split("  ")[1] for line in done.stdout.decode().splitlines() if line.startswith("  ")}
    sent = {text for batch in batches_of(out.read_bytes()) for text in strings_of({**batch, "id": "id"})}
    assert len(sent) > 200 and not sent - FIELDS - explained


@pytest.mark.parametrize("how", ["--json", "--calls"])
def test_values_are_not_even_shown_to_who_captured(capture: Path, how: str) -> None:
    """Where nothing leaves, names show at once; what looks like a value does not, nor what stands for values."""
    done = run(str(capture), how)
    assert done.returncode == 0, done.stderr
    secrets = {as_value(name) for name in PLACES} | {as_word(name) for name, place in PLACES.items() if not place.name}
    assert not {secret for secret in secrets if leaked(done.stdout + done.stderr, secret)}


def test_revealed_calls_do_show_them(capture: Path) -> None:
    """The canaries are really there: what the other tests do not find, this one does."""
    done = run(str(capture), "--calls", "--reveal")
    assert done.returncode == 0, done.stderr
    for name in ("path segment", "query value", "query name", "memcache key", "redis key", "host label"):
        assert as_value(name).encode() in done.stdout, name


def test_a_name_that_everybody_uses_is_revealed(tmp_path: Path) -> None:
    """And the rule lets through what it should, or the tests above would prove nothing."""
    talks: list[Talk] = []
    for n in range(30):
        body = json.dumps({"quantity": n}).encode()
        talk = Talk((f"10.2.0.{n + 1}", 31000 + n)).client(http(target=f"/basket/{n}/lines", body=body)).server(OK)
        talks.append(talk.close())
    (tmp_path / "p.pcap").write_bytes(pcap(talks))
    done = run(str(tmp_path / "p.pcap"), "--out", str(tmp_path / "out"), "--state", str(tmp_path / "s"))
    assert done.returncode == 0, done.stderr
    sent = leaves((tmp_path / "out").read_bytes())
    for word in (b"basket", b"lines", b"quantity", b"{integer}"):
        assert word in sent, word
