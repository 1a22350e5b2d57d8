"""What a whole process shares, such as its random generators: a call of the library leaves it as it found it.

Trainer, accelerate and the loaders change such state as they work. It belongs to whoever called, and to all threads at
once, so there is one guard around every entry that trains or loads, and one lock that lets such entries wait for each
other.
"""

from __future__ import annotations

import logging
import os
import random
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from headstart.launcher import forget_launcher

Restore = Callable[[], None]

ACCELERATE_STATES = ("PartialState", "AcceleratorState", "GradientState")
ACCELERATE_VARIABLES = "ACCELERATE_"
"""What `accelerate launch` says of its caller's training: a training of ours has its own precision and device."""


class _Lock:
    """A lock that a thread may take again. The child of a fork gets a new one: other threads do not live on in it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self.lock = threading.RLock()


_LOCK = _Lock()

_IN_USE: WeakKeyDictionary[object, threading.Lock] = WeakKeyDictionary()
"""What several threads use in turn, each with a lock of its own."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_IN_USE.clear)


@contextmanager
def in_turn(thing: object) -> Iterator[None]:
    """Let no other thread use a thing inside the block, such as a tokenizer, which each call changes for itself.

    It is for short blocks: who predicts waits here for who predicts with the same model, not for a training.
    """
    with _IN_USE.setdefault(thing, threading.Lock()):
        yield


@contextmanager
def alone() -> Iterator[None]:
    """Let no other thread into a block that changes what the process shares, until this one has left its own."""
    with _LOCK.lock:
        yield


@contextmanager
def process_state_kept() -> Iterator[None]:
    """Run a block alone, with state of its own, and leave the process as it was.

    Kept are the generators of Python, NumPy and torch (of CUDA too, where there is a GPU), accelerate's shared state,
    the environment, levels of loggers, filters of warnings, and torch's switches: threads, default dtype, determinism,
    precision of matrix products and gradients. Inside the block accelerate knows of no other training, the default
    dtype is fp32, and gradients are computed.
    """
    import torch

    with alone(), ExitStack() as stack:
        for keep in KEPT:
            stack.callback(keep())
        stack.enter_context(warnings.catch_warnings())
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        torch.set_default_dtype(torch.float32)
        _forget_other_trainings()
        yield


def _has_usable_gpu() -> bool:
    """Whether CUDA answers here; in the child of a fork it does not, where the parent had used it."""
    import torch

    return torch.cuda.is_available() and not torch.cuda._is_in_bad_fork()


def _generators() -> Restore:
    import numpy
    import torch

    python, numpy_state, torch_state = random.getstate(), numpy.random.get_state(), torch.random.get_rng_state()
    # A GPU's generators are read before its first use, too: what seeds them by then would stay.
    cuda_states = torch.cuda.get_rng_state_all() if _has_usable_gpu() else []

    def restore() -> None:
        random.setstate(python)
        numpy.random.set_state(numpy_state)
        torch.random.set_rng_state(torch_state)
        if cuda_states:
            torch.cuda.set_rng_state_all(cuda_states)

    return restore


def _accelerate() -> Restore:
    # The dictionaries themselves are shared by everything that accelerate made, so they are filled anew, not replaced.
    before = {name: dict(shared) for name, shared in _shared_by_accelerate().items()}

    def restore() -> None:
        for name, shared in _shared_by_accelerate().items():
            shared.clear()
            shared.update(before.get(name, {}))

    return restore


def _shared_by_accelerate() -> dict[str, dict[str, Any]]:
    """Return what accelerate shares by the name of its class; nothing before accelerate is imported."""
    module = sys.modules.get("accelerate.state")
    return {name: getattr(module, name)._shared_state for name in ACCELERATE_STATES} if module is not None else {}


def _forget_other_trainings() -> None:
    for shared in _shared_by_accelerate().values():
        shared.clear()
    for name in [name for name in os.environ if name.startswith(ACCELERATE_VARIABLES)]:
        del os.environ[name]
    forget_launcher()


def _environment() -> Restore:
    before = dict(os.environ)

    def restore() -> None:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update({name: value for name, value in before.items() if os.environ.get(name) != value})

    return restore


def _log_levels() -> Restore:
    named = logging.Logger.manager.loggerDict.values()
    loggers = [logging.getLogger(), *(each for each in named if isinstance(each, logging.Logger))]
    before = [(logger, logger.level, logger.propagate, logger.disabled) for logger in loggers]

    def restore() -> None:
        for logger, level, propagate, disabled in before:
            if logger.level != level:
                logger.setLevel(level)
            logger.propagate, logger.disabled = propagate, disabled

    return restore


def _progress_bars() -> Restore:
    module = sys.modules.get("transformers.utils.logging")
    if module is None:
        return lambda: None
    wanted = module.is_progress_bar_enabled()
    return lambda: module.enable_progress_bar() if wanted else module.disable_progress_bar()


def _torch_switches() -> Restore:
    import torch

    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    cudnn = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    device = torch.cuda.current_device() if _has_usable_gpu() else None

    def restore() -> None:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = cudnn
        if device is not None:
            torch.cuda.set_device(device)

    return restore


@contextmanager
def product_precision_kept() -> Iterator[None]:
    """Leave the precision of fp32 products as it was after a block: Trainer sets TF32 for good."""
    restore = _product_precision()
    try:
        yield
    finally:
        restore()


def _product_precision() -> Restore:
    import torch

    before, products = [(switch, switch.fp32_precision) for switch in _precision_switches()], _matmul_precision()

    def restore() -> None:
        for switch, precision in before:
            if switch.fp32_precision != precision:
                switch.fp32_precision = precision
        if products is not None and _matmul_precision() != products:
            torch.set_float32_matmul_precision(products)

    return restore


def _precision_switches() -> list[Any]:
    """Return torch's switches for the precision of fp32 products, the one that others follow first; none before 2.9."""
    import torch

    backends: Any = torch.backends
    if not hasattr(backends, "fp32_precision"):
        return []
    return [
        *(backends, backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn),
        *(backends.mkldnn.matmul, backends.mkldnn.conv, backends.mkldnn.rnn),
    ]


def _matmul_precision() -> str | None:
    """Return what torch's older switch says; None where it does not answer, since a newer one says something else."""
    import torch

    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:
        return None


KEPT: tuple[Callable[[], Restore], ...] = (
    _generators,
    _accelerate,
    _environment,
    _log_levels,
    _progress_bars,
    _torch_switches,
    _product_precision,
)
"""What is kept: each reads a part of the process's state and returns what sets it back."""
