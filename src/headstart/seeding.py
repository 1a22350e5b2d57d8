"""One root seed, many independent named streams.

Every random choice draws from a stream of its own, named by what it decides, never from a shared generator: so two
strategies at one root seed get the same fresh head and the same data order, whatever else they draw.

Streams: `head_init`, `adapter_init`, `data_order/<role>/<epoch>`, `dropout/<role>/<step>`, `subsample`, `fit_folds`,
`out_of_fold`. Of several processes that train one model together all but the first have `dropout/<role>/<step>/<rank>`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from headstart.process_state import alone

if TYPE_CHECKING:
    import numpy


def derive_seed(root_seed: int, stream: str) -> int:
    """Return the seed of the named stream: the first four bytes of SHA-256 over root seed and name, in [0, 2^32)."""
    digest = hashlib.sha256(f"{root_seed}/{stream}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def numpy_generator(root_seed: int, stream: str) -> numpy.random.Generator:
    """Return a NumPy generator on the named stream."""
    import numpy

    return numpy.random.default_rng(derive_seed(root_seed, stream))


@contextmanager
def torch_stream(seed: int) -> Iterator[None]:
    """Run a block with torch's global generators (CPU and current accelerator) at `seed`; restore them afterwards.

    Other threads that want them wait.
    """
    import torch

    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    with alone(), torch.random.fork_rng(devices=devices):
        seed_torch(seed)
        yield


def seed_torch(seed: int) -> None:
    """Seed torch's generators on the CPU and, where CUDA is in use, on its devices.

    The numbers are those of `torch.manual_seed`, which also notes down the seed, with the whole call stack, for every
    kind of device that may be used one day: milliseconds before each update, and a seed that comes up later elsewhere.
    """
    import torch

    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
