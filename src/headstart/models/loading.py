"""From files to a classifier: a pretrained backbone with a fresh head, loaded anew each time."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import (
    AutoModel,
    AutoModelForAudioClassification,
    AutoModelForImageClassification,
    AutoModelForSequenceClassification,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as transformers_logging

from headstart.errors import CheckpointError, HeadstartError, UsageError
from headstart.kinds.catalogue import DEFAULT_KIND
from headstart.kinds.kind import Kind
from headstart.machine import is_out_of_memory
from headstart.media.modality import Modality
from headstart.models.agreement import agree, follow_end_of_text, follow_tokenizer, say_once
from headstart.models.class_names import check_labels, kind_of, label_names, set_labels
from headstart.models.classifier import (
    PADDING_COUNTS,
    Classifier,
    HeadstartConfig,
    HeadstartForSequenceClassification,
    configuration_of_backbone,
    encoder_of,
    without_pooler,
)
from headstart.models.foreign_files import refuse_wrapped
from headstart.models.heads import architecture_head, draw, find_new_head, head_of_modules
from headstart.models.kept_head import (
    check_architecture,
    check_kind,
    names_of,
    pair_classes,
    reorder_head,
)
from headstart.models.own_checkpoints import backbone_key_mapping, has_head, own_config
from headstart.models.own_heads import OwnHead, own_head
from headstart.models.pairs import PairCut, find_cut
from headstart.models.parameters import own_memory
from headstart.models.source import ModelSource
from headstart.models.text_config import text_config
from headstart.models.tokenizer_files import disobeyed, tokenizer_from_files
from headstart.models.without_code import CONFIG, leftovers, read_config, read_model
from headstart.process_state import alone
from headstart.registry import Spec
from headstart.seeding import derive_seed, torch_stream

NATIVE = Spec("native")
AUTO_CLASSES: dict[Modality, Any] = {
    Modality.TEXT: AutoModelForSequenceClassification,
    Modality.IMAGE: AutoModelForImageClassification,
    Modality.AUDIO: AutoModelForAudioClassification,
}
"""What loads an architecture with its own head, by what rows are."""
CLASSIFIES = {Modality.TEXT: "sequence", Modality.IMAGE: "image", Modality.AUDIO: "audio"}
"""What transformers calls its classifiers of texts, images and sounds."""

NEIGHBOURS_DECIDE = ("t5gemma", "t5gemma2")
"""Architectures whose native head reads another place where a longer text stands in the same batch."""


def load_classifier(
    source: ModelSource,
    *,
    modality: Modality = Modality.TEXT,
    kind: Kind = DEFAULT_KIND,
    labels: Sequence[str],
    head: Spec = NATIVE,
    reads_spans: bool = False,
    seed: int,
    attention: str | None = None,
    keep_head: bool = False,
    with_weights: bool = True,
) -> Classifier:
    """Return a classifier in fp32 and eval mode, with a head fresh from the stream `head_init`.

    Args:
        source: the pretrained checkpoint.
        modality: what it reads.
        kind: of answer that the task wants.
        labels: class names by index: two or more, for multi-label one or more; empty where answers are not classes.
        head: one of `headstart.models.own_heads`, or the architecture's own.
        reads_spans: whether the head reads two places in the text beside the text.
        seed: the root seed.
        attention: implementation inside transformers; None leaves the default.
        keep_head: keep a head that the checkpoint has for these classes.
        with_weights: False reads names, shapes and types alone: all tensors are on the meta device.

    Raises:
        UsageError: if the architecture has no sequence classifier or cannot carry the head, or there is no head to
            keep.
        CheckpointError: if the checkpoint lacks backbone tensors.
    """
    design = own_head(head)
    check_labels(kind, labels)
    request = _Request(
        modality=modality,
        kind=kind,
        labels=tuple(labels),
        reads_spans=reads_spans,
        seed=seed,
        attention=attention,
        device=None if with_weights else "meta",
    )
    with quiet_loading(), torch_stream(request.head_seed):
        if design is None:
            return _load_native(source, request, keep_head)
        config = load_config(source)
        if modality.is_file:
            _require_sequence(source, config, design, modality)
        design = design.on(config)
        if design.reads_apart and reads_spans:
            raise UsageError(
                f"pair={design.pair} does not read the two places that the task's examples point at",
                remedy="  Use pair=joint.",
            )
        return _load_kept(source, design, request) if keep_head else _load_own(source, design, request)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What a classifier is to be, beside its checkpoint and head."""

    modality: Modality
    kind: Kind
    labels: tuple[str, ...]
    reads_spans: bool
    seed: int
    attention: str | None
    device: str | None

    @property
    def head_seed(self) -> int:
        return derive_seed(self.seed, "head_init")


