"""`whimbrel bench`: options, a client, perhaps a prefill, one run, the figures."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whimbrel.base.errors import WhimbrelError
from whimbrel.base.hdr import hgrm_text
from whimbrel.base.options import Address, HelpRequested, Values, load
from whimbrel.bench.client import Client
from whimbrel.bench.options import ROWS, schedule_of, workload_of
from whimbrel.bench.report import both_ns, figures, text, troubles
from whimbrel.bench.workload import read_trace

if TYPE_CHECKING:
    from whimbrel.bench.client import Result
    from whimbrel.bench.workload import Workload


def main(argv: list[str]) -> int:
    """0: everything was answered as it should be; 1: something was not; 2: it could not be started as asked."""
    try:
        values = load("bench", ROWS, argv, os.environ)
        result, open_loop = run(values)
        if values["hdr"]:
            write_hdr(values["hdr"], result)
    except HelpRequested as request:
        print(request)
        return 0
    except WhimbrelError as error:
        print(f"whimbrel bench: {error}", file=sys.stderr)
        return error.exit_code
    shown = figures(result, open_loop=open_loop)
    if values["json"]:
        shown["notes"] = troubles(shown)
        print(json.dumps(shown, indent=2))
    else:
        print(text(shown))
    bad = ("refused", "wrong_values", "unanswered", "unsent", "lost_connections")
    return 1 if any(shown[name] for name in bad) else 0


def run(values: Values) -> tuple[Result, bool]:
    """The measured run, and whether it was an open loop."""
    workload = workload_of(values)
    if values["trace"]:
        return run_trace(values, workload), False
    schedule = schedule_of(values)
    client = connect(values, workload)
    if values["prefill"]:
        client.prefill()
    return client.run(schedule), schedule.pace != "closed"


def run_trace(values: Values, workload: Workload) -> Result:
    """Get every line of the trace, set what was missed."""
    trace = read_trace(Path(values["trace"]))
    workload = replace(workload, keys=trace.distinct, value_size=(min(trace.sizes), max(trace.sizes)), fill=True)
    return connect(values, workload).replay(trace.keys, trace.sizes)


def connect(values: Values, workload: Workload) -> Client:
    """A client with all its connections open."""
    address: Address = values["target"]
    shape: dict[str, Any] = {name: values[name] for name in ("protocol", "connections", "pipeline", "seed")}
    return Client(address.path or (address.host, address.port), workload, **shape)


def write_hdr(path: str, result: Result) -> None:
    """GET and SET together, in microseconds, as HdrHistogram's plotters read them."""
    try:
        Path(path).write_text(hgrm_text(both_ns(result), 1000))
    except OSError as error:
        raise WhimbrelError(f"--hdr: {path!r}: {error.strerror}") from None
