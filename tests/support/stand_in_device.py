"""A device that is not there: everything is computed on the CPU, and what meets across devices is still an error.

Memory that was sent to "cuda", and what is computed from it, is remembered. A call in which such a tensor meets an
ordinary one raises, as it would on a GPU; `.cpu()` leads back, by a copy. Views, parameters and results in place share
their memory and so their device; a gradient is on its parameter's. What would let the processor wait for a GPU is noted
down.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from accelerate.state import AcceleratorState
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils._foreach_utils import _group_tensors_by_device_and_dtype
from torch.utils._pytree import tree_leaves

CUDA = torch.device("cuda", 0)
MOVES = (torch.Tensor.to, torch.Tensor.cuda, torch.Tensor.cpu)
MEETS_ANYTHING = (
    *(torch.Tensor.copy_, torch.Tensor.data.__set__, torch.Tensor.grad.__set__),
    torch._has_compatible_shallow_copy_type,
)
ON_CPU_ONLY = (torch.Tensor.numpy, torch.Tensor.__array__)
LOOKS = (
    *(torch.Tensor.item, torch.Tensor.tolist, torch.Tensor.__bool__, torch.Tensor.__int__, torch.Tensor.__float__),
    *(torch.Tensor.__index__, torch.Tensor.nonzero, torch.nonzero, torch.masked_select, torch.Tensor.masked_select),
    *(torch.unique, torch.Tensor.unique, torch.equal, torch.Tensor.equal, torch.allclose),
)
"""What needs the numbers themselves, or has as many results as these say."""
PICKS = (torch.Tensor.__getitem__, torch.Tensor.__setitem__)


class StandInDevice(TorchFunctionMode):
    """Inside the block, "cuda" is a device of its own. Memory is remembered weakly: it lives no longer for it."""

    def __init__(self) -> None:
        super().__init__()
        self._memory: set[StorageWeakRef] = set()
        self._enough, self._is_in_backward = 1000, False
        self.waits: list[str] = []

    def holds(self, tensor: torch.Tensor) -> bool:
        """Whether a tensor is on the device."""
        return tensor.layout is torch.strided and StorageWeakRef(tensor.untyped_storage()) in self._memory

    def grouped(self, tensors: list[list[torch.Tensor]]) -> dict[Any, Any]:
        """Return tensors by device and dtype, as torch does below Python, where nobody sees the stand-in."""
        found = _group_tensors_by_device_and_dtype(tensors)
        return {
            (CUDA if self.holds(each[0][0]) else place, dtype): (each, numbers)
            for (place, dtype), (each, numbers) in found.items()
        }

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call `func`, and place what it gives where a GPU's would be."""
        kwargs = dict(kwargs or {})
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        here = [tensor for tensor in given if self.holds(tensor)]
        if func == torch.Tensor.device.__get__:
            return CUDA if here else func(*args)
        if func == torch.Tensor.is_cuda.__get__:
            return bool(here)
        if here and (func in LOOKS or self._repeats_by_numbers(func, kwargs)):
            self.waits.append(resolve_name(func) or str(func))
        if func is torch.Tensor.pin_memory:
            return torch.Tensor.clone(args[0])
        if func in ON_CPU_ONLY and here:
            raise RuntimeError(f"{resolve_name(func)}: the tensor is on the device")
        if func in MOVES:
            return self._moved(func, args, kwargs)
        if func is torch.Tensor.backward:
            return self._backward(args, kwargs, is_here=bool(here))
        if func not in MEETS_ANYTHING and not self._is_in_backward:
            self._require_one_device(func, args, given, here)
        is_made_here = bool(here) or self._is_in_backward
        if kwargs.get("device") is not None:
            is_made_here = torch.device(kwargs["device"]).type == "cuda"
            kwargs["device"] = "cpu" if is_made_here else kwargs["device"]
            if is_made_here and func in (torch.tensor, torch.as_tensor):
                self.waits.append("made of numbers")
        result = func(*args, **kwargs)
        if is_made_here and func not in MEETS_ANYTHING:
            self._remember(result)
        return result

    def _backward(self, args: Any, kwargs: dict[str, Any], *, is_here: bool) -> None:
        """Let hooks see the device too: what autograd hands to them it made by itself, where the loss is."""
        self._is_in_backward = is_here
        try:
            with self:
                torch.autograd.backward(*args, kwargs.pop("gradient", None), **kwargs)
        finally:
            self._is_in_backward = False

    def _moved(self, func: Any, args: Any, kwargs: dict[str, Any]) -> torch.Tensor:
        """Return a tensor with its new dtype, in memory of its own where the device changes."""
        tensor, is_here = args[0], self.holds(args[0])
        device, dtype = {torch.Tensor.cuda: CUDA, torch.Tensor.cpu: torch.device("cpu")}.get(func), None
        wants_copy, may_come_later = kwargs.pop("copy", False), kwargs.get("non_blocking", False)
        if func is torch.Tensor.to:
            device, dtype, *_ = torch._C._nn._parse_to(*args[1:], **kwargs)
            if isinstance(next(iter(args[1:]), None), torch.Tensor):
                device = CUDA if self.holds(args[1]) else args[1].device
        if device is not None and device.type == "meta":
            return tensor.to(device, dtype)
        changes = device is not None and (device.type == "cuda") != is_here
        if changes and (is_here or not may_come_later):
            self.waits.append("sent to the CPU" if is_here else "sent to the device")
        result = tensor.to(dtype or tensor.dtype, copy=wants_copy or changes)
        if is_here != changes:
            self._remember(result)
        return result

    def _repeats_by_numbers(self, func: Any, kwargs: dict[str, Any]) -> bool:
        repeats = (torch.repeat_interleave, torch.Tensor.repeat_interleave)
        return func in repeats and kwargs.get("output_size") is None

    def _require_one_device(self, func: Any, args: Any, given: list[torch.Tensor], here: list[torch.Tensor]) -> None:
        elsewhere = [tensor for tensor in given if not self.holds(tensor) and tensor.dim() > 0]
        picks = func in PICKS and self.holds(args[0])
        if here and elsewhere and not picks:
            shapes = ", ".join(f"{'device' if self.holds(t) else 'cpu'} {list(t.shape)}" for t in given)
            raise RuntimeError(f"{resolve_name(func) or func}: tensors on two devices: {shapes}")

    def _remember(self, result: Any) -> None:
        if len(self._memory) > self._enough:
            self._memory = {memory for memory in self._memory if not memory.expired()}
            self._enough = 2 * len(self._memory) + 1000
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor) and leaf.layout is torch.strided:
                self._memory.add(StorageWeakRef(leaf.untyped_storage()))


