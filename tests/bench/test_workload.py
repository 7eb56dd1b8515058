"""Workloads and traces."""

from __future__ import annotations

import gzip
from array import array

import pytest

from whimbrel.base.errors import UsageError
from whimbrel.bench.workload import Workload, read_trace

LINES = "key,size\nx,100\ny,300\nx,100\nz,200\n"


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
def test_a_trace_has_dense_keys(tmp_path, name):
    path = tmp_path / name
    if name.endswith("gz"):
        path.write_bytes(gzip.compress(LINES.encode()))
    else:
        path.write_text(LINES)
    trace = read_trace(path)
    assert (trace.name, trace.distinct) == ("t", 3)
    assert trace.keys == array("I", [0, 1, 0, 2])
    assert trace.sizes == array("I", [100, 300, 100, 200])


def test_scaling_keeps_proportions(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(LINES)
    assert read_trace(path).scaled(2_000).sizes == array("I", [1_000, 3_000, 1_000, 2_000])


@pytest.mark.parametrize(
    "content, said",
    [
        ("x,1\n", "its first line is not 'key,size'"),
        ("key,size\nx\n", "line 2: not `key,size`"),
        ("key,size\nx,1\ny,-3\n", "line 3: not `key,size`"),
        ("key,size\n", "has no requests"),
    ],
)
def test_what_is_no_trace(tmp_path, content, said):
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(UsageError, match=said):
        read_trace(path)


@pytest.mark.parametrize("wrong", [{"keys": 0}, {"get_share": 1.5}, {"ttl_s": (5, 4)}, {"key_size": (25, 251)}])
def test_what_is_no_workload(wrong):
    with pytest.raises(UsageError):
        Workload(**wrong)
