"""Pages, as they are sent: over the sample of tests/hub/answers, in this process."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.answers.sample import BOOKS, GET, OLD, ORDERS, SET, batches
from tests.hub.batches import NOON, batch, endpoint
from tests.hub.site import Browser, Words, site_of
from whimbrel.hub import api
from whimbrel.hub.duck import DuckArchive
from whimbrel.hub.pages import PAGES
from whimbrel.hub.views.frame import PLACES

PLAIN_PATHS = ["/", "/endpoints", "/services", "/changes", "/openapi", "/cache", "/agents"]
PATHS = [*PLAIN_PATHS, f"/endpoints/{BOOKS}", f"/endpoints/{GET}"]
ATTACK = '"><script>alert(1)</script>'


def made(tmp_path: Path, *given: dict[str, object]) -> DuckArchive:
    archive = DuckArchive(tmp_path / "a.duckdb", memory_mib=128, clock=lambda: NOON)
    archive.load(given)
    return archive


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    place = tmp_path_factory.mktemp("pages")
    archive = made(place, *batches())
    with site_of(archive, place / "data") as client:
        yield client
    archive.close()


@pytest.fixture
def nothing(tmp_path: Path) -> Iterator[Browser]:
    archive = made(tmp_path)
    with site_of(archive, tmp_path / "data") as client:
        yield client
    archive.close()


def words(client: Browser, path: str, status: int = 200) -> Words:
    reply = client.get(path)
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    return Words(reply.text)


# ---- all of them


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_whole_html_without_inline_style_or_script(path: str, pages: Browser) -> None:
    text = pages.get(path).text
    found = Words(text)
    assert (found.open, found.crossed) == ([], [])
    assert not re.search(r"\sstyle=|\son\w+=|<style|<script>", text)
    assert len(re.findall(r'\sid="([^"]+)"', text)) == len(set(re.findall(r'\sid="([^"]+)"', text)))


def test_every_link_leads_somewhere(pages: Browser) -> None:
    links = {link for path in PATHS for link in words(pages, path).links}
    for link in sorted(links):
        if link.startswith("/") and "last=" not in link.replace("last=1h", ""):  # other periods are the same pages
            assert pages.get(link, follow_redirects=False).status_code == 200, link


@pytest.mark.parametrize("row", PAGES, ids=lambda row: row.path)
def test_a_page_is_its_twin_rendered(row: object, pages: Browser) -> None:
    path = row.path.replace("{id}", BOOKS)  # type: ignore[attr-defined]
    [twin] = re.findall(r'<a href="([^"]+)" data-twin>', pages.get(path + "?last=15m").text)
    assert twin == f"{api.PREFIX}{row.twin.replace('{id}', BOOKS)}?last=15m"  # type: ignore[attr-defined]
    assert pages.get(twin).json()


@pytest.mark.parametrize("path", PLAIN_PATHS)
def test_an_empty_hub_says_what_to_type(path: str, nothing: Browser) -> None:
    text = words(nothing, path).text
    assert "whimbrel watch --hub http://127.0.0.1:9800 --token-file" in text or path == "/changes"
    assert "whimbrel up --demo" in text or path != "/"


def test_who_types_what_an_open_hub_says_is_not_locked_out(nothing: Browser) -> None:
    """The first token locks: it must be one that may look."""
    [commands] = re.findall(
        r'<pre class="command"[^>]*>(umask 077\nwhimbrel hub token [^<]*)</pre>', nothing.get("/agents").text
    )
    made = [line.split() for line in commands.splitlines() if line.startswith("whimbrel hub token")]
    assert [(line[3], line[4]) for line in made] == [("me", "admin"), ("web1", "agent")]


@pytest.mark.parametrize("name", ["text", "service", "method"])
def test_what_was_asked_is_escaped(name: str, pages: Browser) -> None:
    text = pages.get("/endpoints", params={name: ATTACK}).text
    assert ATTACK not in text
    assert "No endpoint matches" in text


def test_what_was_observed_is_escaped(tmp_path: Path) -> None:
    hostile = endpoint(9, method=ATTACK, host=ATTACK, template=f"/{ATTACK}")
    archive = made(tmp_path, batch(hostile, start=NOON - 60, agent=ATTACK))
    with site_of(archive, tmp_path / "data") as client:
        for path in ("/", "/endpoints", f"/endpoints/{9:016x}", "/services", "/openapi", "/agents", "/changes"):
            reply = client.get(path)
            assert reply.status_code == 200 and ATTACK not in reply.text, path
    archive.close()


# ---- each


def test_the_overview_says_what_the_api_says(pages: Browser) -> None:
    totals = pages.get("/api/overview?last=15m").json()["totals"]
    text = words(pages, "/?last=15m").text
    assert f"{totals['calls']:,} in all" in text
    assert f"Endpoints {totals['endpoints']} {totals['new_endpoints']} new" in text
    assert "POST /orders new shop" in text


def test_the_period_is_short_while_the_archive_is_young(pages: Browser, nothing: Browser) -> None:
    assert 'href="/?last=1h" aria-current="true"' in pages.get("/").text  # 20 minutes
    assert 'href="/?last=1h" aria-current="true"' in nothing.get("/").text


def test_and_then_it_is_said_to_the_twin(tmp_path: Path) -> None:
    archive = made(tmp_path, batch(endpoint(), start=NOON - 120))
    with site_of(archive, tmp_path / "data") as client:
        text = client.get("/").text
    archive.close()
    assert 'href="/?last=5m" aria-current="true"' in text
    assert 'href="/api/overview?last=5m" data-twin' in text


def test_without_a_before_nothing_is_called_new(tmp_path: Path) -> None:
    archive = made(tmp_path, batch(endpoint(), start=NOON - 20))
    with site_of(archive, tmp_path / "data") as client:
        young = words(client, "/?last=5m").text
        archive.load([batch(endpoint(), start=NOON - 120)])
        later = words(client, "/?last=1m").text
    archive.close()
    assert "Nothing is known of before it" in young and "0 new" not in young
    assert "No endpoint was called for the first time" in later and "0 new" in later


def rows(client: Browser, path: str) -> list[str]:
    return re.findall(r'href="/endpoints/([0-9a-f]{16})', client.get(path).text)


def test_endpoints_are_sorted_and_filtered_without_javascript(pages: Browser) -> None:
    assert rows(pages, "/endpoints?last=15m") == [BOOKS, GET, ORDERS, SET]
    assert rows(pages, "/endpoints?last=15m&sort=template&descending=false")[:2] == [BOOKS, ORDERS]
    assert rows(pages, "/endpoints?last=15m&text=ORDERS&service=&protocol=&method=") == [ORDERS]
    assert rows(pages, "/endpoints?last=15m&protocol=redis&limit=1") == [GET]
    assert rows(pages, "/endpoints?last=15m&unused=true") == [OLD]


def test_a_column_that_is_sorted_by_turns_around(pages: Browser) -> None:
    text = pages.get("/endpoints?sort=p99").text
    [(head, link)] = re.findall(r'<th[^>]*(aria-sort="\w+")>\s*<a href="([^"]+)"', text)
    assert head == 'aria-sort="descending"'
    assert "sort=p99&amp;descending=false" in link
    assert "sort=template&amp;descending=false" in text  # words begin with A


def test_pages_of_a_list(pages: Browser) -> None:
    text = pages.get("/endpoints?last=15m&limit=2&offset=2").text
    assert "3 to 4 of 4" in text
    assert re.search(r'href="/endpoints\?last=15m&amp;limit=2" rel="prev"', text) and 'rel="next"' not in text


def test_nothing_unused_is_no_filter_that_is_too_narrow(tmp_path: Path) -> None:
    archive = made(tmp_path, batch(endpoint(), start=NOON - 20))
    with site_of(archive, tmp_path / "data") as client:
        assert "Nothing stopped being called" in words(client, "/endpoints?unused=true").text
    archive.close()


def test_an_endpoint_shows_statuses_schemas_and_callers(pages: Browser) -> None:
    text = words(pages, f"/endpoints/{BOOKS}?last=30d").text
    assert "GET /books/ {integer}" in text.replace("/books/{", "/books/ {")
    for said in ("200 ", "500 ", "of successes", "Response 200", "title string always", "seen by 2 agents"):
        assert said in text, said


def test_one_in_two_is_said(pages: Browser) -> None:
    assert "Estimates." in words(pages, f"/endpoints/{BOOKS}?last=15m").text
    assert "Estimates." not in words(pages, f"/endpoints/{GET}?last=15m").text


def test_the_map_has_a_box_for_each_and_a_table_says_the_same(pages: Browser) -> None:
    answer = pages.get("/api/services?last=15m").json()
    text = pages.get("/services?last=15m").text
    assert text.count('class="node ') == len(answer["nodes"])
    assert text.count('class="link ') == len({(link["source"], link["target"]) for link in answer["links"]})
    assert all(link["protocol"] in text for link in answer["links"])


def test_changes_take_two_periods(pages: Browser) -> None:
    times = f"before_start={NOON - 1200}&before_end={NOON - 600}&after_start={NOON - 600}&after_end={NOON}"
    text = words(pages, f"/changes?{times}").text
    assert "Breaking" in text and "Other changes" in text
    assert 'value="2025-10-09T11:40:00"' in pages.get(f"/changes?{times}").text
    edited = times.replace(str(NOON - 1200), "2025-10-09T11:40:00")
    assert pages.get(f"/changes?{edited}").status_code == 200


def test_charts_have_their_numbers_in_the_page(pages: Browser) -> None:
    text = pages.get("/?last=15m").text
    blocks = re.findall(r'<script type="application/json" id="data-[\w-]+" data-live-data>(.*?)</script>', text)
    assert len(blocks) == len(re.findall("data-chart=", text)) == 4
    for block in blocks:
        assert {"kind", "unit", "x", "series"} <= json.loads(block).keys()


# ---- what goes wrong


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/endpoints?sort=colour", 400, "sort"),
        ("/endpoints?last=soon", 400, "last"),
        ("/?start=5", 400, "end is missing"),
        ("/cache?colour=red", 400, "colour"),
        (f"/endpoints/{'0' * 16}", 404, ""),
        ("/endpoints/x", 400, "16 hexadecimal digits"),
        ("/nothing", 404, "/nothing"),
        (f"/endpoints?text={'x' * 300}", 400, "text"),
    ],
)
def test_what_is_wrong_is_said_on_a_page(path: str, status: int, said: str, pages: Browser) -> None:
    found = words(pages, path, status)
    assert said in found.text
    assert any(link in ("/", "/endpoints", "/cache") for link in found.links)


def test_programs_get_json_where_people_get_a_page(pages: Browser) -> None:
    assert pages.get("/nothing", headers={"Accept": "*/*"}).json()["error"]
    assert pages.get("/api/overview?last=x").json()["error"]


# ---- files


def test_a_file_is_kept_for_good_under_its_own_address_only(pages: Browser) -> None:
    [link] = re.findall(r'href="(/static/app\.css\?v=\w+)"', pages.get("/login").text)
    kept, other = pages.get(link), pages.get("/static/app.css?v=1")
    assert "immutable" in kept.headers["cache-control"] and other.headers["cache-control"] == "no-cache"
    assert kept.headers["content-encoding"] == "gzip" and "--accent" in kept.text
    plain = pages.get(link, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers and plain.text == kept.text
    assert pages.get(link, headers={"If-None-Match": kept.headers["etag"]}).status_code == 304


@pytest.mark.parametrize("name", ["../pages.py", "%2e%2e/pages.py", "nothing.css", ""])
def test_no_other_file_is_served(name: str, pages: Browser) -> None:
    assert pages.get(f"/static/{name}").status_code == 404


def test_places_of_the_head_are_pages(pages: Browser) -> None:
    for place in PLACES:
        assert 'aria-current="page"' in pages.get(place.path).text
