"""Each regulariser against the formula of its paper, on small networks whose gradients are known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.func import functional_call

from headstart.kinds.catalogue import kind_named
from headstart.registry import Spec
from headstart.training.regularisers.catalogue import REGULARISERS, build_regulariser
from headstart.training.regularisers.child_tuning import fisher_information, largest_share
from headstart.training.regularisers.mixout import mix
from headstart.training.regularisers.regulariser import ForwardPass, RegularisedStage, StageView

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


def moved(seen: StageView, stage: RegularisedStage, num_steps: int) -> list[dict[str, torch.Tensor]]:
    """Move all parameters by seeded draws as updates would; return their values after each, before `stage` saw them."""
    generator = torch.Generator().manual_seed(1)
    passed = []
    for step in range(num_steps):
        for parameter in seen.model.parameters():
            parameter.data.add_(torch.randn(parameter.shape, generator=generator))
        passed.append({name: parameter.detach().clone() for name, parameter in seen.model.named_parameters()})
        stage.after_update(step)
    return passed


def values_of(seen: StageView) -> dict[str, torch.Tensor]:
    return {name: parameter.detach() for name, parameter in seen.model.named_parameters()}


def test_a_decay_of_one_is_the_plain_mean_of_the_tail(tmp_path: Path) -> None:
    seen = view(tmp_path, num_steps=8)
    passed = moved(seen, started("weight_average:decay=1:tail=0.5", seen), 8)
    for name, value in values_of(seen).items():
        mean = torch.stack([each[name] for each in passed[4:]]).mean(dim=0)
        assert torch.allclose(value, mean, atol=1e-5), name


def test_the_average_decays_once_it_is_long_enough(tmp_path: Path) -> None:
    """By hand, decay 0.6 over four updates: 1, then 1/2, then 0.4 (not 1/3), then 0.4 of the newest weights."""
    seen = view(tmp_path, num_steps=4)
    passed = moved(seen, started("weight_average:decay=0.6:tail=1", seen), 4)
    shares = (0.5 * 0.6 * 0.6, 0.5 * 0.6 * 0.6, 0.4 * 0.6, 0.4)
    for name, value in values_of(seen).items():
        by_hand = sum(share * each[name] for share, each in zip(shares, passed, strict=True))
        assert torch.allclose(value, torch.as_tensor(by_hand), atol=1e-5), name


@pytest.mark.parametrize("decay", ["0", "0.9"])
def test_an_average_of_one_update_or_without_memory_is_the_last_weights(decay: str, tmp_path: Path) -> None:
    seen = view(tmp_path, num_steps=5)
    passed = moved(seen, started(f"weight_average:decay={decay}:tail={1 if decay == '0' else 0.01}", seen), 5)
    assert all(torch.equal(value, passed[-1][name]) for name, value in values_of(seen).items())


@pytest.mark.parametrize("fraction", [0.0, 0.25, 1.0])
def test_interpolation_moves_the_backbone_alone_and_at_the_end_alone(fraction: float, tmp_path: Path) -> None:
    seen = view(tmp_path, num_steps=3)
    start = {name: value.clone() for name, value in values_of(seen).items()}
    passed = moved(seen, started(f"interpolation:fraction={fraction}", seen), 3)
    for name, value in values_of(seen).items():
        end = passed[-1][name]
        by_hand = start[name] + fraction * (end - start[name]) if name in seen.backbone else end
        assert torch.allclose(value, by_hand, atol=1e-6), name
        if fraction in (0.0, 1.0):
            assert torch.equal(value, {0.0: by_hand, 1.0: end}[fraction])


THREE_BY_THREE = torch.tensor([[1.0, 0.0, -1.0], [0.5, 0.5, 0.0], [2.0, -1.0, 0.0]])
OTHERS = torch.tensor([[0.0, 0.0, 0.0], [0.5, -0.5, 1.0], [2.0, -1.0, 0.0]])


def test_the_divergence_of_two_answers_is_that_of_scipy() -> None:
    from scipy.special import expit, softmax
    from scipy.stats import entropy

    p, q = softmax(THREE_BY_THREE.double().numpy(), axis=1), softmax(OTHERS.double().numpy(), axis=1)
    both = (entropy(p, q, axis=1) + entropy(q, p, axis=1)) / 2
    found = kind_named("classification").divergence(THREE_BY_THREE, OTHERS)
    assert found.tolist() == pytest.approx(both.tolist(), rel=1e-5, abs=1e-7)

    yes, others = expit(THREE_BY_THREE.double().numpy()), expit(OTHERS.double().numpy())
    pairs = [([a, 1 - a], [b, 1 - b]) for a, b in zip(yes.flatten(), others.flatten(), strict=True)]
    by_class = [(entropy(a, b) + entropy(b, a)) / 2 for a, b in pairs]
    found = kind_named("multi_label").divergence(THREE_BY_THREE, OTHERS)
    assert found.tolist() == pytest.approx([sum(by_class[row : row + 3]) / 3 for row in (0, 3, 6)], rel=1e-5, abs=1e-7)

    found = kind_named("regression").divergence(THREE_BY_THREE[:, :1], OTHERS[:, :1])
    assert found.tolist() == [1.0, 0.0, 0.0]


def test_a_choice_that_a_row_lacks_diverges_by_nothing() -> None:
    kind = kind_named("multiple_choice")
    logits = THREE_BY_THREE.clone().requires_grad_()
    hidden = torch.tensor([[False, False, True], [False, False, False], [False, False, False]])
    first, second = logits.masked_fill(hidden, -torch.inf), OTHERS.masked_fill(hidden, -torch.inf)
    found = kind.divergence(first, second)
    two, three = kind.divergence(first[:1, :2], second[:1, :2]), kind.divergence(first[1:], second[1:])
    assert torch.allclose(found, torch.cat([two, three]))
    found.sum().backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_r_drop_is_the_mean_of_both_losses_and_alpha_times_the_divergence(tmp_path: Path) -> None:
    seen, labels = view(tmp_path), torch.tensor([0, 1, 2])
    kind = kind_named("classification")

    def passed(logits: torch.Tensor, weights: torch.Tensor | None = None) -> ForwardPass:
        return ForwardPass(logits=logits, loss=nn.functional.cross_entropy(logits, labels), kind=kind, weights=weights)

    found = started("r_drop:alpha=3", seen).loss(passed(THREE_BY_THREE), lambda: passed(OTHERS))
    task = (passed(THREE_BY_THREE).loss + passed(OTHERS).loss) / 2
    assert torch.equal(found.task, task)
    distances = kind.divergence(THREE_BY_THREE, OTHERS)
    assert torch.equal(found.total, task + 3 * distances.mean())
    weights = torch.tensor([2.0, 1.0, 0.0])
    weighted = started("r_drop:alpha=3", seen).loss(passed(THREE_BY_THREE, weights), lambda: passed(OTHERS, weights))
    assert torch.allclose(weighted.total, task + (2 * distances[0] + distances[1]))


def test_dropout_is_set_everywhere_and_put_back(tmp_path: Path) -> None:
    """Some architectures keep a rate as a number, which is set too; what only sounds like one is not."""
    seen = view(tmp_path)
    seen.model.attention_dropout, seen.model.num_dropped, seen.model.is_dropout = 0.2, 4, True  # type: ignore[assignment]
    stage = started("dropout:probability=0.3", seen)
    assert (seen.model.dropout.p, seen.model.attention_dropout) == (0.3, 0.3)  # type: ignore[union-attr]
    stage.end()
    assert (seen.model.dropout.p, seen.model.attention_dropout) == (0.5, 0.2)  # type: ignore[union-attr]
    assert (seen.model.num_dropped, seen.model.is_dropout) == (4, True)


@pytest.mark.parametrize(("spec", "rate"), [("r_drop", 0.0), ("dropout", 0.0), ("dropout:probability=0.5", 0.5)])
def test_what_could_have_no_effect_is_refused(spec: str, rate: float, tmp_path: Path) -> None:
    seen = view(tmp_path)
    seen.model.dropout.p = rate  # type: ignore[union-attr]
    assert build_regulariser(Spec.parse(spec)).refusal(seen.model) is not None
    seen.model.dropout.p = 0.25  # type: ignore[union-attr]
    assert build_regulariser(Spec.parse(spec)).refusal(seen.model) is None
