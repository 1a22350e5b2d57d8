"""Private runs: what trains, what noise is added, what the record says, what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from headstart.comparison.comparison_table import build_comparison
from headstart.comparison.frame import Frame
from headstart.errors import DivergedError, InvariantError, UsageError
from headstart.experiments import stage_run
from headstart.registry import Spec
from headstart.seeding import numpy_generator
from headstart.training import updates
from headstart.training.config import PrivacyConfig
from headstart.training.private import loop
from headstart.training.stage import train_stage
from headstart.training.stage_values import StageInputs, StageOutcome
from tests.support.kinds import kind_source
from tests.support.privacy import by_opacus
from tests.support.records import as_stored
from tests.support.runs import (
    do_run,
    load_without_dropout,
    stage_tensors,
    tiny_choices,
    tiny_experiment,
    tiny_source,
    tiny_sweep,
)

pytest.importorskip("opacus", reason="private training needs the extra 'dp'")
CheckpointMaker = Callable[..., Path]
BUDGET = PrivacyConfig(epsilon=8.0, delta=1e-5)


class Injected:
    """Draws from a seed, in place of the operating system's; `noise` scales what is added to gradients."""

    def __init__(self, noise: float = 1.0, uniform: float | None = None) -> None:
        self._generator = numpy_generator(0, "private")
        self._noise, self._uniform = noise, uniform
        self.num_normal = 0

    def uniform(self, size: int) -> torch.Tensor:
        if self._uniform is not None:
            return torch.full((size,), self._uniform, dtype=torch.float64)
        return torch.from_numpy(self._generator.random(size))

    def normal(self, shape: Sequence[int]) -> torch.Tensor:
        self.num_normal += math.prod(shape)
        draws = torch.from_numpy(self._generator.standard_normal(tuple(shape)))
        return self._noise * draws.float()


class Spy:
    """Keeps each stage's job, its tensors before the first update, and its outcome."""

    def __init__(self) -> None:
        self.jobs: list[StageInputs] = []
        self.starts: list[dict[str, torch.Tensor]] = []
        self.outcomes: list[StageOutcome] = []

    def __call__(self, job: StageInputs) -> StageOutcome:
        self.jobs.append(job)
        self.starts.append({name: tensor.clone() for name, tensor in job.classifier.model.state_dict().items()})
        self.outcomes.append(train_stage(job))
        return self.outcomes[-1]


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    spying = Spy()
    monkeypatch.setattr(stage_run, "train_stage", spying)
    return spying


@pytest.fixture
def inject(monkeypatch: pytest.MonkeyPatch) -> Callable[[Injected], Injected]:
    def put(source: Injected) -> Injected:
        monkeypatch.setattr(updates, "SecureRandom", lambda: source)
        return source

    return put


def private(model: Path, strategy: str, adapter: str | None = None, **options: Any) -> Any:
    return tiny_choices(model, strategy, adapter, **({"dp": BUDGET} | options))


@pytest.mark.parametrize(
    ("architecture", "strategy", "adapter"),
    [
        ("bert", "lp_ft", None),
        ("modernbert", "eh_ft", "lora"),
        pytest.param("roberta", "finetune", None, marks=pytest.mark.slow),
        pytest.param("distilbert", "eh_ft", "bitfit", marks=pytest.mark.slow),
        pytest.param("deberta-v2", "adapter", "bottleneck", marks=pytest.mark.slow),
    ],
)
def test_what_should_train_does_and_nothing_else(
    architecture: str, strategy: str, adapter: str | None, tiny_checkpoint: CheckpointMaker, tmp_path: Path, spy: Spy
) -> None:
    """By weights: noise moves every trained tensor, and only these."""
    do_run(private(tiny_checkpoint(architecture), strategy, adapter), tmp_path)
    for job, start, outcome in zip(spy.jobs, spy.starts, spy.outcomes, strict=True):
        head = set(job.classifier.head_names)
        if outcome.attached is None:
            after, adapter_names = dict(outcome.classifier.model.state_dict()), set()
        else:
            after = outcome.attached.backbone_tensors() | outcome.attached.head_tensors()
            adapter_names = {outcome.attached.plain_name(name) for name in outcome.attached.adapter_names}
            assert all(tensor.abs().sum() > 0 for tensor in outcome.attached.adapter_tensors().values())
        trains_all = job.stage.kind == "finetune"
        for name in start.keys() & after.keys():
            is_free = name in head | adapter_names or (trains_all and after[name].is_floating_point())
            assert torch.equal(after[name].cpu(), start[name].cpu()) != is_free, (job.stage.name, name)


