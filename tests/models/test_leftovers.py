"""Files of an adapter that lie beside a whole model: transformers would put it on once more, silently."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import peft
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

from headstart.artifacts.model_folder import save_model_folder
from headstart.artifacts.saved_model import load_model_folder
from headstart.inspection.doctor import inspect_model
from headstart.models.loading import checkpoint_notes, load_classifier, load_tokenizer
from headstart.models.source import resolve_model
from headstart.registry import Spec
from tests.conftest import CheckpointMaker
from tests.support.saved import make_example

ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


@pytest.fixture(scope="module")
def merged(tiny_checkpoint: CheckpointMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder as peft's own calls leave it: the merged model, and the adapter that it was merged from."""
    folder = tmp_path_factory.mktemp("merged") / "model"
    shutil.copytree(tiny_checkpoint("bert", kind="classifier"), folder)
    torch.manual_seed(0)
    base = AutoModelForSequenceClassification.from_pretrained(folder)
    config = peft.LoraConfig(task_type="SEQ_CLS", target_modules=["query", "value"], init_lora_weights=False)
    model = peft.get_peft_model(base, config)
    model.save_pretrained(folder)
    model.merge_and_unload().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def alone(merged: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the same folder without the adapter's files."""
    folder = tmp_path_factory.mktemp("alone") / "model"
    shutil.copytree(merged, folder, ignore=shutil.ignore_patterns("adapter_*"))
    return folder


def test_a_whole_model_is_what_its_own_weights_are(merged: Path, alone: Path) -> None:
    plain = AutoModelForSequenceClassification.from_pretrained(alone).eval()
    twice = AutoModelForSequenceClassification.from_pretrained(merged).eval()
    found = load_classifier(resolve_model(str(merged)), labels=("LABEL_0", "LABEL_1"), seed=0, keep_head=True).model
    inputs = load_tokenizer(resolve_model(str(merged)))(["a good film"], return_tensors="pt")
    with torch.no_grad():
        logits = [model(**inputs).logits for model in (plain, twice, found)]
    assert not torch.allclose(logits[0], logits[1], atol=1e-3)  # what transformers does of its own accord
    torch.testing.assert_close(logits[2], logits[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("head", ["native", "linear"])
def test_nothing_of_the_adapter_is_saved_or_counted(head: str, merged: Path, alone: Path, tmp_path: Path) -> None:
    example = make_example(merged, head=head)
    save_model_folder(example.classifier, example.tokenizer, tmp_path / "saved", info=example.info)
    assert not [name for name in load_file(tmp_path / "saved" / "model.safetensors") if "lora_" in name]
    for name in ADAPTER_FILES:
        shutil.copy(merged / name, tmp_path / "saved" / name)
    load_model_folder(tmp_path / "saved")
    reports = [inspect_model(resolve_model(str(folder)), head=Spec(head)) for folder in (merged, alone)]
    assert reports[0].head == reports[1].head
    assert reports[0].dtypes == reports[1].dtypes


def test_what_is_left_out_is_said(merged: Path, alone: Path) -> None:
    (note,) = checkpoint_notes(resolve_model(str(merged)))
    assert "adapter_config.json is left out" in note
    assert inspect_model(resolve_model(str(merged))).notes == (note,)
    assert checkpoint_notes(resolve_model(str(alone))) == ()
    assert json.loads((merged / "adapter_config.json").read_text())["peft_type"] == "LORA"
