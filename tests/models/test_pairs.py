"""Pairs read apart: each text becomes what the tokenizer makes of it alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import processors
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerBase

from headstart.errors import UsageError
from headstart.models.loading import load_classifier, load_config, load_tokenizer
from headstart.models.pairs import PairCut, find_cut, join_pair
from headstart.models.source import resolve_model
from headstart.registry import Spec
from tests.matrix.cells import checkpoint

CheckpointMaker = Callable[..., Path]
PAIRS = (("cat", "dog king queen"), ("tree river stone bird fish", "child"), ("woman town", "horse dog"))
BERT = PairCut(separator=3, num_separators=1, start=2, padding=0)


def test_a_sequence_is_cut_by_hand() -> None:
    """2 starts, 3 ends; the second row is padded, and an empty text is a text."""
    input_ids = torch.tensor([[2, 10, 11, 3, 12, 3], [2, 13, 3, 3, 0, 0]])
    ids, mask = BERT.of(input_ids, (input_ids > 0).long())
    assert ids.tolist() == [[2, 10, 11, 3], [2, 13, 3, 0], [2, 12, 3, 0], [2, 3, 0, 0]]
    assert mask.tolist() == [[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 0, 0]]


def test_padding_on_the_left_and_columns_of_padding_change_nothing() -> None:
    input_ids = torch.tensor([[2, 10, 11, 3, 12, 3]])
    expected = BERT.of(input_ids, None)
    padded = torch.nn.functional.pad(input_ids, (3, 2))
    for found, wanted in zip(BERT.of(padded, (padded > 0).long()), expected, strict=True):
        assert torch.equal(found, wanted)


def test_two_separators_and_no_start() -> None:
    doubled = PairCut(separator=3, num_separators=2, start=2, padding=1)
    assert doubled.of(torch.tensor([[2, 10, 3, 3, 12, 13, 3]]), None)[0].tolist() == [[2, 10, 3, 1], [2, 12, 13, 3]]
    without_start = PairCut(separator=1, num_separators=1, start=-1, padding=0)
    assert without_start.of(torch.tensor([[10, 11, 1, 12, 1]]), None)[0].tolist() == [[10, 11, 1], [12, 1, 0]]
    assert without_start.of(torch.tensor([[1, 12, 1]]), None)[0].tolist() == [[1, 0], [12, 1]]


def test_a_single_text_is_refused() -> None:
    with pytest.raises(UsageError, match="Give pairs of texts"):
        BERT.of(torch.tensor([[2, 10, 3, 12, 3], [2, 10, 11, 3, 0]]), torch.tensor([[1] * 5, [1] * 4 + [0]]))


def test_the_pair_s_vector_by_hand() -> None:
    vectors = torch.tensor([[1.0, 2.0], [0.0, 1.0], [3.0, -1.0], [2.0, 2.0]])
    expected = [[1, 2, 3, -1, 2, 3, 3, -2], [0, 1, 2, 2, 2, 1, 0, 2]]
    assert join_pair(vectors).tolist() == expected


@pytest.mark.parametrize("architecture", ["bert", "roberta", "distilbert", "deberta-v2", "modernbert"])
def test_parts_are_what_the_tokenizer_makes_of_each_text_alone(
    architecture: str, tiny_checkpoint: CheckpointMaker
) -> None:
    source = resolve_model(str(tiny_checkpoint(architecture)))
    tokenizer = load_tokenizer(source)
    cut = find_cut(tokenizer, load_config(source))
    together = tokenizer([first for first, _ in PAIRS], [second for _, second in PAIRS], padding=True)
    ids, mask = cut.of(torch.tensor(together["input_ids"]), torch.tensor(together["attention_mask"]))
    found = [row[kept.bool()].tolist() for row, kept in zip(ids, mask, strict=True)]
    texts = itertools.chain(*zip(*PAIRS, strict=True))
    assert found == [tokenizer(text)["input_ids"] for text in texts]


def test_a_tokenizer_without_separators_is_refused(tiny_checkpoint: CheckpointMaker) -> None:
    """As GPT-2's, which joins two texts without a sign."""
    source = resolve_model(str(tiny_checkpoint("bert")))
    tokenizer: Any = load_tokenizer(source)
    tokenizer.backend_tokenizer.post_processor = processors.Sequence([])
    with pytest.raises(UsageError, match="Use pair=joint"):
        find_cut(tokenizer, load_config(source))


