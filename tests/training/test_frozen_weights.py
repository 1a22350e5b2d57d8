"""Frozen weights in the checkpoint's 16 bits: the same run as in fp32, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from headstart.adapters.catalogue import build_adapter
from headstart.adapters.names import adapter_names
from headstart.errors import UsageError
from headstart.experiments.planning import run_options
from headstart.models.parameters import digests, own_tensors, set_trainable
from headstart.registry import Spec
from headstart.training.config import STORED, RunOptions
from headstart.training.fitting_passes import recomputing
from headstart.training.frozen_weights import frozen_in_16_bits
from tests.conftest import CheckpointMaker
from tests.support.other_architectures import make_other_checkpoint
from tests.support.runs import data_of, do_run, tiny_choices, tiny_experiment

SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("qwen2", "qwen3", "gpt2", "t5")]
READING_OUTPUTS = [name for name in adapter_names() if build_adapter(Spec(name)).reads_outputs_only]
NARROW = {torch.bfloat16: "bfloat16+float32", torch.float16: "float16+float32"}

DecoderMaker = Callable[..., Path]


@pytest.fixture(scope="session")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> DecoderMaker:
    """Return what makes a tiny decoder's checkpoint, each once."""
    made: dict[tuple[str, torch.dtype], Path] = {}

    def make(architecture: str, dtype: torch.dtype = torch.bfloat16) -> Path:
        if (architecture, dtype) not in made:
            folder = tmp_path_factory.mktemp(architecture) / "source"
            made[architecture, dtype] = make_other_checkpoint(folder, architecture, dtype=dtype)
        return made[architecture, dtype]

    return make


def contents(folder: Path) -> dict[str, bytes]:
    """Return what a run left that its weights decide."""
    kinds = ("*.safetensors", "*.parquet")
    return {str(path.relative_to(folder)): path.read_bytes() for kind in kinds for path in folder.rglob(kind)}


def same_run(model: Path, folder: Path, adapter: str, dtype: torch.dtype, **options: object) -> None:
    """Do a run twice, and hold the one with narrow weights to the other."""
    choices = tiny_choices(model, "eh_ft:stage2=adapter", adapter, **({"steps": 4} | options))
    _, wide = do_run(choices, folder / "wide", options=RunOptions(keep_backbone=True))
    _, narrow = do_run(choices, folder / "narrow", options=RunOptions(keep_backbone=True, frozen_precision=STORED))
    assert [stage.dtypes["backbone"] for stage in narrow.stages] == [NARROW[dtype]] * 2
    assert [stage.dtypes["backbone"] for stage in wide.stages] == ["float32"] * 2
    assert {stage.dtypes[group] for stage in narrow.stages for group in ("head", "adapter")} == {"float32"}
    assert [stage.moved["backbone"] for stage in narrow.stages] == [0, 0]
    assert narrow.stages[0].backbone_restored
    assert narrow.experiment_digest == wide.experiment_digest
    found, expected = contents(folder / "narrow"), contents(folder / "wide")
    assert len(expected) >= 5
    assert found == expected


@pytest.mark.parametrize("architecture", ["llama", *SLOW])
def test_two_adapters_train_as_in_fp32(architecture: str, decoder: DecoderMaker, tmp_path: Path) -> None:
    same_run(decoder(architecture), tmp_path, "lora", torch.bfloat16)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_under_autocast_too(dtype: torch.dtype, decoder: DecoderMaker, tmp_path: Path) -> None:
    same_run(decoder("gpt2", dtype), tmp_path, "lora", dtype, precision="bf16")


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("adapter", [name for name in READING_OUTPUTS if name != "lora"])
@pytest.mark.parametrize("architecture", ["bert", "gpt2"])
def test_every_adapter_that_reads_outputs(
    architecture: str,
    adapter: str,
    precision: str,
    decoder: DecoderMaker,
    tiny_checkpoint: CheckpointMaker,
    tmp_path: Path,
) -> None:
    if architecture == "gpt2" and adapter in ("prompt", "p_tuning"):
        pytest.skip("soft prompts do not work on decoders")
    model = tiny_checkpoint("bert", dtype=torch.bfloat16) if architecture == "bert" else decoder(architecture)
    same_run(model, tmp_path, adapter, torch.bfloat16, precision=precision)


