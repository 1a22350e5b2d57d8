"""Energy while something runs, where the hardware tells."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

POWERCAP = Path("/sys/class/powercap")
MICROJOULES, MILLIJOULES = 1e-6, 1e-3


@dataclass(frozen=True, slots=True)
class EnergyMeter:
    """Counts from the moment it is made; without counters it counts nothing.

    The counters are those of the processor packages (Intel RAPL and compatible ones) and, where the work is on a
    GPU, that GPU's own (NVML, through the package `nvidia-ml-py`). They count all that the hardware does, not this
    process alone. What cannot be read is left out of the sum.
    """

    counters: tuple[Callable[[], float], ...] = ()

    @classmethod
    def started(cls, device: str = "cpu", root: Path = POWERCAP) -> EnergyMeter:
        """Return a meter that counts from now on; `root` is the folder of the processors' counters."""
        return cls((*_packages(root), *(_gpu() if device == "cuda" else ())))

    def joules(self) -> float | None:
        """Return what was used so far; None where the hardware does not tell."""
        try:
            return sum(joules() for joules in self.counters) if self.counters else None
        except (OSError, ValueError, RuntimeError):
            return None


def _since_now(read: Callable[[], int], unit: float, range: int | None = None) -> Callable[[], float]:
    """Return what counts joules from now on; a counter that starts again from 0 does so after `range`."""
    start = read()
    return lambda: (read() - start if range is None else (read() - start) % range) * unit


def _packages(root: Path) -> Iterator[Callable[[], float]]:
    for folder in sorted(root.glob("*-rapl:[0-9]")):
        try:
            limit = int((folder / "max_energy_range_uj").read_text())
            yield _since_now(partial(_number_in, folder / "energy_uj"), MICROJOULES, limit + 1)
        except (OSError, ValueError):
            continue


def _number_in(file: Path) -> int:
    return int(file.read_text())


def _gpu() -> tuple[Callable[[], float], ...]:
    """Return the counter of the GPU that torch works on; empty where NVML or the GPU offers no counter."""
    try:
        nvml: Any = importlib.import_module("pynvml")
    except ImportError:
        return ()
    try:
        nvml.nvmlInit()
        handle = nvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties().uuid}")

        def read() -> int:
            try:
                return int(nvml.nvmlDeviceGetTotalEnergyConsumption(handle))
            except nvml.NVMLError as error:
                raise OSError(str(error)) from error

        return (_since_now(read, MILLIJOULES),)
    except (OSError, nvml.NVMLError):
        return ()
