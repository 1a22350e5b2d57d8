"""Diagnostics against their formulas, written out in numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from headstart.training.diagnostics import angle, feature_change, flat, layer_distances, linear_cka
from headstart.training.energy import EnergyMeter


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
    meter = EnergyMeter.started(tmp_path)
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("3000000\n")
    (tmp_path / "intel-rapl:1" / "energy_uj").write_text("500000\n")
    assert meter.joules() == pytest.approx(2.0 + 1.5)


def test_without_counters_there_is_no_energy(tmp_path: Path) -> None:
    assert EnergyMeter.started(tmp_path).joules() is None
