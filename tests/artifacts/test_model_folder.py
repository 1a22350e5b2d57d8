"""Save, load: the same logits bit for bit, and a folder that transformers loads as it is."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import PreTrainedTokenizerBase, pipeline

from headstart.artifacts.folder_checks import INFO_FILE, RUN_FILE
from headstart.artifacts.model_folder import save_model_folder
from headstart.artifacts.model_info import ModelInfo, read_info
from headstart.artifacts.saved_model import load_adapter_base, load_model_folder
from headstart.errors import CheckpointError, NewerError, UsageError
from headstart.manifest import write_manifest
from headstart.store.json_records import read_record
from headstart.store.record import RunRecord
from headstart.store.schema import SCHEMA_VERSION
from tests.conftest import CheckpointMaker
from tests.support.records import run_record
from tests.support.saved import PAIR_TASK, TEXT_TASK, Example, logits_of, make_example, texts

ARCHITECTURES = ("bert", "roberta", "distilbert", "electra", "deberta-v2", "modernbert")


def save(example: Example, folder: Path) -> Path:
    save_model_folder(example.classifier, example.tokenizer, folder, info=example.info, record=run_record())
    return folder


@pytest.mark.parametrize("head", ["native", "mlp"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_same_logits_bit_for_bit(
    architecture: str, head: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    example = make_example(tiny_checkpoint(architecture), head=head)
    split = texts(TEXT_TASK)
    before = logits_of(example.classifier.model, example.tokenizer, split)
    saved = load_model_folder(save(example, tmp_path / "model"))
    assert torch.equal(logits_of(saved.model, saved.tokenizer, split), before)
    assert len(before.unique(dim=0)) > 5
    assert saved.classifier.head_names == example.classifier.head_names
    assert saved.classifier.labels == TEXT_TASK.labels
    assert not saved.model.training


def test_the_paper_head_s_one_logit_makes_two_probabilities(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    example = make_example(tiny_checkpoint("roberta"), task=PAIR_TASK, head="mlp")
    saved = load_model_folder(save(example, tmp_path / "model"))
    logits = logits_of(saved.model, saved.tokenizer, texts(PAIR_TASK))
    assert saved.classifier.head_tensors()["head.2.weight"].shape[0] == 1
    assert saved.classifier.kind.answers(logits).shape == (23, 2)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_transformers_loads_a_native_folder_as_it_is(
    architecture: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    example = make_example(tiny_checkpoint(architecture))
    split = texts(TEXT_TASK, num_rows=3)
    folder = save(example, tmp_path / "model")
    said = pipeline("text-classification", model=str(folder), top_k=None)([text for (text,) in split.texts][:1])
    logits = logits_of(example.classifier.model, example.tokenizer, split)
    probabilities = example.classifier.kind.answers(logits)[0]
    found = {answer["label"]: answer["score"] for answer in said[0]}
    assert found == pytest.approx(dict(zip(TEXT_TASK.labels, probabilities.tolist(), strict=True)), abs=1e-5)


def test_the_folder_holds_the_head_alone_and_its_origin(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    example = make_example(tiny_checkpoint("bert"))
    folder = save(example, tmp_path / "model")
    head = load_file(folder / "head.safetensors")
    assert set(head) == set(example.classifier.head_names)
    assert all(torch.equal(head[name], tensor) for name, tensor in example.classifier.head_tensors().items())
    origin = json.loads((folder / "head.json").read_text())
    assert origin["model_revision"] == example.info.model_revision
    assert origin["tensor_names"] == list(example.classifier.head_names)
    assert read_record(RunRecord, folder / RUN_FILE) == run_record()
    assert read_info(folder) == ("model", example.info)


def test_the_tokenizer_is_saved_without_the_truncation_of_its_last_call(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    example = make_example(tiny_checkpoint("bert"))
    example.tokenizer(["the cat"], truncation=True, max_length=3, padding="max_length")
    folder = save(example, tmp_path / "model")
    written = json.loads((folder / "tokenizer.json").read_text())
    assert written["truncation"] is None
    assert written["padding"] is None


def test_a_folder_that_is_not_empty_is_refused(tiny_checkpoint: CheckpointMaker) -> None:
    source = tiny_checkpoint("bert")
    before = {path.name: path.read_bytes() for path in source.iterdir()}
    with pytest.raises(UsageError, match="is there already"):
        save(make_example(source), source)
    assert {path.name: path.read_bytes() for path in source.iterdir()} == before


def test_nothing_is_left_when_saving_fails(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(self: PreTrainedTokenizerBase, folder: Path) -> None:
        raise OSError("no space left")

    example = make_example(tiny_checkpoint("bert"))
    monkeypatch.setattr(type(example.tokenizer), "save_pretrained", no_space)
    with pytest.raises(OSError, match="no space left"):
        save(example, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_info_comes_back_whole(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    example = make_example(tiny_checkpoint("bert"))
    info = dataclasses.replace(
        example.info, precision="bf16", truncation="only_first", strategy="eh_ft:reserve", attention=None
    )
    folder = tmp_path / "model"
    save_model_folder(example.classifier, example.tokenizer, folder, info=info)
    assert read_info(folder) == ("model", info)
    assert isinstance(info, ModelInfo)
    assert not (folder / RUN_FILE).exists()


def test_a_foreign_folder_is_a_mistake_that_says_what_to_do(tiny_checkpoint: CheckpointMaker) -> None:
    with pytest.raises(UsageError, match="headstart fit"):
        load_model_folder(tiny_checkpoint("bert"))


def test_a_newer_folder_is_refused(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    folder = save(make_example(tiny_checkpoint("bert")), tmp_path / "model")
    change_info(folder, {"schema_version": SCHEMA_VERSION + 1})
    with pytest.raises(NewerError, match="newer headstart"):
        load_model_folder(folder)


@pytest.mark.parametrize("change", [{"kind": "zip"}, {"info": {}}])
def test_a_damaged_info_is_named(change: dict[str, object], tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    folder = save(make_example(tiny_checkpoint("bert")), tmp_path / "model")
    change_info(folder, change)
    with pytest.raises(CheckpointError, match=INFO_FILE):
        load_model_folder(folder)


@pytest.mark.parametrize("fault", ["missing file", "torn file", "missing tensor"])
def test_damaged_weights_are_an_error_and_never_drawn_afresh(
    fault: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    folder = save(make_example(tiny_checkpoint("bert")), tmp_path / "model")
    weights = folder / "model.safetensors"
    if fault == "missing file":
        weights.unlink()
    elif fault == "torn file":
        weights.write_bytes(weights.read_bytes()[:1000])
    else:
        drop_tensor(weights, "classifier.weight")
    write_manifest(folder)  # as a stranger may
    with pytest.raises(CheckpointError, match=str(folder)):
        load_model_folder(folder)


def test_a_whole_model_is_no_adapter(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    folder = save(make_example(tiny_checkpoint("bert")), tmp_path / "model")
    with pytest.raises(UsageError, match="whole model"):
        load_adapter_base(folder)


def change_info(folder: Path, change: dict[str, object]) -> None:
    path = folder / INFO_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    write_manifest(folder)


def drop_tensor(path: Path, name: str) -> None:
    from safetensors.torch import save_file

    tensors = {key: tensor.clone() for key, tensor in load_file(path).items() if key != name}
    save_file(tensors, path, {"format": "pt"})
