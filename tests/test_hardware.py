"""Devices and precisions by name."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from headstart.errors import UsageError
from headstart.hardware import FEW_SPINS, computes_bf16, resolve_device, resolve_precision

TORCH_AFTER_A_VERB = """
import contextlib, sys
from headstart.cli.main import main

sys.argv = ["headstart", "tasks"]
with contextlib.suppress(SystemExit):
    main()
import torch
"""


def test_a_device_is_taken_by_name_or_found(monkeypatch: pytest.MonkeyPatch) -> None:
    for is_there, found in ((False, "cpu"), (True, "cuda")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda is_there=is_there: is_there)
        assert resolve_device() == found
        assert resolve_device("cpu") == "cpu"
    assert resolve_device("cuda") == "cuda"


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match=r"no GPU here(.|\n)*Leave `device` out"):
        resolve_device("cuda")
    with pytest.raises(UsageError, match="unknown device 'gpu'"):
        resolve_device("gpu")


@pytest.mark.parametrize(
    ("capability", "bf16", "amx", "expected"),
    [
        ("AVX512", True, False, True),
        ("AVX512", False, True, True),
        ("AVX512", False, False, False),
        ("AVX2", True, True, False),
    ],
)
def test_a_cpu_computes_bf16_where_it_has_instructions_for_it(
    capability: str, bf16: bool, amx: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bf16)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert computes_bf16("cpu") == expected
    assert resolve_precision("auto", "cpu") == ("bf16" if expected else "fp32")
    assert resolve_precision("bf16", "cpu") == "bf16"


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(UsageError, match="'fp8'"):
        resolve_precision("fp8", "cpu")


@pytest.mark.skipif(sys.platform != "linux", reason="torch has GNU OpenMP on Linux")
@pytest.mark.parametrize(
    ("given", "spins"), [({}, FEW_SPINS), ({"GOMP_SPINCOUNT": "7"}, 7), ({"OMP_WAIT_POLICY": "passive"}, 0)]
)
def test_threads_of_a_verb_sleep_soon_unless_told_otherwise(given: dict[str, str], spins: int) -> None:
    """What torch's OpenMP says of itself when it is loaded."""
    others = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    ran = subprocess.run(
        [sys.executable, "-c", TORCH_AFTER_A_VERB],
        env=others | given | {"OMP_DISPLAY_ENV": "verbose"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"GOMP_SPINCOUNT = '{spins}'" in ran.stderr
