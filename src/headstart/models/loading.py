"""From files to a classifier: a pretrained backbone with a fresh head, loaded anew each time."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as transformers_logging

from headstart.errors import CheckpointError, UsageError
from headstart.models.classifier import (
    Classifier,
    HeadstartConfig,
    HeadstartForSequenceClassification,
    without_pooler,
)
from headstart.models.heads import (
    architecture_head,
    check_first_token,
    check_head,
    draw_head,
    find_new_head,
    head_of_modules,
)
from headstart.models.memory import own_memory
from headstart.models.source import ModelSource
from headstart.registry import Spec
from headstart.seeding import derive_seed, torch_stream

NATIVE = Spec("native")
TOKENIZER_FILES = ("tokenizer.json", "vocab.*", "*.model", "tekken.json")

POSITIONS_AFTER_PADDING = ("camembert", "data2vec-text", "ibert", "longformer", "mpnet", "xmod")
"""Architectures beside RoBERTa's kin that count positions from pad_token_id + 1."""


def load_classifier(
    source: ModelSource,
    *,
    labels: Sequence[str],
    head: Spec = NATIVE,
    seed: int,
    attention: str | None = None,
    keep_head: bool = False,
) -> Classifier:
    """Return a classifier in fp32 and eval mode, with a head fresh from the stream `head_init`.

    Args:
        source: the pretrained checkpoint.
        labels: class names by index, two or more.
        head: `native` or `mlp`.
        seed: the root seed.
        attention: implementation inside transformers; None leaves the default.
        keep_head: keep a head that the checkpoint has for this many classes.

    Raises:
        UsageError: if the architecture has no sequence classifier, or there is no head to keep.
        CheckpointError: if the checkpoint lacks backbone tensors.
    """
    check_head(head)
    with quiet_loading(), torch_stream(derive_seed(seed, "head_init")):
        if head.name == "mlp":
            return _load_mlp(source, labels, seed, attention, keep_head)
        return _load_native(source, labels, seed, attention, keep_head)


def load_tokenizer(source: ModelSource) -> PreTrainedTokenizerBase:
    """Return the model's fast tokenizer.

    Raises:
        UsageError: if the folder holds none.
    """
    if not any(found for pattern in TOKENIZER_FILES for found in source.path.glob(pattern)):
        # transformers would make one without a vocabulary, to which every word is unknown.
        raise UsageError(f"the model {source.name!r} has no tokenizer: its folder holds no vocabulary")
    try:
        with quiet_loading():
            tokenizer = AutoTokenizer.from_pretrained(source.path, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"the model {source.name!r} has no tokenizer that can be loaded: {error}") from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_config(source: ModelSource) -> PretrainedConfig:
    """Return the model's configuration.

    Raises:
        UsageError: if transformers does not know the architecture.
    """
    try:
        with quiet_loading():
            config: PretrainedConfig = AutoConfig.from_pretrained(source.path, local_files_only=True)
    except (OSError, ValueError, KeyError, StrictDataclassError) as error:
        raise UsageError(f"transformers cannot read the configuration of {source.name!r}: {error}") from error
    return config


def classifier_from_model(model: PreTrainedModel, head_modules: Sequence[str] | None = None) -> Classifier:
    """Return a view on a live model; its head is found by the architecture unless its modules are named.

    Raises:
        UsageError: if no head is found.
    """
    names = architecture_head(model) if head_modules is None else head_of_modules(model, head_modules)
    label_names: Mapping[Any, str] = model.config.id2label or {}
    labels = tuple(label_names[index] for index in range(len(label_names)))
    return Classifier(model=model, head_names=names, labels=labels)