@contextmanager
def stand_in_gpu(*, num_devices: int = 1) -> Iterator[StandInDevice]:
    """Let torch say that it has GPUs, the first of which is the stand-in, as libraries ask before they use one."""
    said: dict[str, Any] = {
        "is_available": True,
        "is_initialized": False,
        "device_count": num_devices,
        "current_device": 0,
        "get_device_capability": (8, 0),
        "get_device_name": "stand-in",
        "max_memory_allocated": 1,
    }
    done = ("set_device", "reset_peak_memory_stats", "empty_cache", "synchronize", "manual_seed_all")
    answers = said | dict.fromkeys(done)
    with ExitStack() as stack:
        for name, answer in answers.items():
            stack.enter_context(patch.object(torch.cuda, name, lambda *_args, _answer=answer, **_kwargs: _answer))
        stack.enter_context(patch("torch.cuda.random.get_rng_state", lambda *_: torch.zeros(16, dtype=torch.uint8)))
        stack.enter_context(patch("torch.cuda.random.set_rng_state", lambda *_: None))
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", "'pin_memory' argument is set as true but no accelerator")
        AcceleratorState._reset_state(reset_partial_state=True)
        stack.callback(AcceleratorState._reset_state, reset_partial_state=True)
        device = StandInDevice()
        stack.enter_context(patch("torch.nn.utils.clip_grad._group_tensors_by_device_and_dtype", device.grouped))
        yield stack.enter_context(device)
