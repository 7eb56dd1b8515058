"""Options are rows: the command line, the environment, the file, --print-config and the docs come from them.

Idea: an option is a name, a kind, a default and a sentence.  Each source (command line, environment, TOML
file) is read into {name: (value, where it came from)}, and the first source that has a name wins:

    --max-item 2m   over   WHIMBREL_MAX_ITEM=2m   over   max-item = "2m" in --config FILE   over   the default

A row may have a letter (`-i eth0`, `-ieth0`), and one row of a program may be positional: it takes every argument
that does not begin with `-`, `-` itself, and whatever follows `--`.  It comes from the command line only, since a
file to read that some variable names would surprise.

Everything wrong is a UsageError: one line with the option, the value and what is allowed.
Deliberately not: sub-commands, letters run together, abbreviations; a program has one flat list of rows.
"""

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from whimbrel.base.errors import UsageError
from whimbrel.base.values import ALLOWED, PARSERS, Address, Kind, parse_address, parse_size, size_text, toml_text

__all__ = [
    "Address",
    "HelpRequested",
    "Option",
    "Values",
    "config_text",
    "docs_table",
    "help_text",
    "load",
    "parse_address",
    "parse_size",
    "size_text",
    "toml_text",
]


CONFIG_BYTES_MAX = 1 << 20  # a configuration file is read whole; a megabyte is far more than anyone writes

METAVARS: dict[Kind, str] = {
    "size": "SIZE",
    "seconds": "SECONDS",
    "int": "N",
    "bool": "",
    "str": "TEXT",
    "choice": "NAME",
    "address": "ADDRESS",
}


@dataclass(frozen=True, slots=True)
class Option:
    """One row.  `default` is written as a person would write it; None is "not set"; a repeatable one has a tuple."""

    name: str
    kind: Kind
    default: str | int | float | bool | tuple[str, ...] | None
    sentence: str
    minimum: int | float | None = None
    maximum: int | float | None = None
    choices: tuple[str, ...] = ()
    repeatable: bool = False
    metavar: str = ""
    short: str = ""  # one letter
    positional: bool = False

    @property
    def variable(self) -> str:
        """The environment variable; a positional row has none."""
        return "" if self.positional else "WHIMBREL_" + self.name.replace("-", "_").upper()

    @property
    def label(self) -> str:
        """What an error calls it."""
        return self.metavar or self.name.upper() if self.positional else f"--{self.name}"

    @property
    def allowed(self) -> str:
        """What a value may be, as the end of a sentence."""
        text = f"one of {', '.join(self.choices)}" if self.choices else ALLOWED[self.kind]
        low, high = self._show(self.minimum), self._show(self.maximum)
        if low and high:
            return f"{text}, from {low} to {high}"
        return f"{text}, at least {low}" if low else f"{text}, at most {high}" if high else text

    @property
    def usage(self) -> str:
        """How it is written on the command line."""
        if self.positional:
            return f"{self.label}..." if self.repeatable else self.label
        metavar = self.metavar or METAVARS[self.kind]
        letter = f"-{self.short}, " if self.short else ""
        return letter + (f"--{self.name} {metavar}" if metavar else f"--[no-]{self.name}")

    def _show(self, bound: float | None) -> str:
        if bound is None:
            return ""
        return size_text(int(bound)) if self.kind == "size" else f"{bound:g}" if self.kind == "seconds" else str(bound)


class Value(NamedTuple):
    """A parsed value and the source that gave it."""

    value: Any
    source: str


class Values:
    """What a program runs with: `values["max-item"]`, and where each came from."""

    def __init__(self, rows: Sequence[Option], values: Mapping[str, Value]) -> None:
        self.rows = tuple(rows)
        self._values = dict(values)

    def __getitem__(self, name: str) -> Any:
        return self._values[name].value

    def source(self, name: str) -> str:
        """`default`, `command line`, a variable's name or a file's."""
        return self._values[name].source

    def __iter__(self) -> Iterator[str]:
        return iter(row.name for row in self.rows)

    def text(self, name: str) -> str:
        """The value as TOML."""
        return toml_text(self[name])


class HelpRequested(Exception):  # noqa: N818 - nothing is wrong when it is raised
    """--help or --print-config was given: print the message and leave with 0."""


