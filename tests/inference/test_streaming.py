"""A long file needs no more memory than a short one, and a prediction that is killed goes on where it was."""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

from headstart.errors import DataError, MachineError, UsageError
from headstart.executor_options import ExecutorOptions
from headstart.hardware import torch_threads
from headstart.inference import answering, parallel_answers, user_files
from headstart.inference.parallel_answers import NumDone, answer_share
from headstart.inference.prediction_columns import WantedColumns
from headstart.inference.user_files import predict_file
from headstart.processes import Pipe
from tests.support.paths import REPOSITORY
from tests.support.processes import ended, start
from tests.support.saved import TEXT_TASK, save_example, texts, write_numbered

NUM_ROWS, CHUNK_ROWS = 95, 20
MEGABYTE = 1 << 20

MEASURED = """
import resource, sys
from pathlib import Path
from headstart.inference.user_files import predict_file

for number, file in enumerate(sys.argv[3:]):
    predict_file(Path(sys.argv[1]), file, Path(sys.argv[2]) / f"{number}.parquet", batch_size=250, chunk_rows=250)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_example(tmp_path_factory.mktemp("streaming"))


@pytest.fixture
def given(tmp_path: Path) -> str:
    return write_numbered(tmp_path / "in.csv", NUM_ROWS)


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "src"), "OMP_NUM_THREADS": "1"},
    )


def predict_and_die(model: Path, given: str, out: Path, num_rows: int) -> None:
    def progress(done: int, total: int) -> None:
        if done >= num_rows:
            os.kill(os.getpid(), signal.SIGKILL)

    predict_file(model, given, out, chunk_rows=CHUNK_ROWS, progress=progress)


def break_off(model: Path, given: str, out: Path) -> None:
    """Finish 40 rows and stop."""

    def progress(done: int, total: int) -> None:
        if done >= 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_file(model, given, out, chunk_rows=CHUNK_ROWS, progress=progress)


def test_a_killed_prediction_goes_on_and_gives_the_same_bytes(model: Path, given: str, tmp_path: Path) -> None:
    output = tmp_path.parent / f"{tmp_path.name}.txt"
    killed = start(predict_and_die, model, given, tmp_path / "out.csv", 50, output=output)
    assert ended(killed) == -signal.SIGKILL, output.read_text()
    assert not (tmp_path / "out.csv").exists()
    assert len(list((tmp_path / "out.csv.partial").glob("answers-*.parquet"))) == 2
    written = predict_file(model, given, tmp_path / "out.csv", chunk_rows=CHUNK_ROWS)
    assert (written.num_rows, written.num_resumed) == (NUM_ROWS, 40)
    whole = predict_file(model, given, tmp_path / "whole.csv", chunk_rows=CHUNK_ROWS)
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert written.num_truncated == whole.num_truncated > 0
    assert {path.name for path in tmp_path.iterdir()} == {"in.csv", "out.csv", "whole.csv"}


def test_pieces_do_not_change_what_a_row_gets(model: Path, given: str, tmp_path: Path) -> None:
    for chunk_rows in (7, NUM_ROWS, 1000):
        predict_file(model, given, tmp_path / f"{chunk_rows}.csv", chunk_rows=chunk_rows)
    rows = [(tmp_path / f"{chunk_rows}.csv").read_text().splitlines() for chunk_rows in (7, NUM_ROWS, 1000)]
    assert rows[1] == rows[2]
    assert len(rows[0]) == len(rows[1]) == NUM_ROWS + 1
    for one, other in zip(rows[0][1:], rows[1][1:], strict=True):
        assert one.split(",")[:3] == other.split(",")[:3]
        assert [float(cell) for cell in one.split(",")[3:]] == pytest.approx(
            [float(cell) for cell in other.split(",")[3:]], abs=1e-6
        )


def test_what_is_answered_is_not_answered_again(
    model: Path, given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(path: Path, schema: pa.Schema, *, spreadsheet_safe: bool) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(user_files, "table_writer", interrupt)
        with pytest.raises(KeyboardInterrupt):
            predict_file(model, given, tmp_path / "out.csv", chunk_rows=CHUNK_ROWS)
    monkeypatch.setattr(answering, "load_saved_model", lambda folder: pytest.fail("the model was loaded"))
    written = predict_file(
        model, given, tmp_path / "out.csv", chunk_rows=CHUNK_ROWS, wanted=WantedColumns(prefix="my_")
    )
    assert written.num_resumed == NUM_ROWS
    assert (tmp_path / "out.csv").read_text().startswith("id,text,my_predicted_label,")


def test_rows_that_changed_since_are_refused(model: Path, given: str, tmp_path: Path) -> None:
    break_off(model, given, tmp_path / "out.csv")
    before = Path(given).read_text()
    Path(given).write_text(before.replace("cat", "dog", 1))
    with pytest.raises(UsageError, match="since then changed: the rows"):
        predict_file(model, given, tmp_path / "out.csv", chunk_rows=CHUNK_ROWS)
    Path(given).write_text(before)
    assert predict_file(model, given, tmp_path / "out.csv", chunk_rows=CHUNK_ROWS).num_resumed == 40


def test_a_model_that_changed_since_is_refused(model: Path, given: str, tmp_path: Path) -> None:
    break_off(model, given, tmp_path / "out.csv")
    (model / "head.safetensors.bak").write_text("")
    try:
        with pytest.raises(UsageError, match="since then changed: the model"):
            predict_file(model, given, tmp_path / "out.csv", chunk_rows=CHUNK_ROWS)
    finally:
        (model / "head.safetensors.bak").unlink()


def test_rows_that_change_meanwhile_are_an_error(model: Path, given: str, tmp_path: Path) -> None:
    def progress(done: int, total: int) -> None:
        with Path(given).open("a") as file:
            file.write("99,late\n")

    for jobs in (1, 2):
        with pytest.raises(DataError, match="was changed while it was read"):
            predict_file(
                model,
                given,
                tmp_path / f"{jobs}.csv",
                chunk_rows=CHUNK_ROWS,
                executing=ExecutorOptions(jobs=jobs),
                progress=progress,
            )
        assert not (tmp_path / f"{jobs}.csv").exists()


def test_two_processes_give_the_same_bytes_in_the_same_order(model: Path, given: str, tmp_path: Path) -> None:
    seen: list[int] = []
    with torch_threads(1):
        predict_file(model, given, tmp_path / "one.csv", chunk_rows=CHUNK_ROWS)
    written = predict_file(
        model,
        given,
        tmp_path / "two.csv",
        chunk_rows=CHUNK_ROWS,
        executing=ExecutorOptions(jobs=2),
        progress=lambda done, total: seen.append(done),
    )
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    assert (written.num_rows, written.num_resumed) == (NUM_ROWS, 0)
    assert seen[-1] == NUM_ROWS
    assert seen == sorted(seen)


class LastWords(Pipe):
    """The pipe of a process that is killed when it says how far it is in its third chunk."""

    def say(self, message: object) -> None:
        if isinstance(message, NumDone) and message.number > 2 * CHUNK_ROWS:
            os.kill(os.getpid(), signal.SIGKILL)
        super().say(message)


def answer_until_killed(pipe: Pipe) -> None:
    answer_share(LastWords(pipe._connection))


def test_of_two_processes_one_dies_and_its_pieces_stay(
    model: Path, given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel_answers, "answer_share", answer_until_killed)
    with pytest.raises(MachineError, match=r"a process that answered rows died: .*SIGKILL(.|\n)*fewer `jobs`"):
        predict_file(model, given, tmp_path / "out.csv", chunk_rows=CHUNK_ROWS, executing=ExecutorOptions(jobs=2))
    assert not (tmp_path / "out.csv").exists()
    assert not multiprocessing.active_children()
    with torch_threads(1):
        written = predict_file(model, given, tmp_path / "out.csv", chunk_rows=CHUNK_ROWS)
        predict_file(model, given, tmp_path / "whole.csv", chunk_rows=CHUNK_ROWS)
    assert written.num_resumed >= 2 * CHUNK_ROWS
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


@contextmanager
def largest_file(num_bytes: int) -> Iterator[None]:
    """Let the system refuse to make files larger, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".jsonl", ".parquet", ".arrow"])
