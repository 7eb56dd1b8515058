"""Atomics return what they should and do not lose updates between threads."""

import threading

from whimbrel.base import testing


def test_64_bit_operations():
    a, n = 1 << 40, 5
    assert testing.atomic_words(a, n) == [
        a, a, a + 1, a + 2, (a, a + n), (a + n, a), (a, a + n), (False, a + n), (True, 9),
    ]  # fmt: skip


def test_32_bit_operations():
    a, n = 1 << 20, 5
    assert testing.atomic_halves(a, n) == [a, a, a + 1, (a, a + n), (a + n, a), (False, a), (True, 9)]


def test_no_addition_is_lost_between_threads():
    testing.take_shared_word()
    threads = [threading.Thread(target=testing.add_many, args=(100_000,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert testing.take_shared_word() == 400_000
