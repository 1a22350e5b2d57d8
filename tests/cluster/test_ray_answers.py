"""A file that the machines of a cluster answer: the bytes of one process, whatever becomes of a machine."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from headstart.artifacts.model_folder import save_model_folder
from headstart.executor_options import ExecutorOptions
from headstart.hardware import torch_threads
from headstart.inference.user_files import predict_file
from tests.support.saved import TEXT_TASK, make_example, texts
from tests.support.tiny import make_checkpoint

pytest.importorskip("ray")
pytestmark = pytest.mark.cluster
NUM_ROWS, CHUNK_ROWS = 300, 20
ON_RAY = ExecutorOptions(executor="ray")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    example = make_example(make_checkpoint(tmp_path / "source", "bert"))
    save_model_folder(example.classifier, example.tokenizer, tmp_path / "model", info=example.info)
    return tmp_path / "model"


@pytest.fixture
def given(tmp_path: Path) -> str:
    rows = (f"{row},{text}" for row, (text,) in enumerate(texts(TEXT_TASK, NUM_ROWS).texts))
    path = tmp_path / "in.csv"
    path.write_text("\n".join(["id,text", *rows]) + "\n")
    return str(path)


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
