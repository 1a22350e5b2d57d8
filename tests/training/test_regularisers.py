"""Each regulariser against the formula of its paper, on small networks whose gradients are known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.func import functional_call

from headstart.registry import Spec
from headstart.training.regularisers.catalogue import REGULARISERS, build_regulariser
from headstart.training.regularisers.child_tuning import fisher_information, largest_share
from headstart.training.regularisers.mixout import mix
from headstart.training.regularisers.regulariser import RegularisedStage, StageView

NUM_DRAWS = 20_000


class Layered(nn.Module):
    """Embeddings, three layers and a head, named as transformers names them."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = nn.Linear(4, 4)
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(nn.Linear(4, 4) for _ in range(3))})
        self.dropout = nn.Dropout(0.5)
        self.classifier = nn.Linear(4, 2)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        hidden = self.dropout(self.embeddings(inputs))
        for layer in self.encoder["layer"]:
            hidden = torch.tanh(layer(hidden))
        logits: torch.Tensor = self.classifier(hidden)
        return logits


def loss_of(model: nn.Module, batch: dict[str, Any]) -> torch.Tensor:
    return nn.functional.cross_entropy(model(batch["inputs"]), batch["labels"])


def batches() -> Iterator[dict[str, Any]]:
    generator = torch.Generator().manual_seed(3)
    for _ in range(3):
        labels = torch.randint(0, 2, (8,), generator=generator)
        yield {"inputs": torch.randn(8, 4, generator=generator), "labels": labels}


def view(folder: Path, num_steps: int = 60, *, as_adapter: bool = False) -> StageView:
    torch.manual_seed(0)
    model = Layered()
    names = tuple(name for name, _ in model.named_parameters() if not name.startswith("classifier"))
    return StageView(
        model=model,
        backbone=() if as_adapter else names,
        adapter=names if as_adapter else (),
        num_steps=num_steps,
        folder=folder,
        batches=batches,
        loss=loss_of,
    )


def started(spec: str, seen: StageView) -> RegularisedStage:
    return build_regulariser(Spec.parse(spec)).start(seen)


def backward(seen: StageView) -> dict[str, torch.Tensor]:
    """Leave the gradient of the first batch, dropout off, on the model, and return a copy."""
    seen.model.eval()
    seen.model.zero_grad()
    loss_of(seen.model, next(batches())).backward()
    return {name: p.grad.clone() for name, p in seen.model.named_parameters() if p.grad is not None}


def with_gradient(seen: StageView) -> set[str]:
    return {name for name, p in seen.model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("name", REGULARISERS.names())
def test_a_regulariser_leaves_values_and_mode_of_the_model_as_they_are(name: str, tmp_path: Path) -> None:
    seen = view(tmp_path)
    before = {key: tensor.clone() for key, tensor in seen.model.state_dict().items()}
    stage = started(name, seen)
    assert seen.model.training
    assert with_gradient(seen) == set()
    stage.end()
    assert all(torch.equal(tensor, before[key]) for key, tensor in seen.model.state_dict().items())
    assert seen.model.dropout.p == 0.5  # type: ignore[union-attr]


def test_mixouts_expected_weight_is_the_trained_weight() -> None:
    """Lee et al. (2020), equation 5: the mean over masks, within four standard errors."""
    torch.manual_seed(0)
    probability, trained, start = 0.7, torch.tensor([2.0, -1.0, 0.5]), torch.tensor([1.0, 1.0, 0.0])
    draws = mix(trained.expand(NUM_DRAWS, 3), start.expand(NUM_DRAWS, 3), probability)
    error = draws.std(dim=0) / NUM_DRAWS**0.5
    assert torch.all((draws.mean(dim=0) - trained).abs() < 4 * error)
    values = {round(value, 4) for value in draws[:, 0].tolist()}
    assert values == {round((1.0 - 0.7) / 0.3, 4), round((2.0 - 0.7) / 0.3, 4)}


def test_mixout_at_probability_zero_and_at_the_start_is_the_plain_model(tmp_path: Path) -> None:
    seen = view(tmp_path)
    inputs = next(batches())["inputs"]
    seen.model.eval()
    plain = seen.model(inputs)
    at_start = functional_call(seen.model, dict(started("mixout", seen).weights()), inputs)
    assert torch.allclose(at_start, plain, atol=1e-5)
    stage = started("mixout:probability=0", seen)
    for parameter in seen.model.parameters():
        parameter.data.add_(0.1)
    assert torch.equal(functional_call(seen.model, dict(stage.weights()), inputs), seen.model(inputs))


def test_mixout_is_about_the_backbones_linear_maps_and_hands_their_gradient_on(tmp_path: Path) -> None:
    seen = view(tmp_path)
    weights = dict(started("mixout", seen).weights())
    assert set(weights) == {name for name in seen.backbone if name.endswith("weight")}
    functional_call(seen.model, weights, next(batches())["inputs"]).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in seen.parameters(tuple(weights)).values())


