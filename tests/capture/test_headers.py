"""Numbers are read in the order that is asked for."""

from whimbrel.capture import testing_decode


def test_numbers_are_read_in_either_order() -> None:
    eight = bytes.fromhex("8192a3b4c5d6e7f8")
    assert testing_decode.numbers(eight) == {
        "be16": 0x8192,
        "be24": 0x8192A3,
        "be32": 0x8192A3B4,
        "le16": 0x9281,
        "le32": 0xB4A39281,
        "in16": (0x9281, 0x8192),
        "in32": (0xB4A39281, 0x8192A3B4),
        "in64": (0xF8E7D6C5B4A39281, 0x8192A3B4C5D6E7F8),
        "map_v4": bytes(10) + b"\xff\xff" + eight[:4],
    }