def test_stage_2_starts_on_the_pretrained_backbone(tiny_checkpoint: CheckpointMaker, tmp_path: Path, spy: Spy) -> None:
    do_run(private(tiny_checkpoint("bert"), "eh_ft", "lora"), tmp_path)
    first, second = spy.starts
    trained = stage_tensors(tmp_path, "1-adapter", "head.safetensors")
    for name, tensor in second.items():
        assert torch.equal(tensor, trained.get(name, first[name])), name


def test_the_noise_has_the_deviation_that_the_record_says(
    tiny_checkpoint: CheckpointMaker,
    tmp_path: Path,
    inject: Callable[[Injected], Injected],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With and without noise in one update of the same rows: the gradients' difference is sigma C / B times normal."""
    model = tiny_checkpoint("roberta")
    gradients: list[torch.Tensor] = []

    measured = loop._measured

    def keep(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        found = [p.grad for group in optimizer.param_groups for p in group["params"]]
        gradients.append(torch.cat([gradient.flatten() for gradient in found]))
        return measured(optimizer)

    monkeypatch.setattr(loop, "_measured", keep)
    budget = replace(BUDGET, max_grad_norm=0.7)
    for noise in (1.0, 0.0):
        inject(Injected(noise))
        _, record = do_run(private(model, "finetune", dp=budget, steps=1), tmp_path / str(noise))
    assert record.stages[0].privacy is not None
    difference = (gradients[0] - gradients[1]).double()
    deviation = record.stages[0].privacy.noise_multiplier * 0.7 / 4
    num = len(difference)
    assert num > 10_000
    assert abs(difference.mean()) < 5 * deviation / math.sqrt(num)
    assert abs(difference.std() / deviation - 1) < 5 / math.sqrt(2 * num)
    # Without noise the mean over the expected batch cannot exceed the clipping norm times the rows sampled over it.
    assert gradients[1].norm() <= 0.7 * 24 / 4


def test_each_update_has_noise_of_its_own_on_every_trained_number(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, inject: Callable[[Injected], Injected]
) -> None:
    source = inject(Injected())
    _, record = do_run(private(tiny_checkpoint("bert"), "adapter", "lora", steps=5), tmp_path)
    assert source.num_normal == 5 * record.num_trained_parameters


def test_noise_comes_from_outside_the_seeds(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    model = tiny_checkpoint("bert")
    heads = []
    for name in "ab":
        do_run(private(model, "linear_probe"), tmp_path / name, seed=3)
        heads.append(stage_tensors(tmp_path / name, "1-probe", "head.safetensors"))
    assert all(not torch.equal(heads[0][name], heads[1][name]) for name in heads[0])


def test_without_noise_and_bound_it_is_plain_training(
    tiny_checkpoint: CheckpointMaker,
    tmp_path: Path,
    inject: Callable[[Injected], Injected],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every row in every update, nothing clipped, no noise: the same weights as the engine's own loop gives."""
    model = tiny_checkpoint("roberta")
    inject(Injected(noise=0.0, uniform=0.0))
    monkeypatch.setattr("headstart.experiments.run_data.load_classifier", load_without_dropout)
    options = {"steps": 3, "batch_size": 8, "stage1_learning_rate": 1e-2}
    results = []
    for name, budget in (("private", replace(BUDGET, max_grad_norm=1e6)), ("plain", None)):
        choices = tiny_choices(model, "adapter", "bitfit", dp=budget, **options)
        run, _ = do_run(choices, tmp_path / name, tiny_source(num_train=8))
        assert run.experiment.plan[0].optimizer.weight_decay > 0
        results.append(stage_tensors(tmp_path / name, "1-adapter", "head.safetensors"))
    for name, tensor in results[0].items():
        torch.testing.assert_close(tensor, results[1][name], rtol=1e-3, atol=1e-4)


def test_updates_without_rows_add_noise_alone(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, inject: Callable[[Injected], Injected]
) -> None:
    source = inject(Injected(uniform=1.0))
    _, record = do_run(private(tiny_checkpoint("bert"), "linear_probe", steps=3), tmp_path)
    assert record.stages[0].moved["head"] == 2
    assert source.num_normal == 3 * record.num_trained_parameters


def test_a_gradient_that_is_not_finite_is_divergence(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, inject: Callable[[Injected], Injected]
) -> None:
    inject(Injected(noise=math.inf))
    with pytest.raises(DivergedError, match="stage probe at step 0: a gradient is not finite"):
        do_run(private(tiny_checkpoint("bert"), "linear_probe"), tmp_path)


def test_silent_tensors_are_found_though_noise_moves_them(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(sums: dict[str, torch.Tensor], gradients: dict[str, torch.Tensor], max_grad_norm: float) -> None:
        pass

    monkeypatch.setattr(loop, "add_clipped", lost)
    with pytest.raises(InvariantError, match="never had a gradient"):
        do_run(private(tiny_checkpoint("bert"), "adapter", "lora", steps=24), tmp_path)


def test_the_record_tells_what_was_spent_and_nothing_of_the_rows(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, spy: Spy
) -> None:
    run, record = do_run(private(tiny_checkpoint("bert"), "eh_ft", "lora"), tmp_path)
    assert record.privacy is not None
    mechanisms = [job.mechanism for job in spy.jobs if job.mechanism is not None]
    assert record.privacy.epsilon == pytest.approx(by_opacus(mechanisms, 1e-5))
    assert record.privacy.epsilon <= 8.0
    assert record.privacy.covers_all_stages
    spent = [stage.privacy.epsilon for stage in record.stages if stage.privacy is not None]
    assert spent[0] <= 4.0
    assert spent[1] == record.privacy.epsilon
    for index, trained in enumerate(record.stages):
        assert (trained.start_loss, trained.end_loss, trained.num_tokens_seen) == (None, None, 0)
        assert trained.num_examples_seen == 4 * trained.num_steps
        lines = (tmp_path / f"{index + 1}-{trained.name}" / "metrics.jsonl").read_text().splitlines()
        assert [json.loads(line)["loss"] for line in lines] == [None] * trained.num_steps
    assert as_stored(record) == record
    assert "epsilon 8 at delta 1e-05" in str(record.privacy)
    assert run.experiment.training.privacy == BUDGET


def test_one_private_stage_does_not_make_the_model_private(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, spy: Spy
) -> None:
    choices = private(tiny_checkpoint("bert"), "lp_ft", dp=replace(BUDGET, stages="first"))
    _, record = do_run(choices, tmp_path)
    assert [job.mechanism is not None for job in spy.jobs] == [True, False]
    assert [stage.privacy is not None for stage in record.stages] == [True, False]
    assert record.privacy is not None
    assert not record.privacy.covers_all_stages
    assert "the finished model is not private" in str(record.privacy)
    assert record.stages[1].start_loss is not None


def test_a_private_model_is_kept_for_export(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    """Training it again would spend the budget twice."""
    from headstart.training.config import RunOptions

    do_run(private(tiny_checkpoint("roberta"), "finetune"), tmp_path, options=RunOptions(keep_backbone=False))
    assert (tmp_path / "1-finetune" / "backbone.safetensors").exists()


def test_a_stage_that_was_cut_off_starts_anew(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, inject: Callable[[Injected], Injected]
) -> None:
    """No noise of the first attempt is used again, and none of its updates counts."""

    class CutOff(Injected):
        def normal(self, shape: Sequence[int]) -> torch.Tensor:
            if self.num_normal > 3 * 66:
                raise KeyboardInterrupt
            return super().normal(shape)

    choices = private(tiny_checkpoint("bert"), "linear_probe")
    inject(CutOff())
    with pytest.raises(KeyboardInterrupt):
        do_run(choices, tmp_path)
    source = inject(Injected())
    do_run(choices, tmp_path)
    assert source.num_normal == 8 * 66
    assert len((tmp_path / "1-probe" / "metrics.jsonl").read_text().splitlines()) == 8


def test_the_digest_knows_the_budget(tiny_checkpoint: CheckpointMaker) -> None:
    model = tiny_checkpoint("bert")
    budgets = [None, BUDGET, *(replace(BUDGET, **{name: 0.9}) for name in ("epsilon", "max_grad_norm"))]
    digests = {tiny_experiment(private(model, "linear_probe", dp=each)).digest for each in budgets}
    assert len(digests) == len(budgets)
    experiment = tiny_experiment(private(model, "linear_probe"))
    assert as_stored(experiment) == experiment


def test_pairs_of_private_runs_are_void(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    model = tiny_checkpoint("bert")
    records = [
        do_run(private(model, strategy), tmp_path / f"{strategy}{seed}", seed=seed)[1]
        for strategy in ("finetune", "linear_probe")
        for seed in (0, 1)
    ]
    records = [replace(record, scores={"accuracy": 0.9 + record.seed / 100}) for record in records]
    frame = Frame.from_records(records)
    (cell,) = (cell for cell in frame.cells if not cell.is_baseline)
    pairing = frame.pair(cell)
    assert pairing is not None
    assert pairing.is_void
    assert pairing.difference is None
    row = next(row for row in build_comparison(frame).rows if not row.is_baseline)
    assert row.words[0] == "not compared: private training draws outside the seeds, so they pair nothing"
    assert any("private training spent epsilon 8 at delta 1e-05" in word for word in row.words)
    without = [
        replace(record, privacy=None, experiment_digest=f"public-{record.experiment_digest}") for record in records
    ]
    public = Frame.from_records([*records, *without])
    compared = {row.label: row for row in build_comparison(public).rows}
    assert compared.keys() == {
        f"{each}, {how}" for each in ("finetune", "linear_probe") for how in ("epsilon 8", "not private")
    }
    assert compared["linear_probe, not private"].difference is not None
    assert compared["linear_probe, epsilon 8"].difference is None


@pytest.mark.parametrize("kind", ["regression", "multi_label", "spans", "many_classes"])
def test_other_kinds_of_tasks_train_privately(kind: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    _, record = do_run(private(tiny_checkpoint("roberta"), "linear_probe"), tmp_path, kind_source(kind))
    assert record.stages[0].moved["head"] > 0
    assert record.privacy is not None


def test_choices_are_refused(tiny_checkpoint: CheckpointMaker) -> None:
    with pytest.raises(UsageError, match="examples of one sequence each"):
        tiny_experiment(private(tiny_checkpoint("roberta"), "linear_probe"), kind_source("multiple_choice"))


@pytest.mark.parametrize(
    ("strategy", "adapter", "options", "said"),
    [
        ("finetune", None, {"class_weights": "balanced"}, "`class_weights` does not go with `dp`"),
        ("finetune", None, {"loss": Spec("balanced_softmax")}, "needs counts of the private rows"),
        ("finetune", None, {"precision": "bf16"}, "needs exact norms, not bf16"),
        ("finetune", None, {"long": "window", "max_length": 8}, "examples of one sequence each"),
        ("finetune", None, {"trainer": ("max_grad_norm=3",)}, "`trainer` max_grad_norm would have no effect"),
        ("finetune", None, {"trainer": ("logging_steps=3",)}, "`trainer` logging_steps would have no effect"),
        ("finetune", None, {"batch_size": 25}, "an update of 25 rows cannot be sampled from 24"),
        ("finetune", None, {"dp": replace(BUDGET, delta=0.05)}, "delta of `dp` was given as 0.05"),
        ("mixout", None, {}, "mixout.* has no private version"),
        ("soup", None, {}, "chooses on private rows"),
        ("head_soup", "lora", {"stage1_fraction": 0.2, "steps": 20}, "trains more"),
        ("eh_ft:head_calibration", "lora", {}, "head_calibration is fitted to the private rows"),
        ("adapter", "prefix", {}, "private training does not work here"),
        ("adapter", "adalora", {}, "steers itself by gradients of whole batches"),
    ],
)
def test_what_cannot_be_private_is_refused_before_training(
    strategy: str, adapter: str | None, options: dict[str, Any], said: str, tiny_checkpoint: CheckpointMaker
) -> None:
    if strategy in ("mixout", "soup"):
        options = {"stage1_fraction": None} | options
    with pytest.raises(UsageError, match=said):
        tiny_experiment(private(tiny_checkpoint("bert"), strategy, adapter, **options))


def test_a_later_stage_that_cannot_be_private_is_refused_before_the_first(tiny_checkpoint: CheckpointMaker) -> None:
    with pytest.raises(UsageError, match="private training does not work here"):
        tiny_experiment(private(tiny_checkpoint("deberta-v2"), "lp_ft"))


def test_learning_rates_are_not_chosen_on_private_rows(tiny_checkpoint: CheckpointMaker) -> None:
    with pytest.raises(UsageError, match="learning rates cannot be chosen with `dp`"):
        tiny_sweep(private(tiny_checkpoint("bert"), "finetune"), learning_rates=(1e-4, 1e-3))
