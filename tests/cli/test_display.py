"""What a person sees while runs go on: on a terminal, and in a log."""

from __future__ import annotations

import io
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from headstart.cli.display import sweep_display
from headstart.cli.standings import Standings, standing_text, standings_table
from headstart.cli.sweep_clock import SweepClock
from headstart.comparison.formats import MINUS, NOTHING, duration, error_line
from headstart.errors import UsageError
from headstart.experiments.experiment import Experiment, Run
from headstart.store.record import Purpose, RunRecord, RunStatus
from headstart.sweeps.executor import Event, SweepEvent
from headstart.training.callbacks import Progress
from tests.support.runs import SOURCE, tiny_choices, tiny_experiment
from tests.support.stores import fail, make_record

CheckpointMaker = Callable[..., Path]
SCORES = {"finetune": (0.70, 0.72), "lp_ft": (0.74, 0.75)}


@pytest.fixture
def experiments(tiny_checkpoint: CheckpointMaker) -> list[Experiment]:
    return [tiny_experiment(tiny_choices(tiny_checkpoint("bert"), name)) for name in SCORES]


@pytest.fixture
def runs(experiments: list[Experiment]) -> list[Run]:
    return [Run(each, seed, SOURCE) for seed in (0, 1) for each in experiments]


def ended(run: Run, status: RunStatus = RunStatus.FINISHED) -> SweepEvent:
    experiment = run.experiment
    record: RunRecord = make_record(
        experiment.label, run.seed, SCORES[experiment.label][run.seed], experiment=experiment.digest,
        task=experiment.task,
    )  # fmt: skip
    return SweepEvent(
        kind=Event.ENDED, run=run, record=record if status is RunStatus.FINISHED else fail(record, status)
    )


def steps(run: Run, number: int) -> list[SweepEvent]:
    stage = run.experiment.plan[0]
    return [
        SweepEvent(
            kind=Event.PROGRESS,
            run=run,
            progress=Progress(stage=stage.name, step=step, num_steps=stage.num_steps, loss=0.5),
        )
        for step in range(1, number + 1)
    ]


def shown(standings: Standings) -> list[list[str]]:
    console = Console(width=100, file=io.StringIO(), color_system=None)
    console.print(standings_table(standings.all()))
    return [line.split() for line in console.file.getvalue().splitlines()]


def test_standings_count_runs_and_take_means_and_differences(runs: list[Run]):
    standings = Standings(runs)
    assert shown(standings)[1:] == [
        ["tiny", "finetune", "0/2", NOTHING, NOTHING, NOTHING],
        ["tiny", "lp_ft", "0/2", NOTHING, NOTHING, NOTHING],
    ]
    for run in runs[:3]:
        standings.note(ended(run))
    assert shown(standings)[1:] == [
        ["tiny", "finetune", "2/2", "71.00", NOTHING, NOTHING],
        ["tiny", "lp_ft", "1/2", "74.00", "+4.00", NOTHING],
    ]
    standings.note(ended(runs[3]))
    assert shown(standings)[2][:5] == ["tiny", "lp_ft", "2/2", "74.50", "+3.50"]
    text = standing_text(standings.of(runs[3])).replace("\N{NO-BREAK SPACE}", " ")
    assert text == f"so far 74.50 over 2 seeds, +3.50 to plain fine-tuning [{MINUS}2.85, +9.85]"


def test_trials_that_choose_a_rate_are_no_strategy(runs: list[Run]):
    trial = Run(replace(runs[0].experiment, purpose=Purpose.SELECTION), 1_000_000, SOURCE)
    standings = Standings([])
    standings.note(SweepEvent(kind=Event.STARTED, run=trial))
    assert standings.all() == []
    assert standing_text(standings.of(trial)) == ""


def test_an_error_is_shown_by_the_line_that_says_what_went_wrong():
    assert (
        error_line(str(UsageError("the disk is full", remedy="  Then give the same command again.")))
        == "the disk is full"
    )
    try:
        raise RuntimeError("the disk is full")
    except RuntimeError:
        assert error_line(traceback.format_exc()) == "RuntimeError: the disk is full"
    assert error_line("") == ""


def test_failed_runs_are_counted_and_new_seeds_are_learned_of(runs: list[Run]):
    standings = Standings(runs)
    standings.note(ended(runs[1], RunStatus.DIVERGED))
    standings.note(SweepEvent(kind=Event.STARTED, run=Run(runs[1].experiment, 2, SOURCE)))
    assert shown(standings)[2][2:5] == ["1/3,", "1", "failed"]


