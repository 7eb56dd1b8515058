"""The templates, with what they may call.  Everything that is put into a page is escaped unless it is made here."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jinja2

from whimbrel import __version__
from whimbrel.hub.views import charts, formats, frame, sparks, words
from whimbrel.hub.views.drawing import BOX_HEIGHT, BOX_WIDTH


@lru_cache(maxsize=1)
def environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("whimbrel.hub"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters.update(formats.FILTERS, words=words.template)
    made.globals.update(
        charts=charts,
        spark=sparks.spark,
        bar=sparks.bar,
        PLACES=frame.PLACES,
        PRESETS=frame.PRESETS,
        field_time=frame.field_time,
        version=__version__,
        BOX_WIDTH=BOX_WIDTH,
        BOX_HEIGHT=BOX_HEIGHT,
    )
    return made


def render(name: str, **values: Any) -> str:
    return environment().get_template(name).render(**values)