def load_tokenizer(source: ModelSource, *, as_saved: bool = False) -> PreTrainedTokenizerBase:
    """Return the model's tokenizer, made one with its configuration; what that changed is said once.

    Special tokens that stand in a text, such as "[SEP]", are read as any other text: they would end it, or be skipped.
    `as_saved` leaves that to the folder's own settings, which decide what transformers' pipeline does with it.

    Raises:
        UsageError: if the folder holds none that can be loaded, it does not fit the model, or transformers does not
            know the architecture.
    """
    # A folder with an adapter alone has no configuration; its tokenizer was made one with it before it was saved.
    config = load_config(source) if (source.path / CONFIG).is_file() else None
    with quiet_loading():
        tokenizer = tokenizer_from_files(source, config, splits_special_tokens=None if as_saved else True)
    for note in agree(tokenizer, config, source.name):
        say_once(note)
    return tokenizer


def checkpoint_notes(source: ModelSource, modality: Modality = Modality.TEXT) -> tuple[str, ...]:
    """Return what is odd about a checkpoint's files and was mended or left out, a sentence each; say them once.

    Of a model that reads no texts, the tokenizer is not looked at.

    Raises:
        UsageError: as `load_tokenizer` does.
    """
    found: list[str | None] = []
    if modality is Modality.TEXT:
        config = load_config(source)
        with quiet_loading():
            tokenizer = tokenizer_from_files(source, config)
        found += [*agree(tokenizer, config, source.name), disobeyed(source, tokenizer)]
    found.append(leftovers(source.path, source.name))
    notes = tuple(note for note in found if note is not None)
    for note in notes:
        say_once(note)
    return notes


_kept_tokenizer = lru_cache(maxsize=2)(load_tokenizer)
"""For facts alone: tokenizers that are given out may be changed."""


def load_config(source: ModelSource) -> PretrainedConfig:
    """Return the model's configuration; the backbone's, where the model has one of our heads.

    Raises:
        UsageError: if transformers does not know the architecture, or makes no configuration of what the file says.
        DamageError: if the file is no JSON object.
    """
    try:
        with quiet_loading():
            own = own_config(source)
            if own is not None:
                return configuration_of_backbone(own)
            return read_config(source.path)
    except HeadstartError:
        raise
    except Exception as error:  # A value of another type than its field's fails in as many ways as there are fields.
        if is_out_of_memory(error):
            raise
        raise UsageError(f"transformers cannot read the configuration of {source.name!r}: {error}") from error


def classifier_from_model(
    model: PreTrainedModel, head_names: Sequence[str] | None = None, kind: Kind | None = None
) -> Classifier:
    """Return a view on a live model; head and kind of answer are what the architecture says, unless they are given.

    Raises:
        UsageError: if no head is found.
    """
    kind = kind or kind_of(model)
    return Classifier(
        model=model,
        head_names=tuple(architecture_head(model) if head_names is None else head_names),
        labels=label_names(model.config) if kind.has_classes else (),
        kind=kind,
    )


