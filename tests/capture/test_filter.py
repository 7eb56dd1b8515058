"""Filters by libpcap where it is, by ourselves where it is not."""

import pytest

from tests.capture import packets as p
from tests.capture.reference_vm import run
from whimbrel.base.errors import UsageError
from whimbrel.capture import filter as filters
from whimbrel.capture import program as bpf
from whimbrel.capture.filter import compile_filter

LINK_ETHERNET, LINK_RAW = 1, 101
WEB = p.tcp("10.0.0.1", 4000, "10.0.0.2", 80, 1, 1, p.ACK, b"GET")
NAMES = p.udp("10.0.0.1", 4000, "10.0.0.2", 53, b"who")

needs_libpcap = pytest.mark.skipif(filters.libpcap() is None, reason="libpcap is not installed")


@pytest.fixture(params=["libpcap", "subset"])
def compiler(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    if name == "subset":
        monkeypatch.setattr(filters, "libpcap", lambda: None)
    elif filters.libpcap() is None:
        pytest.skip("libpcap is not installed")
    return name


def test_a_filter_of_each_link_type(compiler: str) -> None:
    for link, wrap in ((LINK_ETHERNET, p.ethernet), (LINK_RAW, bytes), (113, p.sll), (276, p.sll2)):
        program = compile_filter("tcp port 80", link)
        assert run(program, wrap(WEB)) == 262144
        assert run(program, wrap(NAMES)) == 0
        assert run(compile_filter("", link), wrap(NAMES))


def test_what_no_compiler_takes(compiler: str) -> None:
    with pytest.raises(UsageError, match="'tcp prot 80'"):
        compile_filter("tcp prot 80", LINK_ETHERNET)
    for text in ("tcp\0", "tcp\nudp", "tcp or " * 20000):
        with pytest.raises(UsageError, match="one line of printable text"):
            compile_filter(text, LINK_ETHERNET)


def test_a_program_the_kernel_would_not_take(compiler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bpf, "INSTRUCTIONS_MAX", 20)
    assert compile_filter("tcp", LINK_ETHERNET)
    with pytest.raises(UsageError, match=r"too long: .* the kernel takes 20"):
        compile_filter("port 80 or host 2001:db8::1", LINK_ETHERNET)


def test_without_libpcap_we_say_what_it_would_bring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "libpcap", lambda: None)
    with pytest.raises(UsageError, match=r"at 'greater': .*allowed are tcp.*libpcap is not installed.*libpcap0\.8"):
        compile_filter("tcp and greater 100", LINK_ETHERNET)


@needs_libpcap
def test_with_libpcap_the_whole_language() -> None:
    program = compile_filter("tcp[tcpflags] & tcp-syn != 0 and greater 20", LINK_ETHERNET)
    assert run(program, p.ethernet(p.tcp("10.0.0.1", 1, "10.0.0.2", 2, 1, 1, p.SYN, b"")))
    assert not run(program, p.ethernet(WEB))
    with pytest.raises(UsageError, match=r"libpcap says: .*pcap-filter"):
        compile_filter("tcp tcp", LINK_ETHERNET)


def test_a_machine_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "LIBRARIES", ("libwhimbrel-nosuch.so.1",))
    filters.libpcap.cache_clear()
    try:
        assert filters.libpcap() is None
        assert run(compile_filter("tcp", LINK_RAW), WEB)
    finally:
        filters.libpcap.cache_clear()
