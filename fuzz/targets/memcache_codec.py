"""What a connection's bytes mean does not depend on how they arrive, nothing is consumed that is not there, and what
parses composes to something that parses the same.

The first byte of the input chooses the size of the pieces; the rest is the connection.
"""

from whimbrel.protocol.memcache import commands, inspect

MAX_VALUE = 300
TOKENS = (
    *(command.name.encode() + b" " for command in commands.COMMANDS),
    b" noreply\r\n",
    b"\r\n",
    b" 0 0 5\r\nabcde\r\n",
    b" b k q v O1 T5 N5 C1 I",
    b"YQ==",
    b" " * 300,
    b"k" * 251,
    b"a " * 1100,
)
UNCOMPOSED = {"error", "swallow", "close", "more"}


def one_input(data: bytes) -> tuple[str, ...]:
    size = data[0] % 64 + 1 if data else 1
    sent = data[1:]
    whole, left = inspect.parse_stream([sent], MAX_VALUE)
    pieces, left_of_pieces = inspect.parse_stream([sent[i : i + size] for i in range(0, len(sent), size)], MAX_VALUE)
    if not (whole and whole[-1].get("more")) and (whole, left) != (pieces, left_of_pieces):
        raise AssertionError(f"whole {whole[-3:]}, in pieces of {size} {pieces[-3:]}")
    for message in whole:
        if not UNCOMPOSED & message.keys():
            again, rest = inspect.parse_stream([inspect.compose_request(message)], MAX_VALUE)
            if rest or [without_words(one) for one in again] != [without_words(message)]:
                raise AssertionError(f"{message} composed and parsed is {again}")
    for command in ("get", "incr", "mg"):
        response, consumed, need = inspect.parse_response(command, sent)
        if consumed > len(sent) or (response is None and need and need <= len(sent)):
            raise AssertionError(f"response: consumed {consumed}, need {need} of {len(sent)}")
    return tuple(str(message.get("command", "")) + str(message.get("error", ""))[:40] for message in whole[-2:])


def without_words(message: dict[str, object]) -> dict[str, object]:
    """The plain commands say their options in other fields."""
    return {name: value for name, value in message.items() if name != "options" or str(message["command"])[0] == "m"}
