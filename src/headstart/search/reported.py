"""What is reported of a winner: answers to rows that it did not learn from, and its record with their score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from headstart.comparison.formats import plural
from headstart.experiments.evaluation import scored
from headstart.experiments.experiment import Run
from headstart.experiments.run import describe_run
from headstart.experiments.run_data import RunData, RunDataCache
from headstart.experiments.scoring import Scored, as_stored
from headstart.experiments.stored_answers import StoredAnswers
from headstart.search.race import stored_answers
from headstart.store.local import LocalStore
from headstart.store.record import OtherResult, RunRecord
from headstart.sweeps.export import trained_classifier

if TYPE_CHECKING:
    from headstart.search.find_best import Best


def scored_mean(runs: Sequence[Run], store: LocalStore, cache: RunDataCache) -> Scored:
    """Return what the mean of finished runs' weights answers to the rows that each of them is scored on, in fp32."""
    data = RunData.of(runs[0], cache)
    classifier = trained_classifier(data, runs, store)
    return scored(data, classifier.model, data.task, data.tokens("report"), data.report.groups)


def reported_answers(best: Best, store: LocalStore, cache: RunDataCache) -> StoredAnswers | None:
    """Return the answers that the score is of; None where there are no rows for it.

    They are those of the model in the folder, but where it has learned from these rows: then they are those of one
    training without them.
    """
    if best.scored_run is None:
        return None
    if best.averaged is None:
        return stored_answers(best.scored_run, store)
    return as_stored(best.averaged, RunData.of(best.scored_run, cache).report)


def with_reported_score(best: Best, data: RunData, test: OtherResult | None) -> RunRecord:
    """Return the record of the model in the folder with the score of `reported_answers`.

    Args:
        best: what was found.
        data: of the first of its last trainings.
        test: the scores of the table's test rows.
    """
    final = replace(best.records[0], test=test)
    if best.averaged is not None:
        return _with_score_of_the_mean(final, data, best.averaged)
    if best.scored is None or best.scores_itself:
        return final
    return _with_score_of_another(final, best.scored, [run.seed for run in best.final])


def _with_score_of_the_mean(final: RunRecord, data: RunData, mean: Scored) -> RunRecord:
    """Return the record as that of a run that ends with the mean, with the warnings that this score asks for."""
    *before, last = final.stages
    last = replace(last, scores=mean.scores, is_degenerate=mean.says_nothing)
    found = describe_run(data, final.status, (*before, last))
    return replace(
        final,
        scores=found.scores,
        is_degenerate=found.is_degenerate,
        stages=found.stages,
        warnings=found.warnings,
    )


def _with_score_of_another(final: RunRecord, other: RunRecord, seeds: Sequence[int]) -> RunRecord:
    """Return the record with the score of a training without the rows of the score, and a warning that says so."""
    num_rows = other.num_evaluation_examples
    if len(seeds) > 1:
        names = ", ".join(str(seed) for seed in seeds)
        warning = (
            f"the score, and what was fitted to its answers, is of one training (seed {other.seed}) without the "
            f"{plural(num_rows, 'row')} that it is measured on; the folder holds the mean of the weights of "
            f"{len(seeds)} seeds ({names}), which have learned from these rows too"
        )
    else:
        warning = (
            f"the score is that of the same training without the {plural(num_rows, 'row')} that it is measured on; "
            "this model has learned from these rows too"
        )
    return replace(
        final,
        scores=other.scores,
        constant_score=other.constant_score,
        constant_scores=other.constant_scores,
        others=final.others or other.others,
        num_evaluation_examples=num_rows,
        reported_split=other.reported_split,
        is_degenerate=other.is_degenerate,
        class_gaps=other.class_gaps,
        warnings=(*other.warnings, warning),
    )
