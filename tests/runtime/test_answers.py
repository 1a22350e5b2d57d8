"""Answers of every kind are those that headstart makes of the same logits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.support.exported import LACKING

pytest.importorskip("headstart_runtime", reason=LACKING)

from headstart.kinds.catalogue import kind_named
from headstart.kinds.kind import KINDS
from headstart_runtime.answers import answers_of, decisions_of, row_logits
from headstart_runtime.description import ANSWERS, Description
from headstart_runtime.text_input import TextInput

LABELS = ("cat", "dog", "fish")
NUM_ROWS = 40


def described(answers: str) -> Description:
    has_classes = kind_named(answers).has_classes
    return Description(
        answers=answers,
        labels=LABELS if has_classes else (),
        thresholds=(0.5,) * 3 if answers == "multi_label" else (),
        temperature=None,
        precision="fp32",
        reads=TextInput(
            num_texts=1,
            max_length=24,
            truncation="longest_first",
            stride=0,
            inputs=("input_ids",),
            padding_id=0,
            padding_type_id=0,
            padding_side="right",
            truncation_side="right",
            splits_special_tokens=False,
            num_ids=None,
            batches="padded",
        ),
    )


def test_every_kind_has_its_answers() -> None:
    assert set(ANSWERS) == set(KINDS)


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_and_decisions_are_those_of_the_kind(name: str) -> None:
    kind, generator = kind_named(name), np.random.default_rng(3)
    width = kind.num_logits(len(LABELS))
    counts = generator.integers(2, 5, NUM_ROWS)
    logits = (generator.normal(size=(counts.sum(), width)) * 30).astype(np.float32)
    logits[:4] = 0.0  # equal answers: the first is taken, and one half is enough
    wanted = kind.example_logits(torch.from_numpy(logits), torch.from_numpy(counts))
    found = row_logits(logits, counts.tolist(), has_choices=kind.has_choices)
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-6, atol=1e-6)

    answers = kind.answers(wanted)
    np.testing.assert_allclose(answers_of(wanted.numpy(), described(name)), answers.numpy(), rtol=1e-6, atol=1e-7)
    decisions = [kind.written(decision, LABELS) for decision in kind.decisions(answers).numpy()]
    assert decisions_of(answers.numpy(), described(name)) == decisions
