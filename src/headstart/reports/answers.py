"""The answer in a sentence: what the numbers of one task allow to say, and nothing more."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from headstart.reports.formats import NO_BREAK, plural, points, signed_points
from headstart.reports.tables import UNDERTRAINED, ComparisonGroup, ComparisonRow
from headstart.stats.comparisons import PairedDifference, Verdict

HEAD_START_STRATEGY = "eh_ft"
NOTHING_TO_COMPARE = "plain fine-tuning alone"


class Tone(StrEnum):
    """How an answer is marked; never by colour alone."""

    BETTER = "better"
    WORSE = "worse"
    OPEN = "open"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A sentence about one strategy on one task, and its verdict in a few words."""

    task: str
    model: str
    label: str
    verdict: str
    tone: Tone
    sentence: str


def answers_of(group: ComparisonGroup) -> tuple[Answer, ...]:
    """Return one answer per EH-FT row, or per compared row where there is no EH-FT.

    Where every baseline is undertrained there is one answer: that.
    """
    baselines = [row for row in group.rows if row.is_baseline and row.summary is not None]
    if baselines and all(row.words and row.words[0].startswith(UNDERTRAINED) for row in baselines):
        return tuple(_undertrained_answer(group, row) for row in baselines)
    rows = [row for row in group.rows if not row.is_baseline]
    head_starts = [row for row in rows if row.strategy.partition(":")[0] == HEAD_START_STRATEGY]
    return tuple(_answer(group, row) for row in head_starts or rows or group.rows)


def _undertrained_answer(group: ComparisonGroup, row: ComparisonRow) -> Answer:
    mean = points(row.summary.mean if row.summary else None)
    return Answer(
        task=group.task,
        model=group.model,
        label=row.label,
        verdict=f"{UNDERTRAINED}: nothing is compared",
        tone=Tone.WARNING,
        sentence=(
            f"Plain fine-tuning reached {mean} {row.metric} over {plural(row.n, 'seed')}, not above the best constant "
            f"answer ({points(group.majority_score)}) by two standard errors."
        ),
    )


def _answer(group: ComparisonGroup, row: ComparisonRow) -> Answer:
    verdict = row.words[0] if row.words else NOTHING_TO_COMPARE
    return Answer(
        task=group.task,
        model=group.model,
        label=row.label,
        verdict=verdict,
        tone=_tone(verdict),
        sentence=_sentence(group, row),
    )


def _tone(verdict: str) -> Tone:
    if verdict == Verdict.BETTER:
        return Tone.BETTER
    if verdict == Verdict.WORSE:
        return Tone.WORSE
    is_open = verdict in (Verdict.TOO_FEW_SEEDS, Verdict.NO_DIFFERENCE, NOTHING_TO_COMPARE)
    return Tone.OPEN if is_open else Tone.WARNING


def _sentence(group: ComparisonGroup, row: ComparisonRow) -> str:
    if row.summary is None:
        return f"No run of {row.label} finished."
    reached = f"{row.label} reached {points(row.summary.mean)} {row.metric} over {plural(row.n, 'seed')}"
    if row.difference is None:
        return f"{reached}; the best constant answer reaches {points(group.majority_score)}."
    return f"{reached}, {_difference_text(row.difference)}"


def _difference_text(difference: PairedDifference) -> str:
    seeds = plural(difference.n, "paired seed")
    if difference.mean == 0:
        return f"exactly as plain fine-tuning over {seeds}."
    side = "above" if difference.mean > 0 else "below"
    text = f"{points(abs(difference.mean))} points {side} plain fine-tuning over {seeds}"
    if difference.interval is None:
        return f"{text}."
    low, high = signed_points(difference.interval.low), signed_points(difference.interval.high)
    return f"{text}; 95{NO_BREAK}% interval {low} to {high}."
