"""What all tasks together allow to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from headstart.comparison.answers import HEAD_START_STRATEGY, Tone
from headstart.comparison.evidence import JointGain
from headstart.comparison.formats import plural, points, signed_points
from headstart.stats.across_tasks import GainAcrossTasks
from headstart.stats.comparisons import MIN_SEEDS_FOR_VERDICT, Verdict
from headstart.stats.intervals import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class OverallAnswer:
    """A sentence about one strategy over all of its tasks, and its verdict in a few words.

    Attributes:
        needed: what a verdict would need; "" if there is one.
    """

    label: str
    verdict: str
    tone: Tone
    sentence: str
    needed: str = ""


def overall_answers(gains: Mapping[str, JointGain]) -> tuple[OverallAnswer, ...]:
    """Return one answer per EH-FT strategy over tasks, or per strategy in a store without EH-FT."""
    head_starts = {label: gain for label, gain in gains.items() if label.startswith(HEAD_START_STRATEGY)}
    return tuple(_answer(label, gain) for label, gain in (head_starts or gains).items())


def _answer(label: str, joint: JointGain) -> OverallAnswer:
    verdict, tone = _verdict(joint)
    return OverallAnswer(
        label=label, verdict=verdict, tone=tone, sentence=_sentence(label, joint.gain), needed=_needed(joint, tone)
    )


def _verdict(joint: JointGain) -> tuple[str, Tone]:
    """Read the widest interval: over other tasks like these; with two tasks, over other seeds of these."""
    if joint.fewest_pairs < MIN_SEEDS_FOR_VERDICT:
        return Verdict.TOO_FEW_SEEDS.value, Tone.OPEN
    other = joint.gain.interval_for_other_tasks
    interval, scope = (other, "over tasks") if other else (joint.gain.interval_for_these_tasks, "on these tasks")
    if not interval.excludes(0.0):
        return f"{Verdict.NO_DIFFERENCE} {scope}", Tone.OPEN
    return (f"better {scope}", Tone.BETTER) if interval.low > 0 else (f"worse {scope}", Tone.WORSE)


def _needed(joint: JointGain, tone: Tone) -> str:
    """Say whether seeds or tasks are missing."""
    if tone is not Tone.OPEN:
        return ""
    if joint.fewest_pairs < MIN_SEEDS_FOR_VERDICT:
        return f"A verdict needs {MIN_SEEDS_FOR_VERDICT} paired seeds on every task."
    if joint.gain.interval_for_these_tasks.excludes(0.0):
        return "These tasks have a verdict; for others like them more tasks are needed, not more seeds."
    return "A verdict on these tasks needs more paired seeds; one on others like them needs more tasks."


def _sentence(label: str, gain: GainAcrossTasks) -> str:
    side = "above" if gain.mean >= 0 else "below"
    tasks = f"higher on {gain.wins}, equal on {gain.ties}, lower on {gain.losses}"
    text = (
        f"Over {plural(gain.num_tasks, 'task')}, {label} is {points(abs(gain.mean))} points {side} plain fine-tuning "
        f"on average ({tasks}); with other seeds {_range(gain.interval_for_these_tasks)}"
    )
    other = gain.interval_for_other_tasks
    return f"{text}, on other tasks like these {_range(other)}." if other is not None else f"{text}."


def _range(interval: Interval) -> str:
    return f"{signed_points(interval.low)} to {signed_points(interval.high)}"
