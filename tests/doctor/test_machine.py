"""What checks read, and the lines they print."""

from pathlib import Path

import pytest

from tests.doctor.made import machine
from whimbrel.doctor.machine import FAMILIES, INSTALLERS, SYSTEM_PACKAGES, Machine


def test_a_file_that_is_not_shown_is_none(tmp_path: Path) -> None:
    made = machine(tmp_path, {"/proc/a": " 12\n", "/proc/b": "twelve", "/proc/c": "\u0661\u0662"})
    assert (made.text("/proc/a"), made.text("/proc/none"), made.text("/proc")) == ("12", None, None)
    assert (made.number("/proc/a"), made.number("/proc/b"), made.number("/proc/none")) == (12, None, None)
    assert made.number("/proc/c") is None


RELEASES = {
    "ID=debian": "debian",
    "ID=ubuntu\nID_LIKE=debian": "debian",
    "ID=linuxmint\nID_LIKE='ubuntu debian'": "debian",
    'ID="rocky"\nID_LIKE="rhel centos fedora"': "fedora",
    'ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"': "suse",
    "ID=arch": "arch",
    "ID=alpine": "alpine",
    "ID=plan9": "",
    "": "",
}


@pytest.mark.parametrize("text", RELEASES)
def test_distributions(text: str, tmp_path: Path) -> None:
    made = machine(tmp_path, {"/etc/os-release": text})
    family = RELEASES[text]
    assert made.family() == family
    line = made.install("libpcap")
    assert line.startswith(f"sudo {INSTALLERS[family]} libpcap" if family else "install the package")


def test_every_thing_has_a_name_in_every_family() -> None:
    assert all(set(names) == set(INSTALLERS) for names in SYSTEM_PACKAGES.values())
    assert set(FAMILIES.values()) <= set(INSTALLERS)


def test_lines_are_for_this_user_and_this_interpreter(tmp_path: Path) -> None:
    own, root = machine(tmp_path), machine(tmp_path, user_id=0)
    assert own.sysctl("a.b", 1) == "sudo sysctl -w a.b=1"
    assert root.sysctl("a.b", 1) == "sysctl -w a.b=1"
    assert own.put("x", "/sys/y") == "echo x | sudo tee /sys/y"
    assert root.put("x", "/sys/y") == "echo x > /sys/y"
    assert own.pip_install("a>=1,<2") == "'/opt/my python' -m pip install 'a>=1,<2'"


def test_this_machine() -> None:
    here = Machine()
    assert here.number("/proc/sys/kernel/pid_max")
    assert here.state.endswith("whimbrel") and here.data.endswith("whimbrel-hub")
