"""A small model of shapes in Python, and what tests read out of the real ones."""

from typing import Any

from tests.summary.looks import format_name, hidden
from whimbrel.summary.formats import FORMATS
from whimbrel.summary.testing_shape import FORMATS_EVERY, FORMATS_FIRST, KEY_BYTES, KEYS, ODD_KEYS

OBJECT, ARRAY, STRING, INTEGER, NUMBER, BOOLEAN, NULL = (1 << bit for bit in range(7))


def structure(node: dict[str, Any]) -> dict[str, Any]:
    """Without counters: what merging must not depend on the order of."""
    told = {"types": node["types"], "formats": node["formats"], "map": node["map"], "seen": node["seen"]}
    told["nulls"] = node["nulls"]
    for name in ("items", "values"):
        if name in node:
            told[name] = structure(node[name])
    if "keys" in node:
        told["keys"] = {key: structure(child) for key, child in node["keys"].items()}
    return told


def without_counts(node: dict[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in node.items() if name in ("types", "formats", "map")}
    for name in ("items", "values"):
        if name in node:
            told[name] = without_counts(node[name])
    if "keys" in node:
        told["keys"] = {key: without_counts(child) for key, child in node["keys"].items()}
    return told


def nodes(node: dict[str, Any]) -> int:
    below = [node[name] for name in ("items", "values") if name in node] + list(node.get("keys", {}).values())
    return 1 + sum(map(nodes, below))


def names_of(formats: int) -> list[str]:
    return [row.name for bit, row in enumerate(FORMATS) if formats >> bit & 1]


class Model:
    """One node."""

    def __init__(self) -> None:
        self.types = self.formats = self.seen = self.nulls = 0
        self.map = False
        self.keys: dict[bytes, Model] = {}
        self.items: Model | None = None
        self.values: Model | None = None

    def value_node(self) -> "Model":
        self.values = self.values or Model()
        return self.values

    def to_map(self) -> None:
        self.map = True
        for child in self.keys.values():
            self.value_node().merge(child)
        self.keys = {}

    def key_node(self, key: bytes) -> "Model":
        if self.map or len(key) > KEY_BYTES:
            return self.value_node()
        if key in self.keys:
            return self.keys[key]
        odd = hidden_bytes(key)
        if len(self.keys) == KEYS or (odd and sum(map(hidden_bytes, self.keys)) == ODD_KEYS):
            self.to_map()
            return self.value_node()
        self.keys[key] = Model()
        return self.keys[key]

    def add(self, value: Any) -> None:
        self.seen += 1
        if isinstance(value, dict):
            self.types |= OBJECT
            for key, member in value.items():
                self.key_node(key.encode()).add(member)
            odd = sum(map(hidden_bytes, self.keys))
            if odd and odd * 2 >= len(self.keys):
                self.to_map()
        elif isinstance(value, list):
            self.types |= ARRAY
            for item in value:
                self.items = self.items or Model()
                self.items.add(item)
            self.settle()
        elif isinstance(value, bool):
            self.types |= BOOLEAN
        elif value is None:
            self.types |= NULL
            self.nulls += 1
        elif isinstance(value, str):
            self.types |= STRING
            self.add_format(format_name(value))
        else:
            self.types |= INTEGER if isinstance(value, int) else NUMBER
            if isinstance(value, int):
                self.add_format("unix-time" if format_name(str(value)) == "unix-time" else "")

    def add_format(self, name: str) -> None:
        """Of the first values, then of a sample."""
        if self.seen <= FORMATS_FIRST or self.seen % FORMATS_EVERY == 0:
            self.formats |= 1 << [row.name for row in FORMATS].index(name)

    def settle(self) -> None:
        odd = sum(map(hidden_bytes, self.keys))
        if odd and odd * 2 >= len(self.keys):
            self.to_map()

    def merge(self, other: "Model") -> None:
        self.types |= other.types
        self.formats |= other.formats
        self.seen += other.seen
        self.nulls += other.nulls
        if other.map and not self.map:
            self.to_map()
        if other.items is not None:
            self.items = self.items or Model()
            self.items.merge(other.items)
        if other.values is not None:
            self.value_node().merge(other.values)
        for key, child in other.keys.items():
            self.key_node(key).merge(child)

    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = {"types": self.types, "formats": self.formats, "map": self.map, "seen": self.seen}
        told["nulls"] = self.nulls
        if self.items is not None:
            told["items"] = self.items.told()
        if self.values is not None:
            told["values"] = self.values.told()
        if self.keys:
            told["keys"] = {key: child.told() for key, child in self.keys.items()}
        return told


def hidden_bytes(key: bytes) -> bool:
    return hidden(key.decode())
