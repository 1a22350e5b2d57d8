"""`pretrain_head`: Stage 1 for a model and a dataset that somebody already has in hand."""

from __future__ import annotations

import copy
import inspect
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset
from transformers import DataCollatorWithPadding, PreTrainedModel, PreTrainedTokenizerBase, default_data_collator

from headstart.errors import InvariantError, UsageError
from headstart.experiments.options import MethodOptions, TrainingOptions
from headstart.experiments.plan_checks import check_plan_fits
from headstart.experiments.recipes import get_preset, rates_for, stage_optimizers
from headstart.experiments.saved_adapters import keep_start, saved_adapter_digest
from headstart.models.classifier import Classifier
from headstart.models.loading import classifier_from_model
from headstart.models.parameters import count, digests
from headstart.process_state import process_state_kept
from headstart.registry import Spec
from headstart.store.record import StageRecord
from headstart.strategies.adapter import adapter_stage
from headstart.strategies.linear_probe import probe_stage
from headstart.strategies.selections import AdapterAndHead
from headstart.strategies.strategy import Stage
from headstart.training.callbacks import ProgressListener
from headstart.training.config import RunOptions, TrainingConfig, resolve_device, resolve_precision
from headstart.training.features import Collate
from headstart.training.invariants import require_equal
from headstart.training.stage import train_stage
from headstart.training.stage_values import StageInputs, StageOutcome, StageRows

DEFAULT_EPOCHS = 2.0
"""A tenth of the default preset's 20 epochs, as the paper gives Stage 1 a tenth of all."""


def pretrain_head(
    model: PreTrainedModel,
    train_dataset: Dataset[dict[str, Any]],
    *,
    adapter: str | None = "lora",
    adapter_from: str | Path | None = None,
    head: Sequence[str] | None = None,
    data_collator: Collate | None = None,
    processing_class: PreTrainedTokenizerBase | None = None,
    epochs: float | None = None,
    steps: int | None = None,
    batch_size: int = 16,
    learning_rate: float | None = None,
    precision: str = "auto",
    seed: int = 0,
    progress: ProgressListener | None = None,
) -> StageRecord:
    """Train a model's head together with an adapter, then put the head on the untouched model: EH-FT's Stage 1.

    Works on a private copy. On return the model's head is trained and everything else is as it was: the backbone bit
    for bit, `requires_grad` flags, train or eval mode, module tree, random states. Fine-tune it as you would have.

    Args:
        model: a classification model of transformers. Its head is trained from where it stands.
        train_dataset: rows with a length, each a dictionary of model inputs and `labels` (or `label`); columns that
            the model does not take are left out.
        adapter: name with options (`lora:rank=16`); None trains the head alone (LP-FT's first stage).
        adapter_from: folder of a saved adapter that the adapter starts from.
        head: names of the head's modules; found by the architecture when not given.
        data_collator: makes a batch; by default pads with `processing_class`, or stacks without one.
        processing_class: the tokenizer.
        epochs: passes over the rows, above 0; 2 by default.
        steps: updates instead of epochs.
        batch_size: rows per update.
        learning_rate: peak; by default the default preset's for this adapter and model size.
        precision: "auto", "fp32" or "bf16".
        seed: root of the streams `adapter_init`, `data_order/...` and `dropout/...`.
        progress: called after each update.

    Returns:
        What moved in Stage 1 and whether the backbone was restored. `scores` is empty: no split is scored.

    Raises:
        UsageError: for a dataset without rows or lengths, an adapter that this architecture cannot carry, and the like.
        DivergedError: if the loss stops being finite; the model is as it was.
        InvariantError: if the stage did not do what it declares.

    Source: Yang et al. (EMNLP 2022), section 3.
    """
    method = MethodOptions(adapter=Spec.parse(adapter) if adapter is not None else None, learning_rate=learning_rate)
    training = TrainingOptions(
        epochs=DEFAULT_EPOCHS if epochs is None and steps is None else epochs,
        steps=steps,
        batch_size=batch_size,
        precision=precision,
        adapter_from=Path(adapter_from) if adapter_from else None,
    )
    with process_state_kept():
        private = classifier_from_model(copy.deepcopy(model).float(), head)
        rows = _rows(private, train_dataset, data_collator, processing_class)
        stage = _stage(private, rows, method, training)
        before = digests(_outside_head(model, private))
        outcome = _train(private, stage, rows, training, seed, progress)
        trained = outcome.head_tensors()
        _write_head(model, trained)
    require_equal("the model's backbone after pretrain_head", before, digests(_outside_head(model, private)))
    return outcome.record(stage, backbone_restored=True)


