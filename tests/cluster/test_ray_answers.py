"""A file that the machines of a cluster answer: the bytes of one process, whatever becomes of a machine."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from headstart.executor_options import ExecutorOptions
from headstart.hardware import torch_threads
from headstart.inference.user_files import predict_file
from tests.support.saved import save_example, write_numbered

pytest.importorskip("ray")
pytestmark = pytest.mark.cluster
NUM_ROWS, CHUNK_ROWS = 300, 20
ON_RAY = ExecutorOptions(executor="ray")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save_example(tmp_path)


@pytest.fixture
def given(tmp_path: Path) -> str:
    return write_numbered(tmp_path / "in.csv", NUM_ROWS)


def test_a_machine_is_lost_and_the_bytes_are_those_of_one_process(
    cluster: Any, model: Path, given: str, tmp_path: Path
) -> None:
    other = cluster.add_node(num_cpus=1)
    seen: list[int] = []
    lost: list[int] = []

    def progress(done: int, total: int) -> None:
        seen.append(done)
        if not lost and done >= 100:
            lost.append(done)
            cluster.remove_node(other, allow_graceful=False)

    out = tmp_path / "ray.csv"
    written = predict_file(model, given, out, chunk_rows=CHUNK_ROWS, executing=ON_RAY, progress=progress)
    with torch_threads(1):
        predict_file(model, given, tmp_path / "one.csv", chunk_rows=CHUNK_ROWS)
    assert lost
    assert seen == list(range(CHUNK_ROWS, NUM_ROWS + 1, CHUNK_ROWS)), "each piece counts once"
    assert (written.num_rows, written.num_resumed) == (NUM_ROWS, 0)
    assert out.read_bytes() == (tmp_path / "one.csv").read_bytes()


def test_a_call_that_was_stopped_goes_on(cluster: Any, model: Path, given: str, tmp_path: Path) -> None:
    """Pieces of a cluster and of this process are the same: either goes on where the other stopped."""

    def stop(done: int, total: int) -> None:
        if done >= 100:
            raise KeyboardInterrupt

    out = tmp_path / "out.csv"
    with torch_threads(1), pytest.raises(KeyboardInterrupt):
        predict_file(model, given, out, chunk_rows=CHUNK_ROWS, progress=stop)
    with pytest.raises(KeyboardInterrupt):
        predict_file(
            model,
            given,
            out,
            chunk_rows=CHUNK_ROWS,
            executing=ON_RAY,
            progress=lambda done, total: stop(done - 60, total),
        )
    with torch_threads(1):
        written = predict_file(model, given, out, chunk_rows=CHUNK_ROWS)
        predict_file(model, given, tmp_path / "one.csv", chunk_rows=CHUNK_ROWS)
    assert written.num_resumed >= 160
    assert out.read_bytes() == (tmp_path / "one.csv").read_bytes()


def test_the_model_was_sent_and_its_folder_may_be_gone(cluster: Any, model: Path, given: str, tmp_path: Path) -> None:
    out, one = tmp_path / "out.csv", tmp_path / "one.csv"
    with torch_threads(1):
        predict_file(model, given, one, chunk_rows=CHUNK_ROWS)
    predict_file(
        model,
        given,
        out,
        chunk_rows=CHUNK_ROWS,
        executing=ON_RAY,
        progress=lambda done, total: shutil.rmtree(model, ignore_errors=True),
    )
    assert not model.exists()
    assert out.read_bytes() == one.read_bytes()
