"""From one vector per token to the vectors that a head reads.

Letters: b batch, t tokens, h hidden size. Padding may stand on either side of the text.
"""

from __future__ import annotations

from enum import StrEnum

import torch
from transformers import PretrainedConfig
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES,
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from headstart.errors import UsageError
from headstart.models.text_config import text_config

LEFT_TO_RIGHT = frozenset(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES) - frozenset(MODEL_FOR_MASKED_LM_MAPPING_NAMES)
"""Architectures that are pretrained from left to right, and XLNet, whose token for the whole text stands last."""


OF_FRAMES = frozenset(MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES) - {"audio-spectrogram-transformer"}
"""Architectures that say something of each frame of a sound, and have no token for the whole."""

BOTH_WAYS = (True, "all")
"""What a configuration says under `use_bidirectional_attention` where every token of a text sees all others."""


class Pooling(StrEnum):
    """Which vector stands for a text."""

    FIRST = "first"
    """The first token's."""
    MEAN = "mean"
    """The mean over all tokens."""
    LAST = "last"
    """The last token's."""
    MAX = "max"
    """The largest value of each feature over all tokens."""
    WEIGHTED_MEAN = "weighted_mean"
    """The mean over all tokens, weighted by their places 1, 2, ...: later tokens of a decoder have seen more."""
    MEAN_SQRT = "mean_sqrt"
    """The sum over all tokens, divided by the square root of their number."""


JOIN = "+"
"""What stands between poolings whose vectors are joined."""


def read_poolings(text: str) -> tuple[Pooling, ...]:
    """Return poolings that are written as `mean` or `mean+max`.

    Raises:
        ValueError: if one of them is unknown, or stands there twice.
    """
    poolings = tuple(Pooling(part) for part in text.split(JOIN))
    if len(set(poolings)) < len(poolings):
        raise ValueError(f"{text!r} has a pooling twice")
    return poolings


def default_pooling(config: PretrainedConfig) -> Pooling:
    """Return what an architecture's vectors are made for.

    The first token for encoders; the last for models that read from left to right, since only it has seen the whole
    text; the mean where no token was trained to sum up a text: for the encoder of an encoder-decoder, and for a decoder
    whose attention was opened in both directions; for the frames of a sound.

    Source: for encoder-decoders Ni et al. (Findings of ACL 2022), "Sentence-T5", section 3; for opened decoders
    Schechter Vera et al. (arXiv 2509.20354), "EmbeddingGemma".
    """
    if config.is_encoder_decoder or _was_opened(config) or config.model_type in OF_FRAMES:
        return Pooling.MEAN
    return Pooling.LAST if config.model_type in LEFT_TO_RIGHT else Pooling.FIRST


def check_pooling(pooling: Pooling, config: PretrainedConfig) -> None:
    """Refuse the first token of a text that is read from left to right: it has not seen the others.

    Raises:
        UsageError: if `pooling` is that.
    """
    reads_both_ways = config.is_encoder_decoder or _was_opened(config)
    if pooling is Pooling.FIRST and config.model_type in LEFT_TO_RIGHT and not reads_both_ways:
        raise UsageError(
            f"pooling=first was asked of {config.model_type!r}, whose first token does not stand for the text",
            remedy="  Use pooling=last or pooling=mean.",
        )


def _was_opened(config: PretrainedConfig) -> bool:
    """Return whether the attention of a model made from left to right looks in both directions."""
    return getattr(text_config(config), "use_bidirectional_attention", None) in BOTH_WAYS


def pool(hidden: torch.Tensor, attention_mask: torch.Tensor | None, pooling: Pooling) -> torch.Tensor:
    """Return one vector per text [b, h].

    Args:
        hidden: the final layer's output [b, t, h].
        attention_mask: 1 for tokens, 0 for padding [b, t]; None where nothing is padded.
        pooling: which vector.
    """
    if pooling not in (Pooling.FIRST, Pooling.LAST):
        return _over_all(hidden, torch.ones_like(hidden[..., 0]) if attention_mask is None else attention_mask, pooling)
    if attention_mask is None:
        return hidden[:, 0] if pooling is Pooling.FIRST else hidden[:, -1]
    rows = torch.arange(hidden.shape[0], device=hidden.device)
    if pooling is Pooling.FIRST:
        return hidden[rows, attention_mask.argmax(dim=1)]
    return hidden[rows, attention_mask.shape[1] - 1 - attention_mask.flip(1).argmax(dim=1)]


def _over_all(hidden: torch.Tensor, mask: torch.Tensor, pooling: Pooling) -> torch.Tensor:
    """Return what is made of all tokens [b, h].

    Source: for the weighted mean Muennighoff (arXiv 2202.08904), "SGPT", equation 1; for the others Reimers and
    Gurevych (EMNLP 2019), section 3. All as in release 6 of sentence-transformers; up to release 5 padding on the left
    shifted the weights of its weighted mean.
    """
    is_padding = ~mask.bool().unsqueeze(-1)
    match pooling:
        case Pooling.MAX:
            return hidden.masked_fill(is_padding, torch.finfo(hidden.dtype).min).amax(dim=1)
        case Pooling.WEIGHTED_MEAN:
            places = mask.bool().cumsum(dim=1).float() * mask.bool()
            weights = places / places.sum(dim=1, keepdim=True).clamp(min=1)
            return (hidden.masked_fill(is_padding, 0.0) * weights.unsqueeze(-1)).sum(dim=1).to(hidden.dtype)
        case Pooling.MEAN_SQRT:
            return (mean_over(hidden, mask) * mask.bool().sum(dim=1, keepdim=True).sqrt()).to(hidden.dtype)
        case _:
            return mean_over(hidden, mask)


def mean_over(hidden: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """Return the mean [b, h] of `hidden` [b, t, h] over the positions that are not 0 in `chosen` [b, t].

    Values at other positions do not count, even infinite ones. Without any position the mean is zeros.
    """
    is_chosen = chosen.bool().unsqueeze(-1)
    return hidden.masked_fill(~is_chosen, 0.0).sum(dim=1) / is_chosen.sum(dim=1).clamp(min=1)


def compare_spans(hidden: torch.Tensor, spans: torch.Tensor) -> torch.Tensor:
    """Return the comparison of two places in a text [b, 4h]: `[w1; w2; |w1 - w2|; w1 * w2]`.

    Args:
        hidden: the final layer's output [b, t, h].
        spans: [b, 4], first token and end (exclusive) of the one place, then of the other; w1 and w2 are the means
            over their tokens.

    Source: Yang et al. (EMNLP 2022), official code, for words in context.
    """
    positions = torch.arange(hidden.shape[1], device=hidden.device)
    begin1, end1, begin2, end2 = spans.unsqueeze(-1).unbind(dim=1)
    first = mean_over(hidden, (positions >= begin1) & (positions < end1))
    second = mean_over(hidden, (positions >= begin2) & (positions < end2))
    return torch.cat([first, second, (first - second).abs(), first * second], dim=-1)
