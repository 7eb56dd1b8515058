"""Whatever paths and keys come, every call is counted at exactly one endpoint, in a bounded trie.

Templates are printable, of bounded length, and no escape is ever taken for structure.

The first byte chooses k and how many bytes a path or key has; the rest is one after the other.
"""

from whimbrel.summary.testing_window import Trie

TOKENS = (
    b"/users/", b"/17", b"/550e8400-e29b-41d4-a716-446655440000", b"user:", b"_17", b";v=1", b"//", b"/..", b"?q=1",
    b"%20", b"http://h/", b".png", b"2024-01-01T10:00:00Z", b"{value}", b"~", b"|", b"#",
)  # fmt: skip
NODES_MOST = 32768 + 1024


def one_input(data: bytes) -> tuple[str, ...]:
    k, size = (data[0] % 8, data[0] // 8 + 3) if data else (1, 3)
    trie = Trie(size=1 << 20, k=k)
    calls = 0
    parameters: set[str] = set()
    for at in range(1, len(data), size):
        piece = data[at : at + size]
        texts = (trie.find(b"GET", piece[:2], piece), trie.find_key(b"get", piece))
        calls += len(texts)
        for text in texts:
            parameters.update(part.partition("}")[0] for part in text.split("{")[1:])
            if len(text) > 25 * (13 + 66) or not text.isascii() or not text.isprintable():
                raise AssertionError(f"a template of {len(text)} characters")
            if "%" in text:
                raise AssertionError("an escape was taken for structure")
    if sum(trie.endpoints().values()) != calls:
        raise AssertionError("calls were lost")
    if trie.nodes > NODES_MOST:
        raise AssertionError(f"{trie.nodes} nodes")
    return (str(trie.nodes.bit_length()), *sorted(parameters))
