"""What a race came to, as its store keeps it: held against the records of its trials."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path

import pytest

from headstart.artifacts.folder_checks import RACE_FOLDER
from headstart.errors import DamageError, UsageError
from headstart.experiments.experiment import TaskSource
from headstart.search.best_folder import write_best
from headstart.search.decisions import write_decision
from headstart.search.find_best import Best, plan_file
from headstart.search.outcome import OUTCOME_FILE, is_store_of_search, read_outcome
from headstart.search.trials import ON_FOLD
from headstart.store.local import LocalStore
from tests.search.support import PLAN, search_of, trials_of
from tests.support.runs import tiny_rows


@pytest.fixture(scope="module")
def found(tiny_checkpoint: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Best, Path]:
    folder = tmp_path_factory.mktemp("outcome")
    path = folder / "rows.csv"
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in tiny_rows(40)))
    source = TaskSource(name="rows.csv", file=str(path))
    search = search_of(trials_of(tiny_checkpoint("bert"), source), folder / "m.unfinished")
    search.store.mark()
    write_decision(search.store.root / plan_file(1), PLAN)
    best = search.find()
    write_best(search, best, folder / "m")
    return best, folder / "m" / RACE_FOLDER


def test_the_outcome_is_what_the_records_of_the_trials_say(found: tuple[Best, Path]) -> None:
    best, race = found
    outcome = read_outcome(race)
    assert is_store_of_search(race)
    assert (outcome.task, outcome.metric) == ("rows.csv", "accuracy")
    assert [each.name for each in outcome.tried] == [each.name for each in PLAN.candidates]
    trials = [record for record in LocalStore(race).records() if record.reported_split == ON_FOLD]
    for each, candidate in zip(outcome.tried, PLAN.candidates, strict=True):
        own = [record for record in trials if record.strategy == str(candidate.strategy)]
        assert each.num_folds == len(own) == 2
        assert each.score == pytest.approx(statistics.mean(record.scores["accuracy"] for record in own))
        assert each.seconds == pytest.approx(sum(record.seconds for record in own))
        assert each.num_updates == own[0].num_steps
    assert [each.name for each in outcome.tried if each.is_chosen] == [best.result.taken.name]
    assert outcome.reason == best.result.reason


def test_a_race_that_is_not_over_or_was_damaged_is_refused(found: tuple[Best, Path], tmp_path: Path) -> None:
    _, race = found
    for name in (OUTCOME_FILE, "checksums.json", plan_file(1)):
        (tmp_path / name).write_bytes((race / name).read_bytes())
    outcome = tmp_path / OUTCOME_FILE
    outcome.write_text(outcome.read_text().replace("rows.csv", "rows.tsv"))
    with pytest.raises(DamageError):
        read_outcome(tmp_path)
    outcome.unlink()
    with pytest.raises(DamageError, match=OUTCOME_FILE):
        read_outcome(tmp_path)
    (tmp_path / "checksums.json").unlink()
    assert is_store_of_search(tmp_path), "an older headstart noted no more than its plans"
    with pytest.raises(UsageError, match="not what its race came to"):
        read_outcome(tmp_path)
