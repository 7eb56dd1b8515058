"""A small mutational fuzzer: seeded, bounded, without dependencies.

    python fuzz/run.py                        every target, 30 s each
    python fuzz/run.py --seconds 5 NAME...    some of them
    python fuzz/run.py --replay FILE NAME     one input, in this process, with its traceback

A target is fuzz/targets/NAME.py.  The first line of its docstring states the invariant;
`one_input(data: bytes)` raises when the invariant does not hold.  Two things are optional: TOKENS, byte strings
worth inserting, and a hashable result of one_input that says what kind of thing happened; an input with a result
not seen before joins the pool that is mutated.  That is all the guidance there is: the compiled code is not
instrumented for coverage, so the corpus in fuzz/corpus/NAME/ is what carries the search.

Each target runs in a child, because a sanitizer ends the process it finds something in.  The child keeps the
input it is executing in a shared page, so the parent can save it whatever happened, a hang included:

    | runs: u64 | length: u32 | input ...                                                        |
"""

import argparse
import hashlib
import importlib.util
import json
import mmap
import os
import random
import struct
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PAGES = ROOT / "build" / "fuzz"

HEADER = struct.Struct("<QI")
INPUT_BYTES = 1 << 16  # longest input; codecs see longer ones in pieces anyway
POOL_INPUTS = 4096  # mutated inputs kept beside the corpus; at the longest, 256 MiB, in practice a few
CLOCK_RUNS = 64  # runs between two looks at the clock
HANG_S = 30.0  # one input may take this long, sanitizer and loaded machine included
POLL_S = 0.1

# Where lengths, counts, limits and integer types end.
NUMBERS = tuple(
    b"-1 0 1 007 250 251 65536 1048576 2147483648 4294967295 4294967296 9223372036854775807 9223372036854775808 "
    b"18446744073709551615 18446744073709551616 99999999999999999999999 1e308 nan +1".split()
)
BYTES = (0, 1, 9, 10, 13, 32, 36, 42, 58, 127, 128, 255)


@dataclass
class Target:
    name: str
    invariant: str
    one_input: Callable[[bytes], Hashable]
    tokens: tuple[bytes, ...]
    corpus: list[bytes]


def target_names() -> list[str]:
    return sorted(path.stem for path in (HERE / "targets").glob("*.py") if not path.stem.startswith("_"))


def corpus_files(name: str) -> list[Path]:
    return sorted(path for path in (HERE / "corpus" / name).glob("*") if path.is_file())


