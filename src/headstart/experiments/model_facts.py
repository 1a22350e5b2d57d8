"""What planning needs to know of a model, read off the names and shapes of its files: no weights are loaded for it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import lru_cache

from headstart.errors import UsageError
from headstart.experiments.options import Options
from headstart.experiments.plan_checks import check_adapter
from headstart.experiments.recipes import get_preset, head_for
from headstart.experiments.saved_adapters import saved_adapter_digest
from headstart.hardware import resolve_device, resolve_precision
from headstart.media.modality import Modality
from headstart.models.checkpoint_tensors import number_kinds
from headstart.models.classifier import Classifier
from headstart.models.input_length import longest_input, usual_input
from headstart.models.loading import checkpoint_notes, load_classifier, load_config, load_tokenizer
from headstart.models.own_heads import own_head
from headstart.models.parameters import count
from headstart.models.processors import SoundProcessor, load_processor
from headstart.models.sentence_pooling import as_checkpoint_says
from headstart.models.source import ModelSource, resolve_model
from headstart.registry import Spec
from headstart.tasks.task import Task
from headstart.training.config import resolve_attention

_kept_classifier = lru_cache(maxsize=8)(load_classifier)
"""Classifiers without weights: all candidates of a comparison share them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """A model with the head that a task asks for, as this machine would train it.

    Attributes:
        source: its files; `source.revision` is what it counts by.
        head: with its options; its pooling is the checkpoint's, where the checkpoint says one and nobody else does.
        classifier: names, shapes and types of all tensors, which are on the meta device.
        longest_input: tokens that it reads, special tokens included; 0 where it reads no texts.
        usual_input: tokens that it reads unless somebody asks for more; 0 where it reads no texts.
        sampling_rate: samples a second of the sounds that it reads; None where it reads no sounds.
        num_backbone_parameters: scalars of the backbone.
        saved_adapter: digest of the saved adapter that adapters start from; None for fresh ones.
        device: "cpu" or "cuda".
        precision: what "auto" means here, "fp32" or "bf16".
        attention: implementation inside transformers, such as "eager".
        number_kinds: kinds of numbers in its files, such as "F32" and "BF16".
    """

    source: ModelSource
    head: Spec
    classifier: Classifier
    longest_input: int
    usual_input: int
    sampling_rate: int | None = None
    num_backbone_parameters: int
    saved_adapter: str | None
    device: str
    precision: str
    attention: str
    number_kinds: frozenset[str]


def model_facts(options: Options, task: Task) -> ModelFacts:
    """Return what planning needs to know of the model that options name.

    Raises:
        UsageError: if the model is not found, or cannot carry the head, or the saved adapter is not one for it.
        CheckpointError: if its files are damaged.
    """
    source, device = resolve_model(options.model.model), resolve_device(options.training.device)
    asked = options.model.head or head_for(get_preset(options.training.preset), task)
    head = as_checkpoint_says(asked, source)
    _check_pair(head, task)
    classifier = _kept_classifier(
        source,
        modality=task.modality,
        kind=task.kind,
        labels=task.labels,
        reads_spans=task.has_spans,
        head=head,
        seed=0,
        attention=resolve_attention(device),
        keep_head=options.model.keep_head,
        with_weights=False,
    )
    adapter, folder = options.method.adapter, options.training.adapter_from
    saved = None
    if adapter is not None and folder is not None:
        check_adapter(adapter, classifier, repr(source.name))
        saved = saved_adapter_digest(adapter, folder, copy.deepcopy(classifier))
    longest, usual, sampling_rate = _inputs(source, task.modality)
    return ModelFacts(
        source=source,
        head=head,
        classifier=classifier,
        longest_input=longest,
        usual_input=usual,
        sampling_rate=sampling_rate,
        num_backbone_parameters=count(classifier.backbone_tensors()),
        saved_adapter=saved,
        device=device,
        precision=resolve_precision("auto", device),
        attention=str(classifier.model.config._attn_implementation),
        number_kinds=number_kinds(source),
    )


def _check_pair(head: Spec, task: Task) -> None:
    """Refuse a head that reads two texts apart where rows have one."""
    design = own_head(head)
    num_texts = len(task.text_columns) + (1 if task.choice_columns else 0)
    if design is not None and design.reads_apart and num_texts < 2:
        raise UsageError(
            f"pair={design.pair} was asked for {task.name}, whose rows have one text each",
            remedy="  Leave it out.",
        )


@lru_cache(maxsize=8)
def _inputs(source: ModelSource, modality: Modality) -> tuple[int, int, int | None]:
    """Return the longest and the usual input of a model, and its sampling rate; what is odd in its files is said."""
    checkpoint_notes(source, modality)
    if modality.is_file:
        processor = load_processor(source, modality)
        return 0, 0, processor.rate if isinstance(processor, SoundProcessor) else None
    config, tokenizer = load_config(source), load_tokenizer(source)
    return longest_input(config, tokenizer), usual_input(source, config, tokenizer), None
