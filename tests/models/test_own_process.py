"""What a process of headstart's own does first."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import gc
import torch
from transformers.utils import logging
from headstart.models.own_process import prepare_process
before = len(gc.get_objects())
prepare_process()
after = len(gc.get_objects())
print(before, after, logging.get_verbosity() == logging.ERROR, logging.is_progress_bar_enabled())
"""


def test_libraries_are_no_longer_visited_and_transformers_is_quiet() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    before, after, says_errors_only, draws_bars = done.stdout.split()
    assert int(before) > 100_000
    assert int(after) < 1_000
    assert (says_errors_only, draws_bars) == ("True", "False")


TWICE = """
import gc, weakref
from headstart.models.own_process import prepare_process

class Model:
    pass

prepare_process()
model = Model()
model.itself = model
seen = weakref.ref(model)
prepare_process()
del model
gc.collect()
print(seen() is None)
"""


def test_what_was_made_since_is_still_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", TWICE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"]