# ---- one value -----------------------------------------------------------------------------------------


def parse_value(row: Option, given: object, source: str) -> Any:
    """`given` (text, or a TOML value) as the row's kind, or a UsageError that says what would do."""
    try:
        value = PARSERS[row.kind](given)
    except (ValueError, OverflowError) as error:
        raise _refused(row, given, source, row.allowed if row.minimum is not None else str(error)) from None
    if row.choices and value not in row.choices:
        raise _refused(row, given, source, row.allowed)
    too_low = row.minimum is not None and value < row.minimum
    if too_low or (row.maximum is not None and value > row.maximum):
        raise _refused(row, given, source, row.allowed)
    return value


def _refused(row: Option, given: object, source: str, allowed: str) -> UsageError:
    where = "" if source in ("command line", "default") else f" (from {source})"
    shown = repr(given) if isinstance(given, str) else toml_text(given)
    return UsageError(f"{row.label}: {shown}{where} is not allowed: expected {allowed}")


# ---- the sources ---------------------------------------------------------------------------------------


def _closest(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else ""


def read_arguments(rows: Sequence[Option], argv: Sequence[str]) -> dict[str, Value]:
    """--name VALUE, --name=VALUE, --flag, --no-flag, -n VALUE, positions; the last wins unless it is repeatable."""
    by_name = {row.name: row for row in rows}
    found: dict[str, list[Any]] = {}
    place = next((row for row in rows if row.positional), None)
    arguments = iter(argv)
    for argument in arguments:
        if place is not None and argument == "--":
            found.setdefault(place.name, []).extend(parse_value(place, rest, "command line") for rest in arguments)
            break
        row, text = _matched(rows, place, argument)
        if text is None:
            text = next(arguments, None)
        if text is None:
            raise UsageError(f"{row.label}: a value is missing: expected {row.allowed}")
        found.setdefault(row.name, []).append(parse_value(row, text, "command line"))
    return {
        name: Value(tuple(values) if by_name[name].repeatable else values[-1], "command line")
        for name, values in found.items()
        if values
    }


def _matched(rows: Sequence[Option], place: Option | None, argument: str) -> tuple[Option, str | None]:
    """The row an argument is for, and its value; None: the next argument is the value."""
    if argument.startswith("--") and argument != "--":
        return _named({row.name: row for row in rows if not row.positional}, argument[2:])
    if place is not None and (argument == "-" or not argument.startswith("-")):
        return place, argument
    row = next((row for row in rows if row.short and argument[:2] == f"-{row.short}"), None)
    if row is None:
        raise UsageError(f"unexpected argument {argument!r}: options begin with --")
    if row.kind == "bool":
        if argument[2:]:
            raise UsageError(f"-{row.short}: takes no value")
        return row, "true"
    return row, argument[2:] or None


def _named(by_name: Mapping[str, Option], argument: str) -> tuple[Option, str | None]:
    """The same of what follows `--`."""
    name, equals, text = argument.partition("=")
    negated = name.startswith("no-") and name not in by_name
    row = by_name.get(name[3:] if negated else name)
    if row is None or (negated and row.kind != "bool"):
        raise UsageError(f"unknown option --{name}" + _closest("--" + name, ["--" + known for known in by_name]))
    if row.kind == "bool" and not equals:
        return row, "false" if negated else "true"
    if negated:
        raise UsageError(f"--{name}: takes no value")
    return row, text if equals else None


def read_environment(rows: Sequence[Option], environ: Mapping[str, str]) -> dict[str, Value]:
    """WHIMBREL_NAME; a repeatable option's values are separated by commas; an empty variable is not set."""
    values = {}
    for row in rows:
        text = "" if row.positional else environ.get(row.variable, "")
        if not text:
            continue
        if row.repeatable:
            parsed = tuple(parse_value(row, item.strip(), row.variable) for item in text.split(",") if item.strip())
            values[row.name] = Value(parsed, row.variable)
        else:
            values[row.name] = Value(parse_value(row, text, row.variable), row.variable)
    return values


def read_file(rows: Sequence[Option], path: str) -> dict[str, Value]:
    """Top-level keys of a TOML file; unknown ones are errors that name the closest option."""
    by_name = {row.name: row for row in rows if not row.positional}
    values = {}
    for key, given in _load_toml(path).items():
        row = by_name.get(key)
        if row is None:
            raise UsageError(f"{path}: unknown option {key!r}" + _closest(key, by_name))
        if row.repeatable:
            items = given if isinstance(given, list) else [given]
            values[key] = Value(tuple(parse_value(row, item, path) for item in items), path)
        else:
            values[key] = Value(parse_value(row, given, path), path)
    return values


def _load_toml(path: str) -> dict[str, Any]:
    try:
        with Path(path).open("rb") as file:
            raw = file.read(CONFIG_BYTES_MAX + 1)
        if len(raw) > CONFIG_BYTES_MAX:
            raise UsageError(f"--config: {path!r} is larger than {size_text(CONFIG_BYTES_MAX)}")
        return tomllib.loads(raw.decode())
    except (OSError, ValueError) as error:
        reason = (error.strerror or "cannot be read") if isinstance(error, OSError) else str(error)
        raise UsageError(f"--config: {path!r}: {reason}") from None


def _defaults(rows: Sequence[Option]) -> dict[str, Value]:
    values = {}
    for row in rows:
        default: Any = row.default
        if row.repeatable:
            default = tuple(parse_value(row, item, "default") for item in default or ())
        elif default is not None:
            default = parse_value(row, default, "default")
        values[row.name] = Value(default, "default")
    return values


# ---- the whole -----------------------------------------------------------------------------------------

CONFIG_ROW = Option("config", "str", None, "Read options from this TOML file.", metavar="FILE")
COMMON_ROWS = (
    CONFIG_ROW,
    Option("print-config", "bool", False, "Print every option as TOML with its source, and leave."),
    Option("help", "bool", False, "Print this help, and leave.", short="h"),
)


def load(program: str, rows: Sequence[Option], argv: Sequence[str], environ: Mapping[str, str]) -> Values:
    """Every row's value.  Raises UsageError, or HelpRequested with what --help or --print-config print."""
    every = (*rows, *COMMON_ROWS)
    given = read_arguments(every, argv)
    if given.get("help", Value(False, "")).value:
        raise HelpRequested(help_text(program, every))
    environment = read_environment((*rows, CONFIG_ROW), environ)
    config = given.get("config") or environment.get("config")
    file = read_file(rows, config.value) if config else {}
    values = Values(rows, {**_defaults(every), **file, **environment, **given})
    if values["print-config"]:
        raise HelpRequested(config_text(values))
    return values


def config_text(values: Values) -> str:
    """Every option as TOML, its source as a comment; options that are not set are comments altogether."""
    lines = []
    for row in values.rows:
        if row.positional:
            continue
        value = values[row.name]
        shown = size_text(value) if row.kind == "size" and not row.repeatable and value is not None else value
        line = f"{row.name} = {toml_text(shown)}"
        lines.append(f"{'# ' if value is None else ''}{line}  # {values.source(row.name)}")
    return "\n".join(lines)


def help_text(program: str, rows: Sequence[Option]) -> str:
    """Usage, one option a line with its sentence and default."""
    places = "".join(f" [{row.usage}]" for row in rows if row.positional)
    lines = [f"usage: whimbrel {program} [options]{places}", ""]
    for row in rows:
        repeat = " May be given more than once." if row.repeatable else ""
        default = "" if row.default in (None, False, ()) else f" Default: {_default_text(row)}."
        choices = f" One of {', '.join(row.choices)}." if row.choices else ""
        lines += [f"  {row.usage}", f"      {row.sentence}{choices}{repeat}{default}"]
    return "\n".join(lines)


def docs_table(rows: Sequence[Option]) -> str:
    """The rows as a Markdown table."""
    lines = ["| option | environment | default | allowed | what it does |", "|---|---|---|---|---|"]
    for row in rows:
        default = "" if row.default in (None, ()) else f"`{_default_text(row)}`"
        repeat = " May be given more than once." if row.repeatable else ""
        variable = f"`{row.variable}`" if row.variable else ""
        cells = (f"`{row.usage}`", variable, default, row.allowed, row.sentence + repeat)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _default_text(row: Option) -> str:
    if isinstance(row.default, tuple):
        return ", ".join(row.default)
    if isinstance(row.default, bool):
        return "true" if row.default else "false"
    return str(row.default)
