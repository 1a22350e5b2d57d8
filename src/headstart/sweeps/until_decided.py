"""Paired seeds added until each comparison is decided, at looks that were declared before the first run.

Method: repeated confidence intervals with an error that is spent evenly over the seeds (`headstart.stats.sequential`).
Each comparison of a strategy with plain fine-tuning on a task keeps its own error rate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headstart.comparison.cells import BASELINE_STRATEGY
from headstart.comparison.frame import Frame
from headstart.comparison.words import is_undertrained
from headstart.errors import UsageError
from headstart.experiments.experiment import Experiment, Run, TaskSource
from headstart.experiments.run_data import RunDataCache
from headstart.stats.comparisons import MIN_SEEDS_FOR_VERDICT
from headstart.stats.sequential import SequentialDesign
from headstart.store.declared import LOOKS_FILE, DeclaredLooks, declare_looks, recorded_looks
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord
from headstart.sweeps.executor import Executor
from headstart.sweeps.plan import Sweep, chosen_experiments
from headstart.sweeps.stopping import StoppingRule


def check_until_decided(sweep: Sweep) -> None:
    """Refuse what cannot be decided by adding seeds.

    Raises:
        UsageError: if plain fine-tuning is missing or stands alone, seeds pair nothing, or they go through folds.
    """
    names = [str(spec) for spec in sweep.columns.strategies]
    if BASELINE_STRATEGY not in names or len(names) < 2:
        raise UsageError(
            f"`until_decided` compares with plain fine-tuning; the strategies are {', '.join(names) or 'none'}",
            remedy=f"  Give `strategies` with {BASELINE_STRATEGY} and one more, such as {BASELINE_STRATEGY},eh_ft.",
        )
    if sweep.columns.vary is not None:
        raise UsageError(
            "`until_decided` does not go with `vary`: it decides each strategy against one plain fine-tuning, and here "
            "every value has its own",
            remedy="  Give a fixed number of `seeds`, or one value.",
        )
    if sweep.training.dp is not None:
        raise UsageError("`until_decided` needs pairs of runs, and with `dp` equal seeds pair nothing")
    if any(source.options.folds for source in sweep.sources):
        raise UsageError(
            "`until_decided` does not go with `folds`: seeds that share training rows keep no error rate",
            remedy="  Leave out `folds`.",
        )


def run_until_decided(
    sweep: Sweep, rule: StoppingRule, executor: Executor, store: LocalStore, cache: RunDataCache
) -> list[RunRecord]:
    """Have seeds run until every comparison is decided; return the reported records.

    Runs that are finished are not repeated, so the same call goes on where it was cut off, and after the end it comes
    to the same decisions. A comparison ends as well where its baseline is undertrained or a run stopped by an error.

    Args:
        sweep: what to compare.
        rule: says when a comparison is decided.
        executor: has the runs done.
        store: where it keeps them; looks are declared there.
        cache: what planning keeps.

    Raises:
        UsageError: if the sweep cannot be decided, or other looks were declared before.
    """
    check_until_decided(sweep)
    records: list[RunRecord] = []
    for source in sweep.sources:
        experiments = chosen_experiments(sweep, source, executor, cache)
        task = _SequentialTask.of(source, experiments, rule)
        for digest, looks in task.declared.items():
            _refuse_seen(store, digest, rule)
            declare_looks(store, digest, looks)
        records += task.run(executor)
    return records


def _refuse_seen(store: LocalStore, digest: str, rule: StoppingRule) -> None:
    """Refuse to declare looks after a verdict could be seen: what is chosen after looking keeps no error rate."""
    if (store.root / digest / LOOKS_FILE).exists() or recorded_looks(store, digest):
        return  # `declare_looks` holds them to what was declared.
    num_seen = sum(store.is_finished(digest, seed) for seed in range(rule.max_seeds))
    if num_seen >= MIN_SEEDS_FOR_VERDICT:
        raise UsageError(
            f"{store.root} holds {num_seen} seeds of this comparison, run before any look was declared",
            allowed=f"  With {MIN_SEEDS_FOR_VERDICT} or more a verdict could be seen: looks declared now keep no rate.",
            remedy="  Give another `store`, or compare with a fixed number of `seeds`.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _SequentialTask:
    """One task's experiments; those in `declared` are decided, the others run beside them."""

    source: TaskSource
    baseline: Experiment
    experiments: Sequence[Experiment]
    declared: Mapping[str, DeclaredLooks]
    design: SequentialDesign

    @classmethod
    def of(cls, source: TaskSource, experiments: Sequence[Experiment], rule: StoppingRule) -> _SequentialTask:
        baseline = next(each for each in experiments if str(each.strategy) == BASELINE_STRATEGY)
        looks = DeclaredLooks(
            baseline_digest=baseline.digest,
            looks=rule.design.looks,
            confidence=rule.design.confidence,
            narrower_than=rule.narrower_than,
        )
        # Other steps never lead to a verdict.
        comparable = [each for each in experiments if each is not baseline and each.num_steps == baseline.num_steps]
        if not comparable:
            raise UsageError(
                f"`until_decided` has nothing to decide on {source.name}: no strategy has as many updates as "
                f"{BASELINE_STRATEGY}",
                remedy="  Add a strategy with the same budget, such as eh_ft.",
            )
        return cls(
            source=source,
            baseline=baseline,
            experiments=experiments,
            declared={each.digest: looks for each in comparable},
            design=rule.design,
        )

    def run(self, executor: Executor) -> list[RunRecord]:
        """Go from look to look; a decided comparison gets no further seeds, and its records end there."""
        records: list[RunRecord] = []
        decided: set[str] = set()
        for begin, end in zip((0, *self.design.looks), self.design.looks, strict=False):
            open_ = [each for each in self.experiments if each.digest not in decided]
            runs = [Run(each, seed, self.source.at(seed)) for seed in range(begin, end) for each in open_]
            records += executor.execute(runs)
            frame = Frame.from_records(records, declared=self.declared)
            decided |= {digest for digest in self.declared if self._is_decided(frame, digest)}
            if decided >= self.declared.keys():
                break
        return records

    def _is_decided(self, frame: Frame, digest: str) -> bool:
        """Return whether more seeds could say nothing more of a comparison, or nothing yet."""
        cells = {cell.key: cell for cell in frame.cells}
        cell, baseline = (cells[key, self.baseline.task] for key in (digest, self.baseline.digest))
        # A run without a result yet ends it too: later seeds must not be looked at before that one.
        if cell.num_errors or baseline.num_errors or is_undertrained(baseline):
            return True
        pairing = frame.pair(cell)
        return pairing is not None and pairing.sequential is not None and pairing.sequential.state.is_decided
