"""The service map."""

import itertools
import random

from whimbrel.hub.answers.shapes import MapLink, MapNode
from whimbrel.hub.views.drawing import BOX_HEIGHT, BOX_WIDTH, LABEL_MOST, Box, Drawing, draw


def node(name: str, kind: str = "service", label: str = "") -> MapNode:
    return MapNode(id=name, label=label or name, kind=kind, address_class="private", calls=1, services=[])


def link(source: str, target: str, calls: int = 1, protocol: str = "http") -> MapLink:
    return MapLink(source=source, target=target, protocol=protocol, name="", calls=calls, per_s=1.0, request_bytes=0.0,
                   response_bytes=0.0, flows=0, handshakes=0)  # fmt: skip


def drawn(*links: MapLink) -> Drawing:
    names = sorted({name for one in links for name in (one.source, one.target)})
    return draw([node(name) for name in names], links)


def columns(drawing: Drawing) -> dict[str, int]:
    places = sorted({box.x for box in drawing.boxes})
    return {box.node.id: places.index(box.x) for box in drawing.boxes}


def test_callers_stand_left_of_whom_they_call() -> None:
    assert columns(drawn(link("web", "shop"), link("shop", "redis"), link("web", "redis"))) == {
        "web": 0,
        "shop": 1,
        "redis": 2,
    }


def test_a_circle_is_cut_where_it_is_least_busy() -> None:
    of = columns(drawn(link("a", "b", 100), link("b", "c", 100), link("c", "a", 1), link("c", "c", 5)))
    assert of == {"a": 0, "b": 1, "c": 2}


def overlap(one: Box, other: Box) -> bool:
    return abs(one.x - other.x) < BOX_WIDTH and abs(one.y - other.y) < BOX_HEIGHT


def test_boxes_are_inside_and_apart_and_the_same_each_time() -> None:
    chance = random.Random(7)
    names = [f"n{number}" for number in range(30)]
    pairs = [chance.sample(names, 2) for _ in range(60)]
    links = [link(source, target, chance.randrange(1, 1000)) for source, target in pairs]
    drawing = drawn(*links)
    assert not any(overlap(one, other) for one, other in itertools.combinations(drawing.boxes, 2))
    assert all(0 <= box.x <= drawing.width - BOX_WIDTH for box in drawing.boxes)
    assert all(0 <= box.y <= drawing.height - BOX_HEIGHT for box in drawing.boxes)
    chance.shuffle(links)
    assert drawn(*links) == drawing


def test_links_do_not_cross_where_they_need_not() -> None:
    drawing = drawn(link("a", "z"), link("b", "y"), link("c", "x"))
    at = {box.node.id: box.y for box in drawing.boxes}
    assert [at["a"] < at["b"], at["b"] < at["c"]] == [at["z"] < at["y"], at["y"] < at["x"]]


def test_what_goes_the_same_way_is_one_arrow_the_busiest_thickest() -> None:
    drawing = drawn(link("a", "b", 5), link("a", "b", 900, "redis"), link("a", "c", 1))
    widths = {(arrow.links[0].target, len(arrow.links)): arrow.width for arrow in drawing.arrows}
    assert set(widths) == {("b", 2), ("c", 1)}
    assert widths["b", 2] > widths["c", 1]
    assert next(arrow for arrow in drawing.arrows if len(arrow.links) == 2).links[0].protocol == "redis"


def test_nothing_is_a_drawing_too_and_links_to_nowhere_are_left_out() -> None:
    assert draw([], []).boxes == ()
    assert draw([node("a")], [link("a", "gone")]).arrows == ()


def test_long_names_are_cut_in_the_box() -> None:
    [box] = draw([node("a", label="x" * 60)], []).boxes
    assert len(box.label) == LABEL_MOST and box.label.endswith("…")
