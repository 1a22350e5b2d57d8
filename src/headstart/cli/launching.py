"""A call in several processes of a launcher: the first one is the command, the others take part in its run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from headstart.cli.flags import error_in_flags
from headstart.cli.plain_text import say
from headstart.errors import UsageError
from headstart.launcher import Launched, launched
from headstart.shares import num_gpus

if TYPE_CHECKING:
    from headstart.experiments.experiment import Experiment

VERB = "fit"


def run_launched(command: Callable[[], None]) -> None:
    """Run the command line where this process is alone or the first of a launcher's; else take part in its run.

    Raises:
        SystemExit: with 1 if a part could not be done.
    """
    started = launched()
    if started is None:
        command()
        return
    from headstart.training.data_parallel import together

    with together(started) as ranks:
        if ranks.is_first:
            command()
            return
        from headstart.sweeps.attempt import in_words
        from headstart.sweeps.taking_part import do_parts

        try:
            do_parts(ranks)
        except KeyboardInterrupt:  # The first one says it.
            sys.exit(1)
        except Exception as error:
            if not ranks.first_ends():
                words = error_in_flags(in_words(error))
                say(f"headstart: process {ranks.rank} of {ranks.size}: {words}", file=sys.stderr)
            sys.exit(1)


def check_verb(verb: str) -> None:
    """Refuse a launcher's processes for a verb that has nothing for them to do.

    Raises:
        UsageError: if there are several, and the verb does not train one model.
    """
    started = launched()
    if started is None or verb == VERB:
        return
    way_on = "; its `jobs` and `executor` ray do several runs at once" if verb == "compare" else ""
    raise UsageError(
        f"{verb} was started in {started.size} processes: a launcher's are for `headstart {VERB}`",
        remedy=f"  Call it without the launcher{way_on}.",
    )


def check_no_launcher(started: Launched | None) -> None:
    """Refuse a search for the best model in a launcher's processes.

    Raises:
        UsageError: if there are several.
    """
    if started is not None:
        raise UsageError(
            f"`strategy` auto was started in {started.size} processes: a launcher's train one model together",
            remedy="  Name a `strategy`, or leave the launcher out: `jobs` has several trials at once.",
        )


def check_fit(started: Launched | None, experiment: Experiment, *, diagnostics: bool) -> None:
    """Refuse a fit that a launcher's processes cannot do together.

    Raises:
        UsageError: if the loss of a stage compares all rows of a batch, training is private, diagnostics are wanted, or
            there is no device on this machine for each process.
    """
    if started is None:
        return
    alone = "  Call `headstart` without the launcher, in one process on one device."
    for stage in experiment.plan:
        if stage.loss is not None:
            raise UsageError(
                f"the loss of stage {stage.name!r} compares all rows of a batch: processes that have a part of them "
                "each cannot compute it together",
                remedy=alone,
            )
    if experiment.training.privacy is not None:
        raise UsageError("private training draws its rows and its noise in one process", remedy=alone)
    if diagnostics:
        raise UsageError(
            f"`diagnostics` measure the energy and the memory of one process, and {started.size} train together",
            remedy="  Leave it out.",
        )
    if started.local_size != started.size:
        raise UsageError(
            "a launcher's processes are on several machines: one model is trained on the devices of one",
            remedy="  Start all of them on one machine.",
        )
    if experiment.training.device == "cuda" and (number := num_gpus()) < started.size:
        raise UsageError(
            f"{started.size} processes need as many GPUs, and there are {number} here",
            remedy="  Start as many processes as there are GPUs, or give `device` cpu.",
        )


def device_line(started: Launched | None, device: str) -> str | None:
    """Return on which of the devices here one model is trained; None where there is but one."""
    if started is not None:
        return f"{started.size} processes train together: each computes its rows of every batch"
    if device == "cuda" and (number := num_gpus()) > 1:
        return (
            f"on one of the {number} GPUs here: `torchrun --nproc-per-node {number} -m headstart fit ...` trains one "
            f"model on all of them, and `compare ... --jobs {number}` has a run on each"
        )
    return None


def trials_line(device: str, jobs: int) -> str | None:
    """Return on how many of the GPUs here a search has its trials; None where there is but one, or each has one."""
    number = num_gpus() if device == "cuda" else 0
    if number > jobs:
        return f"on {jobs} of the {number} GPUs here: `--jobs {number}` has a trial on each"
    return None
