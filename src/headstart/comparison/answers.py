"""The answer in a sentence: what the numbers of one task allow to say, nothing more, and what it takes to say more."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from headstart.comparison.comparison_table import PLAIN_FINE_TUNING, ComparisonGroup, ComparisonRow
from headstart.comparison.evidence import ReportEvidence
from headstart.comparison.formats import NO_BREAK, bracket, plural, points, signed_points
from headstart.comparison.left_out import REMEDY, LeftOut
from headstart.comparison.words import UNDERTRAINED, pairs_of
from headstart.stats.comparisons import MIN_SEEDS_FOR_VERDICT, SIGNIFICANCE_LEVEL, PairedDifference, Verdict
from headstart.stats.power import seeds_needed, smallest_difference

HEAD_START_STRATEGY = "eh_ft"
NOTHING_TO_COMPARE = f"{PLAIN_FINE_TUNING} alone"
WANTED_DIFFERENCE = 0.01
"""An answer says how many seeds would show this difference, in the scores' unit: one point."""


class Tone(StrEnum):
    """How an answer is marked; never by colour alone."""

    BETTER = "better"
    WORSE = "worse"
    OPEN = "open"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A sentence about one strategy on one task, and its verdict in a few words.

    Attributes:
        checks: whether it holds for all comparisons together and for other rows; "" if neither was computed.
        needed: what a verdict would need; "" if there is one.
    """

    task: str
    model: str
    label: str
    verdict: str
    tone: Tone
    sentence: str
    checks: str = ""
    needed: str = ""


def is_head_start(strategy: str) -> bool:
    """Return whether a strategy, written with its options, is EH-FT."""
    return strategy.partition(":")[0] == HEAD_START_STRATEGY


def answers_of(group: ComparisonGroup, evidence: ReportEvidence) -> tuple[Answer, ...]:
    """Return one answer per EH-FT row, or per compared row in a group without EH-FT.

    Beside these, fine-tuning at a later value of an axis has one.
    Where every baseline is undertrained there is one answer: that. Strategies that fell out come first.
    """
    fallen = tuple(_left_out_answer(group, each) for each in group.left_out)
    baselines = [row for row in group.rows if row.is_baseline and row.summary is not None]
    if baselines and all(row.is_undertrained for row in baselines):
        return (*fallen, *(_undertrained_answer(group, row) for row in baselines))
    later = [row for row in group.rows if row.is_baseline and row.baseline_digest is not None]
    rows = [row for row in group.rows if not row.is_baseline]
    head_starts = [row for row in rows if is_head_start(row.strategy)]
    answered = [*later, *(head_starts or rows)] or group.rows
    return (*fallen, *(_answer(group, row, evidence) for row in answered))


def needed_text(row: ComparisonRow) -> str:
    """Return what a verdict would need; "" if there is one, or nothing may be said.

    A plan from the spread seen so far is uncertain itself: it is a guide, not a promise.
    """
    difference = row.difference
    if difference is None or not (
        row.verdict is Verdict.NO_DIFFERENCE or (row.verdict is not None and row.verdict.is_too_few)
    ):
        return ""
    if row.sequential is not None:
        look = row.sequential.state.next_look
        return f"The next look is at {plural(look, 'paired seed')}." if look is not None else ""
    unit = _unit(difference)
    few = f"A verdict needs {MIN_SEEDS_FOR_VERDICT} {unit}. " if difference.n < MIN_SEEDS_FOR_VERDICT else ""
    return few + _power_text(difference)


def _unit(difference: PairedDifference) -> str:
    return "paired seeds" if difference.num_folds is None else "folds"


def _power_text(difference: PairedDifference) -> str:
    deviation = difference.standard_deviation
    if deviation is None:
        return ""
    smallest = smallest_difference(deviation, difference.n)
    needed = seeds_needed(deviation, WANTED_DIFFERENCE)
    power = f"at 80{NO_BREAK}% power and the spread so far"
    said = []
    if needed is not None and needed > difference.n:
        said.append(f"about {needed:,} {_unit(difference)} would show a difference of {points(WANTED_DIFFERENCE)}")
    if smallest is not None:
        these = f"these {difference.n}" if said else f"these {difference.n} {_unit(difference)}"
        said.append(f"{these} show {points(smallest)}" if said else f"{these} show a difference of {points(smallest)}")
    text = "; ".join(said)
    return f"{text[0].upper()}{text[1:]} ({power})." if said else ""


def _left_out_answer(group: ComparisonGroup, each: LeftOut) -> Answer:
    return Answer(
        task=group.name,
        model=group.model,
        label=each.label,
        verdict=each.finding,
        tone=Tone.WARNING,
        sentence=each.sentence,
        needed=REMEDY,
    )


def _undertrained_answer(group: ComparisonGroup, row: ComparisonRow) -> Answer:
    mean = points(row.summary.mean if row.summary else None)
    return Answer(
        task=group.name,
        model=group.model,
        label=row.label,
        verdict=f"{UNDERTRAINED}: nothing is compared",
        tone=Tone.WARNING,
        sentence=(
            f"{_capitalised(row)} reached {mean} {row.metric} over {plural(row.n, 'seed')}, not above the best "
            f"constant answer ({points(group.constant_score)}) by two standard errors."
        ),
    )


def _answer(group: ComparisonGroup, row: ComparisonRow, evidence: ReportEvidence) -> Answer:
    verdict = row.finding or NOTHING_TO_COMPARE
    return Answer(
        task=group.name,
        model=group.model,
        label=row.label,
        verdict=verdict,
        tone=_tone(row),
        sentence=_sentence(group, row),
        checks=_checks(row, evidence),
        needed=needed_text(row),
    )


def _tone(row: ComparisonRow) -> Tone:
    if row.verdict is Verdict.BETTER:
        return Tone.BETTER
    if row.verdict is Verdict.WORSE:
        return Tone.WORSE
    return Tone.OPEN if row.verdict is not None or not row.finding else Tone.WARNING


def _capitalised(row: ComparisonRow) -> str:
    """Name a baseline at a sentence's beginning."""
    return row.label if row.axes else PLAIN_FINE_TUNING.capitalize()