def test_a_model_that_reads_padding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="reads padding"):
        load_classifier(
            resolve_model(str(checkpoint("fnet", tmp_path / "fnet"))),
            labels=("no", "yes"),
            head=Spec.parse("linear:pair=apart"),
            seed=0,
        )


def by_hand(folder: Path, tokenizer: PreTrainedTokenizerBase, layers: int, *, unit: bool) -> torch.Tensor:
    """Return the joined means of each pair's two texts, each of which goes through the encoder alone."""
    encoder = AutoModel.from_pretrained(folder).eval()

    def mean(text: str) -> torch.Tensor:
        said = encoder(**tokenizer(text, return_tensors="pt"), output_hidden_states=True)
        vector = torch.cat([layer[0].mean(dim=0) for layer in said.hidden_states[-layers:]])
        return vector / vector.norm() if unit else vector

    with torch.no_grad():
        pairs = [(mean(first), mean(second)) for first, second in PAIRS]
    return torch.stack([torch.cat([u, v, (u - v).abs(), u * v]) for u, v in pairs])


@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("architecture", ["bert", "roberta"])
def test_the_head_reads_each_text_as_the_encoder_says_it_alone(
    architecture: str, layers: int, unit: bool, tiny_checkpoint: CheckpointMaker
) -> None:
    source = resolve_model(str(tiny_checkpoint(architecture)))
    head = Spec.parse(f"linear:pair=apart:pooling=mean:layers={layers}{':unit' if unit else ''}")
    classifier = load_classifier(source, labels=("no", "yes"), head=head, seed=0)
    tokenizer = load_tokenizer(source)
    batch = tokenizer([first for first, _ in PAIRS], [second for _, second in PAIRS], padding=True, return_tensors="pt")
    with torch.no_grad():
        found = classifier.model.vectors(**batch)
        logits = classifier.model(**batch).logits
    expected = by_hand(source.path, tokenizer, layers, unit=unit)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(logits, classifier.model.head(found))


@pytest.mark.parametrize("head", ["linear:pair=apart", "linear:pair=apart:unit"])
def test_a_saved_model_reads_pairs_apart_again(head: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    """With the tokenizer that transformers loads: nothing but the folder is needed."""
    from transformers import AutoModelForSequenceClassification, pipeline

    import headstart.auto  # noqa: F401, registers the class

    source = resolve_model(str(tiny_checkpoint("bert")))
    spec = Spec.parse(f"{head}:pooling=mean")
    classifier = load_classifier(source, labels=("no", "yes"), head=spec, seed=0)
    classifier.model.save_pretrained(tmp_path)
    load_tokenizer(source).save_pretrained(tmp_path)
    again, tokenizer = (
        AutoModelForSequenceClassification.from_pretrained(tmp_path),
        AutoTokenizer.from_pretrained(tmp_path),
    )
    batch = tokenizer(*map(list, zip(*PAIRS, strict=True)), padding=True, return_tensors="pt")
    with torch.no_grad():
        expected = classifier.model(**batch).logits
        assert torch.equal(again.eval()(**batch).logits, expected)
    classify = pipeline("text-classification", model=again, tokenizer=tokenizer, device="cpu")
    answers = classify([{"text": first, "text_pair": second} for first, second in PAIRS], top_k=None)
    for answer, row in zip(answers, expected.softmax(dim=1), strict=True):
        found = {each["label"]: each["score"] for each in answer}
        torch.testing.assert_close(torch.tensor([found["no"], found["yes"]]), row, rtol=1e-4, atol=1e-6)
