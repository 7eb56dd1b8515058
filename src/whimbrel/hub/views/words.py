"""Names of endpoints as people read them: parameters stand out, tokens are short, long ones break where they may.

/users/{integer}/~3fa9c1d2e4b5   ->  /users/<var>{integer}</var>/<s>~3fa9…</s>
"""

from __future__ import annotations

import re

from markupsafe import Markup, escape

PIECES = re.compile(r"(\{[^{}/]*\})|(~[0-9a-f]{12})|([/:|,.])")
TOKEN_SHOWN = 5  # characters: enough to tell two apart
NO_KEY = "no key"  # commands on connections, not on data


def template(text: str) -> Markup:
    if not text:
        return Markup('<s class="nothing">{}</s>').format(NO_KEY)
    found, at = [Markup("")], 0
    for match in PIECES.finditer(text):
        found += [escape(text[at : match.start()]), piece(match)]
        at = match.end()
    return Markup("").join([*found, escape(text[at:])])


def piece(match: re.Match[str]) -> Markup:
    parameter, token, separator = match.groups()
    if parameter:
        return Markup("<var>{}</var>").format(parameter)
    if token:
        said = "A name that did not leave the host (yet)"
        return Markup('<s title="{}: {}">{}…</s>').format(said, token, token[:TOKEN_SHOWN])
    return Markup("{}<wbr>").format(separator) if match.start() else escape(separator)
