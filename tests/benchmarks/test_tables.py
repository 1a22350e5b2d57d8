"""The benchmark on small tables without a training: rows, records and the page."""

from __future__ import annotations

import csv
import json
import sys
import time
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import rivals, tables
from benchmarks.tables import TABLES, Job, TableOfRows, read_results, write_draw
from benchmarks.tables_page import Result, cells_of, claims, write_tables

DEMO = TableOfRows("Demo", "demo", 5)


@pytest.fixture
def rows(tmp_path: Path) -> tuple[Path, Path, Path]:
    return write_draw(DEMO, 0, tmp_path, tmp_path / "rows")


def test_a_draw_is_written_once_as_rivals_read_it(rows: tuple[Path, Path, Path], tmp_path: Path) -> None:
    (texts, labels), (test_texts, _), (look, _) = (rivals.read(str(path)) for path in rows)
    assert sorted(labels) == sorted(["entailment", "neutral", "contradiction"] * 5)
    assert {len(row) for row in texts} == {2}
    assert look == test_texts[:: len(test_texts) // tables.LOOK][: tables.LOOK]
    before = rows[0].stat().st_mtime_ns
    assert write_draw(DEMO, 0, tmp_path, tmp_path / "rows") == rows
    assert rows[0].stat().st_mtime_ns == before


def test_a_rival_answers_every_row(
    rows: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "answers.json"
    began = ["--began", str(time.monotonic())]
    monkeypatch.setattr(sys, "argv", ["rivals.py", "tfidf", str(rows[0]), str(rows[2]), str(out), *began])
    rivals.main()
    found = json.loads(out.read_text())
    assert len(found["answers"]) == tables.LOOK
    assert set(found["answers"]) <= {"entailment", "neutral", "contradiction"}
    assert found["wall"] > 0
    assert found["cpu"] > 0


def test_commands_of_contenders(rows: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def command(contender: str) -> list[str]:
        return Job(contender, DEMO, 3, tmp_path, *rows, None, "python").command(1.5)

    auto, single = command("auto-3m"), command("lp_ft:fit")
    assert "--validation" not in auto
    assert auto[auto.index("--time-limit") + 1] == "3m"
    assert single[single.index("--validation") + 1] == str(rows[2])
    assert auto[auto.index("--text-pair") + 1] == "text_pair"
    assert "3" in single
    assert "--head" not in single
    linear = command("lp_ft:fit+linear")
    assert linear[linear.index("--strategy") + 1] == "lp_ft:fit"
    assert linear[linear.index("--head") + 1] == "linear"


def test_what_has_no_model_is_recorded_with_its_reason_and_not_repeated(
    rows: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "TABLES", (*TABLES, DEMO))
    for name, code, limit in (
        ("fails", "import sys; print('no room'); sys.exit(3)", None),
        ("slow", "while 1: 0", 0.2),
    ):
        job = Job("finetune" if name == "fails" else "lp_ft", DEMO, 0, tmp_path / "runs" / name, *rows, limit, "")
        (job.folder / "model").mkdir(parents=True)
        monkeypatch.setattr(Job, "command", lambda self, began, code=code: [sys.executable, "-c", code])
        tables.run(job)
        assert not (job.folder / "model").exists()
        monkeypatch.setattr(Job, "command", lambda self, began: pytest.fail("repeated"))
        tables.run(job)
    fails, slow = read_results(tmp_path)
    assert (fails.score, fails.error) == (None, "ended with 3: no room")
    assert slow.error == "no model after 0.2 s"


def test_a_cell_is_a_tool_a_table_a_seed_and_a_limit_and_the_first_seed_of_all_comes_first(tmp_path: Path) -> None:
    given = Namespace(
        seeds=[0, 2],
        tables=["CB", "SST-2-250"],
        tools=["auto-3m", "setfit", "autogluon", "tfidf"],
        limits=[None, 180.0],
        python=["setfit=/venv/python"],
        data_root=tmp_path,
        out=tmp_path,
        note="beside other work",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "write_draw", lambda table, draw, *_: (Path("a"), Path("b"), Path("c")))
        found = list(tables.jobs(given))
    of_one = ["auto-3m", "setfit", "setfit-180s", "tfidf", "tfidf-180s"]
    folders = [f"{table}-{seed}-{tool}" for seed in (0, 2) for table in ("CB", "SST-2-250") for tool in of_one]
    assert [job.folder.name for job in found] == folders
    assert {job.python for job in found if job.contender == "setfit"} == {"/venv/python"}
    assert {job.note for job in found} == {"beside other work"}
    assert [tables.seconds("none"), tables.seconds("180")] == [None, 180.0]


def result(table: str, contender: str, draw: int, score: float, cpu: float = 10.0) -> Result:
    return Result(
        table=table, metric="accuracy", contender=contender, draw=draw, score=score, wall=cpu, cpu=cpu, error=""
    )


def test_claims_are_checked_on_all_tables(tmp_path: Path) -> None:
    results = [
        result(table, contender, draw, base + shift + draw / 100, cpu)
        for table, shift in (("A", 0.0), ("B", 0.1))
        for contender, base, cpu in (("auto-3m", 0.8, 100.0), ("finetune", 0.7, 50.0), ("setfit", 0.79, 3_000.0))
        for draw in range(3)
    ]
    mean, *single, cost, late = claims(cells_of(results))
    assert mean.startswith("Mean of 2 tables: auto-3m 86.0, the best other with a model of each, setfit, 85.0: held")
    assert len(single) == 2
    assert "0.033: held" in cost
    assert late == "Stopped after 180 processor seconds of a core, these have no model: setfit (A, B)."
    worse = [result("A", "lp_ft", draw, 0.85 + draw / 90) for draw in range(3)]
    assert any(claim.startswith("A:") and "not held" in claim for claim in claims(cells_of([*results, *worse])))
    # Stopped contenders, and draws that auto has not, are shown but not held against it.
    stopped, extra = replace(worse[0], limit=180.0, score=1.0), result("A", "setfit", 7, 1.0)
    assert stopped.label == "lp_ft, 180 s"
    write_tables(tmp_path, [*results, stopped, extra])
    page = (tmp_path / "tables.md").read_text()
    assert "lp_ft, 180 s" in page
    assert mean in page
    failed = Result(
        table="A", metric="accuracy", contender="x<y", draw=0, score=None, wall=1, cpu=1, error="no <model>"
    )
    write_tables(tmp_path, [*results, failed])
    page = (tmp_path / "tables.html").read_text()
    assert "no <model>" not in page
    assert "no &lt;model&gt;" in page
    assert len(list(tmp_path.glob("*.svg"))) == 2
    assert next(csv.reader([(tmp_path / "tables.md").read_text().splitlines()[0]])) == [
        "# The best model of a small table: accuracy against time"
    ]
