"""The words in a row: what its numbers allow to say, and every caution that has to be read with them."""

from __future__ import annotations

from collections.abc import Mapping

from headstart.comparison.cells import Cell
from headstart.comparison.formats import plural, points
from headstart.comparison.frame import Frame
from headstart.comparison.left_out import damage_cautions, marks_of
from headstart.comparison.pairing import Pairing
from headstart.stats.comparisons import PairedDifference, Verdict
from headstart.stats.folds import mean_by_fold
from headstart.stats.sequential import SequentialComparison
from headstart.stats.summary import Outcomes, clearly_above, count_outcomes, summarise
from headstart.store.damage import NO_DAMAGE, StoreDamage
from headstart.store.record import RunStatus

UNDERTRAINED = "undertrained"
_ADAPTER_ROLE = "adapter"
_PROBE_ROLE = "probe"


def is_undertrained(cell: Cell) -> bool:
    """Return whether a baseline's mean is not above the best constant answer by two standard errors."""
    scores = mean_by_fold(cell.scores, cell.first.folds)
    if not scores:
        return True
    return not clearly_above(summarise(scores.values()), cell.constant_score, cell.first.num_evaluation_examples)


def verdict_of(cell: Cell, pairing: Pairing | None) -> Verdict | None:
    """Return what the paired seeds of a cell show; None where nothing may be said of them."""
    if pairing is None or not cell.finished or not pairing.baseline.finished or is_undertrained(pairing.baseline):
        return None
    return pairing.difference.verdict if pairing.difference is not None and pairing.is_fair else None


def finding_of(cell: Cell, pairing: Pairing | None, damage: StoreDamage = NO_DAMAGE) -> str:
    """Return the verdict in words, or why it is missing; "" for a baseline that is trained well enough."""
    if cell.is_reference:
        return _undertrained(cell) if cell.finished else ""
    if not cell.finished:
        return "no finished run"
    if pairing is None:
        return _nothing_to_compare_with(cell)
    if (refusal := _refusal(pairing)) or pairing.difference is None:
        return refusal or "not compared: no seed can be paired"
    if not pairing.is_fair and (cell.has_own_batches or cell.fits_heads):
        costs = f"{cell.cost:.0f} against the baseline's {pairing.baseline.cost:.0f}"
        return f"no verdict: unequal compute, in forward passes of a batch {costs}"
    if not pairing.is_fair:
        steps = f"{cell.first.num_steps} against the baseline's {pairing.baseline.first.num_steps}"
        return f"no verdict: unequal steps, {steps}"
    marks = [*pairing.versions, *marks_of(damage, cell, pairing.baseline)]
    return f"{pairing.difference.verdict} ({', '.join(marks)})" if marks else f"{pairing.difference.verdict}"


def _nothing_to_compare_with(cell: Cell) -> str:
    where = "".join(f" at {axis.axis}={axis.values[0]}" for axis in cell.later_axes if cell.is_baseline)
    return f"no fine-tuning run{where} to compare with"


def _refusal(pairing: Pairing) -> str:
    """Say why a cell is not compared with its counterpart; "" where it is."""
    refused = pairing.counterpart.refused
    if pairing.lost_design:
        return f"no verdict: {pairing.lost_design}"
    if pairing.is_void:
        return "not compared: private training draws outside the seeds, so they pair nothing"
    if refused is None:
        return "not compared: with which settings these runs were made is not recorded"
    if refused:
        return f"not compared: {', '.join(map(str, refused))} of the nearest fine-tuning"
    if pairing.is_decided_elsewhere:
        return "not compared: its seeds were added until a comparison with another baseline was decided"
    if not pairing.baseline.finished:
        return "no fine-tuning run to compare with"
    return "not compared: the baseline is undertrained" if is_undertrained(pairing.baseline) else ""


def _undertrained(cell: Cell) -> str:
    return f"{UNDERTRAINED}: not above the best constant answer by two standard errors" if is_undertrained(cell) else ""


def pairs_of(difference: PairedDifference) -> str:
    """Say how many pairs a difference has, and of what."""
    return plural(difference.n, "paired seed" if difference.num_folds is None else "fold")


