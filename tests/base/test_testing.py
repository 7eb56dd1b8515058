"""base/testing is for these tests only: nothing of the product may import it."""

from pathlib import Path

import whimbrel


def test_nothing_imports_it():
    package = Path(whimbrel.__file__).parent
    sources = [path for suffix in ("py", "pyx", "pxd") for path in package.rglob(f"*.{suffix}")]
    assert len(sources) > 10
    assert [path for path in sources if "base.testing" in path.read_text()] == []
