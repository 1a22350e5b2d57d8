"""Contrastive stages through the engine, on tiny models: what moves, what later stages start from, what is resumed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from headstart.errors import UsageError
from headstart.models.classifier import Classifier
from headstart.training.callbacks import TimedCheckpoints
from headstart.training.config import RunOptions
from headstart.training.trainer import StageTrainer
from tests.support.kinds import kind_source
from tests.support.runs import data_of, do_run, stage_tensors, tiny_choices, tiny_experiment

CheckpointMaker = Callable[..., Path]
STRATEGY = "contrastive:rows=8:steps=4"
ON_ADAPTER = "contrastive:on=adapter:rows=8:steps=4"


def choices(checkpoint: Path, strategy: str, steps: int = 8, **options: object) -> object:
    values = {"head": "linear:pooling=mean", "steps": steps} | options
    return tiny_choices(checkpoint, strategy, "lora" if "on=adapter" in strategy else None, **values)


def loaded(checkpoint: Path, strategy: str = STRATEGY) -> Classifier:
    return data_of(tiny_experiment(choices(checkpoint, strategy))).load_classifier()


def equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_the_features_train_and_the_head_is_fitted_after_them(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint("bert")
    _, record = do_run(choices(checkpoint, STRATEGY, steps=10), tmp_path)
    contrastive, fit = record.stages
    assert (contrastive.role, contrastive.num_steps, fit.role, fit.num_steps) == ("contrastive", 4, "fit", 0)
    assert (contrastive.moved["head"], contrastive.trained["head"]) == (0, 0)
    assert contrastive.moved["backbone"] > 0
    assert contrastive.num_examples_seen == 4 * 8
    assert contrastive.scores == {}  # Its head says nothing: it was never trained.
    assert fit.scores == record.scores
    fresh = loaded(checkpoint)
    assert equal(stage_tensors(tmp_path, "1-contrastive", "head.safetensors"), fresh.head_tensors())
    trained = stage_tensors(tmp_path, "1-contrastive", "backbone.safetensors")
    assert not equal(trained, fresh.backbone_tensors())
    assert equal(stage_tensors(tmp_path, "2-fit", "backbone.safetensors"), trained)


def test_what_is_left_of_the_updates_is_fine_tuning(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    """Of ten updates of 4 rows the pass of 24 rows costs two, and two batches of 8 rows four."""
    _, record = do_run(choices(tiny_checkpoint("bert"), f"{STRATEGY}:finetune", steps=10), tmp_path)
    assert [(stage.name, stage.num_steps) for stage in record.stages] == [
        ("contrastive", 2),
        ("fit", 0),
        ("finetune", 4),
    ]


def test_the_head_is_fitted_again_to_what_fine_tuning_left(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    """Of twelve updates of 4 rows the two passes of 24 rows cost four."""
    _, record = do_run(choices(tiny_checkpoint("bert"), f"{STRATEGY}:finetune:refit", steps=12), tmp_path)
    assert [(stage.role, stage.num_steps) for stage in record.stages] == [
        ("contrastive", 2),
        ("fit", 0),
        ("finetune", 4),
        ("fit/2", 0),
    ]
    tuned = stage_tensors(tmp_path, "3-finetune", "backbone.safetensors")
    assert equal(stage_tensors(tmp_path, "4-fit-2", "backbone.safetensors"), tuned)
    heads = [stage_tensors(tmp_path, name, "head.safetensors") for name in ("2-fit", "3-finetune", "4-fit-2")]
    assert not equal(heads[0], heads[2])
    assert not equal(heads[1], heads[2])


@pytest.mark.parametrize("form", ["", ":finetune", ":finetune:restore"])
def test_an_adapter_is_merged_for_the_fit_and_may_be_left_behind(
    form: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tiny_checkpoint("bert")
    starts: dict[str, dict[str, torch.Tensor]] = {}
    begin = StageTrainer.train

    def seen(trainer: StageTrainer, *args: object, **options: object) -> object:
        starts[trainer._stage] = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
        return begin(trainer, *args, **options)

    monkeypatch.setattr(StageTrainer, "train", seen)
    _, record = do_run(choices(checkpoint, ON_ADAPTER + form), tmp_path)
    assert record.stages[0].role == "adapter"
    assert (record.stages[0].moved["head"], record.stages[0].moved["backbone"]) == (0, 0)
    pretrained = loaded(checkpoint, ON_ADAPTER).backbone_tensors()
    merged = stage_tensors(tmp_path, "1-adapter", "backbone.safetensors")
    assert not equal(merged, pretrained)
    if "restore" not in form:
        assert equal(stage_tensors(tmp_path, "2-fit", "backbone.safetensors"), merged)
    if form:
        expected = (pretrained if "restore" in form else merged) | stage_tensors(tmp_path, "2-fit", "head.safetensors")
        assert equal(starts["finetune"], {name: expected[name] for name in starts["finetune"]})


def test_a_stopped_stage_goes_on_bit_for_bit(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of all batches is drawn at once: what was seen before the stop is not seen again."""
    wanted = choices(tiny_checkpoint("bert"), STRATEGY, steps=10)
    do_run(wanted, tmp_path / "whole")
    save = TimedCheckpoints.on_save

    def stopped(callback: TimedCheckpoints, args: object, state: object, control: object, **kwargs: object) -> None:
        save(callback, args, state, control, **kwargs)
        raise KeyboardInterrupt

    monkeypatch.setattr(TimedCheckpoints, "on_save", stopped)
    options = RunOptions(keep_backbone=True, checkpoint_seconds=0.0)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            do_run(wanted, tmp_path / "stopped", options=options)
    do_run(wanted, tmp_path / "stopped", options=options)
    for stage in ("1-contrastive", "2-fit"):
        for file in ("head.safetensors", "backbone.safetensors"):
            assert equal(
                stage_tensors(tmp_path / "stopped", stage, file), stage_tensors(tmp_path / "whole", stage, file)
            )


def test_rows_of_several_windows_train(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    wanted = choices(tiny_checkpoint("bert"), STRATEGY, max_length=8, long="window")
    _, record = do_run(wanted, tmp_path)
    assert record.stages[0].moved["backbone"] > 0


@pytest.mark.parametrize("kind", ["multi_label", "regression", "multiple_choice"])
def test_rows_without_one_class_are_refused(kind: str, tiny_checkpoint: CheckpointMaker) -> None:
    with pytest.raises(UsageError, match=r"compares rows by their one class[\s\S]*lp_ft or eh_ft"):
        tiny_experiment(choices(tiny_checkpoint("bert"), STRATEGY), kind_source(kind))


def test_what_cannot_be_is_refused(tiny_checkpoint: CheckpointMaker) -> None:
    checkpoint = tiny_checkpoint("bert")
    with pytest.raises(UsageError, match="restore of the strategy 'contrastive'"):
        choices(checkpoint, "contrastive:restore")
    with pytest.raises(UsageError, match="contrastive:finetune:refit, or leave refit out"):
        choices(checkpoint, "contrastive:refit")
    with pytest.raises(UsageError, match="leave none of the updates of 4 rows for fine-tuning"):
        tiny_experiment(choices(checkpoint, "contrastive:finetune"))
    with pytest.raises(UsageError, match="Take the `head` linear"):
        tiny_experiment(choices(checkpoint, STRATEGY, head="mlp"))
    with pytest.raises(UsageError, match="`loss` would have no effect"):
        tiny_experiment(choices(checkpoint, STRATEGY, loss="focal"))
    with pytest.raises(UsageError, match="cannot be merged"):
        tiny_experiment(tiny_choices(checkpoint, ON_ADAPTER, "prefix"))
