"""When checkpoints are written: often where that is quick, and never more than a fiftieth of the time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from transformers import TrainerControl, TrainerState

from headstart.training import callbacks
from headstart.training.callbacks import TimedCheckpoints


@dataclass
class Clock:
    """Stands still but where it is told how long something took."""

    now: float = 0.0

    def monotonic(self) -> float:
        return self.now


def saved_at(seconds: float, cost: float, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the updates, of 1 s each, after which there was a checkpoint."""
    clock = Clock()
    monkeypatch.setattr(callbacks, "time", clock)
    timed, found = TimedCheckpoints(folder, seconds), []
    for step in range(1, 401):
        clock.now += 1.0
        state, control = TrainerState(global_step=step, max_steps=400), TrainerControl()
        timed.on_step_end(None, state, control)
        if control.should_save:
            checkpoint = folder / f"checkpoint-{step}"
            checkpoint.mkdir()
            (checkpoint / "optimizer.pt").write_text("state")
            clock.now += cost
            timed.on_save(None, state, control)
            found.append(step)
            assert [path.name for path in folder.glob("checkpoint-*")] == [checkpoint.name]
    return found


@pytest.mark.parametrize(
    ("seconds", "cost", "expected"),
    [
        (120.0, 0.5, [12, *range(37, 400, 25)]),  # 25 s of work for half a second of writing
        (120.0, 4.0, [12, 132, 252, 372]),  # never later than after 120 s
        (0.0, 4.0, list(range(1, 400))),  # after every update but the last
        (float("inf"), 0.5, []),
    ],
)
def test_quick_checkpoints_are_written_often(
    seconds: float, cost: float, expected: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert saved_at(seconds, cost, tmp_path, monkeypatch) == expected