def load_target(name: str) -> Target:
    path = HERE / "targets" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"fuzz_target_{name}", path)
    if spec is None or spec.loader is None or not path.exists():
        raise SystemExit(f"fuzz: no target {name!r}; there are {', '.join(target_names())}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    invariant = (module.__doc__ or "").strip().partition("\n")[0]
    corpus = [path.read_bytes()[:INPUT_BYTES] for path in corpus_files(name)]
    return Target(name, invariant, module.one_input, tuple(getattr(module, "TOKENS", ())), corpus)


class Mutator:
    """Inputs made from inputs; everything random comes from the one generator it is given."""

    def __init__(self, rng: random.Random, tokens: Sequence[bytes]) -> None:
        self.rng = rng
        self.tokens = (*tokens, *NUMBERS)
        self.steps = (
            self.flip_bit,
            self.set_byte,
            self.insert_token,
            self.overwrite_with_token,
            self.delete_range,
            self.repeat_range,
            self.move_range,
            self.change_number,
            self.truncate,
        )

    def mutate(self, pool: Sequence[bytes]) -> bytes:
        data = bytearray(self.rng.choice(pool))
        if self.rng.random() < 0.2:
            self.splice(data, self.rng.choice(pool))
        for _ in range(1 << self.rng.randrange(5)):
            self.rng.choice(self.steps)(data)
        return bytes(data[:INPUT_BYTES])

    def place(self, data: bytearray) -> int:
        return self.rng.randrange(len(data) + 1)

    def span(self, data: bytearray) -> tuple[int, int]:
        """A range of `data`, short ones more often than long ones."""
        start = self.place(data)
        return start, min(len(data), start + (1 << self.rng.randrange(8)))

    def splice(self, data: bytearray, other: bytes) -> None:
        data[self.place(data) :] = other[self.rng.randrange(len(other) + 1) :]

    def flip_bit(self, data: bytearray) -> None:
        if data:
            data[self.rng.randrange(len(data))] ^= 1 << self.rng.randrange(8)

    def set_byte(self, data: bytearray) -> None:
        if data:
            value = self.rng.choice(BYTES) if self.rng.random() < 0.7 else self.rng.randrange(256)
            data[self.rng.randrange(len(data))] = value

    def insert_token(self, data: bytearray) -> None:
        at = self.place(data)
        data[at:at] = self.rng.choice(self.tokens)

    def overwrite_with_token(self, data: bytearray) -> None:
        at, token = self.place(data), self.rng.choice(self.tokens)
        data[at : at + len(token)] = token

    def delete_range(self, data: bytearray) -> None:
        start, end = self.span(data)
        del data[start:end]

    def repeat_range(self, data: bytearray) -> None:
        start, end = self.span(data)
        data[start:start] = data[start:end] * (1 << self.rng.randrange(4))
        del data[INPUT_BYTES:]

    def move_range(self, data: bytearray) -> None:
        start, end = self.span(data)
        piece = data[start:end]
        del data[start:end]
        at = self.place(data)
        data[at:at] = piece

    def change_number(self, data: bytearray) -> None:
        digits = [i for i, byte in enumerate(data) if 48 <= byte <= 57]
        if digits:
            start = end = self.rng.choice(digits)
            while start and 48 <= data[start - 1] <= 57:
                start -= 1
            while end < len(data) and 48 <= data[end] <= 57:
                end += 1
            data[start:end] = self.rng.choice(NUMBERS)

    def truncate(self, data: bytearray) -> None:
        del data[self.place(data) :]


class Page:
    """The shared page that says what a child is doing; see the picture above."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.truncate(HEADER.size + INPUT_BYTES)
        self.map = self._map(path)

    @staticmethod
    def _map(path: Path) -> mmap.mmap:
        with path.open("r+b") as file:
            return mmap.mmap(file.fileno(), HEADER.size + INPUT_BYTES)

    @classmethod
    def opened(cls, path: Path) -> "Page":
        page = cls.__new__(cls)
        page.map = cls._map(path)
        return page

    def executing(self, runs: int, data: bytes) -> None:
        self.map[HEADER.size : HEADER.size + len(data)] = data
        HEADER.pack_into(self.map, 0, runs, len(data))

    def state(self) -> tuple[int, bytes]:
        runs, length = HEADER.unpack_from(self.map, 0)
        return runs, self.map[HEADER.size : HEADER.size + length]


def fuzz(target: Target, *, seed: int, seconds: float, runs: int | None, page: Page | None = None) -> dict[str, int]:
    """Mutate and execute until the time or the runs are used up; raises what the target raises."""
    rng = random.Random(f"{seed}:{target.name}")
    mutator = Mutator(rng, target.tokens)
    pool = list(target.corpus) or [b""]
    seen: set[Hashable] = set()
    done = 0
    deadline = time.monotonic() + seconds
    while runs is None or done < runs:
        if done % CLOCK_RUNS == 0 and time.monotonic() >= deadline:
            break
        data = pool[done] if done < len(target.corpus) else mutator.mutate(pool)
        if page is not None:
            page.executing(done + 1, data)
        kind = target.one_input(data)
        done += 1
        if kind is not None and kind not in seen:
            seen.add(kind)
            if done > len(target.corpus) and len(pool) < len(target.corpus) + POOL_INPUTS:
                pool.append(data)
    return {"runs": done, "pool": len(pool), "kinds": len(seen)}


def save_crash(name: str, data: bytes) -> Path:
    path = HERE / "crashes" / f"{name}-{hashlib.sha256(data).hexdigest()[:16]}"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


def watch(child: subprocess.Popen[bytes], page: Page) -> str:
    """Wait for the child; how it ended: `ok`, `failed`, `killed by signal N` or `hung`."""
    last, since = -1, time.monotonic()
    while child.poll() is None:
        now, runs = time.monotonic(), page.state()[0]
        if runs != last:
            last, since = runs, now
        elif now - since > HANG_S:
            child.kill()
            child.wait()
            return "hung"
        time.sleep(POLL_S)
    if child.returncode < 0:
        return f"killed by signal {-child.returncode}"
    return "failed" if child.returncode else "ok"


def run_in_child(name: str, args: argparse.Namespace) -> bool:
    """One target, in a child of its own; prints its summary line and returns whether the invariant held."""
    path = PAGES / f"{name}.current"
    page = Page(path)
    start = time.monotonic()
    command = [sys.executable, __file__, "--child", str(path), "--seed", str(args.seed), "--seconds", str(args.seconds)]
    if args.runs is not None:
        command += ["--runs", str(args.runs)]
    child = subprocess.Popen([*command, name], stdout=subprocess.PIPE)
    outcome = watch(child, page)
    assert child.stdout is not None
    lines = child.stdout.read().decode().splitlines()
    child.stdout.close()
    runs, data = page.state()
    summary: dict[str, object] = {"target": name, "outcome": outcome, "seed": args.seed, "runs": runs}
    summary["seconds"] = round(time.monotonic() - start, 1)
    if outcome == "ok":
        summary |= json.loads(lines[-1])
    elif runs:
        summary["input"] = os.path.relpath(save_crash(name, data))
    print(json.dumps(summary), flush=True)
    return outcome == "ok"


def run_as_child(name: str, args: argparse.Namespace) -> int:
    try:
        result = fuzz(
            load_target(name), seed=args.seed, seconds=args.seconds, runs=args.runs, page=Page.opened(args.child)
        )
    except Exception:  # noqa: BLE001 - whatever the target raises is the finding; it is shown and exits 1
        traceback.print_exc()
        return 1
    print(json.dumps(result))
    return 0


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fuzz/run.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="NAME", help="targets to run (default: all)")
    parser.add_argument("--seconds", type=float, default=30, help="for each target (default: 30)")
    parser.add_argument("--runs", type=int, help="stop a target after this many inputs: exactly repeatable")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same inputs (default: 1)")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run this one input in this process")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = arguments(argv)
    known = target_names()
    names = args.targets or known
    unknown = sorted(set(names) - set(known))
    if unknown or not names:
        print(f"fuzz: no target {', '.join(unknown) or 'at all'}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    if args.child:
        return run_as_child(names[0], args)
    if args.replay:
        for name in names:
            print(f"{name}: {load_target(name).one_input(args.replay.read_bytes())}")
        return 0
    held = [run_in_child(name, args) for name in names]  # all of them, also after one has failed
    return 0 if all(held) else 1


if __name__ == "__main__":
    raise SystemExit(main())
