"""Devices and precisions by name."""

from __future__ import annotations

import pytest
import torch

from headstart.errors import UsageError
from headstart.hardware import computes_bf16, resolve_device, resolve_precision


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