def test_times_count_what_is_done_beside_the_updates(runs: list[Run], monkeypatch: pytest.MonkeyPatch):
    now = [0.0]
    monkeypatch.setattr("headstart.cli.sweep_clock.time.monotonic", lambda: now[0])
    clock = SweepClock({(run.experiment.digest, run.seed): run.experiment.num_steps for run in runs[:2]})
    first, second = runs[:2]

    def pass_through(run: Run) -> None:
        clock.note(SweepEvent(kind=Event.STARTED, run=run))
        now[0] += 7  # loading
        for stage in run.experiment.plan:
            for step in range(1, stage.num_steps + 1):
                now[0] += 2
                said = Progress(stage=stage.name, step=step, num_steps=stage.num_steps, loss=None)
                clock.note(SweepEvent(kind=Event.PROGRESS, run=run, progress=said))
        now[0] += 20  # evaluation

    num_steps, num_stages = first.experiment.num_steps, len(first.experiment.plan)
    pass_through(first)
    assert clock.remaining() == f"{duration(2 * num_steps)} of updates left, then the evaluation"
    assert clock.seconds(ended(first)) == 27 + 2 * num_steps
    clock.note(ended(first))
    # The first update of a stage cannot be told from what comes before it.
    assert clock.remaining() == f"{duration(2 * num_steps + 27 + 2 * num_stages)} left"
    pass_through(second)
    assert clock.remaining() == f"{duration(27 + 2 * num_stages)} left"
    clock.note(ended(second))
    assert clock.progress() == "2 of 2 runs"


def test_nothing_is_called_done_while_the_evaluation_goes_on(runs: list[Run]):
    clock = SweepClock({(runs[0].experiment.digest, 0): runs[0].experiment.num_steps})
    for event in steps(runs[0], runs[0].experiment.num_steps):
        clock.note(event)
    assert clock.remaining() == "updates done; evaluating and writing"
    assert clock.progress() == "0 of 1 runs, updates done; evaluating and writing"


def test_a_log_gets_plain_lines(runs: list[Run], capsys: pytest.CaptureFixture[str]):
    with sweep_display(runs, quiet=False) as listener:
        for run in runs:
            listener(SweepEvent(kind=Event.STARTED, run=run))
            for event in steps(run, 6):
                listener(event)
            listener(ended(run))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 8
    assert lines[0] == "tiny finetune seed 0: started"
    begin, _, end = lines[1].partition("\N{NO-BREAK SPACE}s; ")
    assert begin.startswith("✓ tiny finetune seed 0: accuracy 70.00 in ")
    assert end.startswith("so far 70.00 over 1 seed; 1 of 4 runs, ")
    assert lines[1].endswith(" left")
    assert "so far 74.00 over 1 seed, +4.00 to plain fine-tuning; 2 of 4 runs, " in lines[3]
    assert lines[7].endswith("; 4 of 4 runs")
    assert "\x1b" not in "".join(lines)


def test_a_terminal_gets_a_table_that_lives(runs: list[Run], monkeypatch: pytest.MonkeyPatch):
    stream = io.StringIO()

    def terminal(**_: object) -> Console:
        return Console(file=stream, force_terminal=True, width=100, height=40, color_system=None, highlight=False)

    monkeypatch.setattr("headstart.cli.display.TextConsole", terminal)
    with sweep_display(runs, quiet=False) as listener:
        for run in runs:
            listener(SweepEvent(kind=Event.STARTED, run=run))
            for event in steps(run, 6):
                listener(event)
            listener(ended(run))
    last = stream.getvalue().split("95 % interval")[-1]
    assert "71.00" in last
    assert "+3.50" in last
    assert "2/2" in last
    assert "all runs" in last
    assert stream.getvalue().count("✓ tiny lp_ft seed 1") == 1


def test_quiet_shows_nothing(runs: list[Run], capsys: pytest.CaptureFixture[str]):
    with sweep_display(runs, quiet=True) as listener:
        listener(ended(runs[0]))
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_runs_that_go_on_at_once_share_what_is_left(tiny_checkpoint: CheckpointMaker, monkeypatch: pytest.MonkeyPatch):
    """Two runs of 20 updates, of which every second is told; an update takes 2 seconds: 10 of each take 20 more."""
    now = [0.0]
    monkeypatch.setattr("headstart.cli.sweep_clock.time.monotonic", lambda: now[0])
    experiment = tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "finetune", steps=20))
    pair = [Run(experiment, seed, SOURCE) for seed in (0, 1)]
    clock = SweepClock({run.key: run.experiment.num_steps for run in pair})
    for run in pair:
        clock.note(SweepEvent(kind=Event.STARTED, run=run))
    for step in range(2, 11, 2):
        now[0] += 4
        for run in pair:
            said = Progress(stage="finetune", step=step, num_steps=20, loss=None)
            clock.note(SweepEvent(kind=Event.PROGRESS, run=run, progress=said))
    assert clock.steps_done(pair[0]) == 10
    assert clock.remaining() == f"{duration(20)} of updates left, then the evaluation"
