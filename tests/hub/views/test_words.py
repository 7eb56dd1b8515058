"""Names of endpoints."""

import pytest

from whimbrel.hub.views.words import template


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("/", "/"),
        ("/users/{integer}", "/users/<wbr><var>{integer}</var>"),
        ("user:{uuid}", "user:<wbr><var>{uuid}</var>"),
        ("/a<b>&c", "/a&lt;b&gt;&amp;c"),
        ("/{<script>}", "/<var>{&lt;script&gt;}</var>"),
        ("~short", "~short"),
    ],
)
def test_parameters_stand_out_and_everything_is_escaped(text: str, html: str) -> None:
    assert template(text) == html


def test_a_token_is_short_and_whole_when_it_is_pointed_at() -> None:
    assert ">~3fa9…</s>" in template("/x/~3fa9c1d2e4b5")
    assert "~3fa9c1d2e4b5" in template("/x/~3fa9c1d2e4b5")


def test_commands_without_a_key() -> None:
    assert "no key" in template("")
