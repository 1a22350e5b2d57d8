"""From a measured speed and the time that is left to the plan of a race. The clock decides nothing after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from headstart.search.trials import Candidate, RacePlan, Rung

FIRST_ROUND_SHARE = 0.6
"""Of the time for trials goes to the first round at most."""
FINAL_SHARE = 0.5
"""A candidate whose last training would take more of the time than this is trained for less long, or left out."""
LEAST_SHORTENED, LEAST_OF_FEW, FEW_UPDATES = 0.25, 0.5, 75
"""No candidate is trained for less than the first share of its length: it would not show what it can do. Where that is
fewer than so many updates, the share is larger, up to the second."""
MAX_AVERAGED = 3
"""Seeds of the winner whose weights are averaged at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds that a candidate is expected to take.

    Attributes:
        trial: on all folds but one.
        end: all training rows and their score, and then all rows there are.
        again: one more seed on all rows.
        fixed: of each run, whatever its updates: loading, checking, writing.
        num_updates: of a trial.
    """

    trial: float
    end: float
    again: float
    fixed: float
    num_updates: int

    @property
    def least_share(self) -> float:
        """The share of its length that a candidate is trained for at least."""
        return min(LEAST_OF_FEW, max(LEAST_SHORTENED, FEW_UPDATES / max(1, self.num_updates)))

    def shortened(self, factor: float) -> Cost:
        """Return the cost with `factor` times the updates."""

        def of(seconds: float, runs: int) -> float:
            return runs * self.fixed + factor * max(0.0, seconds - runs * self.fixed)

        return replace(self, trial=of(self.trial, 1), end=of(self.end, 2), again=of(self.again, 1))


def plan_race(
    candidates: Sequence[Candidate],
    costs: Mapping[str, Cost],
    *,
    limit: float,
    left: float,
    num_folds: int,
    jobs: int = 1,
) -> RacePlan:
    """Return the plan of a race.

    All that there is time for are tried on the first fold, in the order of preference; the better half goes on to the
    second one, the best two to the others. Where even the one of the first rank does not fit, all of them are trained
    for less long.

    Args:
        candidates: in the order of preference.
        costs: of each candidate, by its name.
        limit: seconds of the whole call.
        left: of it for trials and the last training.
        num_folds: of the training rows.
        jobs: trials at once; the last training is one.

    Source: Jamieson and Talwalkar (AISTATS 2016), "Non-stochastic Best Arm Identification", for successive halving; the
    resource here is folds, so that every trial learns from all other folds and every class is in each of them.
    """
    factor = _shortening(candidates, costs, left)
    candidates = [_shortened(candidate, factor) for candidate in candidates]
    costs = {name: cost.shortened(factor) for name, cost in costs.items()}
    taken = _first_round(candidates, costs, left, jobs)
    rungs = _rounds(taken, costs, left, num_folds, jobs)
    end, again = _end(taken, costs), max(costs[each.name].again for each in taken)
    unused = left - end - _seconds(taken, costs, rungs, jobs)
    return RacePlan(
        seconds=limit,
        num_folds=num_folds,
        candidates=tuple(taken),
        rungs=tuple(rungs),
        final_seeds=1 + min(MAX_AVERAGED - 1, int(max(0.0, unused) // again)) if again > 0 else 1,
        left_out=tuple(each.name for each in candidates if each not in taken),
        end=end,
    )


def _shortening(candidates: Sequence[Candidate], costs: Mapping[str, Cost], left: float) -> float:
    """Return by how much all candidates are trained for less long, so that the preferred one fits."""
    first = min((each for each in candidates if each.epochs is not None), key=lambda each: each.rank, default=None)
    if first is None:
        return 1.0
    cost = costs[first.name]
    updates = cost.trial + cost.end - 3 * cost.fixed
    room = left - 3 * cost.fixed - sum(costs[each.name].trial for each in candidates if each.epochs is None)
    return 1.0 if updates <= room else max(cost.least_share, room / updates)


def _shortened(candidate: Candidate, factor: float) -> Candidate:
    return candidate if candidate.epochs is None else replace(candidate, epochs=factor * candidate.epochs)


def _first_round(candidates: Sequence[Candidate], costs: Mapping[str, Cost], left: float, jobs: int) -> list[Candidate]:
    """Return the candidates that are tried at all: those without updates, and what there is time for.

    Where that is nobody it is the preferred one, whatever time it takes: there is no other model.
    """
    taken = [each for each in candidates if each.epochs is None]
    for candidate in sorted(candidates, key=lambda each: each.rank):
        if candidate.epochs is None:
            continue
        chosen = [*taken, candidate]
        room = left - _end(chosen, costs)
        is_only = not any(each.epochs is not None for each in taken)
        share = 1.0 if is_only else FIRST_ROUND_SHARE
        fits = _at_once([costs[each.name].trial for each in chosen], jobs) <= share * room
        if fits and (is_only or costs[candidate.name].end <= FINAL_SHARE * left):
            taken = chosen
    return [each for each in candidates if each in taken] or [min(candidates, key=lambda each: each.rank)]


def _rounds(
    taken: Sequence[Candidate], costs: Mapping[str, Cost], left: float, num_folds: int, jobs: int
) -> list[Rung]:
    """Return the rounds after which there is still time for the end, whoever gets that far."""
    rungs = [Rung(num_candidates=len(taken), folds=(0,))]
    num_left, next_fold = len(taken), 1
    while num_left > 1 and next_fold < num_folds:
        num_left = max(2, (num_left + 1) // 2)
        folds = (next_fold,) if num_left > 2 else tuple(range(next_fold, num_folds))
        while folds:
            wider = [*rungs, Rung(num_candidates=num_left, folds=folds)]
            if _seconds(taken, costs, wider, jobs) + _end(taken, costs) <= left:
                rungs = wider
                break
            folds = folds[:-1]
        if not folds or num_left == 2:
            break
        next_fold = folds[-1] + 1
    return rungs


def _seconds(taken: Sequence[Candidate], costs: Mapping[str, Cost], rungs: Sequence[Rung], jobs: int) -> float:
    """Return what rounds take at most: where the most expensive candidates go on."""
    trials = sorted((costs[each.name].trial for each in taken), reverse=True)
    return sum(_at_once(len(rung.folds) * trials[: rung.num_candidates], jobs) for rung in rungs)


def _at_once(seconds: Sequence[float], jobs: int) -> float:
    """Return what trials take at most of which so many go on at once, in whatever order.

    Source: Graham (1966), "Bounds for Certain Multiprocessing Anomalies".
    """
    return (sum(seconds) + (jobs - 1) * max(seconds, default=0.0)) / jobs


def _end(taken: Sequence[Candidate], costs: Mapping[str, Cost]) -> float:
    return max((costs[each.name].end for each in taken), default=0.0)
