"""Link types that decode looks into."""

from whimbrel.capture import testing_decode


def test_links_that_are_known() -> None:
    assert [link for link in range(65536) if testing_decode.knows(link)] == [0, 1, 12, 14, 101, 108, 113, 228, 229, 276]
