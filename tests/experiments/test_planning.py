"""Planning reads names and shapes; weights are loaded by runs alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest

from headstart.adapters.catalogue import build_adapter
from headstart.adapters.names import adapter_names
from headstart.comparison.comparability import setting_differences
from headstart.errors import UsageError
from headstart.experiments import model_facts
from headstart.experiments.run_data import RunDataCache
from headstart.models.loading import load_classifier
from headstart.models.parameters import count
from headstart.models.source import resolve_model
from headstart.registry import Spec
from headstart.store.json_records import dump
from headstart.store.setting import setting_of
from headstart.sweeps.plan import check_sweep
from tests.support.other_architectures import make_other_checkpoint
from tests.support.runs import SOURCE, tiny_choices, tiny_experiment, tiny_sweep
from tests.support.tiny import ARCHITECTURES

CheckpointMaker = Callable[..., Path]


def test_a_sweep_reads_its_model_once_and_loads_no_weights(
    tiny_checkpoint: CheckpointMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[bool] = []

    def load(*arguments: object, with_weights: bool, **options: object) -> object:
        loaded.append(with_weights)
        return load_classifier(*arguments, with_weights=with_weights, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(model_facts, "_kept_classifier", lru_cache(maxsize=8)(load))
    sweep = tiny_sweep(tiny_choices(tiny_checkpoint("bert"), "eh_ft", "lora"), "finetune", "lp_ft", "eh_ft")
    assert len(check_sweep(sweep, RunDataCache())) == 3
    assert loaded == [False]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("head", ["native", "mlp"])
def test_without_weights_a_model_is_known_as_well(
    architecture: str, head: str, tiny_checkpoint: CheckpointMaker
) -> None:
    """Names, shapes, head, size, and which adapters fit, as on the loaded model."""
    source = resolve_model(str(tiny_checkpoint(architecture)))
    full, bare = (
        load_classifier(source, labels=("a", "b", "c"), head=Spec(head), seed=0, attention="eager", with_weights=each)
        for each in (True, False)
    )
    assert (bare.head_names, bare.newly_initialised) == (full.head_names, full.newly_initialised)
    assert count(bare.backbone_tensors()) == count(full.backbone_tensors())
    assert all(tensor.is_meta for tensor in bare.backbone_tensors().values())
    shapes = [{name: tensor.shape for name, tensor in each.model.state_dict().items()} for each in (full, bare)]
    assert shapes[0] == shapes[1]
    for name in adapter_names():
        adapter = build_adapter(Spec(name))
        assert adapter.refusal(bare) == adapter.refusal(full), name


def test_an_adapter_that_does_not_fit_is_refused_without_weights(tmp_path: Path) -> None:
    make_other_checkpoint(tmp_path / "gpt2", "gpt2")
    with pytest.raises(UsageError, match="the adapter 'prompt' does not work on"):
        tiny_experiment(tiny_choices(tmp_path / "gpt2", "eh_ft", "prompt"))


@pytest.mark.parametrize(("strategy", "adapter"), [("gradual_unfreezing", None), ("fisher_unfreezing", "lora")])
def test_fewer_updates_than_layers_to_unfreeze_are_refused(
    strategy: str, adapter: str | None, tiny_checkpoint: CheckpointMaker
) -> None:
    with pytest.raises(UsageError, match="until every layer of this model has trained"):
        tiny_experiment(tiny_choices(tiny_checkpoint("bert"), strategy, adapter, steps=1))


def test_few_rows_of_each_class_are_another_experiment(tiny_checkpoint: CheckpointMaker) -> None:
    choices = tiny_choices(tiny_checkpoint("bert"), "finetune")
    whole, few = (tiny_experiment(choices, replace(SOURCE, rows_per_class=number)) for number in (None, 3))
    assert few.task_fingerprint == whole.task_fingerprint
    assert few.evaluation == replace(whole.evaluation, rows_per_class=3)
    assert few.digest != whole.digest
    settings = [setting_of(dump(each)) for each in (whole, few)]
    assert [str(each) for each in setting_differences(*settings)] == ["rows_per_class not set against 3"]
