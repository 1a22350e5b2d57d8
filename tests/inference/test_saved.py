"""An adapter that cannot merge: its folder gives the same logits on its pretrained backbone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from headstart.adapters.adapter import AttachedAdapter
from headstart.adapters.catalogue import build_adapter
from headstart.artifacts.folder_checks import INFO_FILE
from headstart.artifacts.model_folder import save_adapter_folder
from headstart.artifacts.model_info import read_info
from headstart.artifacts.saved_model import load_model_folder
from headstart.errors import CheckpointError, UsageError
from headstart.inference.saved import load_saved_model
from headstart.manifest import write_manifest
from headstart.registry import Spec
from tests.conftest import CheckpointMaker
from tests.support.saved import PAIR_TASK, Example, logits_of, make_example, texts

PREFIX = "prefix:num_tokens=5"


def trained(checkpoint: Path, *, head: str = "native", adapter: str = PREFIX) -> tuple[Example, AttachedAdapter]:
    """Return a pretrained backbone with an adapter and a head that differ from those which the seed draws."""
    example = make_example(checkpoint, task=PAIR_TASK, head=head, adapter=adapter)
    attached = build_adapter(Spec.parse(adapter)).attach(example.classifier, seed=99)
    with torch.no_grad():
        for tensor in (*attached.adapter_tensors().values(), *attached.head_tensors().values()):
            tensor.add_(torch.arange(tensor.numel()).reshape(tensor.shape).sin())
    attached.model.eval()
    return example, attached


def save(example: Example, attached: AttachedAdapter, folder: Path) -> Path:
    save_adapter_folder(attached, example.classifier, example.tokenizer, folder, info=example.info)
    return folder


@pytest.mark.parametrize("adapter", [PREFIX, "bottleneck:variant=pfeiffer"])
@pytest.mark.parametrize("head", ["native", "mlp"])
@pytest.mark.parametrize(
    ("architecture", "kind"),
    [("bert", "pretrained"), ("bert", "mlm"), ("roberta", "pretrained"), ("deberta-v2", "pretrained")],
)
def test_the_same_logits_bit_for_bit(
    architecture: str, kind: str, head: str, adapter: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    example, attached = trained(tiny_checkpoint(architecture, kind=kind), head=head, adapter=adapter)
    split = texts(PAIR_TASK)
    before = logits_of(attached.model, example.tokenizer, split)
    folder = save(example, attached, tmp_path / "model")
    assert not (folder / "model.safetensors").exists()
    saved = load_saved_model(folder)
    assert torch.equal(logits_of(saved.model, saved.tokenizer, split), before)
    assert len(before.unique(dim=0)) > 5
    assert not saved.model.training


def test_the_folder_holds_the_adapter_and_the_head_and_no_backbone(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    example, attached = trained(tiny_checkpoint("roberta"))
    folder = save(example, attached, tmp_path / "model")
    assert json.loads((folder / "adapter.json").read_text())["adapter"] == "prefix:num_tokens=5"
    assert {path.name for path in folder.glob("*.safetensors")} == {"adapter.safetensors", "head.safetensors"}


def test_a_backbone_named_by_a_relative_path_is_found_from_elsewhere(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tiny_checkpoint("roberta")
    monkeypatch.chdir(source.parent)
    example, attached = trained(Path(source.name))
    folder = save(example, attached, tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    assert load_saved_model(folder).info.model == str(source.resolve())


def test_another_backbone_is_refused(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    example, attached = trained(tiny_checkpoint("roberta"))
    folder = save(example, attached, tmp_path / "model")
    point_to(folder, tiny_checkpoint("roberta", seed=1))
    with pytest.raises(CheckpointError, match="was trained on"):
        load_saved_model(folder)


def test_a_backbone_that_is_gone_is_named(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    example, attached = trained(tiny_checkpoint("roberta"))
    folder = save(example, attached, tmp_path / "model")
    point_to(folder, tmp_path / "gone")
    with pytest.raises(UsageError, match="gone"):
        load_saved_model(folder)


def test_it_is_no_whole_model(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    example, attached = trained(tiny_checkpoint("roberta"))
    with pytest.raises(UsageError, match="adapter without its backbone"):
        load_model_folder(save(example, attached, tmp_path / "model"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda info: info["task"].update(metrics=["accuracy", ""]), "unknown metric ''"),
        (lambda info: info["task"].update(row_format="rows"), "`info.task.row_format`: Input should be 'texts'"),
        (
            lambda info: info.update(reading={"suffix": ".csv", "options": {"separator": ";"}}),
            "`separator` would have no effect",
        ),
        *(
            (
                lambda info, name=name: info.update(reading={"suffix": ".csv", "options": {name: "../x"}}),
                said,
            )
            for name, said in (
                ("delimiter", "`delimiter` was given as '../x'"),
                ("quoting", "`quoting` was given as '../x'"),
                ("encoding", "unknown `encoding` '../x'"),
            )
        ),
        (
            lambda info: info.update(reading={"suffix": ".csv", "options": {"kind": []}}),
            "[] is not a kind of task",
        ),
    ],
)
def test_what_no_run_leaves_is_damage_of_its_file(
    change: Callable[[dict[str, Any]], object], said: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    example, attached = trained(tiny_checkpoint("roberta"))
    folder = save(example, attached, tmp_path / "model")
    values = json.loads((folder / INFO_FILE).read_text())
    change(values["info"])
    (folder / INFO_FILE).write_text(json.dumps(values))
    write_manifest(folder)
    with pytest.raises(CheckpointError, match=rf"{INFO_FILE} is damaged: .*{re.escape(said)}"):
        read_info(folder)


def point_to(folder: Path, model: Path) -> None:
    path = folder / INFO_FILE
    values = json.loads(path.read_text())
    values["info"]["model"] = str(model)
    path.write_text(json.dumps(values))
    write_manifest(folder)