def _sentence(group: ComparisonGroup, row: ComparisonRow) -> str:
    if row.summary is None:
        return f"No run of {row.label} finished."
    if row.difference is None or row.verdict is None:
        reached = f"{row.label} reached {points(row.summary.mean)} {row.metric} over {plural(row.n, 'seed')}"
        return f"{reached}; the best constant answer reaches {points(group.constant_score)}."
    return _comparison(group, row, row.verdict, row.difference)


def _comparison(group: ComparisonGroup, row: ComparisonRow, verdict: Verdict, difference: PairedDifference) -> str:
    label = row.label
    over = f"over {pairs_of(difference)}"
    means = [sum(side) / difference.n for side in zip(*difference.scores, strict=True)]
    reached = f"{points(means[0])} against {points(means[1])} {group.metric}"
    where = f"{row.baseline} on {group.name}"
    size = f"{points(abs(difference.mean))}{_range(difference)} points {over}: {reached}."
    if verdict is Verdict.BETTER:
        return f"{label} beats {where} by {size}"
    if verdict is Verdict.WORSE:
        return f"{label} loses to {where} by {size}"
    if not any(value for _, value in difference.differences):
        return f"{label} scores exactly as {where} {over}: {reached}."
    seen = f"{signed_points(difference.mean)}{_range(difference)} {over}, {reached}"
    if verdict is Verdict.SEEDS_CHANGE_NOTHING:
        return f"{label} against {where}: {seen}; the same at each."
    if verdict.is_too_few:
        return f"{label} against {where}: {seen}."
    return f"{label} cannot be told apart from {where}: {seen}."


def _range(difference: PairedDifference) -> str:
    """Write the interval: with signs where it may go either way, else as far as the sides are apart."""
    interval = difference.interval
    if interval is None:
        return ""
    if difference.verdict is Verdict.BETTER:
        return f" [{points(interval.low)}, {points(interval.high)}]"
    if difference.verdict is Verdict.WORSE:
        return f" [{points(-interval.high)}, {points(-interval.low)}]"
    return f" {bracket(interval)}"


def _checks(row: ComparisonRow, evidence: ReportEvidence) -> str:
    """Say of a verdict whether it holds for all comparisons of the report together, and for other rows as well."""
    if row.difference is None or row.verdict not in (Verdict.BETTER, Verdict.WORSE):
        return ""
    pairs = row.difference.n
    adjusted, examples = evidence.adjusted.get(row.key), evidence.examples.get(row.key)
    said = []
    if adjusted is not None and evidence.num_comparisons > 1:
        holds = "it holds" if adjusted <= SIGNIFICANCE_LEVEL else "it does not hold"
        over = plural(evidence.num_comparisons, "comparison")
        said.append(f"After Holm's correction over {over} {holds} (p = {adjusted:.3f}).")
    if examples is not None:
        interval = examples.crossed.interval
        tail = "" if interval.excludes(0.0) else ", which does not leave out zero"
        few = "" if len(examples.pairs) == pairs else f", by the {plural(len(examples.pairs), 'pair')} with predictions"
        said.append(f"With other seeds and other rows{few}: {bracket(interval)}{tail}.")
    return " ".join(said)
