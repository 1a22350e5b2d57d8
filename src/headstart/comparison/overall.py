"""What all tasks together allow to say."""

from __future__ import annotations

from collections.abc import Sequence
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


def overall_answers(gains: Sequence[JointGain]) -> tuple[OverallAnswer, ...]:
    """Return one answer per EH-FT strategy and model over tasks, or per strategy in a store without EH-FT."""
    head_starts = [joint for joint in gains if joint.label.startswith(HEAD_START_STRATEGY)]
    chosen = head_starts or list(gains)
    names_models = len({joint.model for joint in chosen}) > 1
    return tuple(_answer(joint, f"{joint.label}, {joint.model}" if names_models else joint.label) for joint in chosen)


def _answer(joint: JointGain, name: str) -> OverallAnswer:
    verdict, tone = _verdict(joint.gain)
    return OverallAnswer(
        label=name,
        verdict=verdict,
        tone=tone,
        sentence=_sentence(joint, name),
        needed=_needed(joint.gain) if tone is Tone.OPEN else "",
    )


def _verdict(gain: GainAcrossTasks) -> tuple[str, Tone]:
    """Say it of other tasks like these where there are enough of them, else of these."""
    other = gain.verdict_for_other_tasks
    verdict, scope = (gain.verdict, "on these tasks") if other is None else (other, "over tasks")
    if verdict.is_too_few or verdict is Verdict.SEEDS_CHANGE_NOTHING:
        return verdict.value, Tone.OPEN
    tones = {Verdict.BETTER: Tone.BETTER, Verdict.WORSE: Tone.WORSE}
    return f"{verdict} {scope}", tones.get(verdict, Tone.OPEN)


def _needed(gain: GainAcrossTasks) -> str:
    """Say whether seeds or tasks are missing."""
    if gain.verdict.is_too_few:
        unit = "folds" if gain.verdict is Verdict.TOO_FEW_FOLDS else "paired seeds"
        return f"A verdict needs {MIN_SEEDS_FOR_VERDICT} {unit} that all tasks share."
    if gain.verdict in (Verdict.BETTER, Verdict.WORSE):
        return "These tasks have a verdict; for others like them more tasks are needed, not more seeds."
    return "A verdict on these tasks needs more paired seeds; one on others like them needs more tasks."


def _sentence(joint: JointGain, name: str) -> str:
    gain = joint.gain
    side = "above" if gain.mean >= 0 else "below"
    tasks = f"higher on {gain.wins}, equal on {gain.ties}, lower on {gain.losses}"
    text = (
        f"Over {plural(gain.num_tasks, 'task')}, {name} is {points(abs(gain.mean))} points {side} {joint.baseline} "
        f"on average ({tasks})"
    )
    ranges = [
        ("with other seeds", gain.interval_for_these_tasks),
        ("on other tasks like these", gain.interval_for_other_tasks),
    ]
    said = [f"{where} {_range(interval)}" for where, interval in ranges if interval is not None]
    return f"{text}; {', '.join(said)}." if said else f"{text}."


def _range(interval: Interval) -> str:
    return f"{signed_points(interval.low)} to {signed_points(interval.high)}"
