"""What a launcher's processes do that are not the first: their part of each run that the first one has done."""

from __future__ import annotations

import logging
import os
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace

from headstart.errors import DivergedError
from headstart.experiments.run import take_part
from headstart.experiments.run_data import RunData, RunDataCache
from headstart.models.own_process import prepare_process
from headstart.process_state import process_state_kept
from headstart.sweeps.attempt import require_as_planned
from headstart.sweeps.order import Order
from headstart.training.data_parallel import Ranks


def do_parts(ranks: Ranks) -> None:
    """Do this process's part of all runs that the first process has done, until it lets the others go.

    Nothing is printed, and nothing is written but temporary folders and caches.

    Raises:
        LostProcessError: if another process does not answer any more.
    """
    prepare_process()
    cache = RunDataCache()
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        logging.disable(logging.WARNING)
        while (order := ranks.hear()) is not None:
            _do_part(order, cache, ranks)
    ranks.first_ends()  # Who closes a connection before may cut off the first one's last word.


def _do_part(order: Order, cache: RunDataCache, ranks: Ranks) -> None:
    data, folder = RunData.of(order.run, cache), order.store.run_folder(*order.run.key)
    with process_state_kept():
        require_as_planned(data)
        try:
            take_part(data, folder, replace(order.options, trackers=()), ranks)
        except DivergedError:  # All processes see it, and the first one records it.
            return
