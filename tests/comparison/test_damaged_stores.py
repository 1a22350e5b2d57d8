"""One bad file never stops a report: what is damaged does not count, and is named wherever the verdict stands."""

from __future__ import annotations

import csv
import json
import logging
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from headstart.comparison.frame import Frame
from headstart.comparison.left_out import damage_in_a_sentence
from headstart.comparison.planning import plan_seeds
from headstart.comparison.report import Report, read_report
from headstart.errors import UsageError
from headstart.experiments.experiment import Experiment, StoredExperiment, TaskSource
from headstart.manifest import Damage
from headstart.registry import Spec
from headstart.reports.html import write_html
from headstart.reports.latex import as_latex
from headstart.reports.renderings import as_markdown, as_text
from headstart.reports.values import as_csv, as_json
from headstart.stats.comparisons import Verdict
from headstart.store.damage import MOST_NAMED, DamagedRun, StoreDamage
from headstart.store.declared import DeclaredAxis, DeclaredLooks, declare_axis, declare_looks, with_declared
from headstart.store.experiments import write_experiment
from headstart.store.json_records import dump
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord
from headstart.training.config import TrainingConfig
from tests.support.stores import fail, make_record


def experiment_of(label: str) -> Experiment:
    name, _, adapter = label.partition("(")
    return Experiment(
        task="demo", task_fingerprint="3f", model="embedded:minilm-l6", model_revision="8f", head=Spec("native"),
        strategy=Spec(name), adapter=Spec(adapter.strip(")")) if adapter else None, plan=(), training=TrainingConfig(),
    )  # fmt: skip


def runs_of(label: str, gain: float = 0.0, num_seeds: int = 7) -> list[RunRecord]:
    digest = experiment_of(label).digest
    return [
        make_record(label, seed, 0.7 + gain + 0.003 * (seed % 3) * (1 + len(label)), experiment=digest)
        for seed in range(num_seeds)
    ]


FINETUNE, EH_FT, LP_FT = (experiment_of(label).digest for label in ("finetune", "eh_ft(lora)", "lp_ft"))


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """Return a store of fine-tuning, an EH-FT that is better and an LP-FT, over seven seeds."""
    made = LocalStore(tmp_path / "runs")
    for label, gain in (("finetune", 0.0), ("eh_ft(lora)", 0.05), ("lp_ft", 0.02)):
        for record in runs_of(label, gain):
            write_experiment(
                made,
                record.experiment_digest,
                StoredExperiment(experiment=experiment_of(label), source=TaskSource(name="demo")),
            )
            made.finish(record)
    return made


