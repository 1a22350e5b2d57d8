"""What heads read of the rows on the untouched backbone: made in one pass, kept for the runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification

from headstart.errors import UsageError
from headstart.experiments.run_data import RunData
from headstart.registry import Spec
from headstart.training import features as cached
from tests.matrix.cells import checkpoint
from tests.support.runs import data_of, tiny_choices, tiny_experiment

CheckpointMaker = Callable[..., Path]
FIRST, MEAN, BOTH, NATIVE = map(
    Spec.parse, ("linear:pooling=first", "linear:pooling=mean", "mlp:pooling=mean+max", "native")
)


def data_on(folder: Path, head: str = "native") -> RunData:
    return data_of(tiny_experiment(tiny_choices(folder, "linear_probe", head=Spec.parse(head))))


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets the number of readings of each pass over the rows."""
    counted: list[int] = []
    extract = cached.extract

    def counting(classifier: object, readings: list[object], *args: object, **options: object) -> object:
        counted.append(len(readings))
        return extract(classifier, readings, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("headstart.experiments.frozen_backbone.extract", counting)
    return counted


def one_by_one(data: RunData, folder: Path, which: str) -> list[torch.Tensor]:
    """Return the final layer [t, h] of each text, alone and without padding."""
    model = AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        return [
            model(
                **{name: torch.tensor([values[row]]) for name, values in data.tokens(which).features.items()}
            ).last_hidden_state[0]
            for row in range(len(data.tokens(which)))
        ]


@pytest.mark.parametrize("which", ["train", "report"])
def test_vectors_are_what_transformers_says_of_each_text_alone(
    which: str, tiny_checkpoint: CheckpointMaker, passes: list[int]
) -> None:
    checkpoint = tiny_checkpoint("bert")
    data = data_on(checkpoint)
    found = data.vectors((FIRST, MEAN, BOTH), which)
    alone = one_by_one(data, checkpoint, which)
    by_hand = {
        FIRST: [text[0] for text in alone],
        MEAN: [text.mean(dim=0) for text in alone],
        BOTH: [torch.cat([text.mean(dim=0), text.max(dim=0).values]) for text in alone],
    }
    assert set(found) == set(by_hand)
    for head, expected in by_hand.items():
        np.testing.assert_allclose(found[head], torch.stack(expected).numpy(), rtol=1e-4, atol=1e-5)
        assert found[head].dtype == np.float32
    assert passes == [3]


@pytest.mark.parametrize("architecture", ["bert", "roberta", "distilbert"])
def test_the_native_head_s_vector_is_what_comes_into_its_first_linear_map(
    architecture: str, tiny_checkpoint: CheckpointMaker, passes: list[int]
) -> None:
    checkpoint = tiny_checkpoint(architecture)
    data = data_on(checkpoint)
    found = data.vectors((MEAN, NATIVE), "train")
    assert passes == [2]
    tokens = data.tokens("train").features["input_ids"][0]
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint).eval()
    with torch.no_grad():
        said = model.base_model(torch.tensor([tokens]))
    expected = said.pooler_output[0] if architecture == "bert" else said.last_hidden_state[0, 0]
    np.testing.assert_allclose(found[NATIVE][0], expected.numpy(), rtol=1e-4, atol=1e-5)


def test_a_native_head_that_reads_more_than_one_vector_has_a_pass_of_its_own(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, passes: list[int]
) -> None:
    """ALBERT's pooler counts as head and stands inside the backbone."""
    data = data_on(checkpoint("albert", tmp_path / "albert"))
    found = data.vectors((NATIVE, MEAN), "train")
    assert found[NATIVE].shape == found[MEAN].shape
    assert passes == [1]


def test_a_native_head_that_reads_every_token_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not read one vector per text"):
        data_on(checkpoint("gpt2", tmp_path / "gpt2")).vectors((NATIVE,), "train")


def test_what_is_known_needs_no_pass(tiny_checkpoint: CheckpointMaker, passes: list[int]) -> None:
    data = data_on(tiny_checkpoint("bert"), str(MEAN))
    together = data.vectors((FIRST, MEAN, NATIVE), "train")
    again = data.vectors((MEAN, BOTH), "train")
    features = data.features(data.load_classifier())
    assert passes == [3, 1]
    assert features is not None
    assert np.array_equal(features.vectors.numpy(), together[MEAN])
    assert np.array_equal(together[MEAN], again[MEAN])
    alone = data_on(tiny_checkpoint("bert"), str(MEAN))
    assert np.array_equal(alone.vectors((MEAN,), "train")[MEAN], together[MEAN])
