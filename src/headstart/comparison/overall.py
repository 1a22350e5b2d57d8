"""What all tasks together allow to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headstart.comparison.answers import Tone, is_head_start
from headstart.comparison.evidence import JointGain
from headstart.comparison.formats import plural, points, signed_points
from headstart.stats.across_tasks import MIN_TASKS_FOR_OTHER_TASKS, GainAcrossTasks
from headstart.stats.comparisons import MIN_SEEDS_FOR_VERDICT, Verdict
from headstart.stats.intervals import Interval

_TONES = {Verdict.BETTER: Tone.BETTER, Verdict.WORSE: Tone.WORSE}


@dataclass(frozen=True, slots=True, kw_only=True)
class OverallAnswer:
    """A sentence about one strategy over all of its tasks, and its verdict in a few words.

    Attributes:
        needed: what a verdict would need, or one on other tasks as well; "" if there is one.
    """

    label: str
    verdict: str
    tone: Tone
    sentence: str
    needed: str = ""


def overall_answers(gains: Sequence[JointGain]) -> tuple[OverallAnswer, ...]:
    """Return one answer per EH-FT strategy and model over tasks, or per strategy in a store without EH-FT."""
    head_starts = [joint for joint in gains if is_head_start(joint.strategy)]
    has_models = len({joint.model for joint in gains}) > 1
    return tuple(
        OverallAnswer(
            label=joint.label,
            verdict=_verdict(joint.gain),
            tone=_TONES.get(joint.gain.verdict, Tone.OPEN),
            sentence=_sentence(joint, f" with {joint.model}" if has_models else ""),
            needed=_needed(joint.gain),
        )
        for joint in head_starts or gains
    )


def _verdict(gain: GainAcrossTasks) -> str:
    """Say for which tasks it holds: for these, or for others like them as well."""
    if gain.verdict not in (Verdict.BETTER, Verdict.WORSE, Verdict.NO_DIFFERENCE):
        return gain.verdict.value
    holds_beyond = gain.verdict is not Verdict.NO_DIFFERENCE and gain.verdict_for_other_tasks is gain.verdict
    return f"{gain.verdict} {'over tasks' if holds_beyond else 'on these tasks'}"


def _needed(gain: GainAcrossTasks) -> str:
    """Say whether seeds or tasks are missing."""
    if gain.verdict.is_too_few:
        unit = "paired seeds" if gain.verdict is Verdict.TOO_FEW_SEEDS else "folds"
        return f"A verdict needs {MIN_SEEDS_FOR_VERDICT} {unit} that all tasks share."
    if gain.verdict is Verdict.NO_DIFFERENCE:
        return "A verdict on these tasks needs more paired seeds that all of them share."
    if gain.verdict in _TONES and gain.verdict_for_other_tasks is not gain.verdict:
        return (
            f"One on other tasks like these needs more of them, at least {MIN_TASKS_FOR_OTHER_TASKS}, not more seeds."
        )
    return ""


def _sentence(joint: JointGain, with_model: str) -> str:
    gain = joint.gain
    side = "above" if gain.mean >= 0 else "below"
    tasks = f"higher on {gain.wins}, equal on {gain.ties}, lower on {gain.losses}"
    unit = "paired seed" if gain.num_folds is None else "fold"
    text = (
        f"Over {plural(gain.num_tasks, 'task')}{with_model}, {joint.label} is {points(abs(gain.mean))} points {side} "
        f"{joint.baseline} on average, over the {plural(gain.num_seeds, unit)} that all of them share ({tasks})"
    )
    if gain.interval_for_these_tasks is not None:
        text += f"; with other seeds {_range(gain.interval_for_these_tasks)}"
    other = gain.interval_for_other_tasks
    return f"{text}, on other tasks like these {_range(other)}." if other is not None else f"{text}."


def _range(interval: Interval) -> str:
    return f"{signed_points(interval.low)} to {signed_points(interval.high)}"
