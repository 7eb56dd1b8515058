"""The pages in a real browser.  A complaint in its console, of a script or of the page's policy, fails any of these."""

from __future__ import annotations

import re
import time

import pytest

from tests.browser.conftest import LOADED_S, Browsing
from tests.hub.answers.sample import BOOKS, GET
from tests.hub.batches import batch, endpoint, row
from whimbrel.summary.batch import encode

PATHS = ["/", "/endpoints", f"/endpoints/{BOOKS}", f"/endpoints/{GET}", "/services", "/changes", "/openapi", "/cache",
         "/agents", "/login"]  # fmt: skip

pytestmark = [pytest.mark.slow]


@pytest.mark.parametrize("path", PATHS)
def test_a_page_loads_draws_its_charts_and_fits_a_phone(path: str, tab: Browsing) -> None:
    page = tab.open(path)
    assert page.locator("h1").count() == 1
    for chart in page.locator("[data-chart]").all():
        assert chart.locator(".main-svg").count() > 0
    page.set_viewport_size({"width": 390, "height": 844})
    tab.until("document.documentElement.scrollWidth <= 390")


def names(tab: Browsing) -> list[str]:
    return [" ".join(text.split()) for text in tab.page.locator(".endpoints .template").all_inner_texts()]


def test_a_click_on_a_head_sorts_and_another_turns_it_around(tab: Browsing) -> None:
    page = tab.open("/endpoints?last=15m")
    by_calls = names(tab)
    page.get_by_role("link", name="Endpoint", exact=True).click()
    assert page.locator("th[aria-sort='ascending']").inner_text().startswith("Endpoint")
    assert names(tab) == sorted(by_calls)
    page.get_by_role("link", name="Endpoint", exact=True).click()
    assert page.locator("th[aria-sort='descending']").count() == 1
    assert names(tab) == sorted(by_calls, reverse=True)


def test_typing_filters_and_the_address_follows(tab: Browsing) -> None:
    page = tab.open("/endpoints?last=15m")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "text"
    page.keyboard.type("orders")
    tab.until("document.querySelectorAll('.endpoints tbody tr').length === 1")
    assert "text=orders" in tab.path() and "last=15m" in tab.path()
    assert page.evaluate("document.activeElement.value") == "orders"


def test_sorting_filters_and_periods_without_javascript(scriptless: Browsing) -> None:
    page = scriptless.page
    page.goto(f"http://{scriptless.hub.host}:{scriptless.hub.port}/endpoints?last=15m")
    page.locator("select[name=protocol]").select_option("redis")
    page.get_by_role("button", name="Filter").click()
    assert names(scriptless) == ["user:{integer}", "user:{integer}"]
    page.get_by_role("link", name="p99", exact=True).click()
    assert "protocol=redis" in page.url and "sort=p99" in page.url
    page.get_by_role("link", name="6h", exact=True).click()
    assert "last=6h" in page.url and "protocol=redis" in page.url
    assert page.locator(".presets [aria-current]").inner_text() == "6h"


def drag(tab: Browsing, name: str) -> None:
    """Over the middle third of a chart."""
    box = tab.page.locator(f"#plot-{name} .nsewdrag").first.bounding_box()
    y = box["y"] + box["height"] / 2
    tab.page.mouse.move(box["x"] + box["width"] / 3, y)
    tab.page.mouse.down()
    tab.page.mouse.move(box["x"] + box["width"] / 2, y, steps=3)
    tab.page.mouse.move(box["x"] + box["width"] * 2 / 3, y, steps=3)
    tab.page.mouse.up()


def shown(tab: Browsing, name: str) -> list[float]:
    ranges = "Array.from(document.getElementById(id).layout.xaxis.range, (at) => +new Date(at))"
    return list(tab.page.evaluate(f"(id) => {ranges}", f"plot-{name}"))


def test_dragging_zooms_all_charts_and_can_set_the_period(tab: Browsing) -> None:
    page = tab.open("/?last=1h")
    before = shown(tab, "latency")
    drag(tab, "rate")
    page.wait_for_selector(".zoomed")
    after = shown(tab, "latency")
    assert after[1] - after[0] < 0.5 * (before[1] - before[0])
    page.get_by_role("button", name="Back").click()
    tab.until("!document.querySelector('.zoomed')")
    assert shown(tab, "latency") == before
    drag(tab, "latency")
    page.get_by_role("link", name="Look at this period").click()
    start, end = (int(number) for number in re.findall(r"(?:start|end)=(\d+)", tab.path()))
    assert before[0] / 1000 < start < end < before[1] / 1000
    assert page.locator(".presets [aria-current]").count() == 0


