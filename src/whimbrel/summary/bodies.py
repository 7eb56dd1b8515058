"""The kinds of bodies, and which content types mean which: rows that body.pyx compiles into its table.

A kind's place is its number in body.pxd's enum and in a batch; numbers are never reused.
"""

KINDS = ("none", "json", "form", "multipart", "xml", "text", "html", "image", "binary")

# A bit each, from the lowest: why a body's shape is missing or says less than the body did.
FLAGS = ("untyped", "cut", "broken", "bomb", "no_decoder", "deep")

# (pattern, kind): the first that fits.  A pattern is the media type without parameters; * stands at its beginning or
# its end only.  What fits none is binary.
CONTENT_TYPES = (
    ("application/json", "json"),
    ("text/json", "json"),
    ("application/x-ndjson", "json"),
    ("application/ndjson", "json"),
    ("application/jsonl", "json"),
    ("application/x-jsonlines", "json"),
    ("application/jsonlines", "json"),
    ("application/json-lines", "json"),
    ("application/x-json", "json"),
    ("text/x-json", "json"),
    ("*+json", "json"),
    ("application/x-www-form-urlencoded", "form"),
    ("multipart/form-data", "multipart"),
    ("text/html", "html"),
    ("application/xhtml+xml", "html"),
    ("image/*", "image"),
    ("application/xml", "xml"),
    ("text/xml", "xml"),
    ("*+xml", "xml"),
    ("text/*", "text"),
    ("application/javascript", "text"),
    ("application/x-javascript", "text"),
    ("application/ecmascript", "text"),
    ("application/graphql", "text"),
    ("application/yaml", "text"),
    ("application/x-yaml", "text"),
    ("application/sql", "text"),
    ("application/toml", "text"),
)