def test_the_model_comes_out_as_it_went_in(decoder: DecoderMaker) -> None:
    classifier = data_of(tiny_experiment(tiny_choices(decoder("gpt2"), "finetune"))).load_classifier()
    classifier.model.requires_grad_(False)
    before = digests(own_tensors(classifier.model))
    inputs = torch.arange(10).view(2, 5) + 5
    with torch.no_grad():
        expected = classifier.model(inputs).logits
        with frozen_in_16_bits(classifier):
            found = classifier.model(inputs).logits
            narrow = {name for name, each in own_tensors(classifier.model).items() if each.dtype == torch.bfloat16}
    assert torch.equal(found, expected)
    assert narrow == {
        name for name in before if ".h." in name and name.endswith(("attn.weight", "proj.weight", "fc.weight"))
    }
    assert digests(own_tensors(classifier.model)) == before
    assert all("forward" not in vars(module) for module in classifier.model.modules())


def test_what_16_bits_do_not_hold_stays(tiny_checkpoint: CheckpointMaker) -> None:
    classifier = data_of(tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "finetune"))).load_classifier()
    classifier.model.requires_grad_(False)
    with frozen_in_16_bits(classifier):
        assert {tensor.dtype for tensor in classifier.model.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("architecture", "strategy", "adapter", "message"),
    [
        ("bert", "adapter", "lora", "the files of .* hold F32"),
        ("llama", "adapter", "dora", "computes with the weights"),
        ("llama", "finetune", None, "would have no effect"),
    ],
)
def test_what_cannot_be_is_refused(
    architecture: str,
    strategy: str,
    adapter: str | None,
    message: str,
    decoder: DecoderMaker,
    tiny_checkpoint: CheckpointMaker,
) -> None:
    model = tiny_checkpoint("bert") if architecture == "bert" else decoder(architecture)
    with pytest.raises(UsageError, match=message):
        tiny_experiment(tiny_choices(model, strategy, adapter, frozen_precision=STORED))


def test_the_option_reaches_the_runs_and_no_digest(decoder: DecoderMaker) -> None:
    plain, narrow = (
        tiny_choices(decoder("llama"), "adapter", "lora", frozen_precision=each) for each in ("fp32", STORED)
    )
    assert tiny_experiment(plain).digest == tiny_experiment(narrow).digest
    plan = tiny_experiment(narrow).plan
    assert run_options(narrow.training, plan, keep_backbone=False, diagnostics=False).frozen_precision == STORED
    with pytest.raises(UsageError, match="Known: checkpoint, fp32"):
        tiny_choices(decoder("llama"), "adapter", "lora", frozen_precision="bf16")


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "qwen3", "gpt2"])
def test_gradients_with_checkpointing_are_those_without(architecture: str, decoder: DecoderMaker) -> None:
    gradients = []
    for recomputes in (False, True):
        classifier = data_of(tiny_experiment(tiny_choices(decoder(architecture), "finetune"))).load_classifier()
        attached = build_adapter(Spec("lora")).attach(classifier, seed=0)
        set_trainable(attached.model, attached.adapter_names | attached.head_names)
        with torch.no_grad():
            for tensor in attached.adapter_tensors().values():
                tensor.copy_(torch.linspace(-0.1, 0.1, tensor.numel()).view_as(tensor))
        inputs = {"input_ids": torch.arange(24).view(3, 8) + 5, "labels": torch.tensor([0, 1, 0])}
        with frozen_in_16_bits(classifier), recomputing(classifier.model.train(), recomputes):
            torch.manual_seed(0)
            attached.model(**inputs).loss.backward()
        found = {name: p.grad for name, p in attached.model.named_parameters() if p.requires_grad}
        assert all(gradient is not None and gradient.abs().max() > 0 for gradient in found.values())
        gradients.append(found)
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-6)