class _ModelRows(Dataset[dict[str, Any]]):
    """A dataset's rows with the columns that the model takes."""

    def __init__(self, rows: Any, columns: frozenset[str]) -> None:
        self._rows, self._columns = rows, columns

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: int) -> dict[str, Any]:
        return {name: value for name, value in self._rows[row].items() if name in self._columns}


def _rows(
    classifier: Classifier,
    dataset: Any,
    data_collator: Collate | None,
    processing_class: PreTrainedTokenizerBase | None,
) -> StageRows:
    if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__") or len(dataset) == 0:
        raise UsageError(
            "train_dataset has no rows to count", allowed="  It has a length above 0 and gives a dictionary per row."
        )
    columns = frozenset(inspect.signature(classifier.model.forward).parameters) | {"label", "labels", "label_ids"}
    rows = _ModelRows(dataset, columns)
    if not {"label", "labels", "label_ids"} & set(rows[0]):
        raise UsageError(
            f"train_dataset's rows have no label: their columns are {', '.join(dataset[0])}",
            remedy="  Name the column of integer labels 'labels'.",
        )
    collate = data_collator or (
        DataCollatorWithPadding(processing_class) if processing_class is not None else default_data_collator
    )
    return StageRows(dataset=rows, collate=collate, lengths=_lengths(dataset))


def _lengths(dataset: Any) -> list[int]:
    """Return tokens per row, or ones where rows are not texts."""
    if "input_ids" not in dataset[0]:
        return [1] * len(dataset)
    return [len(dataset[row]["input_ids"]) for row in range(len(dataset))]


def _stage(classifier: Classifier, rows: StageRows, method: MethodOptions, training: TrainingOptions) -> Stage:
    """Return the stage to train, which this model can carry out."""
    preset, spec = get_preset(training.preset), method.adapter
    optimizers = stage_optimizers(
        preset,
        rates_for(preset, "", count(classifier.backbone_tensors())),
        spec,
        stage1_learning_rate=method.learning_rate,
    )
    num_steps = training.num_steps("", len(rows.lengths))
    if spec is None or optimizers.adapter is None:
        stage = probe_stage(optimizers.probe, num_steps)
    else:
        stage = adapter_stage(optimizers.adapter, num_steps, spec)
    checkpointed = (stage.kind,) if classifier.model.is_gradient_checkpointing else ()
    check_plan_fits((stage,), classifier, "this model", checkpointed)
    if training.adapter_from is None:
        return stage
    if spec is None:
        raise UsageError("`adapter_from` would have no effect without an adapter")
    on_copy = replace(classifier, model=copy.deepcopy(classifier.model))
    digest = saved_adapter_digest(spec, training.adapter_from, on_copy)
    return replace(stage, trainable=AdapterAndHead(spec, saved=digest))


def _train(
    classifier: Classifier,
    stage: Stage,
    rows: StageRows,
    training: TrainingOptions,
    seed: int,
    progress: ProgressListener | None,
) -> StageOutcome:
    device = resolve_device()
    precision = resolve_precision(training.precision, device)
    config = TrainingConfig(batch_size=training.rows_per_batch, precision=precision, device=device)
    with tempfile.TemporaryDirectory(prefix="headstart-") as folder:
        return train_stage(
            StageInputs(
                stage=stage,
                classifier=classifier,
                adapter_from=keep_start(stage, training.adapter_from, Path(folder)),
                rows=rows,
                config=config,
                options=RunOptions(checkpoint_seconds=float("inf")),
                seed=seed,
                folder=Path(folder),
                expected_backbone=digests(classifier.backbone_tensors()),
                expected_head=None,
                listener=progress,
            )
        )


def _outside_head(model: PreTrainedModel, classifier: Classifier) -> dict[str, torch.Tensor]:
    head = set(classifier.head_names)
    return {name: tensor for name, tensor in model.state_dict().items() if name not in head}


def _write_head(model: PreTrainedModel, trained: dict[str, torch.Tensor]) -> None:
    tensors = model.state_dict()
    missing = sorted(set(trained) - set(tensors))
    if missing:
        raise InvariantError(f"the model has no tensors called {', '.join(missing)}")
    with torch.no_grad():
        for name, tensor in trained.items():
            tensors[name].copy_(tensor)
