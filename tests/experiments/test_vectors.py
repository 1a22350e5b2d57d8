"""What heads read of the rows on the untouched backbone: made in one pass, kept for the runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoModelForSequenceClassification

from headstart.errors import UsageError
from headstart.experiments.frozen_backbone import FeatureRows
from headstart.experiments.run_data import RunData
from headstart.registry import Spec
from headstart.training import features as cached
from tests.matrix.cells import checkpoint
from tests.support.runs import data_of, do_run, tiny_choices, tiny_experiment

CheckpointMaker = Callable[..., Path]
FIRST, MEAN, BOTH, LAYERS, BELOW, UNIT, NATIVE = map(
    Spec.parse,
    (
        "linear:pooling=first",
        "linear:pooling=mean",
        "mlp:pooling=mean+max",
        "linear:pooling=mean+last:layers=2",
        "linear:pooling=mean:skip_last=1",
        "linear:pooling=mean:unit",
        "native",
    ),
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


def one_by_one(data: RunData, folder: Path, which: FeatureRows) -> list[tuple[torch.Tensor, ...]]:
    """Return the last two layers [t, h] of each text, alone and without padding."""
    model = AutoModel.from_pretrained(folder).eval()
    columns = data.tokens(which).features.items()
    with torch.no_grad():
        said = [
            model(**{name: torch.tensor([values[row]]) for name, values in columns}, output_hidden_states=True)
            for row in range(len(data.tokens(which)))
        ]
    return [tuple(layer[0] for layer in each.hidden_states[-2:]) for each in said]


@pytest.mark.parametrize("which", ["train", "report"])
def test_vectors_are_what_transformers_says_of_each_text_alone(
    which: FeatureRows, tiny_checkpoint: CheckpointMaker, passes: list[int]
) -> None:
    folder = tiny_checkpoint("bert")
    data = data_on(folder)
    found = data.vectors((FIRST, MEAN, BOTH, LAYERS, BELOW, UNIT), which)
    alone = one_by_one(data, folder, which)
    by_hand = {
        FIRST: [text[0] for _, text in alone],
        MEAN: [text.mean(dim=0) for _, text in alone],
        BOTH: [torch.cat([text.mean(dim=0), text.max(dim=0).values]) for _, text in alone],
        BELOW: [below.mean(dim=0) for below, _ in alone],
        UNIT: [text.mean(dim=0) / text.mean(dim=0).norm() for _, text in alone],
        LAYERS: [torch.cat([below.mean(dim=0), below[-1], text.mean(dim=0), text[-1]]) for below, text in alone],
    }
    assert set(found) == set(by_hand)
    for head, expected in by_hand.items():
        np.testing.assert_allclose(found[head], torch.stack(expected).numpy(), rtol=1e-4, atol=1e-5)
        assert found[head].dtype == np.float32
    assert passes == [6]


def test_the_native_head_s_vector_is_what_comes_into_its_linear_map(
    tiny_checkpoint: CheckpointMaker, passes: list[int]
) -> None:
    data = data_on(tiny_checkpoint("bert"))
    found = data.vectors((MEAN, NATIVE), "train")
    assert passes == [2]
    model = AutoModelForSequenceClassification.from_pretrained(tiny_checkpoint("bert")).eval()
    with torch.no_grad():
        said = model.base_model(torch.tensor([data.tokens("train").features["input_ids"][0]]))
    np.testing.assert_allclose(found[NATIVE][0], said.pooler_output[0].numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("architecture", ["roberta", "albert", "gpt2"])
def test_a_native_head_of_more_than_one_linear_map_has_no_such_vector(architecture: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Take the `head` linear"):
        data_on(checkpoint(architecture, tmp_path / architecture)).vectors((NATIVE,), "train")


def test_a_fitted_head_reads_what_is_known(tiny_checkpoint: CheckpointMaker, passes: list[int]) -> None:
    for head in ("native", "linear:pooling=mean"):
        data = data_on(tiny_checkpoint("bert"), head)
        known = data.vectors((Spec.parse(head),), "train")
        again = data.head_inputs(data.load_classifier(), is_pretrained=True)
        whole = data.head_inputs(data.load_classifier(), is_pretrained=False)
        assert np.array_equal(known[Spec.parse(head)], again.vectors)
        np.testing.assert_allclose(again.vectors, whole.vectors, rtol=1e-5, atol=1e-6)
    assert passes == [1, 1]


def test_several_windows_of_a_text_are_averaged(tiny_checkpoint: CheckpointMaker) -> None:
    options = tiny_choices(tiny_checkpoint("bert"), "linear_probe", head=MEAN, max_length=8, long="window", stride=0)
    data = data_of(tiny_experiment(options))
    counts = data.tokens("train").num_sequences
    features = data.features(data.load_classifier())
    assert counts is not None
    assert max(counts) > 1
    assert features is not None
    first = features.vectors[: counts[0]].mean(dim=0)
    found = data.vectors((MEAN,), "train")[MEAN]
    assert found.shape == (len(data.train), features.vectors.shape[1])
    np.testing.assert_allclose(found[0], first.numpy(), rtol=1e-6)


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


@pytest.mark.parametrize(
    "head", ["linear:pooling=weighted_mean:layers=2", "mlp:pooling=first+max", "linear:skip_last=1:unit"]
)
def test_a_probe_and_a_fine_tuning_of_any_reading_run(
    head: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """With diagnostics, which look at the features."""
    for strategy in ("linear_probe", "finetune"):
        options = tiny_choices(tiny_checkpoint("bert"), strategy, head=Spec.parse(head), steps=3)
        _, record = do_run(options, tmp_path / strategy)
        assert record.status == "finished"


@pytest.mark.parametrize("strategy", ["finetune", "eh_ft", "top_k:layers=1", "layerwise_decay"])
def test_layers_above_what_is_read_stay_as_they_were(
    strategy: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    folder = tiny_checkpoint("bert")
    options = tiny_choices(folder, strategy, head=Spec.parse("linear:skip_last=1"), steps=6)
    _, record = do_run(options, tmp_path / "run")
    assert record.status == "finished"
    (weights,) = (tmp_path / "run").rglob("backbone.safetensors")
    after, before = load_file(weights), AutoModel.from_pretrained(folder).state_dict()
    same = {name for name in after if torch.equal(after[name], before[name.removeprefix("backbone.")])}
    assert {name for name in same if ".layer.1." in name} == {name for name in after if ".layer.1." in name}
    assert not any(".layer.0." in name for name in same)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("linear:layers=9", "together are 2 or fewer"),
        ("linear:layers=2:skip_last=1", "below the last 1"),
        ("linear:layers=0", "at least 1"),
        ("linear:pooling=mean+mean", "each once"),
        ("linear:pair=apart", "whose rows have one text each"),
        ("linear:pair=both", "Known: joint, apart"),
    ],
)
def test_what_cannot_be_read_is_refused(head: str, message: str, tiny_checkpoint: CheckpointMaker) -> None:
    with pytest.raises(UsageError, match=message):
        data_on(tiny_checkpoint("bert"), head)
