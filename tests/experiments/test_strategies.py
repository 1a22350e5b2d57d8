"""Every strategy through the engine, on tiny models: what moves, where stages start, what is chosen on which rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from headstart.errors import UsageError
from headstart.experiments.run_data import RunData
from headstart.models.layers import Layers
from headstart.registry import Spec
from headstart.strategies.averages import greedy_soup, mean_of
from headstart.strategies.catalogue import STRATEGIES, build_strategy
from headstart.strategies.site import FinishedStage
from headstart.training.regularisers import mixout
from headstart.training.trainer import StageTrainer, scale_rates
from tests.support.runs import WHEN_TINY, data_of, do_run, stage_tensors, tiny_choices, tiny_experiment, tiny_source

CheckpointMaker = Callable[..., Path]
INITIALIZER_RANGE = 0.1
"""Of the tiny configurations."""


def pretrained(checkpoint: Path, strategy: str = "finetune") -> dict[str, torch.Tensor]:
    experiment = tiny_experiment(tiny_choices(checkpoint, strategy))
    return data_of(experiment).load_classifier().backbone_tensors()


@pytest.mark.parametrize("name", STRATEGIES.names())
def test_every_strategy_runs_and_keeps_the_invariants(
    name: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """The engine itself checks starts, gradients and what moved; twice the same seed is the same tensors."""
    strategy = WHEN_TINY.get(name, name)
    fraction = 0.2 if build_strategy_has_first(name) else None
    scores = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        _, record = do_run(tiny_choices(tiny_checkpoint("bert"), strategy, stage1_fraction=fraction, steps=20), folder)
        scores.append(record.scores)
    assert scores[0] == scores[1]
    # A fit's pass over 24 rows costs two updates.
    num_fits = sum(stage.role == "fit" for stage in record.stages)
    assert sum(stage.num_steps * (stage.own_batch_size or 4) for stage in record.stages) == (20 - 2 * num_fits) * 4
    last = f"{len(record.stages)}-{record.stages[-1].name}"
    first, second = (stage_tensors(tmp_path / run, last, "head.safetensors") for run in ("a", "b"))
    assert all(torch.equal(first[key], second[key]) for key in first)


def build_strategy_has_first(name: str) -> bool:
    return build_strategy(Spec(name)).has_first_stage


def test_top_k_moves_the_top_alone(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    before = pretrained(tiny_checkpoint("bert"))
    do_run(tiny_choices(tiny_checkpoint("bert"), "top_k:layers=1"), tmp_path)
    after = stage_tensors(tmp_path, "1-finetune", "backbone.safetensors")
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    layers = Layers.of(before)
    assert moved <= layers.top(1) | layers.above
    assert {name for name in moved if name in layers.top(1)}


def test_reinit_draws_the_top_anew_and_nothing_else(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    """With a rate of almost 0 the stage ends where it started: the rest pretrained, the top redrawn, by the seed."""
    before = pretrained(tiny_checkpoint("roberta"))
    layers = Layers.of(before)
    ends = []
    for seed in (0, 0, 1):
        folder = tmp_path / str(len(ends))
        do_run(
            tiny_choices(tiny_checkpoint("roberta"), "reinit:layers=1", learning_rate=1e-30, steps=4), folder, seed=seed
        )
        ends.append(stage_tensors(folder, "1-finetune", "backbone.safetensors"))
    top = layers.top(1) | layers.above
    assert all(torch.allclose(ends[0][name], before[name], atol=1e-20) for name in before if name not in top)
    weights = [name for name in top if name.endswith("weight") and "LayerNorm" not in name]
    assert all(not torch.equal(ends[0][name], before[name]) for name in weights)
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in top)
    assert any(not torch.equal(ends[0][name], ends[2][name]) for name in weights)
    norm = next(name for name in top if name.endswith("output.LayerNorm.weight"))
    assert torch.equal(ends[0][norm], torch.ones_like(ends[0][norm]))
    std = float(torch.cat([ends[0][name].flatten() for name in weights]).std())
    assert std == pytest.approx(INITIALIZER_RANGE, rel=0.1)


@pytest.mark.parametrize("strategy", ["top_k:layers=3", "reinit:layers=3"])
def test_more_layers_than_there_are_is_refused(strategy: str, tiny_checkpoint: CheckpointMaker) -> None:
    with pytest.raises(UsageError, match=r"last 3 layers, and .* has 2"):
        tiny_experiment(tiny_choices(tiny_checkpoint("bert"), strategy))


def test_layerwise_rates_are_powers_of_the_decay(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand, two layers: head 1, layer 1 x 0.5, layer 0 x 0.25, embeddings x 0.125, each decayed or not as before."""
    seen: dict[str, tuple[float, float]] = {}
    plain: dict[str, float] = {}
    create = StageTrainer.create_optimizer

    def watch(self: StageTrainer, model: torch.nn.Module | None = None) -> torch.optim.Optimizer:
        optimizer = create(self, model)
        names = {id(p): name for name, p in self._model.named_parameters()}
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                seen[names[id(parameter)]] = (group["lr"], group["weight_decay"])
        return optimizer

    monkeypatch.setattr(StageTrainer, "create_optimizer", watch)
    do_run(tiny_choices(tiny_checkpoint("bert"), "finetune", learning_rate=0.01), tmp_path / "plain")
    plain = {name: decay for name, (_, decay) in seen.items()}
    do_run(tiny_choices(tiny_checkpoint("bert"), "layerwise_decay:decay=0.5", learning_rate=0.01), tmp_path / "decayed")
    assert {name: decay for name, (_, decay) in seen.items()} == plain
    for prefix, factor in (
        ("classifier.", 1.0),
        ("bert.pooler.", 1.0),
        ("bert.encoder.layer.1.", 0.5),
        ("bert.encoder.layer.0.", 0.25),
        ("bert.embeddings.", 0.125),
    ):
        rates = {rate for name, (rate, _) in seen.items() if name.startswith(prefix)}
        assert rates == {0.01 * factor}, prefix


