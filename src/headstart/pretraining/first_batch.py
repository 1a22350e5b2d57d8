"""One batch through a live model before anything is trained: what its answers mean, and what its loss reads.

Letters: b batch, k logits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from transformers import PreTrainedModel

from headstart.errors import HeadstartError, UsageError
from headstart.inference.forward import evaluation_mode
from headstart.models.parameters import NEVER_A_GRADIENT, set_trainable
from headstart.pretraining.live_rows import LABEL_COLUMNS, LiveRows
from headstart.training.features import Collate

NUM_ROWS = 2


def first_batch(rows: LiveRows, collate: Collate, model: PreTrainedModel) -> dict[str, Any]:
    """Return the first rows as the model takes them, where the model is.

    Raises:
        UsageError: if no batch can be made of them.
    """
    return batch_of(rows, collate, model, range(min(NUM_ROWS, len(rows))))


def batch_of(rows: LiveRows, collate: Collate, model: PreTrainedModel, numbers: Iterable[int]) -> dict[str, Any]:
    """Return some rows as the model takes them, where the model is.

    Raises:
        UsageError: if no batch can be made of them.
    """
    try:
        batch: Any = collate([rows[row] for row in numbers])
    except HeadstartError:
        raise
    except Exception as error:
        raise _unreadable("no batch can be made of train_dataset's rows", error) from error
    if not isinstance(batch, Mapping) or LABEL_COLUMNS[0] not in batch:
        raise UsageError(
            "the batches of `data_collator` have no labels",
            allowed="  A batch is a dictionary of tensors, the labels among them.",
            remedy="  Give `processing_class` instead, or let the collator keep 'labels'.",
        )
    device = next(model.parameters()).device
    return {name: value.to(device) if isinstance(value, torch.Tensor) else value for name, value in batch.items()}


def check_tokens(model: PreTrainedModel, rows: LiveRows) -> None:
    """Hold rows to the tokens that a model has.

    Raises:
        UsageError: if they hold one beyond its embedding.
    """
    backbone: Any = model.base_model
    try:
        table = backbone.get_input_embeddings()
    except NotImplementedError:
        return
    size = getattr(table, "num_embeddings", None)
    if size is not None and rows.largest_token >= size:
        raise UsageError(
            f"train_dataset has a token of number {rows.largest_token}, and the model has {size} tokens",
            remedy="  Use the model's own tokenizer, or model.resize_token_embeddings(len(tokenizer)).",
        )


def num_logits(model: PreTrainedModel, batch: Mapping[str, Any]) -> int:
    """Return how many logits a model gives per row.

    Raises:
        UsageError: if it cannot read the batch, or its answer holds no logits.
    """
    with torch.no_grad():
        return int(_answer(model, batch).logits.shape[-1])


def loss_of(model: PreTrainedModel, batch: Mapping[str, Any], head: Sequence[str]) -> torch.Tensor:
    """Return a model's loss of a batch in eval mode, as a function of the head.

    Raises:
        UsageError: if the model cannot read the batch, or computes no loss.
    """
    set_trainable(model, head)
    loss = getattr(_answer(model, batch), "loss", None)
    if not isinstance(loss, torch.Tensor):
        raise UsageError(
            f"{type(model).__name__} computes no loss from labels",
            remedy='  Name the backbone and the head; the loss is ours then: backbone="encoder", head="classifier".',
        )
    return loss


def unread(model: PreTrainedModel, names: Sequence[str], loss: torch.Tensor) -> tuple[str, ...]:
    """Return those of the named tensors that a loss is no function of, but for what never has a gradient."""
    wanted = {name: each for name, each in model.named_parameters() if name in set(names)}
    if not loss.requires_grad:
        return tuple(wanted)
    gradients: tuple[torch.Tensor | None, ...] = torch.autograd.grad(loss, list(wanted.values()), allow_unused=True)
    return tuple(
        name
        for name, gradient in zip(wanted, gradients, strict=True)
        if gradient is None and not NEVER_A_GRADIENT.search(name)
    )


def _answer(model: PreTrainedModel, batch: Mapping[str, Any]) -> Any:
    try:
        with evaluation_mode(model):
            return model(**batch)
    except HeadstartError:
        raise
    except Exception as error:
        if "padding token" in str(error):
            raise UsageError(
                "the model does not know which token is padding, and its head reads the last one that is not",
                remedy="  Say so: model.config.pad_token_id = tokenizer.pad_token_id; or give `processing_class`.",
            ) from error
        raise _unreadable("the model cannot read train_dataset's first rows", error) from error


def _unreadable(what: str, error: Exception) -> UsageError:
    return UsageError(
        f"{what}: {type(error).__name__}: {error}",
        allowed="  A row holds what the model's forward pass takes; rows are made a batch by `data_collator`.",
        remedy="  Try it by hand: model(**collator([train_dataset[0], train_dataset[1]])).",
    )