def longest_input(source: ModelSource, tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the longest example that a model reads, in tokens, special tokens included."""
    config = load_config(source)
    positions = getattr(config, "max_position_embeddings", None)
    known = [int(tokenizer.model_max_length)] if tokenizer.model_max_length < 10**6 else []
    if isinstance(positions, int) and positions > 0:
        counts_from_padding = "roberta" in config.model_type or config.model_type in POSITIONS_AFTER_PADDING
        known.append(positions - ((config.pad_token_id or 0) + 1 if counts_from_padding else 0))
    return min(known, default=512)


def _load_native(
    source: ModelSource, labels: Sequence[str], seed: int, attention: str | None, keep_head: bool
) -> Classifier:
    config = load_config(source)
    _set_labels(config, labels)
    model, missing, mismatched = _from_pretrained(AutoModelForSequenceClassification, source, config, attention)
    if model.config.pad_token_id is None:
        model.config.pad_token_id = load_tokenizer(source).pad_token_id
    head_names = find_new_head(model, missing, mismatched)
    if keep_head and (missing or mismatched):
        raise UsageError(
            f"--keep-head: {source.name!r} has no head for {len(labels)} classes",
            remedy="  Leave --keep-head out; a fresh head is drawn.",
        )
    if not keep_head:
        draw_head(model, head_names, derive_seed(seed, "head_init"))
    return Classifier(
        model=model.eval(),
        head_names=head_names,
        labels=tuple(labels),
        newly_initialised=tuple(sorted(missing | mismatched)),
    )


def _load_mlp(
    source: ModelSource, labels: Sequence[str], seed: int, attention: str | None, keep_head: bool
) -> Classifier:
    if keep_head:
        raise UsageError("--keep-head would have no effect with --head mlp: no checkpoint brings that head along")
    backbone_config = load_config(source)
    check_first_token(backbone_config)
    backbone, missing, mismatched = _from_pretrained(AutoModel, source, backbone_config, attention)
    backbone = without_pooler(backbone)
    damaged = sorted((missing | mismatched) & set(backbone.state_dict()))
    if damaged:
        raise CheckpointError(f"the checkpoint {source.name!r} is damaged: it lacks {', '.join(damaged[:5])}")
    config = HeadstartConfig(
        backbone_config=backbone.config.to_dict(), num_logits=1 if len(labels) == 2 else len(labels)
    )
    _set_labels(config, labels)
    model: PreTrainedModel = HeadstartForSequenceClassification(config, backbone)
    head_names = tuple(sorted(name for name in model.state_dict() if name.startswith("head.")))
    draw_head(model, head_names, derive_seed(seed, "head_init"))
    return Classifier(model=model.eval(), head_names=head_names, labels=tuple(labels), newly_initialised=head_names)


def _from_pretrained(
    auto_class: Any, source: ModelSource, config: PretrainedConfig, attention: str | None
) -> tuple[PreTrainedModel, set[str], set[str]]:
    """Load in fp32 whatever the checkpoint's dtype; return the model, its missing keys and its mismatched keys."""
    try:
        model, info = auto_class.from_pretrained(
            source.path,
            config=config,
            dtype=torch.float32,
            attn_implementation=attention,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            local_files_only=True,
            use_safetensors=True,
        )
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise CheckpointError(f"the weights of {source.name!r} cannot be read: {error}") from error
    except ValueError as error:
        if "Unrecognized configuration class" in str(error):
            raise UsageError(f"transformers has no sequence classifier for {config.model_type!r}") from error
        raise UsageError(f"transformers cannot build {source.name!r} as its configuration says: {error}") from error
    own_memory(model)
    return model, set(info["missing_keys"]), {key for key, *_ in info["mismatched_keys"]}


def _set_labels(config: PretrainedConfig, labels: Sequence[str]) -> None:
    if len(labels) < 2:
        raise UsageError(f"a classifier needs two classes or more, given: {', '.join(labels) or 'none'}")
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: index for index, label in enumerate(labels)}
    config.problem_type = "single_label_classification"


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Silence transformers' loading reports inside the block: headstart says itself what is new."""
    level = transformers_logging.get_verbosity()
    had_bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(logging.ERROR)
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if had_bars:
            transformers_logging.enable_progress_bar()
