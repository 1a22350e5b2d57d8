"""The best model as a folder, with the records of the race in it and without the race's weights."""

from __future__ import annotations

import shutil
from pathlib import Path

from headstart.artifacts.folder_checks import RACE_FOLDER, RUN_FILE
from headstart.artifacts.new_folder import new_folder
from headstart.experiments.run_data import RunData
from headstart.experiments.stored_answers import StoredAnswers, joined_answers
from headstart.manifest import MANIFEST_FILE, Manifest
from headstart.search.find_best import Best, Search
from headstart.search.reported import reported_answers, with_reported_score
from headstart.search.trials import Use
from headstart.store.json_records import write_record
from headstart.store.record import RunRecord
from headstart.sweeps.card import write_card
from headstart.sweeps.export import answers_of, write_run
from headstart.sweeps.final_test import tested
from headstart.sweeps.thresholds import decided_out_of_fold, with_scores_out_of_fold
from headstart.sweeps.unused import find_unused, remove_unused
from headstart.temporary import PREFIX

LEFT_BEHIND = ("*.safetensors", "checkpoint*", "first-model", "rows", ".lock", f"{PREFIX}*")
"""What a race's store holds beside records and predictions."""


def write_best(search: Search, best: Best, out: Path, *, tunes_thresholds: bool = False) -> RunRecord:
    """Write the winner's folder, whole or not at all, score its table's test rows, and return its record.

    Several seeds of the winner become one model: the mean of their weights, which started from one head and backbone.

    Args:
        search: that found it; its store is copied into the folder without weights.
        best: none of its runs failed.
        out: new or empty.
        tunes_thresholds: whether those of the labels are tuned, on the rows of the score; this is then that of rows
            that were decided by thresholds of other rows.

    Raises:
        UsageError: if `out` is not empty.
    """
    run, *others = best.final
    data = RunData.of(run, search.trials.cache)
    with new_folder(out) as temporary:
        with search.executor_for([run]) as executor:
            held_out = _held_out(search, best)
            write_run(
                data,
                search.store,
                temporary,
                executor,
                averaged_with=others,
                held_out=held_out,
                tunes_thresholds=tunes_thresholds,
            )
        found = tested(data, temporary)
        record = with_reported_score(best, data, found.result if found else None)
        if tunes_thresholds and held_out is not None:
            held_out = decided_out_of_fold(held_out)
            record = with_scores_out_of_fold(record, held_out, data.task.kind) if best.scored is not None else record
        write_record(temporary / RUN_FILE, record)
        write_card(temporary, data, record, held_out, found)
        # A search that went on with another limit may have begun what its new plan does not ask for.
        remove_unused(search.store, find_unused(search.store, unfinished=True))
        shutil.copytree(search.store.root, temporary / RACE_FOLDER, ignore=shutil.ignore_patterns(*LEFT_BEHIND))
        _forget_what_is_left_behind(temporary / RACE_FOLDER)
    return record


def _forget_what_is_left_behind(race: Path) -> None:
    """Leave the checksums of the files that were copied, and as they were written in the race."""
    for path in race.rglob(MANIFEST_FILE):
        manifest = Manifest.read(path.parent)
        if manifest is not None:
            manifest.present(path.parent).write(path.parent)


def _held_out(search: Search, best: Best) -> StoredAnswers | None:
    """Return what the winner's way to train answered to rows that it did not learn from.

    Those are the rows that chose nothing; where there are none, the folds that it was tried on.
    """
    if best.scored_run is not None:
        return reported_answers(best, search.store, search.trials.cache)
    trials, taken = search.trials, best.result.taken
    tried = next(each for each in best.result.tried if each.name == taken.name)
    runs = [trials.run(taken, Use.TRIAL, fold, num_folds=best.plan.num_folds) for fold in tried.folds]
    found = [answers_of(run, search.store) for run in runs]
    return joined_answers([answers for answers in found if answers is not None])
