"""Data sets of several splits: which are used, what is said of the others, and folders cloned from the hub."""

from __future__ import annotations

from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from headstart.data.user_rows import load_file
from headstart.errors import UsageError
from headstart.tables.file_options import FileOptions
from headstart.tables.sources import tables_of
from headstart.tables.splits import used_splits

FEATURES = Features({"text": Value("string"), "label": ClassLabel(names=["pos", "neg"])})
CARD = """---
license: mit
configs:
- config_name: plain
  default: true
  data_files:
  - split: train
    path: files/first*.csv
  - split: test
    path: files/last.csv
- config_name: other
  data_files: files/last.csv
dataset_info:
- config_name: plain
  features:
  - name: text
    dtype: string
  - name: label
    dtype:
      class_label:
        names:
          '0': pos
          '1': neg
---
# A data set
"""


def rows(num_rows: int, *, start: int = 0, label: int | None = None) -> Dataset:
    numbers = range(start, start + num_rows)
    labels = [number % 2 if label is None else label for number in numbers]
    return Dataset.from_dict({"text": [f"text {number}" for number in numbers], "label": labels}, features=FEATURES)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder as `git clone` leaves it: shards, a card without a head."""
    folder = tmp_path / "clone"
    (folder / "data").mkdir(parents=True)
    (folder / "README.md").write_text("# A data set\n")
    whole = rows(10)
    for number in range(2):
        shard = whole.shard(2, number, contiguous=True)
        shard.to_parquet(folder / "data" / f"train-0000{number}-of-00002.parquet")
    rows(4, start=20).to_parquet(folder / "data" / "validation_matched-00000-of-00001.parquet")
    rows(4, start=30).to_parquet(folder / "data" / "validation_mismatched-00000-of-00001.parquet")
    rows(4, start=40, label=-1).to_parquet(folder / "data" / "test-00000-of-00001.parquet")
    rows(4, start=50, label=-1).to_parquet(folder / "data" / "unsupervised-00000-of-00001.parquet")
    return folder


def test_a_folder_cloned_from_the_hub_is_read_from_all_its_shards(clone: Path) -> None:
    data = load_file(str(clone))
    assert sorted(data.task.labels) == ["neg", "pos"]
    assert [texts for (texts,) in data.splits["train"].texts] == [f"text {number}" for number in range(10)]
    assert [texts for (texts,) in data.splits["validation"].texts] == [f"text {number}" for number in range(20, 24)]
    assert set(data.splits) == {"train", "validation"}


def test_what_is_not_used_is_said(clone: Path) -> None:
    said = tables_of(str(clone), FileOptions())["train"].notes
    assert said == (
        "splits: 'validation_matched' is the validation split; not used: 'unsupervised', 'validation_mismatched'",
    )
    assert "the test split (4 rows) has no labels: it is not used" in load_file(str(clone)).notes


def test_a_card_without_a_head_is_not_remarked_on(clone: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tables_of(str(clone), FileOptions())
    assert "card" not in capfd.readouterr().err


def test_rows_of_shards_are_numbered_through(clone: Path) -> None:
    train = tables_of(str(clone), FileOptions())["train"]
    assert str(train.fault("odd", 7)) == f"{clone / 'train'}: row 8: odd"


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_files_called_by_splits_are_splits(tmp_path: Path, suffix: str) -> None:
    for name, dataset in (("train", rows(6)), ("dev", rows(2, start=6))):
        path = tmp_path / f"{name}.{suffix}"
        dataset.to_csv(path) if suffix == "csv" else dataset.to_json(path)
    tables = tables_of(str(tmp_path), FileOptions())
    assert {split: table.num_rows for split, table in tables.items()} == {"train": 6, "validation": 2}
    assert tables["train"].path == tmp_path / f"train.{suffix}"


def test_the_card_names_files_columns_classes_and_configurations(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "README.md").write_text(CARD)
    for name, dataset in (("first1", rows(3)), ("first2", rows(3, start=3)), ("last", rows(2, start=6))):
        dataset.to_csv(tmp_path / "files" / f"{name}.csv")
    tables = tables_of(str(tmp_path), FileOptions())
    assert list(tables["train"].columns["label"]) == ["pos", "neg"] * 3
    assert tables["train"].declared == {"label": ("pos", "neg")}
    assert list(tables["test"].columns["text"]) == ["text 6", "text 7"]
    other = tables_of(str(tmp_path), FileOptions(config="other"))
    assert list(other["train"].columns["text"]) == ["text 6", "text 7"]
    with pytest.raises(UsageError, match=r"(?s)'third' not found.*`config`"):
        tables_of(str(tmp_path), FileOptions(config="third"))
    with pytest.raises(UsageError, match="`revision` would have no effect"):
        tables_of(str(tmp_path), FileOptions(revision="main"))


def test_splits_of_a_saved_data_set_are_chosen_and_said(tmp_path: Path) -> None:
    DatasetDict({"train": rows(4), "validation": rows(2), "unsupervised": rows(9)}).save_to_disk(tmp_path / "saved")
    tables = tables_of(str(tmp_path / "saved"), FileOptions())
    assert set(tables) == {"train", "validation"}
    assert tables["train"].notes == ("splits: not used: 'unsupervised'",)


@pytest.mark.parametrize(
    ("names", "used", "said"),
    [
        (["train"], {"train": "train"}, ()),
        (["Training", "dev", "TEST"], {"train": "Training", "validation": "dev", "test": "TEST"}, ()),
        (["train", "dev", "valid"], {"train": "train", "validation": "dev"}, ("splits: not used: 'valid'",)),
        (
            ["train", "test_r1", "test_r2"],
            {"train": "train", "test": "test_r1"},
            ("splits: 'test_r1' is the test split; not used: 'test_r2'",),
        ),
    ],
)
def test_which_splits_are_used(names: list[str], used: dict[str, str], said: tuple[str, ...]) -> None:
    assert used_splits("data", names) == (used, said)


def test_a_data_set_without_a_training_split_says_the_way_on() -> None:
    with pytest.raises(UsageError, match=r"(?s)only: test, full.*to_parquet\('train.parquet'\)"):
        used_splits("data", ["test", "full"])


def test_data_sets_on_the_hub_have_the_names_of_their_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    found = DatasetDict({"train": rows(4), "test": rows(2)})
    asked = []

    def load(name: str, config: str | None, revision: str | None) -> DatasetDict:
        asked.append((name, config, revision))
        return found

    monkeypatch.setattr("datasets.load_dataset", load)
    tables = tables_of("hub:owner/name", FileOptions(config="plain", revision="main"))
    assert asked == [("owner/name", "plain", "main")]
    assert list(tables["train"].columns["label"]) == ["pos", "neg", "pos", "neg"]
    assert tables["test"].declared == {"label": ("pos", "neg")}


def test_a_folder_that_is_damaged_says_the_way_on(tmp_path: Path) -> None:
    rows(4).save_to_disk(tmp_path / "saved")
    next((tmp_path / "saved").glob("*.arrow")).write_bytes(b"no more")
    with pytest.raises(UsageError, match=r"(?s)cannot be read.*save_to_disk"):
        tables_of(str(tmp_path / "saved"), FileOptions())
