from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from itertools import product
from random import Random

import pytest

from headstart.data.loading import load_task
from headstart.tasks.demo import DEMO, GRAMMARS, LABELS, PHENOMENA, Writer, demo_rows
from headstart.tasks.demo_grammar import Grammar
from tests.support.logic import label_by_worlds
from tests.support.paths import needs_demo_encoder

SPLITS = ("train", "validation")
DIGEST = "2b462883f47d624ac05ae0cb102ef90fa41bbb86c555ebdc3b92187e440cb33e"
OPEN_CLASSES = ("subjects", "opposites", "qualities", "traits", "chains", "comparatives", "verbs")


def open_words(grammar: Grammar) -> set[str]:
    entries = (entry for pool in OPEN_CLASSES for entry in getattr(grammar, pool))
    return {word.lower() for entry in entries for word in entry}


def sentence_templates(split: str) -> set[str]:
    words = sorted(open_words(GRAMMARS[split]), key=len, reverse=True)
    blank = re.compile(rf"\b(?:{'|'.join(words)})s?\b")
    return {blank.sub("_", text.lower()) for pair, _ in demo_rows(split) for text in pair}


@pytest.mark.parametrize("split", SPLITS)
def test_every_class_has_a_third_of_the_rows(split: str) -> None:
    counts = Counter(label for _, label in demo_rows(split))
    assert dict(DEMO.num_rows)[split] == counts.total()
    assert set(counts.values()) == {counts.total() // len(LABELS)}


def test_every_pair_is_distinct_across_the_splits() -> None:
    pairs = [pair for split in SPLITS for pair, _ in demo_rows(split)]
    assert len(set(pairs)) == len(pairs)


@pytest.mark.parametrize("split", SPLITS)
def test_every_label_follows_by_logic(split: str) -> None:
    grammar = GRAMMARS[split]
    wrong = [
        (pair, LABELS[label]) for pair, label in demo_rows(split) if label_by_worlds(*pair, grammar) != LABELS[label]
    ]
    assert wrong == []


def test_the_splits_share_no_template_and_no_open_class_word() -> None:
    assert sentence_templates("train").isdisjoint(sentence_templates("validation"))
    assert open_words(GRAMMARS["train"]).isdisjoint(open_words(GRAMMARS["validation"]))


@pytest.mark.parametrize("split", SPLITS)
def test_every_frame_occurs(split: str) -> None:
    # Both grammars have the same meanings, so no phenomenon is left out of a split.
    grammar = GRAMMARS[split]
    fields = re.compile(r"\\\{\w+\\\}")
    texts = [text for pair, _ in demo_rows(split) for text in pair]
    for frame in grammar.frames.values():
        pattern = re.compile(fields.sub(r"[\\w ]+", re.escape(frame)), re.IGNORECASE)
        assert any(pattern.fullmatch(text) for text in texts), frame


def test_both_grammars_have_the_same_meanings() -> None:
    assert GRAMMARS["train"].frames.keys() == GRAMMARS["validation"].frames.keys()


@pytest.mark.parametrize("phenomenon", PHENOMENA)
def test_every_variant_of_a_phenomenon_is_logical_in_both_grammars(phenomenon: str) -> None:
    write, num_variants = PHENOMENA[phenomenon]
    for split, variant in product(SPLITS, range(num_variants)):
        grammar = GRAMMARS[split]
        triple = write(Writer(grammar, Random(5)), variant)
        premises = (triple.entailing, triple.neutral, triple.contradicting)
        assert tuple(label_by_worlds(each, triple.hypothesis, grammar) for each in premises) == LABELS


def test_the_checker_itself_tells_the_labels_apart() -> None:
    # Against syllogisms and inferences written by hand, right and wrong.
    grammar = GRAMMARS["train"]
    for premise, hypothesis, label in (
        ("All animals are wet.", "Some poodles are wet.", "entailment"),
        ("All poodles are wet.", "No animals are wet.", "contradiction"),
        ("No dogs are wet.", "No animals are wet.", "neutral"),
        ("Anna is taller than Peter.", "Peter is taller than Anna.", "contradiction"),
        ("Anna is taller than Peter.", "Peter is shorter than Anna.", "entailment"),
        ("Anna praised Peter.", "Peter praised Anna.", "neutral"),
        ("Anna is neither rich nor tall.", "Anna is rich or tall or both.", "contradiction"),
        ("Anna is not dead.", "Anna is alive.", "entailment"),
    ):
        assert label_by_worlds(premise, hypothesis, grammar) == label, (premise, hypothesis)


def test_the_rows_never_change() -> None:
    rows = json.dumps([demo_rows(split) for split in SPLITS])
    assert hashlib.sha256(rows.encode()).hexdigest() == DIGEST


@pytest.mark.parametrize("split", SPLITS)
def test_a_hypothesis_stands_with_every_label(split: str) -> None:
    labels = Counter((hypothesis, label) for (_, hypothesis), label in demo_rows(split))
    for hypothesis, _ in labels:
        assert len({labels[hypothesis, label] for label in range(len(LABELS))}) == 1


@pytest.mark.parametrize(("of", "bound"), [("hypothesis", 0.40), ("premise", 0.45), ("both", 0.50)])
def test_words_alone_hardly_tell_the_label(of: str, bound: float) -> None:
    assert words_only_accuracy(of) < bound


def words_only_accuracy(of: str) -> float:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    def read(split: str) -> tuple[list[str], list[int]]:
        rows = demo_rows(split)
        texts = {"premise": [p for (p, _), _ in rows], "hypothesis": [h for (_, h), _ in rows]}
        texts["both"] = [" ".join(pair) for pair, _ in rows]
        return texts[of], [label for _, label in rows]

    model = make_pipeline(CountVectorizer(token_pattern=r"\w+"), LogisticRegression(max_iter=1000))
    return float(model.fit(*read("train")).score(*read("validation")))


@pytest.mark.real
@needs_demo_encoder
def test_pairs_are_short() -> None:
    from headstart.data.tokenisation import tokenize
    from headstart.models.loading import load_tokenizer
    from headstart.models.source import resolve_model

    tokenizer = load_tokenizer(resolve_model("embedded:minilm-l6"))
    for split in load_task("demo").splits.values():
        lengths = tokenize(split, tokenizer, max_length=64).lengths
        assert 12 <= sum(lengths) / len(lengths) <= 22
        assert max(lengths) <= 40


def test_loading_needs_neither_hub_nor_folder() -> None:
    splits = load_task("demo").splits
    assert [len(splits[name]) for name in SPLITS] == [300, 300]
