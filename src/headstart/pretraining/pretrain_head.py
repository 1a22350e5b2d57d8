"""`pretrain_head`: Stage 1 for a model and a dataset that somebody already has in hand."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerBase

from headstart.errors import InvariantError, UsageError
from headstart.experiments.options import MethodOptions, TrainingOptions
from headstart.experiments.plan_checks import check_plan_fits
from headstart.experiments.recipes import get_preset, rates_for, stage_optimizers
from headstart.experiments.saved_adapters import keep_start, saved_adapter_digest
from headstart.hardware import resolve_device, resolve_precision
from headstart.kinds.catalogue import kind_of_targets
from headstart.kinds.kind import Kind
from headstart.models.class_names import kind_of
from headstart.models.classifier import Classifier
from headstart.models.live_heads import modules_of
from headstart.models.loading import classifier_from_model
from headstart.models.parameters import count, digests
from headstart.pretraining.first_batch import check_tokens, first_batch, loss_of, num_logits, unread
from headstart.pretraining.live_model import LiveModel, head_of, live_model
from headstart.pretraining.live_rows import LiveRows, checked_rows, collator
from headstart.pretraining.live_scale import LiveScale, standardised
from headstart.pretraining.plain_module import PlainModule
from headstart.process_state import process_state_kept
from headstart.registry import Spec
from headstart.store.record import StageRecord
from headstart.strategies.adapter import adapter_stage
from headstart.strategies.linear_probe import probe_stage
from headstart.strategies.selections import AdapterAndHead
from headstart.strategies.strategy import Stage
from headstart.temporary import temporary_folder
from headstart.training.callbacks import ProgressListener
from headstart.training.config import RunOptions, TrainingConfig
from headstart.training.features import Collate
from headstart.training.invariants import require_equal
from headstart.training.stage import train_stage
from headstart.training.stage_values import StageInputs, StageOutcome, StageRows

DEFAULT_EPOCHS = 2.0
"""A tenth of the default preset's 20 epochs, as the paper gives Stage 1 a tenth of all."""