def test_scaled_groups_hold_every_parameter_once() -> None:
    tensors = [torch.nn.Parameter(torch.zeros(2)) for _ in range(4)]
    optimizer = torch.optim.AdamW([{"params": tensors[:3], "weight_decay": 0.1}, {"params": tensors[3:]}], lr=1.0)
    scale_rates(optimizer, {id(p): (1.0, 0.5, 1.0, 0.5)[index] for index, p in enumerate(tensors)})
    groups = [(group["lr"], [id(p) for p in group["params"]]) for group in optimizer.param_groups]
    assert groups == [(1.0, [id(tensors[0]), id(tensors[2])]), (0.5, [id(tensors[1])]), (0.5, [id(tensors[3])])]


def test_kept_fraction_starts_stage_2_between_reset_and_reserve(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    model = tiny_checkpoint("bert")
    before = pretrained(model)
    starts = {}
    for fraction in ("0.25", "1.0"):
        do_run(tiny_choices(model, f"eh_ft:adapter_kept_fraction={fraction}"), tmp_path / fraction)
        starts[fraction] = stage_tensors(tmp_path / fraction, "1-adapter", "backbone.safetensors")
    changed = [name for name in before if not torch.equal(before[name], starts["1.0"][name])]
    assert changed
    for name in changed:
        quarter = before[name] + 0.25 * (starts["1.0"][name] - before[name])
        assert torch.allclose(starts["0.25"][name], quarter, atol=1e-6)


def test_head_calibration_lowers_the_loss_that_stage_2_starts_with(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    choices = tiny_choices(tiny_checkpoint("bert"), "eh_ft:head_calibration", steps=40, stage1_learning_rate=0.01)
    do_run(choices, tmp_path)
    found = json.loads((tmp_path / "2-finetune" / "head_calibration.json").read_text())
    assert found["loss_after"] < found["loss_before"]


def test_head_calibration_is_refused_where_the_head_has_no_linear_end(tiny_checkpoint: CheckpointMaker) -> None:
    choices = tiny_choices(tiny_checkpoint("bert"), "eh_ft:head_calibration", head=Spec("fourier_kan"))
    with pytest.raises(UsageError, match="does not end in a linear map"):
        tiny_experiment(choices)


def test_mixout_and_gradient_checkpointing_are_refused_together(tiny_checkpoint: CheckpointMaker) -> None:
    for trainer in ("gradient_checkpointing=true", "finetune.gradient_checkpointing=true"):
        choices = tiny_choices(tiny_checkpoint("bert"), "mixout", trainer=(trainer,))
        with pytest.raises(UsageError, match="does not work with gradient checkpointing"):
            tiny_experiment(choices)


def test_mixout_sees_the_pretrained_weights_again(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every forward pass of training mixes all linear maps of the backbone, and evaluation none."""
    calls: list[int] = []
    original = mixout.mix

    def counted(trained: torch.Tensor, start: torch.Tensor, probability: float) -> torch.Tensor:
        calls.append(trained.numel())
        return original(trained, start, probability)

    monkeypatch.setattr(mixout, "mix", counted)
    do_run(tiny_choices(tiny_checkpoint("bert"), "mixout", steps=5), tmp_path)
    num_linear = 2 * 6 + 1
    assert len(calls) == 5 * num_linear


def test_a_head_soup_starts_from_the_mean_of_heads_that_began_as_one(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    do_run(
        tiny_choices(tiny_checkpoint("bert"), "head_soup:heads=2", stage1_fraction=0.25, learning_rate=1e-30), tmp_path
    )
    heads = [stage_tensors(tmp_path, f"{n}-adapter-{n}", "head.safetensors") for n in (1, 2)]
    after = stage_tensors(tmp_path, "3-finetune", "head.safetensors")
    for name in after:
        assert not torch.equal(heads[0][name], heads[1][name])
        assert torch.allclose(after[name], (heads[0][name] + heads[1][name]) / 2, atol=1e-7)


def test_a_soup_is_chosen_on_training_rows_that_it_was_not_trained_on(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    source = tiny_source(num_train=40)
    choices = tiny_choices(tiny_checkpoint("bert"), "soup:ingredients=2", stage1_fraction=0.2, steps=10)
    run, record = do_run(choices, tmp_path, source)
    data = RunData.of(run)
    trained, selection, reported = data.train, data.choose, data.report
    assert (len(trained), len(selection)) == (36, 4)
    assert len(reported) == 10
    everything = data.task_data.training.texts
    assert sorted((*trained.texts, *selection.texts)) == sorted(everything)
    assert record.chosen_on == "holdout"
    assert record.stages[-1].num_steps == 0
    chosen = json.loads((tmp_path / "4-soup" / "soup.json").read_text())["ingredients"]
    assert 1 <= len(chosen) <= 2
    ingredients = [
        stage_tensors(tmp_path, f"{int(name[-1]) + 1}-{name}", "backbone.safetensors") for name in sorted(chosen)
    ]
    soup = stage_tensors(tmp_path, "4-soup", "backbone.safetensors")
    assert all(torch.allclose(soup[name], mean_of(ingredients)[name], atol=1e-7) for name in soup)


def test_the_greedy_soup_takes_what_does_not_make_it_worse(tiny_checkpoint: CheckpointMaker) -> None:
    """Scores are given: c is best alone, b helps, a hurts; so the soup is c and b."""
    experiment = tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "finetune"))
    classifier = data_of(experiment).load_classifier()
    (stage,) = experiment.plan
    values = {"a": 1.0, "b": 2.0, "c": 4.0}
    head, backbone = (
        {name: tensor.clone() for name, tensor in tensors.items()}
        for tensors in (classifier.head_tensors(), classifier.backbone_tensors())
    )

    def finished(name: str, fill: float) -> FinishedStage:
        return FinishedStage(
            stage=replace(stage, name=name),
            num_steps=stage.num_steps,
            head_digests={},
            backbone_digests={},
            head=lambda: {name: torch.full_like(tensor, fill) for name, tensor in head.items()},
            backbone=lambda: backbone,
        )

    scores = {1.0: 0.1, 2.0: 0.2, 4.0: 0.3, 3.0: 0.3, (4.0 + 2.0 + 1.0) / 3: 0.25}

    def score() -> float:
        fill = float(next(iter(classifier.head_tensors().values())).flatten()[0])
        return next(value for key, value in scores.items() if abs(key - fill) < 1e-4)

    earlier = [finished(name, fill) for name, fill in values.items()]
    assert greedy_soup(classifier, earlier, score) == ["c", "b"]
    assert float(next(iter(classifier.head_tensors().values())).flatten()[0]) == pytest.approx(3.0)
