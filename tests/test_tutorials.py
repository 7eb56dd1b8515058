"""The tutorials do what they say: their blocks are run in order, and what they print is what is printed.

    <!-- tested -->                     the block that follows is run; its output is compared
    <!-- tested: numbers vary -->       the same, and any number, or time, stands for any other
    <!-- tested: serving -->            it stays running, as in another terminal, until the tutorial ends
    <!-- tested: in time -->            the same, and it is run again until it shows that, for READY_S at most
    <!-- tested: then interrupt -->     run; then the newest that stays running is ended as Ctrl-C ends it
    <!-- files: watch.md -->            the files of another tutorial are there

In a console block `$ ` begins a command, what follows up to the next is its output (both streams), and `…` stands for
anything, within a line or as a line for any number of them.  Any other block is a file, named by the comment that is
its first line.  Spaces are compared as one.  Every tutorial has a directory of its own and free ports in place of those
it names; `sudo` does nothing, and `tcpdump` is recording.py, which every machine has.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytestmark = pytest.mark.clients

ROOT = Path(__file__).resolve().parent.parent
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
HOW = "serving|numbers vary|in time|then interrupt"
BLOCK = re.compile(
    rf"^<!-- tested(?:: (?P<how>{HOW}))? -->\n```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
FILES = re.compile(r"^<!-- files: (\w+\.md) -->$", re.MULTILINE)
MARK = re.compile(r"^<!-- tested", re.MULTILINE)
# Those of the cache, of what is watched and of the hub.
PORT = re.compile(r"(?:(?<=:)|(?<=, )|(?<=-p )|(?<=port ))(?:112|80|98)\d\d\b")
NUMBER = re.compile(r"\d[\d,.]*(?: (?:µs|ms|s)\b)?")
NEEDED = ("curl", "redis-cli")
COMMAND_S, READY_S, STOP_S = 30.0, 20.0, 10.0

# A default port may be taken on this machine: programs get another as the default.  The command line wins over it.
DEFAULT_PORTS = {"serve": ("LISTEN", "11211"), "bench": ("TARGET", "11211"), "hub": ("LISTEN", "9800")}
SHIMS = {
    "whimbrel": 'case "$1" in\n'
    + "".join(
        f'{name}) export WHIMBREL_{option}="127.0.0.1:$PORT_{port}";;\n'
        for name, (option, port) in DEFAULT_PORTS.items()
    )
    + f'esac\nexec "{sys.executable}" -m whimbrel "$@"',
    "python": f'exec "{sys.executable}" "$@"',
    "sudo": 'exec "$@"',
    "tcpdump": f'exec "{sys.executable}" "{ROOT}/tests/recording.py" "$@"',
}


@dataclass
class Block:
    kind: str
    how: str
    text: str
    line: int

    def steps(self) -> Iterator[tuple[str, str]]:
        """(command, its output) of a console block."""
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            while command.endswith("\\"):
                further, _, output = output.partition("\n")
                command += "\n" + further
            yield command, output


def blocks(path: Path) -> list[Block]:
    text = path.read_text()
    others = [block for name in FILES.findall(text) for block in blocks(path.parent / name) if block.kind != "console"]
    found = [
        Block(m["kind"], m["how"] or "", m["text"], text.count("\n", 0, m.start()) + 1) for m in BLOCK.finditer(text)
    ]
    assert len(found) == len(MARK.findall(text)), f"{path.name}: a mark without a block, or one that is not known"
    return others + found


def pattern(expected: str, *, numbers_vary: bool) -> re.Pattern[str]:
    """What output has to match, line by line and with single spaces."""
    lines = []
    for line in expected.splitlines():
        if line.strip() == "…":
            lines.append(r"(?:.*\n)*?")
            continue
        words = " ".join(line.split())
        parts = NUMBER.split(words) if numbers_vary else [words]
        lines.append(NUMBER.pattern.join(re.escape(part).replace("…", ".*?") for part in parts) + r"\n")
    return re.compile("".join(lines))


def plain(output: str) -> str:
    return "".join(" ".join(line.split()) + "\n" for line in output.splitlines())


def free_port() -> str:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


@dataclass
class Walk:
    """One tutorial on its way."""

    place: Path
    ports: dict[str, str] = field(default_factory=dict)
    running: list[tuple[subprocess.Popen[bytes], Path]] = field(default_factory=list)

    def port(self, named: str) -> str:
        return self.ports.setdefault(named, free_port())

    def here(self, text: str) -> str:
        return PORT.sub(lambda found: self.port(found[0]), text)

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("WHIMBREL_")}
        return kept | {
            "PATH": f"{self.place / 'bin'}{os.pathsep}{kept['PATH']}",
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT / "src"), kept.get("PYTHONPATH", "")])),
            "HOME": str(self.place),
            "WHIMBREL_STATE": str(self.place / "state"),
            "WHIMBREL_USER": "root",  # nobody cannot write here
            "COLUMNS": "100",
            "FAKETTY": "1",  # redis-cli shows types, as it does on a terminal
            **{f"PORT_{port}": self.port(port) for _, port in DEFAULT_PORTS.values()},
        }

    def start(self, command: str, output: Path) -> subprocess.Popen[bytes]:
        with output.open("wb") as sink:
            return subprocess.Popen(
                ["bash", "-c", f"exec {command}" if "\n" not in command else command], cwd=self.place,
                env=self.environment(), stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip

    def take(self, block: Block) -> None:
        text = self.here(block.text)
        if block.kind != "console":
            name = text.partition("\n")[0].lstrip("# ").strip()
            assert re.fullmatch(r"\w+\.\w+", name), f"line {block.line}: the block's first line names no file"
            (self.place / name).write_text(text)
            return
        for command, expected in Block("console", block.how, text, block.line).steps():
            wanted = pattern(expected, numbers_vary=block.how in ("numbers vary", "in time"))
            shown = self.serve(command, wanted) if block.how == "serving" else self.run(command)
            deadline = time.monotonic() + READY_S
            while block.how == "in time" and not wanted.fullmatch(plain(shown)) and time.monotonic() < deadline:
                time.sleep(0.2)
                shown = self.run(command)
            assert wanted.fullmatch(plain(shown)), f"line {block.line}: $ {command}\n{shown}\nexpected\n{expected}"
        if block.how == "then interrupt":
            self.end(self.running.pop()[0], signal.SIGINT)

    def run(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.place, env=self.environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=COMMAND_S,
        )  # fmt: skip
        return done.stdout

    def serve(self, command: str, wanted: re.Pattern[str]) -> str:
        """What it printed once that is all that was to come, or when it ended, or after READY_S."""
        output = self.place / f"output-{len(self.running)}"
        process = self.start(command, output)
        self.running.append((process, output))
        deadline = time.monotonic() + READY_S
        while process.poll() is None and time.monotonic() < deadline:
            if wanted.fullmatch(plain(output.read_text())):
                break
            time.sleep(0.02)
        return output.read_text()

    @staticmethod
    def end(process: subprocess.Popen[bytes], with_signal: signal.Signals = signal.SIGTERM) -> None:
        """By its own number, with what it started if it does not go."""
        process.send_signal(with_signal)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # its session is its own
            process.wait(STOP_S)
            raise


def lacks(text: str) -> str:
    """What this machine has not, or may not, of what these blocks want."""
    for program in NEEDED:
        if re.search(rf"\b{program}\b", text) and shutil.which(program) is None:
            return f"{program} is not installed"
    if "tcpdump" in text:
        try:
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()
        except PermissionError:
            return "recording packets wants CAP_NET_RAW"
    return ""


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    (tmp_path / "bin").mkdir()
    for name, line in SHIMS.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    one = Walk(tmp_path)
    try:
        yield one
    finally:
        while one.running:
            one.end(one.running.pop()[0])


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_does_what_it_shows(path: Path, walk: Walk) -> None:
    todo = blocks(path)
    assert todo, f"{path.name} has nothing that is tested"
    if why := lacks("".join(block.text for block in todo if block.kind == "console")):
        pytest.skip(why)
    for block in todo:
        walk.take(block)


def test_what_is_compared() -> None:
    assert pattern("a  1.5 ms\n…\nend …\n", numbers_vary=True).fullmatch(plain("a 22 ms\nx\ny\nend of it\n"))
    assert not pattern("a 1.5 ms\n", numbers_vary=False).fullmatch(plain("a 1.6 ms\n"))
    assert not pattern("a 1 ms\n", numbers_vary=True).fullmatch(plain("a ms\n"))
    assert not pattern("a\n", numbers_vary=True).fullmatch(plain("a\nb\n"))


def test_a_console_block_is_commands_and_what_they_print() -> None:
    block = Block("console", "", "$ one \\\n    two\nprinted\n$ three\n", 1)
    assert list(block.steps()) == [("one \\\n    two", "printed\n"), ("three", "")]


def test_a_tutorial_that_shows_something_else_is_noticed(walk: Walk) -> None:
    walk.take(Block("python", "", "# say.py\nprint('hello')\n", 1))
    walk.take(Block("console", "", "$ python say.py\nhello\n", 1))
    with pytest.raises(AssertionError, match="line 7"):
        walk.take(Block("console", "", "$ python say.py\ngoodbye\n", 7))