def pretrain_head(
    model: torch.nn.Module,
    train_dataset: Dataset[dict[str, Any]],
    *,
    adapter: str | None = "lora",
    adapter_from: str | Path | None = None,
    backbone: str | None = None,
    head: str | Sequence[str] | None = None,
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
        model: a classification model of transformers, or any module around one of its pretrained models whose forward
            pass returns logits (alone, in a tuple or dictionary, or as `.logits`); its loss is then ours. What
            `torch.compile` and `DataParallel` put around it is seen through. The head is trained from where it stands.
        train_dataset: rows with a length, each a dictionary of model inputs and `labels` (or `label`); columns that
            the model does not take are left out, but weights of rows are refused. Labels are class numbers, numbers, or
            0 and 1 for each class. Numbers are learned with mean 0 and standard deviation 1, and the head answers in
            their own unit afterwards (of images and sounds they are learned as they are).
        adapter: name with options (`lora:rank=16`); None trains the head alone (LP-FT's first stage).
        adapter_from: folder of a saved adapter that the adapter starts from.
        backbone: path of the pretrained model inside a module of your own; found where there is only one.
        head: names of the head's modules. When not given, it is what stands outside the backbone and what the model's
            checkpoint did not hold; a warning names it where the checkpoint is not found.
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
        UsageError: for a model or a dataset of another kind, labels that the model cannot have (with their row), a
            head that the loss does not read, an adapter that this architecture cannot carry, and the like.
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
        live = live_model(model, backbone)
        classifier, rows, scale = _prepared(live, train_dataset, head, data_collator, processing_class)
        stage = _stage(classifier, rows, method, training)
        head_names = {live.own_name(name) for name in classifier.head_names}
        before = digests(_outside(live.given, head_names))
        outcome = _train(classifier, stage, rows, training, seed, progress)
        trained = outcome.head_tensors()
        scale.take_up(trained)
        _write(live.given, {live.own_name(name): tensor for name, tensor in trained.items()})
    require_equal("the model's backbone after pretrain_head", before, digests(_outside(live.given, head_names)))
    return outcome.record(stage, backbone_restored=True)


def _prepared(
    live: LiveModel,
    dataset: Any,
    head: str | Sequence[str] | None,
    data_collator: Collate | None,
    processing_class: PreTrainedTokenizerBase | None,
) -> tuple[Classifier, StageRows, LiveScale]:
    """Hold model, head and rows against each other, with one batch through the model; numbers get their scale."""
    model = live.private
    config: Any = model.config
    names = head_of(live, head)
    rows = checked_rows(dataset, live.inputs, live.main_input, is_collated=data_collator is not None)
    check_tokens(model, rows)
    if getattr(config, "pad_token_id", None) is None:
        config.pad_token_id = getattr(processing_class, "pad_token_id", None)
    collate = collator(rows, data_collator, processing_class)
    kind = _expected(live, rows, collate)
    loss = loss_of(model, first_batch(rows, collate, model), names)
    read = _read_by_loss(live, names, loss, is_named=head is not None)
    classifier = classifier_from_model(model, read, kind)
    scale = standardised(classifier, rows, collate)
    return classifier, StageRows(dataset=rows, collate=collate, lengths=rows.lengths), scale


def _expected(live: LiveModel, rows: LiveRows, collate: Collate) -> Kind:
    """Find what the model's answers are, and hold the rows' labels to it."""
    model = live.private
    if isinstance(model, PlainModule):
        size = num_logits(model, first_batch(rows, collate, model))
        kind = kind_of_targets(rows.labels, size)
        model.kind, model.has_log_odds = kind, kind.picks_one and size == 1
        size = max(size, kind.min_classes)
    else:
        size, kind = model.config.num_labels or 1, kind_of(model)
        # Where a configuration leaves it open, transformers looks at the labels as well.
        if model.config.problem_type is None and kind.has_classes:
            kind = kind_of_targets(rows.labels, size)
    rows.expect(kind, size)
    return kind


def _read_by_loss(live: LiveModel, names: Sequence[str], loss: torch.Tensor, *, is_named: bool) -> tuple[str, ...]:
    """Return the head without late parts of the backbone that the loss does not read.

    Raises:
        UsageError: if it does not read something else.
    """
    useless = unread(live.private, names, loss)
    prefix = f"{live.private.base_model_prefix}."
    wrong = [name for name in useless if is_named or not name.startswith(prefix)]
    if wrong:
        read = [name for name in names if name not in useless]
        modules = ", ".join(repr(live.own_name(module)) for module in modules_of(read))
        raise UsageError(
            f"the loss does not read {', '.join(map(live.own_name, wrong))}, so that nothing could train it",
            allowed="  All of a head's parameters take part in the loss.",
            remedy=f"  Name the modules that do: head=[{modules}]." if read else "  Name other modules as `head`.",
        )
    return tuple(name for name in names if name not in useless)


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
    is_checkpointing = any(getattr(module, "gradient_checkpointing", False) for module in classifier.model.modules())
    checkpointed = (stage.kind,) if is_checkpointing else ()
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
    device = resolve_device(training.device)
    precision = resolve_precision(training.precision, device)
    config = TrainingConfig(batch_size=training.rows_per_batch, precision=precision, device=device)
    with temporary_folder(Path(tempfile.gettempdir()) / "headstart") as folder:
        return train_stage(
            StageInputs(
                stage=stage,
                classifier=classifier,
                adapter_from=keep_start(stage, training.adapter_from, folder),
                rows=rows,
                config=config,
                options=RunOptions(checkpoint_seconds=float("inf")),
                seed=seed,
                folder=folder,
                expected_backbone=digests(classifier.backbone_tensors()),
                expected_head=None,
                listener=progress,
            )
        )


def _outside(model: torch.nn.Module, head: set[str]) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in model.state_dict().items() if name not in head}


def _write(model: torch.nn.Module, trained: dict[str, torch.Tensor]) -> None:
    tensors = model.state_dict()
    missing = sorted(set(trained) - set(tensors))
    if missing:
        raise InvariantError(f"the model has no tensors called {', '.join(missing)}")
    with torch.no_grad():
        for name, tensor in trained.items():
            tensors[name].copy_(tensor)