def test_mixout_switches_the_backbones_dropout_off_alone(tmp_path: Path) -> None:
    seen = view(tmp_path)
    model = nn.ModuleDict({"bert": seen.model, "dropout": nn.Dropout(0.3)})
    names = tuple(f"bert.{name}" for name in seen.backbone)
    stage = started(
        "mixout",
        StageView(model=model, backbone=names, adapter=(), num_steps=5, folder=tmp_path, batches=batches, loss=loss_of),
    )
    assert (seen.model.dropout.p, model["dropout"].p) == (0.0, 0.3)  # type: ignore[union-attr]
    stage.end()
    assert seen.model.dropout.p == 0.5  # type: ignore[union-attr]


def test_task_free_child_tunings_expected_gradient_is_the_plain_gradient(tmp_path: Path) -> None:
    """Xu et al. (2021), section 2.2: within four standard errors, over many masks of one gradient."""
    seen = view(tmp_path)
    stage = started("child_tuning_f:fraction=0.3", seen)
    plain = backward(seen)
    name = "encoder.layer.1.weight"
    parameter = dict(seen.model.named_parameters())[name]
    draws = []
    for _ in range(2_000):
        parameter.grad = plain[name].clone()
        stage.on_gradients(0)
        draws.append(parameter.grad.clone())
    masked = torch.stack(draws)
    error = masked.std(dim=0) / len(draws) ** 0.5
    assert torch.all((masked.mean(dim=0) - plain[name]).abs() < 4 * error)
    kept = float((masked != 0).float().mean())
    assert kept == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("variant", ["child_tuning_f", "child_tuning_d"])
def test_child_tuning_leaves_head_and_embeddings_alone(variant: str, tmp_path: Path) -> None:
    seen = view(tmp_path)
    stage = started(f"{variant}:fraction=0.3", seen)
    plain = backward(seen)
    stage.on_gradients(0)
    changed = {name for name, p in seen.model.named_parameters() if not torch.equal(p.grad, plain[name])}  # type: ignore[arg-type]
    assert changed
    assert all(name.startswith("encoder") for name in changed)


def test_the_fisher_information_is_the_mean_squared_gradient_of_batches(tmp_path: Path) -> None:
    seen = view(tmp_path)
    name = "encoder.layer.2.weight"
    parameter = dict(seen.model.named_parameters())[name]
    seen.model.eval()
    squares = [torch.autograd.grad(loss_of(seen.model, batch), parameter)[0] ** 2 for batch in batches()]
    seen.model.train()
    found = fisher_information(seen, {name: parameter})
    assert torch.allclose(found[name], torch.stack(squares).mean(dim=0), rtol=1e-5)


def test_task_driven_child_tuning_keeps_the_largest_fisher_information(tmp_path: Path) -> None:
    seen = view(tmp_path)
    names = tuple(name for name in seen.backbone if name.startswith("encoder"))
    fisher = fisher_information(seen, seen.parameters(names))
    everything = torch.cat([fisher[name].flatten() for name in names])
    stage = started("child_tuning_d:fraction=0.25", seen)
    backward(seen)
    stage.on_gradients(0)
    parameters = seen.parameters(names)
    kept = torch.cat([(parameters[name].grad != 0).flatten() for name in names])  # type: ignore[arg-type]
    assert int(kept.sum()) == round(0.25 * everything.numel()) == 15
    assert everything[kept].min() > everything[~kept].max()


