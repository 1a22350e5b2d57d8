from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from headstart.cli.printing import print_data_report, print_model_report
from headstart.data.user_rows import load_file
from headstart.inspection.data import inspect_data
from headstart.inspection.doctor import inspect_model
from headstart.models.source import resolve_model
from headstart.tables.file_options import FileOptions
from tests.conftest import CheckpointMaker


def printed(folder: Path, width: int = 200) -> str:
    file = io.StringIO()
    report = inspect_model(resolve_model(str(folder)), labels=("a", "b", "c"))
    print_model_report(report, Console(width=width, file=file))
    return file.getvalue()


def data_report(folder: Path, num_classes: int, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what is printed of a table whose class n has n rows of texts and as many validation rows."""
    table = folder / "t.csv"
    rows = [
        (f"text {row} of {number}", f"class {number:03}") for number in range(2, num_classes) for row in range(number)
    ]
    table.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    print_data_report(inspect_data(load_file(str(table), FileOptions(validation=str(table)))))
    return capsys.readouterr().out


def test_of_many_classes_the_largest_and_the_smallest_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = data_report(tmp_path, 60, capsys)
    listed = [int(line.split()[1]) for line in text.splitlines() if line.startswith("class 0")]
    assert listed == [*range(59, 39, -1), *range(21, 1, -1)]
    assert "The 20 largest and the 20 smallest of 58 classes" in text
    assert len([line for line in data_report(tmp_path, 40, capsys).splitlines() if line.startswith("class 0")]) == 38


def test_notes_are_wrapped_between_words_and_stay_indented(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    notes = data_report(tmp_path, 8, capsys).partition("\n\n")[0].splitlines()[1:]
    assert len(notes) > 2
    assert all(line.startswith("  ") and len(line) <= 60 for line in notes)


def line_with(text: str, start: str) -> str:
    (line,) = [line for line in text.splitlines() if line.strip().startswith(start)]
    return " ".join(line.split())


def test_every_fact_is_on_the_page(tiny_checkpoint: CheckpointMaker) -> None:
    text = printed(tiny_checkpoint("modernbert"))
    assert "modernbert, trained as ModernBertForSequenceClassification" in text
    assert line_with(text, "classifier.weight") == "classifier.weight 3 x 32 not in the checkpoint 96"
    assert line_with(text, "classifier.bias") == "classifier.bias 3 not in the checkpoint 3"
    assert line_with(text, "bitfit").startswith("bitfit no - ")
    assert line_with(text, "lora").startswith("lora yes ")


def test_where_a_tensor_of_the_head_comes_from_is_said(tiny_checkpoint: CheckpointMaker) -> None:
    text = printed(tiny_checkpoint("roberta", kind="classifier", num_labels=5))
    assert "the checkpoint's is 5 x 32" in line_with(text, "classifier.out_proj.weight")
    assert "in the checkpoint, not used" in line_with(text, "classifier.dense.weight")


def test_a_narrow_terminal_loses_no_words(tiny_checkpoint: CheckpointMaker) -> None:
    text = " ".join(printed(tiny_checkpoint("deberta-v2"), width=60).split())
    assert "merges into the weights" in text
    assert "…" not in text


@pytest.mark.parametrize("name", ["[bold]model", "a [/] b"])
def test_a_name_with_brackets_is_printed_as_it_is(name: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    folder = tmp_path / name.replace("/", "-")
    shutil.copytree(tiny_checkpoint("bert"), folder)
    assert folder.name in printed(folder)
