"""What happens around a stage's updates: streams of randomness, logs, checkpoints, progress, arriving gradients."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState

from headstart.adapters.adapter import UpdateHooks
from headstart.atomic_files import remove, write_json
from headstart.errors import CheckpointError, InvariantError
from headstart.safe_files import read_json
from headstart.seeding import derive_seed, seed_torch
from headstart.store.metrics_log import MetricsLog
from headstart.training.regularisers.regulariser import RegularisedStage
from headstart.training.stage_length import StageLength

CHECKPOINT_FILE = "checkpoint.json"
TIMES_THEIR_COST = 50
"""After a checkpoint: for how many times as long as it took the next one can wait."""
_CHECKPOINT_NAME = re.compile(r"checkpoint-\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a stage stands; `loss` is the latest logged mean training loss in nats, None before the first log."""

    stage: str
    step: int
    num_steps: int
    loss: float | None


ProgressListener = Callable[[Progress], None]


class DropoutStream(TrainerCallback):
    """Reseed torch before each update from the stream `dropout/<role>/<step>`.

    A stream per update makes a resumed stage equal to an uninterrupted one whatever was drawn in between, and pairs
    strategies update by update. Of several processes that train together each draws for rows of its own, so all but the
    first have streams of their own: `dropout/<role>/<step>/<rank>`.
    """

    def __init__(self, root_seed: int, role: str, rank: int = 0) -> None:
        self._root_seed, self._role, self._of_rank = root_seed, role, f"/{rank}" if rank else ""

    def on_step_begin(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        """Seed the update that begins."""
        seed_torch(derive_seed(self._root_seed, f"dropout/{self._role}/{state.global_step}{self._of_rank}"))


class AfterUpdate(TrainerCallback):
    """Call an adapter's hooks after each update, while gradients are still there."""

    def __init__(self, hooks: UpdateHooks) -> None:
        self._hooks = hooks

    def on_optimizer_step(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        """Tell them the number of the update, from 0."""
        self._hooks.after_update(state.global_step)


class AfterRegularisedUpdate(TrainerCallback):
    """Let a stage's regulariser look at the weights after each update."""

    def __init__(self, regularised: RegularisedStage) -> None:
        self._regularised = regularised

    def on_optimizer_step(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        """Tell it the number of the update, from 0."""
        self._regularised.after_update(state.global_step)


class EndEarly(TrainerCallback):
    """End a stage once its rule holds."""

    def __init__(self, length: StageLength) -> None:
        self._length = length

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Ask the rule."""
        if self._length.is_over():
            control.should_training_stop = True


class ProgressReport(TrainerCallback):
    """Pass each update on to a listener."""

    def __init__(self, stage: str, listener: ProgressListener) -> None:
        self._stage, self._listener = stage, listener

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Say how far the stage is."""
        losses = [entry["loss"] for entry in state.log_history[-2:] if "loss" in entry]
        loss = losses[-1] if losses else None
        self._listener(Progress(stage=self._stage, step=state.global_step, num_steps=state.max_steps, loss=loss))


NUM_LOG_ENTRIES, FEWEST_LOG_ENTRIES = 100, 10
"""Of a stage, where it has as many updates: on a CPU, and at least where each entry makes a GPU wait."""
UPDATES_BETWEEN_LOOKS = {"cpu": 1, "cuda": 16}
"""From one look at losses to the next: the processor waits for a GPU's numbers, and meanwhile starts nothing there."""


def updates_per_entry(num_steps: int, device: str) -> int:
    """Return how many updates an entry of a stage's log speaks of."""
    further_apart = min(UPDATES_BETWEEN_LOOKS[device], num_steps // FEWEST_LOG_ENTRIES)
    return max(1, num_steps // NUM_LOG_ENTRIES, further_apart)


class LogMetrics(TrainerCallback):
    """Pass each log entry on to the stage's log: loss (nats), accuracy, learning_rate, grad_norm.

    The accuracy is the share of right answers on the training batches since the entry before, null where the task has
    no single right class; the gradient's norm is the last batch's, before it is clipped. Where a regulariser adds to
    the loss, `penalty` is the mean of what it added since the entry before.
    """

    fields = ("loss", "accuracy", "learning_rate", "grad_norm")
    optional_fields = ("penalty",)

    def __init__(self, log: MetricsLog) -> None:
        self._log = log

    def on_train_begin(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        """Keep the lines of the updates that are not done again."""
        self._log.begin(state.global_step)

    def on_log(
        self, args: Any, state: TrainerState, control: Any, logs: dict[str, float] | None = None, **kwargs: Any
    ) -> None:
        """Write one line."""
        if logs is not None and "loss" in logs:
            added = [name for name in self.optional_fields if name in logs]
            self._log.write(state.global_step, {name: logs.get(name) for name in (*self.fields, *added)})


class TimedCheckpoints(TrainerCallback):
    """Save a checkpoint whenever it is time, record its hashes, and keep only the newest.

    At most `seconds` lie between two. Less do where they are written quickly, so that a killed run loses little: they
    may take a fiftieth of the time. The first, after a tenth of `seconds`, shows how long one takes.

    Trainer's optimiser and random-state files are the one pickle format here. They are read back only when their
    SHA-256 is the one recorded in `checkpoint.json`, written last: a half-written or foreign checkpoint is ignored.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder, self._most = folder, seconds
        self._pause = seconds / 10
        self._began = self._last = time.monotonic()

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Ask for a checkpoint when it is time, but not at the end, where the stage itself is stored."""
        self._began = time.monotonic()
        due = self._began - self._last >= self._pause
        if due and state.global_step < state.max_steps and not control.should_training_stop:
            control.should_save = True

    def on_save(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Record the new checkpoint, then drop older ones."""
        checkpoint = self._folder / f"checkpoint-{state.global_step}"
        write_json(self._folder / CHECKPOINT_FILE, {"folder": checkpoint.name, "files": _file_hashes(checkpoint)})
        for other in self._folder.glob("checkpoint-*"):
            if other != checkpoint:
                remove(other)
        self._last = time.monotonic()
        self._pause = min(self._most, TIMES_THEIR_COST * (self._last - self._began))


def trusted_checkpoint(folder: Path) -> Path | None:
    """Return the checkpoint in `folder` whose files have the recorded hashes, else None."""
    try:
        values = read_json(folder / CHECKPOINT_FILE)
        name = str(values.get("folder"))
        # A name that leads elsewhere is nobody's checkpoint.
        is_ours = _CHECKPOINT_NAME.fullmatch(name) is not None and not (folder / name).is_symlink()
        return folder / name if is_ours and _file_hashes(folder / name) == values.get("files") else None
    except (OSError, CheckpointError):
        return None


def _file_hashes(folder: Path) -> dict[str, str]:
    hashes = {}
    for path in sorted(folder.iterdir()):
        if not path.is_file():  # A pipe would be read for ever.
            hashes[path.name] = ""
            continue
        with path.open("rb") as file:
            hashes[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes


class GradientsArrive:
    """Hold a stage to what it declared: by `warmup + 20` updates every group has had a non-zero gradient.

    Groups are the head, each layer's adapter and each block of the backbone; inside head and adapter every tensor
    counts.
    """

    grace_steps = 20

    def __init__(
        self,
        stage: str,
        groups: Mapping[str, str],
        strict_groups: tuple[str, ...],
        *,
        excused: frozenset[str] = frozenset(),
        behind_zero: frozenset[str] = frozenset(),
        num_steps: int,
        num_warmup_steps: int,
        updates_are_delayed: bool = False,
    ) -> None:
        """Watch `groups` (parameter name -> group); in groups that start with a strict prefix each tensor counts.

        Those that are `excused` need no gradient. Those `behind_zero` need none where updates are delayed, or where the
        stage is too short for others to leave zero first.
        """
        self._stage, self._groups, self._strict = stage, dict(groups), strict_groups
        self._deadline = min(num_warmup_steps + self.grace_steps, num_steps)
        zeros_may_stay = updates_are_delayed or self._deadline < num_warmup_steps + 3
        self._excused = excused | behind_zero if zeros_may_stay else excused
        self._waiting = set(groups)
        self._arrived: set[str] = set()
        self._largest: dict[str, torch.Tensor] = {}
        self._num_looks = 0
        self.seconds = 0.0

    def look(self, model: torch.nn.Module, step: int) -> None:
        """Look at the gradients of update `step` (from 0) that are still waited for.

        The numbers themselves are read after looks 1, 2, 4, 8, ... and at the deadline, since reading makes a GPU wait.

        Raises:
            InvariantError: at the deadline, naming the tensors that never had one.
        """
        begin = time.perf_counter()
        if self._waiting and step < self._deadline:
            for name, parameter in model.named_parameters():
                if name in self._waiting and parameter.grad is not None:
                    largest = parameter.grad.detach().abs().max()
                    before = self._largest.get(name, largest)
                    self._largest[name] = torch.maximum(before, largest)
            self._num_looks += 1
            if self._num_looks.bit_count() == 1:
                self._read()
            if step + 1 == self._deadline:
                self._judge()
        self.seconds += time.perf_counter() - begin

    def _read(self) -> None:
        """Cross off what has arrived, by one transfer for all tensors."""
        values = torch.stack(list(self._largest.values())).tolist() if self._largest else []
        arrived = {name for name, value in zip(self._largest, values, strict=True) if value != 0.0}
        self._waiting -= arrived
        self._arrived |= {self._groups[name] for name in arrived}
        self._largest.clear()

    def close(self, num_steps: int) -> None:
        """Judge a stage that ended after `num_steps` updates, before the deadline.

        Raises:
            InvariantError: naming the tensors that never had a gradient.
        """
        if num_steps < self._deadline:
            self._deadline = num_steps
            self._judge()

    def _judge(self) -> None:
        self._read()
        missing = self._waiting - self._excused
        silent_groups = {self._groups[name] for name in missing} - self._arrived
        silent = sorted(
            name
            for name in missing
            if self._groups[name] in silent_groups or self._groups[name].startswith(self._strict)
        )
        if silent:
            raise InvariantError(
                f"stage {self._stage}: after {self._deadline} updates these trainable tensors never had a gradient:\n  "
                + "\n  ".join(silent)
            )
