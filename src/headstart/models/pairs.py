"""Pairs of texts read apart: where a tokenizer's one sequence of two texts is cut, and what is made of the parts.

Letters: b batch, t tokens, d size of a text's vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile

import torch
from transformers import PretrainedConfig, PreTrainedTokenizerBase

from headstart.errors import UsageError
from headstart.models.text_config import text_config

PROBES = ("one two", "three")
"""Two texts by which a tokenizer shows where it puts its special tokens."""

JOINED_PARTS = 4
"""Vectors that a pair has: u, v, |u - v|, u * v."""


@dataclass(frozen=True, slots=True)
class PairCut:
    """How one sequence of two texts becomes two sequences, each what the tokenizer makes of that text alone.

    Attributes:
        separator: the token that ends the first text.
        num_separators: how many of them stand between the texts.
        start: the token that stands before each text; -1 where none does.
        padding: the token that fills the shorter sequences.
    """

    separator: int
    num_separators: int
    start: int
    padding: int

    def of(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Return token numbers and mask [2b, t'], padded on the right: all first texts, then all second ones.

        Args:
            input_ids: [b, t], sequences of two texts.
            attention_mask: [b, t], 1 for tokens, 0 for padding on either side; None where nothing is padded.

        Raises:
            UsageError: if a sequence has no second text.
        """
        is_text = torch.ones_like(input_ids).bool() if attention_mask is None else attention_mask.bool()
        has_begun = is_text.cumsum(dim=1) > (1 if self.start >= 0 else 0)
        is_separator = (input_ids == self.separator) & is_text & has_begun
        seen = is_separator.cumsum(dim=1)
        is_first = is_text & ((seen == 0) | ((seen == 1) & is_separator))
        is_second = is_text & ((seen > self.num_separators) | ((seen == self.num_separators) & ~is_separator))
        if not bool(is_second.any(dim=1).all()):
            raise UsageError(
                "this model reads the two texts of a pair apart, and one text was given",
                remedy="  Give pairs of texts.",
            )
        parts = [self._packed(input_ids, is_first, False), self._packed(input_ids, is_second, self.start >= 0)]
        width = max(part.shape[1] for part, _ in parts)
        ids = [torch.nn.functional.pad(part, (0, width - part.shape[1]), value=self.padding) for part, _ in parts]
        masks = [torch.nn.functional.pad(mask, (0, width - mask.shape[1])) for _, mask in parts]
        return torch.cat(ids), torch.cat(masks)

    def _packed(
        self, input_ids: torch.Tensor, is_part: torch.Tensor, starts: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the chosen tokens of each row and their mask, moved to the left, behind the start token if asked."""
        if starts:
            start = torch.full_like(input_ids[:, :1], self.start)
            input_ids = torch.cat([start, input_ids], dim=1)
            is_part = torch.cat([torch.ones_like(is_part[:, :1]), is_part], dim=1)
        lengths = is_part.sum(dim=1, keepdim=True)
        width = int(lengths.max())
        order = (~is_part).int().argsort(dim=1, stable=True)[:, :width]
        mask = torch.arange(width, device=input_ids.device) < lengths
        return input_ids.gather(1, order).masked_fill(~mask, self.padding), mask.long()


def join_pair(vectors: torch.Tensor) -> torch.Tensor:
    """Return (u, v, |u - v|, u * v) [b, 4d] of the vectors [2b, d] of all first texts u and all second texts v.

    Source: Conneau et al. (EMNLP 2017), "InferSent", section 3.1, which has the two vectors, their absolute difference
    and their product.
    """
    u, v = vectors.chunk(2)
    return torch.cat([u, v, (u - v).abs(), u * v], dim=-1)


def find_cut(tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig) -> PairCut:
    """Return where a tokenizer's sequences of two texts are to be cut.

    It is found by two texts: the parts must be what the tokenizer makes of each text alone.

    Raises:
        UsageError: if the tokenizer puts no separator between two texts, or its parts are not the texts alone.
    """
    alone = [list(tokenizer(text)["input_ids"]) for text in PROBES]
    together = list(tokenizer(*PROBES)["input_ids"])
    cut = _guessed_cut(alone[0], together, tokenizer, config)
    if cut is None or _parts(cut, together) != alone:
        raise UsageError(
            "pair=apart was asked of a model whose tokenizer puts no separator between two texts",
            remedy="  Use pair=joint, which reads the two texts as one sequence.",
        )
    return cut


def _guessed_cut(
    first: list[int], together: list[int], tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig
) -> PairCut | None:
    """Return the cut behind a first text that ends with a special token; None where it does not."""
    special = set(tokenizer.all_special_ids)
    if not first or first[-1] not in special:
        return None
    separator, padding = first[-1], getattr(text_config(config), "pad_token_id", None)
    return PairCut(
        separator=separator,
        num_separators=sum(1 for _ in takewhile(separator.__eq__, together[len(first) - 1 :])),
        start=first[0] if len(first) > 1 and first[0] in special else -1,
        padding=0 if padding is None else int(padding),
    )


def _parts(cut: PairCut, together: list[int]) -> list[list[int]]:
    """Return the two sequences that a cut makes of one; none where it finds no second text."""
    try:
        ids, mask = cut.of(torch.tensor([together]), None)
    except UsageError:
        return []
    return [row[is_token.bool()].tolist() for row, is_token in zip(ids, mask, strict=True)]
