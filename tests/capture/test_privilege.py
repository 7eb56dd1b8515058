"""A process that may capture gives the right up and keeps its ring."""

import json
import os
import pwd
import socket
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.capture.live import needs_capture
from whimbrel.base.errors import UsageError, WhimbrelError
from whimbrel.capture import privilege

PACKAGES = Path(privilege.__file__).resolve().parent.parent.parent  # the build that is under test

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def run(script: str, *arguments: str) -> Any:
    """What a Python process prints as JSON, after the imports every script here needs."""
    head = """
        import json, os, socket, sys, threading
        from pathlib import Path
        from whimbrel.capture import privilege, testing_ring
        from whimbrel.capture.ring import Ring

        def fails(action):
            try:
                action()
            except OSError as error:
                return error.strerror
            return ""
    """
    code = textwrap.dedent(head) + textwrap.dedent(script)
    environment = {**os.environ, "PYTHONPATH": str(PACKAGES), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, env=environment
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_root
@needs_capture
def test_the_ring_works_without_the_privileges_that_opened_it() -> None:
    script = """
        ring = Ring(["lo"], None, 1 << 20)
        privilege.drop_privileges()
        with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()):
            seen = len(testing_ring.read(ring, 150))
        print(json.dumps({
            "seen": seen,
            "counted": ring.drops()["lo"][0],
            "ids": [*os.getresuid(), *os.getresgid(), *os.getgroups()],
            "root": fails(lambda: os.setuid(0)),
            "group": fails(lambda: os.setgroups([0])),
            "capture": fails(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)),
            "shadow": fails(lambda: open("/etc/shadow").close()),
            "rights": privilege.capture_rights(),
            "status": privilege.own_status(),
        }))
    """
    said = run(script)
    nobody = pwd.getpwnam("nobody")
    assert said["seen"] >= 3 and said["counted"] >= said["seen"]
    assert said["ids"] == [nobody.pw_uid] * 3 + [nobody.pw_gid] * 3
    assert said["root"] == said["group"] == said["capture"] == "Operation not permitted"
    assert said["shadow"] == "Permission denied"
    for sets in (*privilege.CAPABILITY_SETS, "CapBnd"):
        assert int(said["status"][sets], 16) == 0, sets
    assert said["status"]["NoNewPrivs"] == "1"
    assert "CAP_NET_RAW" in said["rights"]


@needs_root
@needs_capture
def test_without_a_user_only_the_capabilities_go() -> None:
    script = """
        privilege.drop_privileges(None)
        print(json.dumps([*os.getresuid(), privilege.capture_rights() or "", fails(lambda: os.setresuid(1, 1, 1))]))
    """
    *ids, rights, becoming = run(script)
    assert ids == [0, 0, 0]
    assert rights.startswith("capturing needs the capability CAP_NET_RAW")
    assert becoming == "Operation not permitted"


@needs_root
def test_what_must_be_written_is_handed_over() -> None:
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        Path(place).chmod(0o755)
        spool, out, other = Path(place, "spool"), Path(place, "out"), Path(place, "other")
        spool.mkdir(mode=0o700)
        for path in (spool / "batch", out, other):
            path.write_text("")
            path.chmod(0o600)
        (spool / "link").symlink_to(other)
        os.link(other, spool / "hard")
        script = """
            spool, out, other = map(Path, sys.argv[1:])
            privilege.drop_privileges("nobody", [spool, out])
            (spool / "new").write_text("x")
            (spool / "batch").write_text("x")
            out.write_text("x")
            print(json.dumps([fails(lambda: other.write_text("x")), fails(lambda: (spool / "link").write_text("x")),
                              fails(lambda: (spool / "hard").write_text("x"))]))
        """
        assert run(script, str(spool), str(out), str(other)) == ["Permission denied"] * 3
        assert [path.stat().st_uid for path in (spool, out, other)] == [nobody.pw_uid, nobody.pw_uid, 0]
        with pytest.raises(WhimbrelError, match=r"cannot hand .*link to user 'nobody'"):
            privilege.hand_over(spool / "link", "nobody")
        with pytest.raises(WhimbrelError, match=r"cannot hand .*missing to user 'nobody'"):
            privilege.hand_over(spool / "missing", "nobody")


@needs_root
def test_a_place_out_of_reach_is_an_error() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as place:  # of mode 0700: nobody cannot pass
        (spool := Path(place, "spool")).mkdir()
        script = """
            from whimbrel.base.errors import WhimbrelError
            try:
                privilege.drop_privileges("nobody", [Path(sys.argv[1])])
            except WhimbrelError as error:
                print(json.dumps(str(error)))
        """
        assert "spool cannot be written" in run(script, str(spool))


@needs_root
def test_a_thread_that_keeps_something_is_noticed() -> None:
    script = """
        from whimbrel.base.errors import WhimbrelError
        done = threading.Event()
        other = threading.Thread(target=done.wait)
        other.start()
        try:
            privilege.drop_privileges(None)
            said = ""
        except WhimbrelError as error:
            said = str(error)
        done.set()
        print(json.dumps([said, other.native_id]))
    """
    said, thread = run(script)
    assert f"CapEff of thread {thread}" in said and f"new privileges of thread {thread}" in said


@needs_root
def test_a_user_who_is_not_there() -> None:
    with pytest.raises(UsageError, match="no user 'nosuchuser'"):
        privilege.become("nosuchuser")
    with pytest.raises(UsageError, match="no user 'nosuchuser'"):
        privilege.hand_over(Path("/nonexistent"), "nosuchuser")


@needs_root
def test_who_may_not_capture_is_told_how_to_grant_it() -> None:
    script = """
        from whimbrel.base.errors import UsageError
        privilege.drop_privileges()
        try:
            Ring(["lo"], None, 1 << 20)
        except UsageError as error:
            print(json.dumps([str(error), privilege.capture_rights()]))
    """
    raised, rights = run(script)
    assert raised == rights
    for part in ("CAP_NET_RAW", "sudo", "AmbientCapabilities=CAP_NET_RAW", "setcap cap_net_raw+ep /"):
        assert part in rights
    assert "\n" not in rights


@needs_capture
def test_who_may_capture_hears_nothing() -> None:
    assert privilege.capture_rights() is None


def test_a_kernel_without_packet_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "AF_PACKET", 12345)
    assert "offers no packet sockets" in (privilege.capture_rights() or "")
