"""Diagnostics against their formulas, written out in numpy."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from headstart.registry import Spec
from headstart.training import peak_memory as memory
from headstart.training.diagnostics import angle, feature_change, flat, layer_distances, linear_cka
from headstart.training.energy import EnergyMeter
from tests.support.other_architectures import make_other_checkpoint
from tests.support.runs import data_of, tiny_choices, tiny_experiment


def features(seed: int, num_rows: int = 12, size: int = 5) -> torch.Tensor:
    return torch.randn(num_rows, size, generator=torch.Generator().manual_seed(seed))


def test_feature_change_is_the_sum_of_distances() -> None:
    before, after = features(0), features(1)
    expected = np.sqrt(((after.numpy() - before.numpy()) ** 2).sum(axis=1)).sum()
    assert feature_change(before, after) == pytest.approx(expected, rel=1e-6)
    assert feature_change(before, before) == 0.0


def test_linear_cka_is_the_alignment_of_centred_gram_matrices() -> None:
    """Kornblith et al. (2019), equations 2 to 4, through the n x n Gram matrices: another way than the code's."""
    first, second = features(0).double().numpy(), features(1, size=7).double().numpy()
    centre = np.eye(12) - np.ones((12, 12)) / 12
    k, m = (centre @ (each @ each.T) @ centre for each in (first, second))
    expected = np.trace(k @ m) / np.sqrt(np.trace(k @ k) * np.trace(m @ m))
    assert linear_cka(torch.from_numpy(first), torch.from_numpy(second)) == pytest.approx(expected, rel=1e-10)


def test_linear_cka_knows_no_rotation_scale_or_shift() -> None:
    first = features(0)
    rotation, _ = torch.linalg.qr(features(2, num_rows=5))
    assert linear_cka(first, 3 * first @ rotation + 1) == pytest.approx(1.0, abs=1e-6)
    assert linear_cka(first, torch.ones(12, 5)) is None


def test_angles() -> None:
    assert angle(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0])) == pytest.approx(90.0)
    assert angle(torch.tensor([1.0, 1.0]), torch.tensor([2.0, 2.0])) == pytest.approx(0.0, abs=1e-3)
    assert angle(torch.zeros(2), torch.ones(2)) is None


def test_flat_goes_by_name() -> None:
    assert flat({"b": torch.tensor([3.0]), "a": torch.tensor([[1.0], [2.0]])}).tolist() == [1.0, 2.0, 3.0]


def test_layer_distances_by_hand() -> None:
    before = {
        "bert.embeddings.weight": torch.tensor([3.0, 4.0]),
        "bert.encoder.layer.0.weight": torch.tensor([1.0]),
        "bert.encoder.layer.0.bias": torch.tensor([0.0]),
        "bert.encoder.layer.1.weight": torch.tensor([2.0]),
        "bert.pooler.weight": torch.tensor([1.0]),
    }
    after = before | {
        "bert.embeddings.weight": torch.tensor([3.0, 9.0]),
        "bert.encoder.layer.0.weight": torch.tensor([1.3]),
        "bert.encoder.layer.0.bias": torch.tensor([0.4]),
    }
    found = layer_distances(before, after)
    assert list(found) == ["embeddings", "layer 0", "layer 1", "above"]
    assert found == pytest.approx({"embeddings": 1.0, "layer 0": 0.5, "layer 1": 0.0, "above": 0.0})


def test_energy_is_counted_over_all_packages_and_past_the_counters_end(tmp_path: Path) -> None:
    for number, (start, limit) in enumerate(((1_000_000, 9_999_999), (9_000_000, 9_999_999))):
        folder = tmp_path / f"intel-rapl:{number}"
        folder.mkdir()
        (folder / "energy_uj").write_text(f"{start}\n")
        (folder / "max_energy_range_uj").write_text(f"{limit}\n")
    meter = EnergyMeter.started(root=tmp_path)
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("3000000\n")
    (tmp_path / "intel-rapl:1" / "energy_uj").write_text("500000\n")
    assert meter.joules() == pytest.approx(2.0 + 1.5)


def test_without_counters_there_is_no_energy(tmp_path: Path) -> None:
    assert EnergyMeter.started(root=tmp_path).joules() is None


def test_the_energy_of_a_gpu_is_its_own_counter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NVML counts millijoules; the GPU is the one that torch works on, found by its UUID."""
    counted = iter((5_000, 12_500))
    asked = []

    def handle_of(uuid: str) -> str:
        asked.append(uuid)
        return "handle"

    nvml = SimpleNamespace(
        NVMLError=type("NVMLError", (Exception,), {}),
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=handle_of,
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: next(counted),
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda: SimpleNamespace(uuid="ab-12"))
    assert EnergyMeter.started("cuda", tmp_path).joules() == pytest.approx(7.5)
    assert asked == ["GPU-ab-12"]
    assert EnergyMeter.started("cpu", tmp_path).joules() is None

    def refuse(handle: str) -> int:
        raise nvml.NVMLError

    nvml.nvmlDeviceGetTotalEnergyConsumption = refuse
    assert EnergyMeter.started("cuda", tmp_path).joules() is None


@pytest.mark.skipif(not memory.CLEAR.exists(), reason="the peak can be counted anew on Linux only")
def test_the_peak_of_memory_is_counted_anew() -> None:
    ballast = torch.ones(50_000_000)
    largest = memory.peak_memory("cpu")
    del ballast
    memory.reset_peak_memory("cpu")
    assert memory.peak_memory("cpu") < largest - 150_000_000


def test_without_proc_the_peak_is_the_largest_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "STATUS", tmp_path / "none")
    monkeypatch.setattr(memory, "CLEAR", tmp_path / "no" / "folder")
    memory.reset_peak_memory("cpu")
    assert memory.peak_memory("cpu") > 10_000_000


@pytest.mark.parametrize("head", ["linear", "linear:pooling=mean", "mlp:pooling=last"])
@pytest.mark.parametrize("architecture", ["bert", "t5"])
def test_the_features_are_what_the_head_reads(
    head: str, architecture: str, tiny_checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    checkpoint = make_other_checkpoint(tmp_path, "t5") if architecture == "t5" else tiny_checkpoint(architecture)
    choices = tiny_choices(checkpoint, "finetune", head=Spec.parse(head))
    experiment = tiny_experiment(choices)
    model = data_of(experiment).load_classifier().model.eval()
    read: list[torch.Tensor] = []
    model.head.register_forward_hook(lambda _module, inputs, _output: read.append(inputs[0].detach().clone()))
    found = data_of(experiment).sample.snapshot(model)
    assert len(torch.cat(read)) == len(found.features) == 24
    distances = torch.cdist(torch.cat(read).cpu(), found.features)
    assert distances.amin(dim=0).max() < 1e-4 < distances.median()
