"""Seeds are added until it is decided, as declared, and again to the same end."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy
import pytest

from headstart.comparison.comparison_table import build_comparison
from headstart.comparison.frame import Frame
from headstart.errors import UsageError
from headstart.experiments.experiment import Run
from headstart.experiments.options import TrainingOptions
from headstart.experiments.run_data import RunDataCache
from headstart.stats.comparisons import Verdict
from headstart.stats.sequential import Decision, decide, look_every
from headstart.store.declared import read_looks
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord, RunStatus
from headstart.sweeps.plan import Sweep
from headstart.sweeps.stopping import StoppingRule
from headstart.sweeps.until_decided import check_until_decided, run_until_decided
from headstart.training.config import PrivacyConfig, RunOptions
from tests.support.runs import tiny_choices, tiny_sweep
from tests.support.stores import fail, make_record

CheckpointMaker = Callable[..., Path]
NOISE = numpy.random.default_rng(6).standard_normal(60)


def sweep_of(model: Path, *strategies: str) -> Sweep:
    return tiny_sweep(tiny_choices(model, "finetune"), *(strategies or ("finetune", "lp_ft")), seeds=tuple(range(6)))


class Executor:
    """Has runs finished at once: scores of 0.7 with seeded noise, and a gain for every strategy but fine-tuning."""

    store: LocalStore

    def __init__(self, gains: dict[str, float], *, baseline: float = 0.7, broken: dict[int, RunStatus] | None = None):
        self.gains, self.baseline, self.broken = gains, baseline, broken or {}
        self.trained: list[tuple[str, int]] = []

    def execute(self, runs: Sequence[Run]) -> list[RunRecord]:
        return [self._run(run, self.store) for run in runs]

    def elsewhere(self, store: LocalStore, options: RunOptions) -> Executor:
        raise NotImplementedError

    def _run(self, run: Run, store: LocalStore) -> RunRecord:
        digest, label = run.experiment.digest, run.experiment.label
        done = store.record(digest, run.seed)
        if done is not None and done.status is not RunStatus.ERROR:
            return done
        self.trained.append((label, run.seed))
        record = make_record(
            label, run.seed, self.baseline + self._extra(label, run.seed), experiment=digest, task="tiny",
            constant_score=0.5, num_steps=run.experiment.num_steps,
        )  # fmt: skip
        if label != "finetune" and run.seed in self.broken:
            record = fail(record, self.broken[run.seed])
            store.fail(record)
        else:
            store.finish(record)
        return record

    def _extra(self, label: str, seed: int) -> float:
        return self.gains[label] + 0.01 * NOISE[seed] if label in self.gains else 0.0

    def num_seeds(self, label: str) -> int:
        return sum(each == label for each, _ in self.trained)


@pytest.fixture
def run(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> Callable[..., Executor]:
    def call(executor: Executor, rule: StoppingRule, *strategies: str) -> list[RunRecord]:
        sweep, executor.store = sweep_of(tiny_checkpoint("bert"), *strategies), LocalStore(tmp_path / "runs")
        return run_until_decided(sweep, rule, executor, executor.store, RunDataCache())

    return call


def expected_pairs(gain: float, rule: StoppingRule) -> int:
    """Return where the declared looks decide, from the differences alone."""
    state = decide([gain + 0.01 * value for value in NOISE], rule.design, widest=rule.narrower_than)
    assert state.is_decided
    return state.num_pairs


@pytest.mark.parametrize("gain", [0.05, 0.01, 0.0])
def test_seeds_are_added_up_to_the_look_that_decides(run, gain: float):
    executor, rule = Executor({"lp_ft": gain}), StoppingRule(max_seeds=14)
    records = run(executor, rule)
    pairs = expected_pairs(gain, rule)
    assert executor.num_seeds("lp_ft") == executor.num_seeds("finetune") == pairs
    assert len(records) == 2 * pairs


def test_the_three_ends_differ():
    rule = StoppingRule(max_seeds=14)
    assert expected_pairs(0.05, rule) == 6 < expected_pairs(0.01, rule) < expected_pairs(0.0, rule) == 14


def test_a_narrow_interval_ends_it_too(run, tmp_path: Path):
    executor, rule = Executor({"lp_ft": 0.0}), StoppingRule(max_seeds=30, narrower_than=0.025)
    run(executor, rule)
    assert executor.num_seeds("lp_ft") == expected_pairs(0.0, rule) < 30
    row = build_comparison(Frame.from_store(tmp_path / "runs")).rows[1]
    assert row.sequential is not None
    assert row.sequential.state.decision is Decision.NARROW
    assert row.verdict is Verdict.NO_DIFFERENCE


def test_a_decided_strategy_gets_no_further_seeds(run):
    executor = Executor({"lp_ft": 0.0, "linear_probe": 0.05})
    records = run(executor, StoppingRule(max_seeds=9), "finetune", "lp_ft", "linear_probe")
    assert executor.num_seeds("linear_probe") == 6
    assert executor.num_seeds("lp_ft") == executor.num_seeds("finetune") == 9
    assert len(records) == 24


def test_the_same_call_again_trains_nothing_and_decides_the_same(run):
    rule = StoppingRule(max_seeds=14)
    first = run(Executor({"lp_ft": 0.01}), rule)
    again = Executor({"lp_ft": 0.9})
    assert run(again, rule) == first
    assert again.trained == []


def test_a_call_that_was_cut_off_goes_on_to_the_same_decision(run):
    rule = StoppingRule(max_seeds=14)

    class Killed(Executor):
        def execute(self, runs: Sequence[Run]) -> list[RunRecord]:
            if runs[0].seed == 7:
                raise KeyboardInterrupt
            return super().execute(runs)

    with pytest.raises(KeyboardInterrupt):
        run(Killed({"lp_ft": 0.01}), rule)
    rest = Executor({"lp_ft": 0.01})
    run(rest, rule)
    assert {seed for _, seed in rest.trained} == set(range(7, expected_pairs(0.01, rule)))


def test_looks_are_declared_once(run, tmp_path: Path):
    records = run(Executor({"lp_ft": 0.05}), StoppingRule(max_seeds=14))
    (digest,) = {record.experiment_digest for record in records if record.label == "lp_ft"}
    declared = read_looks(LocalStore(tmp_path / "runs"), digest)
    assert declared is not None
    assert declared.looks == tuple(range(6, 15))
    with pytest.raises(UsageError, match="was declared otherwise when it began"):
        run(Executor({"lp_ft": 0.05}), StoppingRule(max_seeds=20))


def test_looks_are_not_declared_after_looking(run, tmp_path: Path):
    records = run(Executor({"lp_ft": 0.05}), StoppingRule(max_seeds=14))
    (digest,) = {record.experiment_digest for record in records if record.label == "lp_ft"}
    (tmp_path / "runs" / digest / "looks.json").unlink()
    with pytest.raises(UsageError, match="before any look was declared"):
        run(Executor({"lp_ft": 0.05}), StoppingRule(max_seeds=14))


def test_the_report_shows_the_adjusted_interval(run, tmp_path: Path):
    rule = StoppingRule(max_seeds=14)
    run(Executor({"lp_ft": 0.01}), rule)
    table = build_comparison(Frame.from_store(tmp_path / "runs"))
    row = table.rows[1]
    pairs = expected_pairs(0.01, rule)
    state = decide([0.01 + 0.01 * value for value in NOISE[:pairs]], look_every(1, max_pairs=14))
    assert row.difference is not None
    assert row.difference.is_sequential
    assert row.difference.interval is not None
    assert row.difference.interval.low == pytest.approx(state.interval.low)
    assert row.verdict is Verdict.BETTER
    (word,) = [word for word in row.words if word.startswith("sequential design with 9 declared looks: stopped at ")]
    assert word.endswith("since the interval excludes zero; its interval is adjusted")
    assert any("repeated confidence interval" in note for note in table.notes)
    assert not any("paired t interval" in note for note in table.notes)


def test_an_undertrained_baseline_ends_it_at_the_first_look(run):
    executor = Executor({"lp_ft": 0.0}, baseline=0.5)
    run(executor, StoppingRule(max_seeds=14))
    assert executor.num_seeds("finetune") == 6


def test_an_error_ends_it_until_it_is_tried_again(run):
    rule = StoppingRule(max_seeds=14)
    records = run(Executor({"lp_ft": 0.01}, broken={6: RunStatus.ERROR}), rule)
    assert max(record.seed for record in records) == 6
    again = Executor({"lp_ft": 0.01})
    run(again, rule)
    assert again.num_seeds("lp_ft") == expected_pairs(0.01, rule) - 6


def test_a_diverged_run_is_a_missing_pair_and_the_seeds_are_bounded(run, tmp_path: Path):
    executor = Executor({"lp_ft": -0.004}, broken={2: RunStatus.DIVERGED})
    run(executor, StoppingRule(max_seeds=9))
    assert executor.num_seeds("lp_ft") == 9
    row = build_comparison(Frame.from_store(tmp_path / "runs")).rows[1]
    assert row.sequential is not None
    assert (row.sequential.state.num_pairs, row.sequential.state.next_look) == (8, 9)
    assert "1 pair with a missing side" in row.words


@pytest.mark.parametrize("strategies", [("lp_ft", "eh_ft"), ("finetune",)])
def test_it_needs_fine_tuning_and_one_more(tiny_checkpoint: CheckpointMaker, strategies: tuple[str, ...]):
    with pytest.raises(UsageError, match="compares with plain fine-tuning"):
        check_until_decided(sweep_of(tiny_checkpoint("bert"), *strategies))


def test_private_runs_pair_nothing(tiny_checkpoint: CheckpointMaker):
    sweep = sweep_of(tiny_checkpoint("bert"))
    private = TrainingOptions(dp=PrivacyConfig(epsilon=3.0, delta=1e-5, max_grad_norm=1.0))
    sweep = dataclasses.replace(sweep, training=private)
    with pytest.raises(UsageError, match="equal seeds pair nothing"):
        check_until_decided(sweep)


@pytest.mark.parametrize(
    ("values", "message"),
    [({"max_seeds": 5}, "given as 5"), ({"narrower_than": 0.0}, "above 0 and at most 100"),
     ({"narrower_than": 1.5}, "above 0 and at most 100")],
)  # fmt: skip
def test_rules_have_their_ranges(values: dict[str, float], message: str):
    with pytest.raises(UsageError, match=message):
        StoppingRule(**values)
