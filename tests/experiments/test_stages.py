"""The mechanics that a faithful implementation must show (Yang et al. 2022), exactly, on six architectures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import torch

from headstart.errors import UsageError
from headstart.experiments import stage_run
from headstart.experiments.experiment import Run
from headstart.experiments.run_data import RunData
from headstart.inference.predict import predict
from headstart.inference.saved import load_saved_model
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord
from headstart.sweeps.export import export_run
from headstart.sweeps.serial import SerialExecutor
from headstart.training.config import RunOptions
from headstart.training.stage import train_stage
from headstart.training.stage_values import StageInputs, StageOutcome
from tests.support.gpu import leave_out_dropout_on_a_gpu
from tests.support.in_turn import in_turn
from tests.support.records import as_stored
from tests.support.runs import (
    ARCHITECTURES,
    SOURCE,
    data_of,
    do_run,
    load_without_dropout,
    stage_tensors,
    tiny_choices,
    tiny_experiment,
    tiny_source,
)
from tests.support.temperature import softened

CheckpointMaker = Callable[..., Path]
EH_FT = [
    pytest.param((architecture, adapter), id=f"{architecture}-{adapter}")
    for architecture in ARCHITECTURES
    for adapter in ("lora", "bitfit", "prefix", "bottleneck")
    if (architecture, adapter) not in {("modernbert", "bitfit")}
]


class Spy:
    """Sees each stage's model as it is before its first update, and after its last."""

    def __init__(self) -> None:
        self.starts: list[dict[str, torch.Tensor]] = []
        self.heads: list[tuple[str, ...]] = []
        self.outcomes: list[StageOutcome] = []

    def __call__(self, job: StageInputs) -> StageOutcome:
        self.starts.append({name: tensor.clone() for name, tensor in job.classifier.model.state_dict().items()})
        self.heads.append(job.classifier.head_names)
        self.outcomes.append(train_stage(job))
        return self.outcomes[-1]


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    spying = Spy()
    monkeypatch.setattr(stage_run, "train_stage", spying)
    return spying


@dataclass(frozen=True, slots=True)
class SeenRun:
    """A run of EH-FT, whoever saw its stages, and where it lies."""

    spy: Spy
    record: RunRecord
    folder: Path


@pytest.fixture(scope="module", params=EH_FT)
def seen(
    request: pytest.FixtureRequest, tiny_checkpoint: CheckpointMaker, tmp_path_factory: pytest.TempPathFactory
) -> SeenRun:
    """Return a run of EH-FT on one architecture with one adapter, done once for all tests of it."""
    architecture, adapter = request.param
    spying, folder = Spy(), tmp_path_factory.mktemp("seen")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(stage_run, "train_stage", spying)
        _, record = do_run(tiny_choices(tiny_checkpoint(architecture), "eh_ft", adapter), folder)
    return SeenRun(spying, record, folder)


def test_stage_2_starts_on_the_pretrained_backbone_with_stage_1s_head(seen: SeenRun) -> None:
    """T1: backbone bit-identical to the checkpoint, head weights and biases Stage 1's end, no adapter left."""
    spy = seen.spy
    first, second = spy.starts
    head = set(spy.heads[1])
    assert second.keys() == first.keys()
    for name in second.keys() - head:
        assert torch.equal(second[name].cpu(), first[name].cpu()), name
    trained = stage_tensors(seen.folder, "1-adapter", "head.safetensors")
    assert trained.keys() == head
    assert any(name.endswith("bias") for name in head)
    for name in head:
        assert torch.equal(second[name].cpu(), trained[name]), name
        assert not torch.equal(second[name].cpu(), first[name].cpu()), f"{name} did not train in Stage 1"


def test_stage_1_moves_head_and_adapter_only(seen: SeenRun) -> None:
    """T2: all tensors of head and adapter move, no other does."""
    spy, stage = seen.spy, seen.record.stages[0]
    assert stage.moved["head"] == len(spy.heads[0])
    assert stage.moved["adapter"] > 0
    assert stage.moved["backbone"] == 0
    attached = spy.outcomes[0].attached
    assert attached is not None
    after = attached.backbone_tensors()
    plain_adapter = {attached.plain_name(name) for name in attached.adapter_names}
    for name in after.keys() - plain_adapter:
        assert torch.equal(after[name], spy.starts[0][name]), name


