"""Rows become an application: parameters, errors, compression, chunks, and every answer counted."""

import json
import random
from collections.abc import Iterator

import httpx
import pytest

from tests.up.inprocess import client_of
from whimbrel.up.demo_tally import Tally
from whimbrel.up.demo_web import BODY_BYTES_MAX, Call, Refused, Reply, Row, Service, Work, application


def echo(service: Service, call: Call) -> Reply:
    return Reply(body={"id": call.path["id"], "page": call.number("page", 1, 9), "a": call.json().get("a")})


def refuse(service: Service, call: Call) -> Reply:
    raise Refused(409, "not now")


def form(service: Service, call: Call) -> Reply:
    return Reply(303, headers={"location": call.form()["to"]})


def lines(service: Service, call: Call) -> Reply:
    def pieces() -> Iterator[bytes]:
        yield from (b"one\n", b"two\n")

    return Reply(body=pieces(), kind="text/plain")


def long(service: Service, call: Call) -> Reply:
    return Reply(body={"text": "long " * 1000})


ROWS = (
    Row("POST", "/things/{id:int}", "/things/{integer}", echo, Work(3.0, 0.0)),
    Row("GET", "/refused", "/refused", refuse),
    Row("POST", "/form", "/form", form),
    Row("GET", "/lines", "/lines", lines),
    Row("GET", "/long", "/long", long),
    Row("GET", "/next", "/next", long, since=2),
)


@pytest.fixture
def service() -> Service:
    made = Service("test", work_scale=0.0)
    made.tally = Tally(detailed=True)
    return made


@pytest.fixture
def client(service: Service) -> httpx.Client:
    return client_of(application(service, ROWS))


def test_a_call_and_its_reply(client: httpx.Client, service: Service) -> None:
    service.work_scale = 0.5
    answer = client.post("/things/17?page=3", content=b'{"a": [1]}')
    assert (answer.status_code, answer.json()) == (200, {"id": 17, "page": 3, "a": [1]})
    assert answer.headers["server-timing"] == "work;dur=3.000" and answer.headers["api-version"] == "1"
    detail = service.tally.details["test POST /things/{integer} 200"]
    assert detail.request == {" object": 1, "a array": 1, "a[] integer": 1} and detail.took_ns == [1_500_000]


@pytest.mark.parametrize(
    "query, body, error",
    [
        ("page=0", b"{}", "page must be a whole number from 1 to 9"),
        ("page=x", b"{}", "page must be a whole number from 1 to 9"),
        ("", b"{", "the body is not JSON"),
        ("", b"[]", "the body is not an object"),
    ],
)
def test_what_is_wrong_is_one_sentence(client: httpx.Client, query: str, body: bytes, error: str) -> None:
    answer = client.post(f"/things/1?{query}", content=body)
    assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_statuses_are_counted_where_no_row_answers_too(client: httpx.Client, service: Service) -> None:
    assert [client.get(path).status_code for path in ("/refused", "/nowhere", "/things/x")] == [409, 404, 404]
    assert client.delete("/lines").status_code == 405
    paths = ("GET /refused 409", "GET /nowhere 404", "GET /things/x 404", "DELETE /lines 405")
    assert service.tally.counts == {f"test {path}": 1 for path in paths}


def test_a_body_that_is_too_large_is_read_and_refused(client: httpx.Client) -> None:
    assert client.post("/things/1", content=b" " * BODY_BYTES_MAX + b"{}").status_code == 413


def test_forms_chunks_and_compression(client: httpx.Client) -> None:
    assert client.post("/form", data={"to": "/there"}).headers["location"] == "/there"
    assert client.get("/lines").text == "one\ntwo\n"
    answer = client.get("/long", headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip" and len(json.loads(answer.content)["text"]) == 5000


def test_a_row_of_the_next_version_is_not_there_yet(client: httpx.Client, service: Service) -> None:
    assert client.get("/next").status_code == 404
    service.version = 2
    assert client.get("/next").status_code == 200


def test_work_is_drawn_and_is_another_in_the_next_version() -> None:
    row = Row("GET", "/", "/", long, Work(10.0, 0.3), Work(10.0, 0.3, slow_share=1.0, slow=20.0))
    service = Service("test")
    times = sorted(service.waiting_ms(row) for _ in range(500))
    assert 9 < times[250] < 11 and times[0] < 6 and times[-1] > 15
    service.version = 2
    assert min(service.waiting_ms(row) for _ in range(100)) > 50
    assert Work(1.0).draw_ms(random.Random(1)) == Work(1.0).draw_ms(random.Random(1))