def cautions(frame: Frame, cell: Cell, pairing: Pairing | None) -> list[str]:
    """Return what has to be read with a cell's numbers."""
    found = [*damage_cautions(frame, cell)]
    if cell.is_baseline and not cell.is_reference and cell.finished and is_undertrained(cell):
        found.append(_undertrained(cell))
    if cell.num_diverged:
        found.append(_divergence_caution(cell))
    if cell.num_degenerate:
        found.append(f"{cell.num_degenerate} of {plural(len(cell.records), 'run')} answered the same to every row")
    if num_poor := outcomes_of(cell).num_at_constant_score:
        found.append(f"{num_poor} of {plural(len(cell.records), 'run')} scored no higher than the best constant answer")
    if cell.num_errors:
        found.append(f"{cell.num_errors} of {plural(len(cell.records), 'run')} stopped by an error")
    if pairing is not None and pairing.difference is not None and pairing.difference.num_missing_pairs:
        found.append(f"{plural(pairing.difference.num_missing_pairs, 'pair')} with a missing side")
    if pairing is not None and pairing.sequential is not None:
        found.append(_sequential_caution(pairing.sequential))
    found += _stage1_cautions(frame, cell)
    if cell.first.privacy is not None:
        found.append(str(cell.first.privacy))
    if cell.first.chosen_on == cell.first.reported_split:
        found.append(f"chosen and reported on the same split, {cell.first.reported_split}")
    return found


def outcomes_of(cell: Cell) -> Outcomes:
    """Return how a cell's runs ended."""
    return count_outcomes(
        cell.scores,
        constant_scores=cell.constant_scores,
        constant_seeds=[run.seed for run in cell.finished if run.is_degenerate],
        num_failed=len(cell.failed),
    )


def _sequential_caution(comparison: SequentialComparison) -> str:
    """Say that seeds were added until it was decided, and where that stands."""
    state, design = comparison.state, comparison.design
    looked = f"{state.num_pairs} of at most {plural(design.max_pairs, 'pair')}"
    if state.is_decided:
        where = f"stopped at {looked} since {state.decision.value}"
    else:
        where = f"not decided at {looked}, the next look is at {state.next_look}"
    return f"sequential design with {plural(len(design.looks), 'declared look')}: {where}; its interval is adjusted"


def _divergence_caution(cell: Cell) -> str:
    share = f"{cell.num_diverged} of {plural(len(cell.records), 'run')} diverged"
    mean, constant = points(mean_with_failures(cell)), points(cell.constant_score)
    return f"{share}: the mean is {mean} with the best constant answer's score {constant} for each"


def _stage1_cautions(frame: Frame, cell: Cell) -> list[str]:
    """Say when Stage 1's adapter has learned little: it then hands over a poor head."""
    scores = cell.first_stage_scores()
    if not scores or cell.finished[0].stages[0].role != _ADAPTER_ROLE:
        return []
    num_folds, num_examples = cell.first.folds, cell.first.num_evaluation_examples
    stage1 = summarise(mean_by_fold(scores, num_folds).values())
    if not clearly_above(stage1, cell.constant_score, num_examples):
        return ["Stage 1 is not clearly above the best constant answer"]
    probe = _probe_scores(frame, cell)
    if probe and not clearly_above(stage1, summarise(probe.values()).mean, num_examples):
        return ["Stage 1 is not clearly above a linear probe"]
    return []


def _probe_scores(frame: Frame, cell: Cell) -> Mapping[int, float]:
    """Return the best probe of the same question and setting.

    It is a linear probe's scores, or LP-FT's at its first stage's end.
    """
    probes = [
        other.scores if len(other.first.stages) == 1 else other.first_stage_scores()
        for other in frame.of_question(cell.question)
        if other.setting == cell.setting and [stage.role for stage in other.first.stages[:1]] == [_PROBE_ROLE]
    ]
    return max(filter(None, probes), key=lambda scores: summarise(scores.values()).mean, default={})


def mean_with_failures(cell: Cell) -> float | None:
    """Return the mean with diverged runs at the best constant answer's score; None when none diverged."""
    if not cell.num_diverged:
        return None
    diverged = [run.constant_score for run in cell.failed if run.status is RunStatus.DIVERGED]
    return summarise([*cell.scores.values(), *diverged]).mean
