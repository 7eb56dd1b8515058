"""Fields of a message do not run into each other: every one survives beside the largest others."""

from whimbrel.protocol.memcache import inspect

MOST = 2**64 - 1


def test_the_largest_of_everything() -> None:
    flags = f"C{MOST} D{MOST} E{MOST} F{2**32 - 1} J{MOST} MD N{2**63 - 1} R-{2**63 - 1} T{2**63 - 1} q k O{'o' * 31}"
    message = inspect.parse_request(f"ma {'k' * 250} {flags}\r\n".encode())[0]
    assert message is not None
    assert message == {
        "command": "ma", "key": b"k" * 250, "key_sent": b"k" * 250, "options": flags.encode(), "noreply": True,
        "cas": MOST, "delta": MOST, "new_cas": MOST, "client_flags": 2**32 - 1, "initial": MOST, "mode": "D",
        "vivify": 2**63 - 1, "recache": 1 - 2**63, "exptime": 2**63 - 1, "flags": "CDEFJMNORTkq",
    }  # fmt: skip


def test_nothing_is_left_of_the_message_before() -> None:
    inspect.parse_request(b"ms a 2 C5 E6 F7 T8 N9 MA I q\r\n12\r\n")
    assert inspect.parse_request(b"version\r\n")[0] == {"command": "version"}


def test_letters_of_both_cases_are_told_apart() -> None:
    message = inspect.parse_request(b"mg a t T5 c C7 k q\r\n")[0]
    assert message is not None
    assert message["flags"] == "CTckqt"