def test_the_largest_share_counts_exactly() -> None:
    values = {"a": torch.tensor([0.5, 0.1]), "b": torch.tensor([0.9, 0.3])}
    assert largest_share(values, 0.5) == 0.5
    assert largest_share(values, 1.0) == pytest.approx(0.1)
    assert largest_share(values, 0.01) == pytest.approx(0.9)


def test_gradual_unfreezing_goes_from_the_top_to_the_embeddings(tmp_path: Path) -> None:
    """Three layers and the embeddings join at updates 10, 20, 30 and 40 of 80 when half of them is the schedule."""
    seen = view(tmp_path, num_steps=80)
    stage = started("gradual_unfreezing:fraction=0.5", seen)
    joined = {}
    for step in (0, 9, 10, 20, 30, 39, 40, 79):
        backward(seen)
        stage.on_gradients(step)
        joined[step] = {name.rpartition(".")[0] for name in with_gradient(seen)}
    top = ["classifier", "encoder.layer.2", "encoder.layer.1", "encoder.layer.0", "embeddings"]
    assert joined == {
        step: set(top[:count]) for step, count in ((0, 1), (9, 1), (10, 2), (20, 3), (30, 4), (39, 4), (40, 5), (79, 5))
    }


@pytest.mark.parametrize(("name", "as_adapter"), [("gradual_unfreezing", False), ("fisher_unfreezing", True)])
def test_with_the_fewest_updates_everything_trains_and_with_one_less_it_does_not(
    name: str, as_adapter: bool, tmp_path: Path
) -> None:
    backbone = view(tmp_path).backbone
    fewest = build_regulariser(Spec(name)).fewest_steps(backbone)
    for num_steps, is_enough in ((fewest, True), (fewest - 1, False)):
        (tmp_path / str(num_steps)).mkdir()
        seen = view(tmp_path / str(num_steps), num_steps, as_adapter=as_adapter)
        stage = started(f"{name}:fraction=1", seen)
        trained = set()
        for step in range(num_steps):
            backward(seen)
            stage.on_gradients(step)
            trained |= with_gradient(seen)
        assert (trained >= set(backbone)) == is_enough


def test_fisher_unfreezing_lets_the_most_informative_layer_join_first(tmp_path: Path) -> None:
    seen = view(tmp_path, num_steps=40, as_adapter=True)
    stage = started("fisher_unfreezing:fraction=0.5", seen)
    plain = backward(seen)
    traces = {
        f"encoder.layer.{n}": float(
            sum(plain[f"encoder.layer.{n}.{part}"].square().sum() for part in ("weight", "bias"))
        )
        for n in range(3)
    }
    by_trace = sorted(traces, key=lambda path: -traces[path])
    for step, count in ((0, 1), (9, 1), (10, 2), (20, 3), (39, 3)):
        backward(seen)
        stage.on_gradients(step)
        layers = {name.rpartition(".")[0] for name in with_gradient(seen)} - {"embeddings", "classifier"}
        assert layers == set(by_trace[:count]), step


def test_fisher_unfreezing_goes_on_as_it_was_after_a_kill(tmp_path: Path) -> None:
    """What joined before the checkpoint stays; what joined after it is decided again."""
    seen = view(tmp_path, num_steps=40, as_adapter=True)
    first = started("fisher_unfreezing:fraction=0.5", seen)
    for step in (0, 5, 10):
        backward(seen)
        first.on_gradients(step)
    after = with_gradient(seen)
    resumed = started("fisher_unfreezing:fraction=0.5", seen)
    for step in (8, 9):
        backward(seen)
        resumed.on_gradients(step)
        assert len(with_gradient(seen)) == len(after) - 2
    backward(seen)
    resumed.on_gradients(10)
    assert with_gradient(seen) == after
