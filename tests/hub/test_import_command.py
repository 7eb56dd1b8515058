"""`whimbrel hub import`: files into the archive, each batch once."""

from pathlib import Path

import pytest

from tests.hub.batches import NOON, batch, endpoint, row
from whimbrel import cli
from whimbrel.hub.import_command import too_old
from whimbrel.summary.batch import encode


@pytest.fixture
def data(tmp_path: Path) -> str:
    return str(tmp_path / "data")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "web1.whb"
    batches = [batch(endpoint(1, row(calls=3)), start=NOON + 10 * number) for number in range(2)]
    path.write_bytes(b"".join(map(encode, batches)))
    return path


def test_a_file_counts_once(file: Path, data: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["hub", "import", str(file), "--data", data]) == 0
    first = capsys.readouterr()
    assert first.out == f"{file}: 6 calls in 2 batches, of 2025-10-09 12:00:00 UTC to 2025-10-09 12:00:10 UTC\n"
    assert cli.main(["hub", "import", str(file), str(file), "--data", data]) == 0
    again = capsys.readouterr().out.splitlines()
    assert len(again) == 2 and all(
        "6 calls in 2 batches" in line and line.endswith(", 2 of them were there already") for line in again
    )
    assert Path(data).stat().st_mode & 0o777 == 0o700


def test_what_a_hub_would_drop_at_once_is_said(file: Path, data: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Calls of an old capture, which are in the archive and gone when somebody looks."""
    assert cli.main(["hub", "import", str(file), "--data", data]) == 0
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"whimbrel: {file}: older than 30 days") and "whimbrel hub --retention " in line
    now = NOON + 400 * 86_400
    assert too_old(0, now) == too_old(now - 29 * 86_400, now) == ""
    assert too_old(NOON, now).endswith("--retention 401d")


def test_a_file_that_is_cut_off_counts_to_there(file: Path, data: str, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_bytes(file.read_bytes()[:-1])
    assert cli.main(["hub", "import", str(file), "--data", data]) == 1
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{file}: 3 calls in 1 batch,")
    assert printed.err.startswith(f"whimbrel: {file}: ")


def test_what_is_no_batch_is_said(tmp_path: Path, data: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x").write_bytes(b"\xff" * 100)
    assert cli.main(["hub", "import", str(tmp_path / "x"), "--data", data]) == 1
    assert "x: 0 calls in 0 batches\n" in capsys.readouterr().out


@pytest.mark.parametrize(("names", "words"), [([], "at least one FILE"), (["no-such"], "no-such: No such file")])
def test_what_cannot_be_read_makes_nothing(
    names: list[str], words: str, data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["hub", "import", *names, "--data", data]) == 2
    assert words in capsys.readouterr().err
    assert not Path(data).exists()


def test_a_data_directory_that_cannot_be(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["hub", "import", str(file), "--data", str(file)]) == 2
    assert "--data" in capsys.readouterr().err
