"""The fuzz runner keeps its promises, and every corpus file keeps its target's invariant."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz import run

ROOT = Path(__file__).resolve().parent.parent
SEED = 20
MUTATED_RUNS = 300  # enough to notice a target that fails at once; searching is `make fuzz`

CORPUS = [
    pytest.param(name, path, id=f"{name}/{path.name}") for name in run.target_names() for path in run.corpus_files(name)
]


@pytest.mark.parametrize("name", run.target_names())
def test_a_target_states_its_invariant_and_has_a_corpus(name: str) -> None:
    target = run.load_target(name)
    assert len(target.invariant.split()) >= 4, "the first line of the docstring states the invariant"
    assert target.corpus
    assert all(path.stat().st_size <= run.INPUT_BYTES for path in run.corpus_files(name))


@pytest.mark.parametrize(("name", "path"), CORPUS)
def test_the_invariant_holds_for(name: str, path: Path) -> None:
    run.load_target(name).one_input(path.read_bytes())


@pytest.mark.parametrize("name", run.target_names())
def test_the_invariant_holds_for_some_mutations(name: str) -> None:
    target = run.load_target(name)
    result = run.fuzz(target, seed=SEED, seconds=20, runs=len(target.corpus) + MUTATED_RUNS)
    assert result["runs"] > len(target.corpus)


def test_a_corpus_belongs_to_a_target() -> None:
    assert {path.name for path in (run.HERE / "corpus").glob("*") if path.is_dir()} <= set(run.target_names())


# ---- the runner itself ----------------------------------------------------------------------------------


def mutations(seed: int, count: int) -> list[bytes]:
    mutator = run.Mutator(random.Random(seed), (b"$token$",))
    return [mutator.mutate([b"get 123\r\n", b"", b"\x00\xff" * 100]) for _ in range(count)]


def test_the_same_seed_makes_the_same_inputs() -> None:
    assert mutations(1, 200) == mutations(1, 200) != mutations(2, 200)


def test_mutations_are_many_bounded_and_use_the_tokens() -> None:
    made = mutations(3, 3000)
    assert len(set(made)) > 2000
    assert max(map(len, made)) <= run.INPUT_BYTES
    assert any(b"$token$" in data for data in made)


def test_a_number_is_replaced_whole() -> None:
    mutator = run.Mutator(random.Random(5), ())
    for _ in range(50):
        data = bytearray(b"a 1234567 b")
        mutator.change_number(data)
        assert bytes(data[:2] + data[-2:]) == b"a  b"
        assert bytes(data[2:-2]) in run.NUMBERS


FAILING = {
    "raises": ("assert b'\\xff' not in data", "failed"),
    "aborts": ("if b'\\xff' in data: os.abort()", "killed by signal 6"),
    "hangs": ("while b'\\xff' in data: pass", "hung"),
}


@pytest.fixture
def fuzz_tree(tmp_path: Path) -> Path:
    """A tree with the runner and no targets; hangs are noticed sooner than in the real one."""
    (tmp_path / "fuzz" / "targets").mkdir(parents=True)
    text = Path(run.__file__).read_text().replace(f"HANG_S = {run.HANG_S}", "HANG_S = 1.0")
    (tmp_path / "fuzz" / "run.py").write_text(text)
    return tmp_path


@pytest.mark.parametrize("how", FAILING)
def test_the_input_is_kept_when_a_target(how: str, fuzz_tree: Path) -> None:
    body, outcome = FAILING[how]
    target = f'"""No input holds a byte 255."""\nimport os\ndef one_input(data):\n    {body}\n'
    (fuzz_tree / "fuzz" / "targets" / "it.py").write_text(target)
    command = [sys.executable, "fuzz/run.py", "--seconds", "60", "--seed", "7"]
    done = subprocess.run(command, cwd=fuzz_tree, capture_output=True, text=True, timeout=110)
    summary = json.loads(done.stdout)
    assert (done.returncode, summary["outcome"]) == (1, outcome)
    assert b"\xff" in (fuzz_tree / summary["input"]).read_bytes()


def test_a_run_that_finds_nothing_says_what_it_did(fuzz_tree: Path) -> None:
    text = '"""Any input will do."""\ndef one_input(data):\n    return len(data) % 5\n'
    (fuzz_tree / "fuzz" / "targets" / "it.py").write_text(text)
    command = [sys.executable, "fuzz/run.py", "--seconds", "60", "--runs", "500"]
    done = subprocess.run(command, cwd=fuzz_tree, capture_output=True, text=True, timeout=110)
    summary = json.loads(done.stdout)
    assert done.returncode == 0
    assert (summary["target"], summary["outcome"], summary["runs"], summary["kinds"]) == ("it", "ok", 500, 5)


def test_an_unknown_target_is_one_line(fuzz_tree: Path) -> None:
    command = [sys.executable, "fuzz/run.py", "nothing"]
    done = subprocess.run(command, cwd=fuzz_tree, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