def test_a_disk_without_room_is_said_and_costs_no_answers(model: Path, tmp_path: Path, suffix: str) -> None:
    given, out = tmp_path / "in.csv", tmp_path / f"out{suffix}"
    generator = random.Random(0)
    rows = (f"{text},{generator.randbytes(4000).hex()}" for (text,) in texts(TEXT_TASK, NUM_ROWS).texts)
    given.write_text("\n".join(["text,note", *rows]) + "\n")
    with (
        largest_file(MEGABYTE // 5),
        pytest.raises(MachineError, match=r"larger than this(.|\n)*same command again"),
    ):
        predict_file(model, str(given), out, chunk_rows=CHUNK_ROWS)
    assert not out.exists()
    written = predict_file(model, str(given), out, chunk_rows=CHUNK_ROWS)
    assert written.num_resumed == NUM_ROWS
    assert {path.name for path in tmp_path.iterdir()} == {"in.csv", out.name}


@pytest.mark.parametrize("num_rows", [5_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_memory_does_not_grow_with_the_rows(model: Path, tmp_path: Path, num_rows: int) -> None:
    """Each row has 10 kB in a column that nobody reads: 50 MB and more in all."""
    note = "x" * 10_000
    for name, rows in (("short", 1_000), ("long", num_rows)):
        with (tmp_path / f"{name}.csv").open("w") as file:
            file.write("text,note\n")
            file.writelines(f"the big cat {row % 10},{note}\n" for row in range(rows))
    done = run(MEASURED, model, tmp_path, tmp_path / "short.csv", tmp_path / "long.csv")
    assert done.returncode == 0, done.stderr
    short, long = (int(line) * 1024 for line in done.stdout.split())
    assert long - short < 25 * MEGABYTE, f"{(long - short) / MEGABYTE:.0f} MB more"
