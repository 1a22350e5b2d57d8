"""`pretrain_head` looks at the rows that it is given before it trains on them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

import headstart as hs
from headstart.errors import UsageError
from tests.support.runs import tiny_rows
from tests.support.tiny import make_model, make_tokenizer

TOKENIZER = make_tokenizer("bert")
ROWS: list[dict[str, Any]] = [dict(TOKENIZER(text)) | {"labels": label} for text, label in tiny_rows(12)]
OPTIONS: dict[str, Any] = {"steps": 2, "batch_size": 4, "precision": "fp32", "head": "classifier", "adapter": None}


def trained(rows: Any, *, model: Any = None, **options: Any) -> torch.Tensor:
    model = model or make_model("bert")
    hs.pretrain_head(model, rows, **OPTIONS | {"processing_class": TOKENIZER} | options)
    weight: torch.Tensor = model.classifier.weight
    return weight


def with_label(label: Any, row: int = 3) -> list[dict[str, Any]]:
    return [each | {"labels": label if index == row else each["labels"]} for index, each in enumerate(ROWS)]


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (2, "(?s)^row 3 of train_dataset: the label is 2, and not one of 0 to 1.*num_labels"),
        (-1, "(?s)^row 3 .*the label is -1.*without a label out"),
        (-100, "(?s)^row 3 .*the label is -100.*without a label out"),
        (None, "(?s)^row 3 .*the label is None.*without a label out"),
        ("good", "(?s)^row 3 .*the label is 'good'.*label2id"),
        (1.5, "(?s)^row 3 .*the label is 1.5"),
    ],
)
def test_labels_that_the_model_cannot_have(label: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        trained(with_label(label))


@pytest.mark.parametrize("name", ["weight", "weights", "sample_weight"])
def test_weights_of_rows_are_refused_and_not_ignored(name: str) -> None:
    with pytest.raises(UsageError, match=f"(?s)rows have '{name}'.*remove_columns"):
        trained([row | {name: 2.0} for row in ROWS])


def test_labels_of_images_are_checked_as_they_come() -> None:
    from tests.adapters.architectures import make_classifier
    from tests.matrix.cells import toy_rows

    rows = [row | {"labels": 7 if index else 0} for index, row in enumerate(toy_rows("vit"))]
    with pytest.raises(UsageError, match="of train_dataset: the label is 7"):
        hs.pretrain_head(make_classifier("vit").model, rows, steps=2, batch_size=4, precision="fp32")


def test_labels_in_any_type_of_number_are_the_same() -> None:
    expected = trained(ROWS)
    for kind in (np.int64, torch.tensor, lambda label: torch.tensor(label, dtype=torch.int32)):
        assert torch.equal(trained([row | {"labels": kind(row["labels"])} for row in ROWS]), expected)
    renamed = [
        {name: value for name, value in row.items() if name != "labels"} | {"label": row["labels"]} for row in ROWS
    ]
    assert torch.equal(trained(renamed), expected)


def test_numbers_and_several_labels_become_what_the_loss_takes() -> None:
    number = make_model("bert", num_labels=1)
    whole, halves = ([row | {"labels": kind(index)} for index, row in enumerate(ROWS)] for kind in (int, float))
    expected = trained(halves, model=number)
    assert torch.equal(trained(whole, model=make_model("bert", num_labels=1)), expected)
    several = make_model("bert", num_labels=3)
    several.config.problem_type = "multi_label_classification"
    sets = [row | {"labels": [row["labels"], 0, 1]} for row in ROWS]
    expected = trained(sets, model=several)
    # transformers takes lists of numbers for several labels where the configuration leaves it open.
    assert torch.equal(trained(sets, model=make_model("bert", num_labels=3)), expected)
    with pytest.raises(UsageError, match="not a list of 2 numbers from 0 to 1"):
        trained(sets)


def test_data_sets_of_another_kind_are_refused_with_the_way_on() -> None:
    from datasets import Dataset, DatasetDict

    with pytest.raises(UsageError, match=r"(?s)a DatasetDict .*: train, test.*train_dataset\['train'\]"):
        trained(DatasetDict({"train": Dataset.from_list(ROWS), "test": Dataset.from_list(ROWS)}))
    with pytest.raises(UsageError, match=r"(?s)rows are of type tuple.*dictionary"):
        trained(TensorDataset(torch.zeros(4, 3, dtype=torch.long), torch.zeros(4, dtype=torch.long)))
    with pytest.raises(UsageError, match=r"(?s)have no input_ids: their columns are text, label.*tokenizer"):
        trained([{"text": text, "label": label} for text, label in tiny_rows(4)])
    with pytest.raises(UsageError, match="no rows to count"):
        trained(row for row in ROWS)
    with pytest.raises(UsageError, match=r"(?s)number 99999.*resize_token_embeddings"):
        trained([*ROWS, {"input_ids": [99999], "attention_mask": [1], "labels": 0}])


def test_padding_that_nobody_does_is_refused_with_the_way_on() -> None:
    with pytest.raises(UsageError, match=r"(?s)nothing pads them.*processing_class"):
        trained(ROWS, processing_class=None)
    tokenizer = make_tokenizer("bert")
    tokenizer.pad_token = None
    with pytest.raises(UsageError, match=r"(?s)no token to pad with.*pad_token = tokenizer\.eos_token"):
        trained(ROWS, processing_class=tokenizer)


def test_a_collator_of_ones_own() -> None:
    """It may make tokens of texts; what it makes without labels is refused."""
    texts = [{"text": text, "label": label} for text, label in tiny_rows(12)]

    def collate(rows: list[dict[str, Any]]) -> dict[str, Any]:
        batch = dict(TOKENIZER([row["text"] for row in rows], padding=True, return_tensors="pt"))
        return batch | {"labels": torch.tensor([row["label"] for row in rows])}

    before = make_model("bert").classifier.weight
    assert not torch.equal(trained(texts, data_collator=collate, processing_class=None), before)
    with pytest.raises(UsageError, match=r"(?s)have no labels.*keep 'labels'"):
        trained(texts, data_collator=lambda rows: {"input_ids": torch.zeros(1, 2, dtype=torch.long)})
    with pytest.raises(UsageError, match=r"(?s)no batch can be made.*KeyError"):
        trained(texts, data_collator=lambda rows: {"labels": rows[0]["nowhere"]})


def test_a_decoder_without_a_pad_id_takes_the_tokenizers() -> None:
    from transformers import GPT2Config, GPT2ForSequenceClassification

    def decoder(pad: int | None) -> Any:
        torch.manual_seed(0)
        config = GPT2Config(vocab_size=len(TOKENIZER), n_embd=32, n_layer=2, n_head=2, n_positions=64, num_labels=2)
        config.pad_token_id = pad
        return GPT2ForSequenceClassification(config)

    rows = [{name: row[name] for name in ("input_ids", "attention_mask", "labels")} for row in ROWS]
    with_id, without_id = decoder(TOKENIZER.pad_token_id), decoder(None)
    options: dict[str, Any] = {"steps": 2, "batch_size": 4, "precision": "fp32", "head": "score", "adapter": None}
    for model in (with_id, without_id):
        hs.pretrain_head(model, rows, processing_class=TOKENIZER, **options)
    assert torch.equal(with_id.score.weight, without_id.score.weight)
    assert without_id.config.pad_token_id is None
    with pytest.raises(UsageError, match=r"(?s)which token is padding.*config\.pad_token_id"):
        hs.pretrain_head(
            decoder(None), rows, data_collator=lambda each: TOKENIZER.pad(each, return_tensors="pt"), **options
        )