def _load_native(source: ModelSource, request: _Request, keep_head: bool) -> Classifier:
    if request.reads_spans:
        raise UsageError(
            "the head 'native' does not read the two places that the task's examples point at",
            remedy="  Use the `head` linear, or the task whose name ends in _marked.",
        )
    config = load_config(source)
    if config.model_type in NEIGHBOURS_DECIDE:
        raise UsageError(
            f"the native head of {config.model_type!r} answers a text otherwise beside a longer one",
            remedy="  Use the `head` linear.",
        )
    order = _kept_order(source, config, request) if keep_head else ()
    set_labels(config, request.kind, request.labels)
    if request.modality is Modality.TEXT:
        _follow_tokenizer(source, config, is_native=True)
    model, missing, mismatched = _from_pretrained(AUTO_CLASSES[request.modality], source, config, request)
    head_names = find_new_head(model, missing, mismatched)
    if keep_head and (missing or mismatched):
        raise _no_head_to_keep(source, request)
    if keep_head:
        check_architecture(source.name, config)
    else:
        draw(model, head_names, request.head_seed)
    classifier = _classifier(model, head_names, request, missing | mismatched)
    reorder_head(source.name, classifier, order)
    return classifier


def _follow_tokenizer(source: ModelSource, config: PretrainedConfig, *, is_native: bool) -> None:
    """Make a configuration one with its tokenizer, where there is one; who needs a tokenizer is told of its lack."""
    try:
        tokenizer = _kept_tokenizer(source)
    except UsageError:
        return
    follow_tokenizer(config, tokenizer)
    note = follow_end_of_text(config, tokenizer, source.name) if is_native else None
    if note is not None:
        say_once(note)


def _load_own(source: ModelSource, design: OwnHead, request: _Request) -> Classifier:
    config = load_config(source)
    if request.modality is Modality.TEXT:
        _follow_tokenizer(source, config, is_native=False)
    whole, missing, mismatched = _from_pretrained(AutoModel, source, config, request)
    backbone = without_pooler(encoder_of(whole))
    used = {id(tensor) for tensor in backbone.state_dict(keep_vars=True).values()}
    state = whole.state_dict(keep_vars=True)
    _refuse_damaged(source, (name for name in missing | mismatched if name in state and id(state[name]) in used))
    cut = pair_cut_of(source, design)
    model: PreTrainedModel = HeadstartForSequenceClassification(_new_config(whole, design, request, cut), backbone)
    head_names = head_of_modules(model, ["head"])
    draw(model, head_names, request.head_seed)
    return _classifier(model, head_names, request, set(head_names))


def _require_sequence(source: ModelSource, config: PretrainedConfig, design: OwnHead, modality: Modality) -> None:
    """Refuse a model that does not cut images or sounds into a sequence of vectors of one size, or is of another kind.

    Raises:
        UsageError: if it has no such size, or transformers does not classify images or sounds with it.
    """
    if type(config) not in AUTO_CLASSES[modality]._model_mapping:
        raise _no_classifier(config, modality)
    if not isinstance(getattr(text_config(config), "hidden_size", None), int):
        raise UsageError(
            f"the head {design.name!r} reads a sequence of vectors, and {config.model_type!r} makes none of "
            f"{modality.thing}s",
            remedy="  Use the `head` native, the model's own.",
        )


def _refuse_batch_norm(source: ModelSource, model: PreTrainedModel) -> None:
    """Refuse layers that keep means of the batches that they have seen: these move though nobody trains them.

    A frozen backbone would not stay as it is, and a restored one would not be the pretrained one.
    """
    if any(isinstance(module, torch.nn.modules.batchnorm._BatchNorm) for module in model.modules()):
        raise UsageError(
            f"{source.name!r} has layers of batch normalisation, whose running means move without being trained",
            remedy="  Give a `model` with layer normalisation, such as ViT, Swin or ConvNeXt; wav2vec 2.0 or Whisper.",
        )


def _no_classifier(config: PretrainedConfig, modality: Modality) -> UsageError:
    return UsageError(
        f"transformers has no {CLASSIFIES[modality]} classifier for {config.model_type!r}",
        remedy=f"  Give a `model` that reads {modality.thing}s.",
    )


def _load_kept(source: ModelSource, design: OwnHead, request: _Request) -> Classifier:
    config = own_config(source)
    if config is None or not has_head(config, design, request.kind, request.reads_spans):
        raise _no_head_to_keep(source, request)
    order = pair_classes(source.name, names_of(config, request.kind), request.labels)
    if request.kind.has_classes and config.num_labels != len(request.labels):
        raise _no_head_to_keep(source, request)
    set_labels(config, request.kind, request.labels)
    model, missing, mismatched = _from_pretrained(HeadstartForSequenceClassification, source, config, request)
    _refuse_damaged(source, missing | mismatched)
    classifier = _classifier(model, head_of_modules(model, ["head"]), request, set())
    reorder_head(source.name, classifier, order)
    return classifier