def test_a_chart_says_what_is_pointed_at(tab: Browsing) -> None:
    page = tab.open("/?last=15m")
    box = page.locator("#plot-latency .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] / 2, steps=3)
    page.wait_for_selector("#plot-latency .hoverlayer .legendtext")
    assert "µs" in "".join(page.locator("#plot-latency .hoverlayer .legendtext").all_text_contents())


def test_the_last_step_of_a_chart_is_drawn(tab: Browsing) -> None:
    """With steps of a day it is the day that one looks for."""
    page = tab.open("/?last=15m")
    right = "document.querySelector('#plot-rate .{0}').getBoundingClientRect().right"
    [filled, whole] = (page.evaluate(right.format(name)) for name in ("scatterlayer .fills", "nsewdrag"))
    assert filled == pytest.approx(whole, abs=2)


def test_names_in_a_chart_are_words_and_no_links(tab: Browsing) -> None:
    """An agent tells them, whoever that is."""
    link = '<a href="https://elsewhere.example">log in again</a> &lt;'
    start = int(time.time()) // 10 * 10 - 60
    told = endpoint(0xBAD, row(9, 0, outcomes={link: 9, "hit": 1}), protocol="redis", method="get", host="nowhere")
    assert tab.hub.send(encode(batch(told, start=start))).status == 200
    deadline = time.monotonic() + LOADED_S
    while tab.hub.get(f"/api/endpoints/{0xBAD:016x}").status != 200:
        assert time.monotonic() < deadline, "the batch was not loaded"
    page = tab.open(f"/endpoints/{0xBAD:016x}?last=15m")
    assert link in page.locator("#plot-statuses .legendtext").all_text_contents()
    assert page.locator(".plot a").count() == 0


def test_any_period_can_be_asked_for(tab: Browsing) -> None:
    page = tab.open("/endpoints?last=15m&protocol=redis")
    page.get_by_text("custom", exact=True).click()
    page.locator("input[name=start]").fill("2025-10-09T12:00:00")
    page.locator("input[name=end]").fill("2025-10-09T13:00:00")
    page.get_by_role("button", name="Look at this period").click()
    assert "protocol=redis" in tab.path() and "last=" not in tab.path()
    assert "2025-10-09" in page.locator("#live-period").inner_text()


def test_a_page_looks_again_and_nothing_moves(tab: Browsing) -> None:
    page = tab.open("/?last=5m")
    page.evaluate("document.querySelector('#live-lists').replaceChildren()")  # as if it were of before
    page.evaluate("document.body.dataset.same = 'yes'")
    page.set_viewport_size({"width": 1280, "height": 500})
    page.evaluate("scrollTo(0, 200)")
    switch = "document.querySelector('[data-live-switch]').click()"  # the mouse would scroll there
    page.evaluate(f"{switch}; {switch}")  # off and on: it looks at once
    tab.until("document.querySelector('#live-lists').children.length === 4")
    assert page.evaluate("[document.body.dataset.same, scrollY]") == ["yes", 200]


def test_light_and_dark_are_the_systems_until_somebody_chooses(newcomer: Browsing) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    page = newcomer.open("/services")
    light = page.evaluate(ground)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(ground)
    assert light != dark
    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate(ground) == light
    page.reload()
    assert page.evaluate(ground) == light


def test_the_keyboard_reaches_everything(tab: Browsing) -> None:
    page = tab.open("/endpoints?last=15m")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.endpoints tbody a')"):
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(f"/endpoints/({BOOKS}|{GET})"))


def test_the_map_lights_what_is_linked(tab: Browsing) -> None:
    page = tab.open("/services?last=15m")
    page.locator(".map .node").first.hover()
    assert page.locator(".map.focused").count() == 1
    assert page.locator(".map .link.lit").count() > 0


def test_a_document_is_uploaded_and_compared(tab: Browsing) -> None:
    page = tab.open("/openapi?last=15m")
    own = page.evaluate("fetch(document.querySelector('[download]').href).then((reply) => reply.text())")
    page.locator("input[type=file]").set_input_files(
        {"name": "own.json", "mimeType": "application/json", "buffer": own.encode()}
    )
    page.get_by_role("button", name="Compare").click()
    page.wait_for_selector("#findings")
    assert "agrees" in page.locator("#findings").inner_text()


# ---- who looks


def log_in(tab: Browsing, token: str) -> None:
    tab.page.get_by_label("Token").fill(token)
    tab.page.get_by_role("button", name="Log in").click()


def test_a_stranger_logs_in_looks_and_logs_out(stranger: Browsing) -> None:
    page = stranger.open("/agents?last=6h")
    assert stranger.path().startswith("/login")
    log_in(stranger, "whimbrel_wrong")
    assert "not known" in page.get_by_role("alert").inner_text()
    log_in(stranger, stranger.hub.tokens["viewer"])
    assert stranger.path() == "/agents?last=6h"
    assert page.get_by_role("button", name="Make a token").count() == 0
    page.get_by_role("button", name="Log out").click()
    assert stranger.path() == "/login"
    stranger.open("/cache")
    assert stranger.path().startswith("/login")


def test_an_admin_makes_a_token_and_takes_it_away(stranger: Browsing) -> None:
    page = stranger.open("/agents")
    log_in(stranger, stranger.hub.tokens["admin"])
    name = f"web-{time.time_ns()}"
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Make a token").click()
    assert page.get_by_role("status").inner_text().count("whimbrel_") == 1
    page.get_by_role("button", name=f"Take the token of {name} away").click()
    assert "taken away" in page.get_by_role("status").inner_text()
