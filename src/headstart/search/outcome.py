"""What a race came to: written into its store when it is over, and read by whoever reports on that store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from headstart.errors import UsageError
from headstart.manifest import require_whole
from headstart.reports.fit.facts import RaceFacts, Tried
from headstart.search.decisions import write_decision
from headstart.store.json_records import read_record
from headstart.store.layout import ASKED_FILE

if TYPE_CHECKING:
    from headstart.search.race import RaceResult
    from headstart.search.race import Tried as TriedCandidate
    from headstart.search.trials import RacePlan, Trials

OUTCOME_FILE = "outcome.json"
PLANS = "plan-*.json"
SEARCH_AGAIN = "  Give `headstart fit` again as before: the race is run again."


def outcome_of(plan: RacePlan, result: RaceResult, trials: Trials) -> RaceFacts:
    """Return what is said of a race."""
    task = trials.data.task
    return RaceFacts(
        task=task.name,
        model=trials.asked.model.model,
        metric=task.main_metric,
        tried=tuple(_tried(each, plan, result) for each in result.tried),
        reason=result.reason,
        out_of_time=plan.out_of_time,
    )


def is_store_of_search(root: Path) -> bool:
    """Whether the runs in a store are those of a search; an older headstart noted its plans alone."""
    return (root / ASKED_FILE).is_file() or any(root.glob(PLANS))


def require_no_search(root: Path) -> None:
    """Refuse a store of a search that is not over, for a training that would remove it at its end.

    Raises:
        UsageError: naming the store.
    """
    if is_store_of_search(root):
        raise UsageError(
            f"{root} holds an unfinished search, with all that it has tried",
            remedy=f"  Leave `strategy` out, as before, to finish it; or name another folder, or remove {root}.",
        )


def write_outcome(root: Path, outcome: RaceFacts) -> None:
    """Write it into the store of its search."""
    write_decision(root / OUTCOME_FILE, outcome)


def read_outcome(root: Path) -> RaceFacts:
    """Return what the race in a search's store came to.

    Raises:
        UsageError: if nothing is noted: it is not over, or an older headstart ran it.
        DamageError: if it is not as it was written.
        CheckpointError: if it is something else.
    """
    path = root / OUTCOME_FILE
    require_whole(root, [OUTCOME_FILE], remedy=SEARCH_AGAIN)
    if not path.is_file():
        raise UsageError(
            f"{root} holds the trials of a search, and not what its race came to: it is not over, or an older "
            "headstart ran it",
            remedy="  Give an unfinished `headstart fit` again, and it goes on. The race of a finished one stands in "
            "the page\n  beside its model, MODEL.report.html.",
        )
    return read_record(RaceFacts, path)


def _tried(tried: TriedCandidate, plan: RacePlan, result: RaceResult) -> Tried:
    return Tried(
        name=tried.name,
        trained_by=plan.named(tried.name).words,
        score=tried.score,
        num_folds=len(tried.folds),
        num_rows=tried.num_rows,
        num_updates=tried.num_steps,
        seconds=tried.seconds,
        is_chosen=tried.name == result.taken.name,
        note=tried.problem,
    )
