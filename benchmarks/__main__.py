"""`make bench`: us, memcached and redis-server in interleaved runs, ratios with their spread; then the agent.

QUICK=1 (or --quick) runs shorter and fewer rounds; --only NAME[,NAME] runs some sections.  The table goes to
standard output as sections finish, everything else to standard error, all figures to a JSON file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import hub, library, memory, miss, speed, surroundings, watch
from benchmarks.rows import Section
from benchmarks.setting import Setting, prepare

FULL = (7, 3.0)  # rounds, seconds each
QUICK = (3, 1.0)
RESULTS = Path(__file__).parents[1] / "build" / "bench.json"


def sections(setting: Setting, eviction: str) -> dict[str, Callable[[], Section]]:
    """Everything there is to measure, by the name --only knows it under."""
    return {
        "cpu": lambda: speed.processor_time(setting),
        "pipeline": lambda: speed.pipelined(setting),
        "tail": lambda: speed.tail(setting),
        "items": lambda: memory.items(setting),
        "idle": lambda: memory.idle(setting),
        "miss": lambda: miss.served(setting),
        "policy": lambda: miss.simulated(setting, eviction or "s3fifo"),
        "library": lambda: library.gets(setting),
        "watch": lambda: watch.speed(setting),
        "watch-large": lambda: watch.large(setting),
        "watch-live": lambda: watch.live(setting),
        "watch-attacks": lambda: watch.attacks(setting),
        "hub": lambda: hub.pages(setting),
    }


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", default=os.environ.get("QUICK", "") not in ("", "0"))
    parser.add_argument("--only", default="", help="section names, separated by commas")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--eviction", default="", help="our policy; the server's default where not given")
    parser.add_argument(
        "--priority", action="store_true", help="raise this session's priority, for a machine that others use (root)"
    )
    parser.add_argument("--json", type=Path, default=RESULTS)
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """0 when everything was measured, whether or not targets are met; 1 when a section failed."""
    given = arguments(argv)
    rounds, seconds = QUICK if given.quick else FULL
    setting, said = prepare(
        quick=given.quick,
        rounds=given.rounds or rounds,
        seconds=given.seconds or seconds,
        eviction=given.eviction,
    )
    if given.priority:
        said.append(surroundings.raise_priority())
    every = sections(setting, given.eviction)
    wanted = given.only.split(",") if given.only else list(every)
    unknown = [name for name in wanted if name not in every]
    if unknown:
        print(f"--only: {unknown[0]!r} is not one of {', '.join(every)}", file=sys.stderr)
        return 2
    print("\n".join([machine(), *said, f"{setting.rounds} rounds of {setting.seconds:g} s each", ""]), flush=True)
    done, failed = {}, 0
    for name in wanted:
        start, before = time.monotonic(), surroundings.look()
        try:
            section = every[name]()
        except (RuntimeError, OSError) as error:
            print(f"{name}: not measured: {error}\n", flush=True)
            failed += 1
            continue
        section.includes += "\n" + surroundings.between(before, surroundings.look())
        done[name] = section.as_json()
        print(section.text(), flush=True)
        print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps({"machine": machine(), "said": said, "sections": done}, indent=1))
    print(f"all rounds: {given.json}", file=sys.stderr)
    return 1 if failed else 0


def machine() -> str:
    """What it ran on, and how busy that was."""
    model = next((line.partition(":")[2].strip() for line in cpu_lines() if line.startswith("model name")), "?")
    load = os.getloadavg()[0]
    return f"{model}, {os.cpu_count()} cores, {platform.release()}, Python {platform.python_version()}, load {load:.1f}"


def cpu_lines() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