def rewrite(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a record as somebody would who knows of the checksums."""
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))
    (path.parent / "checksums.json").unlink()


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def row_of(report: Report, digest: str) -> Any:
    return next(row for row in report.table.rows if row.experiment_digest == digest)


class TestARecordIsHeldToItsPlace:
    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (lambda values: values.update(seed=-1), "a seed is a whole number"),
            (lambda values: values.update(seed=4), "another seed, 4"),
            (lambda values: values.update(experiment_digest="../victim"), "an experiment's digest is letters"),
            (lambda values: values.update(schema_version=99), r"newer headstart \(schema 99\)"),
            (lambda values: values["scores"].update(accuracy=float("nan")), "`scores.accuracy`.*finite"),
            (lambda values: values["scores"].update(accuracy="high"), "`scores.accuracy`.*valid number"),
            (lambda values: values["scores"].update(accuracy=7.5), "its 'accuracy' is 7.5"),
            (lambda values: values["scores"].update(accuracy=-0.5), "its 'accuracy' is -0.5"),
            (lambda values: values["scores"].update(matthews=-1.5), "its 'matthews' is -1.5"),
            (lambda values: values["scores"].update(mae=-2.0), "its 'mae' is -2"),
            (lambda values: values.update(constant_scores={"accuracy": 3.0}), "its 'accuracy' is 3"),
            (lambda values: values["scores"].pop("accuracy"), "no score of its metric, 'accuracy'"),
            (lambda values: values.update(metric="f1"), "no score of its metric, 'f1'"),
            (lambda values: values.update(constant_score=float("-inf")), "`constant_score`"),
            (lambda values: values.update(num_evaluation_examples=10**400), "larger than any number that is counted"),
            (
                lambda values: values.update(num_evaluation_examples=-3),
                "counts rows, updates, parameters or bytes that cannot be",
            ),
            (lambda values: values.update(peak_memory_bytes=-1), "counts rows, updates, parameters or bytes"),
            (lambda values: values.update(num_trained_parameters=2**60), "counts rows, updates, parameters or bytes"),
            (lambda values: values.update(seconds=-1.0), "it took a time that cannot be"),
            (lambda values: values["stages"][0].update(seconds=1e308), "it took a time that cannot be"),
            (
                lambda values: values["stages"][0].update(diagnostics={"layer_distances": {"layer 0": 1e308}}),
                "diagnostics are numbers that cannot be",
            ),
            (
                lambda values: values["stages"][0].update(
                    diagnostics={
                        "calibration": {"expected_error": 0.1, "brier": 0.2, "log_loss": 0.3, "bins": [[0.5, 0.5, -1]]}
                    }
                ),
                "diagnostics are numbers that cannot be",
            ),
            (lambda values: values.update(folds=0), "0 folds"),
            (lambda values: values.update(status="diverged"), "a run that ended as diverged"),
            (lambda values: values.update(surprise=1), "`surprise`"),
        ],
    )
    def test_or_it_does_not_count_and_is_named(
        self, store: LocalStore, change: Callable[[dict[str, Any]], object], said: str
    ) -> None:
        rewrite(store.run_folder(EH_FT, 3).run_json, change)
        report = read_report(store.root)
        row = row_of(report, EH_FT)
        assert [seed for seed, _ in row.scores] == [0, 1, 2, 4, 5, 6]
        assert row.damaged_seeds == (3,)
        (named, *_) = report.table.notes
        assert named.startswith(f"{EH_FT}/seed-3/run.json: ")
        assert named.endswith("; the run does not count")
        assert re.search(said, named)

    def test_nor_one_that_was_copied_to_another_seed(self, store: LocalStore) -> None:
        shutil.copytree(store.run_folder(EH_FT, 0).folder, store.run_folder(EH_FT, 7).folder)
        report = read_report(store.root)
        assert row_of(report, EH_FT).damaged_seeds == (7,)
        assert row_of(report, EH_FT).n == 7
        assert store.record(EH_FT, 7) is None

    @pytest.mark.parametrize("content", [b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe", b"", b"[1]"])
    def test_nor_one_that_is_no_record(self, store: LocalStore, content: bytes) -> None:
        path = store.run_folder(EH_FT, 3).run_json
        path.write_bytes(content)
        (path.parent / "checksums.json").unlink()
        assert row_of(read_report(store.root), EH_FT).damaged_seeds == (3,)

    def test_nor_one_that_is_gone(self, store: LocalStore) -> None:
        store.run_folder(EH_FT, 3).run_json.unlink()
        report = read_report(store.root)
        assert row_of(report, EH_FT).damaged_seeds == (3,)
        assert "seed-3/run.json: it is missing" in report.table.notes[0]

    @pytest.mark.parametrize("kind", ["folder", "link to nothing", "link to itself", "fifo"])
    def test_nor_one_that_is_no_file(self, store: LocalStore, kind: str) -> None:
        path = store.run_folder(EH_FT, 3).run_json
        path.unlink()
        (path.parent / "checksums.json").unlink()
        if kind == "folder":
            path.mkdir()
        elif kind == "fifo":
            os.mkfifo(path)
        else:
            path.symlink_to("nothing" if kind.endswith("nothing") else path.name)
        assert row_of(read_report(store.root), EH_FT).damaged_seeds == (3,)
        assert store.record(EH_FT, 3) is None

    def test_a_failure_is_held_to_it_as_well(self, store: LocalStore) -> None:
        store.fail(fail(replace(runs_of("lp_ft")[0], seed=9)))
        assert row_of(read_report(store.root), LP_FT).num_diverged == 1
        path = store.run_folder(LP_FT, 9).failed_json
        path.write_text(path.read_text().replace('"seed": 9', '"seed": 8'))
        report = read_report(store.root)
        assert row_of(report, LP_FT).num_diverged == 0
        assert row_of(report, LP_FT).damaged_seeds == (9,)


def formats(report: Report, folder: Path) -> dict[str, str]:
    write_html(report, folder / "report.html")
    return {
        "text": " ".join(as_text(report).split()),
        "markdown": as_markdown(report),
        "latex": as_latex(report),
        "csv": as_csv(report),
        "json": as_json(report),
        "html": (folder / "report.html").read_text(),
    }


class TestDamageIsNamedWhereTheVerdictStands:
    def test_one_flipped_bit_takes_its_run_out_and_marks_the_verdict(self, store: LocalStore, tmp_path: Path) -> None:
        flip(store.run_folder(EH_FT, 3).run_json)
        flip(store.run_folder(FINETUNE, 1).run_json)
        report = read_report(store.root)
        row = row_of(report, EH_FT)
        assert row.finding == f"{row.verdict} (seed 3 damaged, seed 1 of finetune damaged)"
        assert row.difference.n == 5
        for name, text in formats(report, tmp_path).items():
            assert "seed 3 damaged" in text, name
            assert f"{EH_FT}/seed-3/run.json: its bytes changed" in text or name == "csv", name

    def test_a_strategy_that_fell_out_is_named(self, store: LocalStore, tmp_path: Path) -> None:
        for seed in range(7):
            flip(store.run_folder(EH_FT, seed).run_json)
        report = read_report(store.root)
        assert EH_FT not in {row.experiment_digest for row in report.table.rows}
        answer = report.answers[0]
        assert (answer.label, answer.verdict) == ("eh_ft(lora)", "left out: 7 runs are damaged")
        assert answer.sentence == "7 runs of eh_ft(lora) left out: seed-0/run.json: its bytes changed."
        for name, text in formats(report, tmp_path).items():
            assert "left out: 7 runs are damaged" in text, name
            assert "eh_ft(lora)" in text.replace("\\_", "_"), name
        (line,) = [each for each in csv.DictReader(as_csv(report).splitlines()) if each["label"] == "eh_ft(lora)"]
        assert (line["n"], line["num_damaged"], line["verdict"], line["experiment_digest"]) == ("0", "7", "", EH_FT)
        plan = plan_seeds(Frame.from_store(store.root), 0.01)
        assert ("demo", "eh_ft(lora)", "left out: 7 runs are damaged") in plan.left_out

    def test_and_so_is_the_fine_tuning_that_all_are_compared_with(self, store: LocalStore, tmp_path: Path) -> None:
        for seed in range(7):
            flip(store.run_folder(FINETUNE, seed).run_json)
        report = read_report(store.root)
        for digest in (EH_FT, LP_FT):
            row = row_of(report, digest)
            assert row.verdict is None
            assert row.words == ("no fine-tuning run to compare with", "7 runs of finetune are damaged and left out")
        for name, text in formats(report, tmp_path).items():
            assert "7 runs of finetune are damaged" in text or "left out: 7 runs are damaged" in text, name

    def test_of_an_experiment_that_cannot_be_read_either_the_digest_is_named(self, store: LocalStore) -> None:
        for seed in range(7):
            flip(store.run_folder(EH_FT, seed).run_json)
        store.experiment_json(EH_FT).write_text("{")
        assert read_report(store.root).answers[0].label == EH_FT[:12]

    def test_a_store_of_nothing_else_says_why_nothing_is_reported(self, store: LocalStore) -> None:
        for digest in (FINETUNE, EH_FT, LP_FT):
            for seed in range(7):
                flip(store.run_folder(digest, seed).run_json)
        with pytest.raises(UsageError, match=r"seed-0/run\.json: its bytes changed; the run does not count") as raised:
            read_report(store.root)
        assert f"... and {21 - MOST_NAMED} more that are damaged" in str(raised.value)

    def test_without_damage_nothing_is_said(self, store: LocalStore, tmp_path: Path) -> None:
        report = read_report(store.root)
        assert row_of(report, EH_FT).verdict is Verdict.BETTER
        assert report.table.damage == ""
        for name, text in formats(report, tmp_path).items():
            rest = text.replace("num_damaged", "").replace("damaged_seeds", "")
            assert "damaged" not in rest or name == "html", name

    def test_records_name_it_in_the_log(self, store: LocalStore, caplog: pytest.LogCaptureFixture) -> None:
        flip(store.run_folder(EH_FT, 3).run_json)
        with caplog.at_level(logging.WARNING):
            assert len(store.records()) == 20
        (message,) = caplog.messages
        assert f"{store.run_folder(EH_FT, 3).run_json}: its bytes changed; the run does not count" == message


LOOKS = DeclaredLooks(baseline_digest=FINETUNE, looks=(6, 7), confidence=0.95, narrower_than=None)


class TestADeclaredDesign:
    @pytest.fixture
    def declared(self, store: LocalStore) -> LocalStore:
        """Return the store with EH-FT's looks declared before its runs, as their records say."""
        declare_looks(store, EH_FT, LOOKS)
        for record in runs_of("eh_ft(lora)", 0.05):
            store.finish(with_declared(store, record))
        return store

    def test_that_is_there_is_followed(self, declared: LocalStore) -> None:
        row = row_of(read_report(declared.root), EH_FT)
        assert row.sequential is not None
        assert row.verdict is Verdict.BETTER

    @pytest.mark.parametrize("damage", ["missing", "other looks", "cut", "a folder"])
    def test_that_is_lost_leaves_no_verdict(self, declared: LocalStore, damage: str, tmp_path: Path) -> None:
        path = declared.root / EH_FT / "looks.json"
        if damage == "other looks":
            values = dump(replace(LOOKS, looks=(7,)))
            path.write_text(json.dumps(values))
        elif damage == "cut":
            path.write_text(path.read_text()[:20])
        else:
            path.unlink()
            if damage == "a folder":
                path.mkdir()
        report = read_report(declared.root)
        row = row_of(report, EH_FT)
        assert (row.verdict, row.difference, row.sequential) == (None, None, None)
        assert row.finding.startswith("no verdict: looks.json")
        assert EH_FT not in {key[0] for key in report.evidence.adjusted}
        assert row_of(report, LP_FT).verdict is Verdict.BETTER
        for name, text in formats(report, tmp_path).items():
            assert "no verdict: looks.json" in text, name

    @pytest.mark.parametrize("content", [None, "{"])
    def test_declared_again_in_the_same_words_is_there_again(self, declared: LocalStore, content: str | None) -> None:
        path = declared.root / EH_FT / "looks.json"
        before = path.read_bytes()
        path.unlink()
        if content is not None:
            path.write_text(content)
        with pytest.raises(UsageError, match="does not say how any more; now it is looks at 6, 8 pairs"):
            declare_looks(declared, EH_FT, replace(LOOKS, looks=(6, 8)))
        declare_looks(declared, EH_FT, LOOKS)
        assert path.read_bytes() == before
        assert row_of(read_report(declared.root), EH_FT).verdict is Verdict.BETTER

    def test_so_is_an_axis(self, store: LocalStore) -> None:
        axis = DeclaredAxis(axis="head", value="native", values=("native", "linear"))
        declare_axis(store, LP_FT, axis)
        for record in runs_of("lp_ft", 0.02):
            store.finish(replace(record, varied=str(axis)))
        assert row_of(read_report(store.root), LP_FT).verdict is Verdict.BETTER
        (store.root / LP_FT / "varied.json").unlink()
        finding = row_of(read_report(store.root), LP_FT).finding
        assert finding == "no verdict: varied.json, which declares that head varies, is missing or changed"


def test_each_damage_has_the_remedy_that_mends_it(tmp_path: Path) -> None:
    damage = Damage(tmp_path / "run.json", "its bytes changed")
    run = DamagedRun(digest="d" * 32, seed=0, damages=(damage,))
    redone, kept = "called as before, does them again", "remove the folder of its run first"
    for found, remedies in (
        (StoreDamage(runs=(run,)), (True, False)),
        (StoreDamage(files=(damage,)), (False, True)),
        (StoreDamage(designs={"d" * 32: "looks.json is missing"}), (True, False)),
        (StoreDamage(runs=(run,), files=(damage,)), (True, True)),
    ):
        said = damage_in_a_sentence(found)
        assert (redone in said, kept in said) == remedies
