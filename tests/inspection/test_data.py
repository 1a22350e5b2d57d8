"""What `inspect` says of rows, counted by hand."""

from __future__ import annotations

import json
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.cli.main import main
from headstart.data.user_rows import load_file
from headstart.inspection.data import DataReport, histogram, inspect_data, quantiles
from headstart.inspection.data_page import render_data_page
from headstart.media.modality import Modality
from headstart.tables.file_options import FileOptions
from tests.support.media import make_shapes
from tests.support.tiny import make_tokenizer

ROWS = """text,label,split
the cat,<b>yes</b>,train
The  Cat,<b>yes</b>,train
a big dog runs,no,train
x,<b>yes</b>,train
the CAT,no,dev
some other bird,no,dev
"""


@pytest.fixture
def report(tmp_path: Path) -> DataReport:
    path = tmp_path / "t.csv"
    path.write_text(ROWS)
    data = load_file(str(path), FileOptions(text="text", label="label", split_column="split"))
    return inspect_data(data, tokenizer=make_tokenizer("bert"), model="tiny", max_length=5)


def test_repeats_leaks_and_short_texts_are_counted(report: DataReport) -> None:
    train, validation = report.splits
    assert train.name == "train"
    assert (train.num_rows, train.num_repeated, train.num_leaks, train.num_short) == (4, 1, None, 1)
    assert (validation.num_rows, validation.num_repeated, validation.num_leaks) == (2, 0, 1)


def test_names_of_images_are_no_short_texts(tmp_path: Path) -> None:
    make_shapes(tmp_path / "shapes", 6)
    data = load_file(str(tmp_path / "shapes"), FileOptions(modality=Modality.IMAGE))
    report = inspect_data(data)
    assert [split.num_short for split in report.splits] == [None, None]
    assert "None" not in render_data_page(report)


def test_classes_are_counted_by_split(report: DataReport) -> None:
    assert {each.name: each.counts for each in report.classes} == {
        "<b>yes</b>": {"train": 3, "validation": 0},
        "no": {"train": 1, "validation": 2},
    }
    assert report.imbalance == 3.0


def test_texts_with_several_labels_are_listed_those_of_the_most_rows_first(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    same = ["[b]Fine[/b] by me,yes", "[b]fine[/b]  by me,no", "[b]FINE[/b] by me,yes", "so so,no", "So so,yes"]
    path.write_text("text,label\n" + "\n".join([*same, *(f"row {row},yes" for row in "abcdef"), "z,no"]) + "\n")
    other = tmp_path / "v.csv"
    other.write_text("text,label\nfine by us,yes\n")
    report = inspect_data(load_file(str(path), FileOptions(validation=str(other))))
    assert report.num_conflicting == 5
    assert [(each.texts, each.labels) for each in report.conflicts] == [
        (("[b]Fine[/b] by me",), {"yes": 2, "no": 1}),
        (("so so",), {"no": 1, "yes": 1}),
    ]
    assert "[b]Fine[/b] by me" in render_data_page(report)


def test_labels_of_conflicts_are_named_by_their_kind(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    rows = [("a", ["x", "y"]), ("A", []), ("b", ["x"]), ("c", ["y"]), ("d", ["x"]), ("e", ["y"])]
    path.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows))
    other = tmp_path / "v.jsonl"
    other.write_text(json.dumps({"text": "q", "label": ["x"]}) + "\n")
    report = inspect_data(load_file(str(path), FileOptions(validation=str(other))))
    assert [each.labels for each in report.conflicts] == [{"x, y": 1, "none": 1}]


def test_tokens_are_counted_with_the_special_ones(report: DataReport) -> None:
    lengths = report.splits[0].lengths
    assert lengths is not None
    # [CLS] the cat [SEP]; [CLS] a big dog runs [SEP]; [CLS] x [SEP]
    assert (lengths.quantiles.minimum, lengths.quantiles.maximum) == (3, 6)
    assert lengths.cut_at == {5: 1, 128: 0, 256: 0, 512: 0}
    assert sum(each.count for each in lengths.histogram) == 4


def test_numbers_have_a_histogram_instead_of_classes(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,label\n" + "".join(f"row {number},{number / 2}\n" for number in range(10)))
    report = inspect_data(load_file(str(path)))
    assert report.classes == ()
    assert report.imbalance is None
    values = report.splits[0].values
    assert values is not None
    assert 0 <= values.minimum < values.maximum <= 4.5


@pytest.mark.parametrize("values", [[1.0], [2.0, 2.0], [0.5, 0.25, 9.0], list(range(100)), [0.0, 1e6]])
def test_every_value_falls_into_one_bin(values: list[float]) -> None:
    bins = histogram([float(value) for value in values])
    assert sum(each.count for each in bins) == len(values)
    assert bins[0].low == min(values)
    assert bins[-1].high >= max(values)


@given(st.lists(st.floats(-1e9, 1e9) | st.integers(0, 5).map(float), min_size=1, max_size=40))
def test_a_quantile_is_the_least_value_with_its_share_at_or_below_it(values: list[float]) -> None:
    spread = quantiles(values)
    assert (spread.minimum, spread.maximum) == (min(values), max(values))
    for found, percent in ((spread.median, 50), (spread.p90, 90), (spread.p99, 99)):
        enough = [value for value in values if 100 * sum(each <= value for each in values) >= percent * len(values)]
        assert found == min(enough)


def test_nine_of_ten_values_are_at_or_below_the_ninth() -> None:
    assert quantiles([float(value) for value in range(1, 11)]).p90 == 9


class Tags(HTMLParser):
    """Counts start tags."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)


def test_the_page_is_escaped_and_needs_no_script(report: DataReport) -> None:
    page = render_data_page(report)
    tags = Tags()
    tags.feed(page)
    assert tags.seen.count("b") == tags.seen.count("figcaption") == len(report.splits)
    assert "&lt;b&gt;yes&lt;/b&gt;" in page
    assert "script" not in tags.seen
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
    assert tags.seen.count("svg") >= 2 + len(report.classes)


def test_the_command_prints_and_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.csv").write_text(ROWS)
    call = ["headstart", "inspect", "t.csv", "--split-column", "split", "--out", "page.html"]
    monkeypatch.chdir(tmp_path)
    for arguments in (call, [*call, "--json"]):
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as end:
            main()
        out = capsys.readouterr().out
        assert end.value.code == 0, out
    assert json.loads(out)["imbalance"] == 3.0
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")