def test_bitfit_is_refused_where_there_are_no_biases(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no biases"):
        do_run(tiny_choices(tiny_checkpoint("modernbert"), "eh_ft", "bitfit"), tmp_path)


@pytest.mark.parametrize(("architecture", "strategy"), in_turn(tuple(ARCHITECTURES), ["lp_ft", "eh_ft"]))
def test_no_first_stage_is_plain_fine_tuning_bit_for_bit(
    architecture: str, strategy: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """T5: zero Stage-1 steps."""
    model = tiny_checkpoint(architecture)
    do_run(tiny_choices(model, strategy, stage1_fraction=0.0), tmp_path / "two")
    do_run(tiny_choices(model, "finetune"), tmp_path / "one")
    for file in ("head.safetensors", "backbone.safetensors"):
        two, one = (stage_tensors(tmp_path / each, "1-finetune", file) for each in ("two", "one"))
        assert two.keys() == one.keys()
        assert all(torch.equal(two[name], one[name]) for name in one)


def test_the_steps_of_both_stages_are_the_baselines(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    """T4: the budget; a fresh optimiser and schedule follow from the paired start below."""
    model = tiny_checkpoint("bert")
    for steps in (5, 8, 33):
        two = tiny_experiment(tiny_choices(model, "eh_ft", steps=steps, stage1_fraction=0.1))
        assert two.num_steps == steps == tiny_experiment(tiny_choices(model, "finetune", steps=steps)).num_steps


def test_stage_2_is_a_function_of_its_start_alone(tiny_checkpoint: CheckpointMaker, tmp_path: Path, spy: Spy) -> None:
    """T4: fine-tuning from Stage 1's head alone gives the same tensors, so nothing else was handed over."""
    run, _ = do_run(tiny_choices(tiny_checkpoint("roberta"), "eh_ft", "lora"), tmp_path)
    data = RunData.of(run)
    classifier = data.load_classifier()
    classifier.load_head(stage_tensors(tmp_path, "1-adapter", "head.safetensors"))
    stage = run.experiment.plan[1]
    tokens = data.tokens("train")
    from headstart.data.batching import TokenizedDataset
    from headstart.models.parameters import digests
    from headstart.training.config import RunOptions
    from headstart.training.stage_values import StageRows

    alone = tmp_path / "alone"
    alone.mkdir()
    outcome = train_stage(
        StageInputs(
            stage=stage,
            classifier=classifier,
            rows=StageRows(
                dataset=TokenizedDataset(tokens),
                collate=data.collator,
                lengths=tokens.lengths,
            ),
            config=run.experiment.training,
            options=RunOptions(),
            seed=run.seed,
            folder=alone,
            expected_backbone=digests(classifier.backbone_tensors()),
            expected_head=None,
        )
    )
    expected = stage_tensors(tmp_path, "2-finetune", "head.safetensors")
    assert all(torch.equal(expected[name], tensor) for name, tensor in outcome.head_tensors().items())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_features_do_not_change_in_linear_probing(
    architecture: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path, spy: Spy
) -> None:
    """T6: the feature change is 0 after linear probing."""
    _, record = do_run(tiny_choices(tiny_checkpoint(architecture), "linear_probe"), tmp_path)
    assert record.stages[0].backbone_restored
    after = spy.outcomes[0].classifier.model.state_dict()
    for name in after.keys() - set(spy.heads[0]):
        assert torch.equal(after[name], spy.starts[0][name]), name


@pytest.mark.parametrize("adapter", ["lora", "bitfit"])
def test_reserve_starts_stage_2_on_the_merged_weights(
    adapter: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path, spy: Spy
) -> None:
    do_run(tiny_choices(tiny_checkpoint("bert"), "eh_ft:reserve", adapter), tmp_path)
    merged = stage_tensors(tmp_path, "1-adapter", "backbone.safetensors")
    start = spy.starts[1]
    assert all(torch.equal(start[name], tensor) for name, tensor in merged.items())
    moved = {name for name in merged if not torch.equal(merged[name], spy.starts[0][name])}
    expected = ".bias" if adapter == "bitfit" else ".weight"
    assert moved
    assert all(name.endswith(expected) for name in moved)


def test_reserve_is_refused_where_nothing_merges(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be merged"):
        do_run(tiny_choices(tiny_checkpoint("bert"), "eh_ft:reserve", "prefix"), tmp_path)


def test_strategies_share_head_and_order_at_one_seed_and_differ_between_seeds(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, spy: Spy
) -> None:
    model = tiny_checkpoint("electra")
    for index, (strategy, seed) in enumerate((("finetune", 0), ("eh_ft", 0), ("linear_probe", 0), ("finetune", 1))):
        do_run(tiny_choices(model, strategy), tmp_path / str(index), seed=seed)
    finetune, adapter, _, probe, other = spy.starts
    head = spy.heads[0]
    for name in head:
        assert torch.equal(finetune[name], adapter[name])
        assert torch.equal(finetune[name], probe[name])
    assert any(not torch.equal(finetune[name], other[name]) for name in head)


@pytest.mark.parametrize("adapter", ["lora", "bitfit", "prefix", "bottleneck"])
def test_what_was_evaluated_is_what_was_saved(adapter: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    """The strategy `adapter` merges before its final evaluation where it can; the adapter alone is kept in any case.

    Saved as a folder and loaded again, the model gives the logits of the stored predictions, up to one number for all
    classes, which their probabilities do not know.
    """
    run = Run(tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "adapter", adapter)), 0, SOURCE)
    store = LocalStore(tmp_path / "store")
    executor = SerialExecutor(store, RunOptions(keep_backbone=True))
    executor.execute([run])
    run_folder = store.run_folder(run.experiment.digest, 0)
    stage = run_folder.folder / "1-adapter"
    merges = adapter in ("lora", "bitfit")
    assert (stage / "backbone.safetensors").exists() == merges
    assert (stage / "adapter" / "adapter.safetensors").exists()
    export_run(RunData.of(run), store, tmp_path / "model", executor)
    saved = load_saved_model(tmp_path / "model")
    again = predict(saved, RunData.of(run).report)
    table = pyarrow.parquet.read_table(run_folder.predictions("validation"))
    stored = np.stack([table[f"probability_{index}"].to_numpy() for index in range(2)], axis=1)
    assert len(set(stored[:, 0])) > 1
    np.testing.assert_allclose(np.log(again.answers), np.log(softened(stored, saved)), atol=2e-6)
    assert again.decisions.tolist() == table["predicted"].to_pylist()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_cached_features_give_the_probe_of_the_slow_path(
    architecture: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choices = tiny_choices(tiny_checkpoint(architecture), "linear_probe")
    leave_out_dropout_on_a_gpu(monkeypatch)
    _, fast = do_run(choices, tmp_path / "fast")
    monkeypatch.setattr("headstart.experiments.frozen_backbone.reads_one_vector", lambda *_: False)
    do_run(choices, tmp_path / "slow")
    quick, slow = (stage_tensors(tmp_path / each, "1-probe", "head.safetensors") for each in ("fast", "slow"))
    for name, tensor in slow.items():
        torch.testing.assert_close(quick[name], tensor, rtol=1e-4, atol=1e-6)
    assert fast.stages[0].num_examples_seen == 32


def test_modernbert_reads_more_than_one_vector_when_it_pools_the_mean(
    tiny_checkpoint: CheckpointMaker,
) -> None:
    """Whether features can be cached is found out: a head that averages tokens gives other logits from one vector."""
    from headstart.data.batching import TokenizedDataset
    from headstart.training.features import reads_one_vector

    experiment = tiny_experiment(tiny_choices(tiny_checkpoint("modernbert"), "linear_probe"))
    classifier = data_of(experiment).load_classifier()
    dataset = TokenizedDataset(data_of(experiment).tokens("train"))
    batch = data_of(experiment).collator([dataset[row] for row in range(4)])
    classifier.model.config.classifier_pooling = "cls"
    assert reads_one_vector(classifier, batch)
    classifier.model.config.classifier_pooling = "mean"
    assert not reads_one_vector(classifier, batch)


def test_accumulated_batches_train_as_one(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """4 x 2 rows against 8 x 1, without dropout: the loss of a batch is a mean, so both must do the same."""
    model = tiny_checkpoint("roberta")
    monkeypatch.setattr("headstart.experiments.run_data.load_classifier", load_without_dropout)
    results = []
    for name, batch_size, trainer in (("one", 8, ()), ("two", 4, ("gradient_accumulation_steps=2",))):
        choices = tiny_choices(model, "finetune", steps=3, batch_size=batch_size, trainer=trainer)
        do_run(choices, tmp_path / name, tiny_source(num_train=8))
        results.append(stage_tensors(tmp_path / name, "1-finetune", "head.safetensors"))
    for name, tensor in results[0].items():
        torch.testing.assert_close(results[1][name], tensor, rtol=1e-3, atol=1e-5)


def test_the_digest_knows_what_changes_results(tiny_checkpoint: CheckpointMaker) -> None:
    model = tiny_checkpoint("bert")
    base = tiny_experiment(tiny_choices(model, "finetune"))
    assert tiny_experiment(tiny_choices(model, "finetune", trainer=("logging_steps=1",))).digest == base.digest
    changed = [
        tiny_choices(model, "finetune", steps=9),
        tiny_choices(model, "finetune", batch_size=8),
        tiny_choices(model, "finetune", learning_rate=1e-3),
        tiny_choices(model, "finetune", max_length=20),
        tiny_choices(model, "finetune", trainer=("optim=sgd",)),
        tiny_choices(model, "finetune", head=None, keep_head=False, precision="bf16"),
        tiny_choices(tiny_checkpoint("bert", seed=5), "finetune"),
    ]
    digests = {tiny_experiment(choices).digest for choices in changed}
    assert len(digests) == len(changed)
    assert base.digest not in digests
    assert replace(base, model="another/name/of/it").digest == base.digest


def test_an_experiment_survives_json(tiny_checkpoint: CheckpointMaker) -> None:

    experiment = tiny_experiment(
        tiny_choices(tiny_checkpoint("bert"), "eh_ft:reserve", "lora:rank=4", trainer=("finetune.optim=sgd",))
    )
    again = as_stored(experiment)
    assert again == experiment
    assert again.digest == experiment.digest