def _kept_order(source: ModelSource, config: PretrainedConfig, request: _Request) -> tuple[int, ...]:
    """Return the places of the data's classes in a native head, after a look at what it is for."""
    check_kind(source.name, config, request.kind)
    return pair_classes(source.name, names_of(config, request.kind), request.labels)


def pair_cut_of(source: ModelSource, design: OwnHead) -> PairCut | None:
    """Return how a head reads pairs apart; None for one that reads them as one sequence.

    Raises:
        UsageError: if the head reads them apart, and the tokenizer puts no separator between two texts or the model
            reads padding as a part of the text.
    """
    if not design.reads_apart:
        return None
    config = load_config(source)
    if config.model_type in PADDING_COUNTS:
        raise UsageError(
            f"pair={design.pair} was asked of {config.model_type!r}, which reads padding as a part of the text",
            remedy="  Use pair=joint, which reads the two texts as one sequence.",
        )
    return find_cut(_kept_tokenizer(source), config)


def _new_config(whole: PreTrainedModel, design: OwnHead, request: _Request, cut: PairCut | None) -> HeadstartConfig:
    config = HeadstartConfig(
        backbone_config=whole.config.to_dict(),
        head=design.name,
        head_options=design.options(),
        num_logits=design.num_logits(request.kind, len(request.labels)),
        kind=str(request.kind),
        reads_spans=request.reads_spans,
        pair_cut=None if cut is None else asdict(cut),
    )
    set_labels(config, request.kind, request.labels)
    return config


def _classifier(model: PreTrainedModel, head_names: tuple[str, ...], request: _Request, new: set[str]) -> Classifier:
    return Classifier(
        model=model.eval(),
        head_names=head_names,
        labels=request.labels,
        kind=request.kind,
        newly_initialised=tuple(sorted(new)),
    )


def _from_pretrained(
    auto_class: Any, source: ModelSource, config: PretrainedConfig, request: _Request
) -> tuple[PreTrainedModel, set[str], set[str]]:
    """Load in fp32 whatever the checkpoint's dtype; return the model, its missing keys and its mismatched keys."""
    is_whole = isinstance(config, HeadstartConfig)
    try:
        model, info = read_model(
            auto_class,
            source.path,
            config,
            attn_implementation=request.attention,
            device_map=request.device,
            ignore_mismatched_sizes=True,
            key_mapping=None if is_whole else backbone_key_mapping(own_config(source)),
        )
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise CheckpointError(f"the weights of {source.name!r} cannot be read: {error}") from error
    except HeadstartError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        if "Unrecognized configuration class" in str(error):
            raise _no_classifier(config, request.modality) from error
        raise UsageError(f"transformers cannot build {source.name!r} as its configuration says: {error}") from error
    if request.modality.is_file:
        _refuse_batch_norm(source, model)
    refuse_wrapped(source.name, model.state_dict(), info["missing_keys"], info["unexpected_keys"])
    own_memory(model)
    return model, set(info["missing_keys"]), {key for key, *_ in info["mismatched_keys"]}


def _refuse_damaged(source: ModelSource, lacking: Iterable[str]) -> None:
    names = sorted(lacking)
    if names:
        raise CheckpointError(f"the checkpoint {source.name!r} is damaged: it lacks {', '.join(names[:5])}")


def _no_head_to_keep(source: ModelSource, request: _Request) -> UsageError:
    wanted = f"{len(request.labels)} classes" if request.labels else f"the answers of {request.kind}"
    return UsageError(
        f"`keep_head`: {source.name!r} has no head of this kind for {wanted}",
        remedy="  Leave `keep_head` out; a fresh head is drawn.",
    )


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Silence transformers' loading reports inside the block: headstart says itself what is new."""
    with alone():
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
