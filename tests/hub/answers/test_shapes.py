"""The answers' types: what the API's document is made of."""

import msgspec
import pytest

from whimbrel.hub.answers import shapes

ANSWERS = [
    shapes.Overview, shapes.Endpoints, shapes.EndpointView, shapes.Services, shapes.Changes, shapes.Comparison,
    shapes.Caches, shapes.Agents,
]  # fmt: skip


def test_every_answer_has_a_schema_and_every_field_is_always_there() -> None:
    _, components = msgspec.json.schema_components(ANSWERS, ref_template="#/components/schemas/{name}")
    named = {
        name for name, found in vars(shapes).items() if isinstance(found, type) and issubclass(found, shapes.Answer)
    }
    assert set(components) == named - {"Answer"}
    assert all(set(one["required"]) == set(one["properties"]) for one in components.values())


@pytest.mark.parametrize("answer", ANSWERS)
def test_answers_are_never_changed(answer: type[shapes.Answer]) -> None:
    assert answer.__struct_config__.frozen and answer.__struct_config__.array_like is False
