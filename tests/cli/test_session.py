"""Where rows come from, as the verbs understand it."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet
import pytest

from headstart.cli.session import sources
from headstart.errors import UsageError
from headstart.experiments.options import TaskOptions
from headstart.experiments.run_data import RunDataCache
from headstart.store.local import LocalStore
from headstart.sweeps.plan import check_sweep, run_sweep
from headstart.sweeps.serial import SerialExecutor
from headstart.tables.file_options import FileOptions
from headstart.tables.sources import distinct_names
from tests.conftest import CheckpointMaker
from tests.support.runs import tiny_choices, tiny_rows, tiny_sweep


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["/x/a.csv", "/x/b.csv"], ["a.csv", "b.csv"]),
        (["/x/old/test.csv", "/x/new/test.csv"], ["old/test.csv", "new/test.csv"]),
        (
            ["/x/2023/deep/test.csv", "/x/2024/deep/test.csv", "/x/own.csv"],
            ["2023/deep/test.csv", "2024/deep/test.csv", "own.csv"],
        ),
        (["/x/test.csv", "/x/more/test.csv"], ["test.csv", "more/test.csv"]),
        (["/x/Test.csv", "/x/more/test.csv"], ["Test.csv", "more/test.csv"]),
        (["hub:one/rows", "hub:two/rows"], ["hub:one/rows", "hub:two/rows"]),
        ([], []),
    ],
)
def test_files_of_one_name_are_called_by_what_differs(files: list[str], names: list[str]) -> None:
    assert distinct_names(files) == names


def test_files_of_one_name_keep_their_own_scores_and_predictions(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, num_rows in (("train.csv", 30), ("old/test.csv", 10), ("new/test.csv", 14)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        rows = tiny_rows(num_rows, seed=num_rows)
        path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    where = TaskOptions(evaluate_on=("old/test.csv", "new/test.csv", "./old/test.csv"))
    found = sources(FileOptions(text="text", label="label"), where, file="train.csv", tasks=())
    sweep = tiny_sweep(tiny_choices(tiny_checkpoint("bert"), "finetune", steps=2), sources=found)
    store = LocalStore(tmp_path / "store")
    check_sweep(sweep, RunDataCache())
    (record,) = run_sweep(sweep, SerialExecutor(store), RunDataCache())
    assert [(other.name, other.num_examples) for other in record.others] == [("old/test.csv", 10), ("new/test.csv", 14)]
    folder = store.run_folder(record.experiment_digest, record.seed)
    for other in record.others:
        answers = pyarrow.parquet.read_table(folder.predictions(other.name)).to_pydict()
        right = [a == b for a, b in zip(answers["label"], answers["predicted"], strict=True)]
        assert len(right) == other.num_examples
        assert other.scores["accuracy"] == pytest.approx(sum(right) / len(right))


def test_names_whose_predictions_would_share_a_file_are_refused() -> None:
    where = TaskOptions(evaluate_on=("x/a/test.csv", "x/b/test.csv", "y/a-test.csv"))
    with pytest.raises(UsageError, match=r"`evaluate_on` names a/test\.csv and a-test\.csv"):
        sources(FileOptions(), where, file="train.csv", tasks=())
