"""Whether a checkpoint brings a head."""

from __future__ import annotations

from pathlib import Path

import pytest

from headstart.artifacts.model_folder import save_model_folder
from headstart.models.source import resolve_model
from headstart.models.trained_head import trained_head
from tests.conftest import CheckpointMaker
from tests.support.saved import TEXT_TASK, make_example


def test_a_checkpoint_as_pretraining_leaves_it_brings_none(tiny_checkpoint: CheckpointMaker) -> None:
    assert trained_head(resolve_model(str(tiny_checkpoint("bert")))) is None


def test_a_classifier_of_anybody_brings_its_own(tiny_checkpoint: CheckpointMaker) -> None:
    source = resolve_model(str(tiny_checkpoint("bert", kind="classifier", num_labels=3)))
    assert trained_head(source) == ("LABEL_0", "LABEL_1", "LABEL_2")


@pytest.mark.parametrize("head", ["native", "linear"])
def test_a_folder_of_ours_brings_its_classes(head: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    example = make_example(tiny_checkpoint("bert"), head=head)
    save_model_folder(example.classifier, example.tokenizer, tmp_path / "model", info=example.info)
    assert trained_head(resolve_model(str(tmp_path / "model"))) == TEXT_TASK.labels
