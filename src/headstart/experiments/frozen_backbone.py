"""What heads read of a run's rows on the untouched backbone: made in one pass for all of them, and kept.

Letters: n rows, d size of what a head reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from headstart.data.batching import Collator, TokenizedDataset
from headstart.data.tokenisation import TokenizedSplit
from headstart.experiments.bounded_cache import BoundedCache
from headstart.inference.passes import PassSize
from headstart.models.classifier import Classifier, has_own_backbone
from headstart.models.loading import load_config, pair_cut_of
from headstart.models.own_heads import own_head
from headstart.models.sentence_pooling import as_checkpoint_says
from headstart.models.source import ModelSource
from headstart.models.vectors import Reading
from headstart.registry import Spec
from headstart.tasks.task import Task
from headstart.training.config import TrainingConfig
from headstart.training.features import Features, extract, numbered, reading_of, reads_one_vector, replayed
from headstart.training.fitted_head import HeadInputs, head_inputs, head_map

FeatureRows = Literal["train", "report", "choose"]
"""The rows that a backbone is asked of."""

Known = dict[Reading | None, Features | None]
"""Features by what is read; None stands for native heads, and for one that reads more than one vector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenBackbone:
    """The untouched backbone of a run, as a function of its rows.

    Attributes:
        kept: where features stay.
        key: what they follow from beside the rows' name and what is read.
        tokens: gives the rows' tokens.
        collator: makes batches of them.
        load: gives the pretrained model with a head, loaded anew.
        source: the model's files.
        task: of the rows.
        training: its precision and device.
    """

    kept: BoundedCache
    key: tuple[object, ...]
    tokens: Callable[[FeatureRows], TokenizedSplit]
    collator: Collator
    load: Callable[[Spec], Classifier]
    source: ModelSource
    task: Task
    training: TrainingConfig

    def features(self, classifier: Classifier, head: Spec, which: FeatureRows = "train") -> Features | None:
        """Return what a freshly loaded classifier's head reads of some rows; None where that is no one vector."""
        reading = reading_of(classifier)
        return self._known({reading: head}, which, classifier)[reading]

    def vectors(self, heads: Sequence[Spec], which: FeatureRows) -> dict[Spec, NDArray[np.float32]]:
        """Return what each head's first linear map would read of some rows [n, d]; `RunData.vectors` says the rest."""
        readings = {head: self._reading_of(head) for head in heads}
        known = self._known({reading: head for head, reading in readings.items()}, which)
        found: dict[Spec, NDArray[np.float32]] = {}
        for head, reading in readings.items():
            features = known[reading]
            if reading is None or features is None:
                found[head] = self._native_inputs(self.load(head), features, which).vectors
            else:
                found[head] = self._by_row(features, which)
        return found

    def head_inputs(self, classifier: Classifier, head: Spec) -> HeadInputs:
        """Return what the one linear map of a freshly loaded classifier's head reads of the training rows.

        Raises:
            UsageError: if the head is more than one linear map.
        """
        head_map(classifier)
        features = self.features(classifier, head)
        if features is None or reading_of(classifier) is None:
            return self._native_inputs(classifier, features, "train")
        return HeadInputs(vectors=self._by_row(features, "train"), seconds=features.seconds)

    def _reading_of(self, head: Spec) -> Reading | None:
        """Return what a head of our own reads here; None for the native one."""
        design = own_head(as_checkpoint_says(head, self.source))
        if design is None:
            return None
        design = design.on(load_config(self.source))
        return design.reading(reads_spans=self.task.has_spans, cut=pair_cut_of(self.source, design))

    def _known(
        self, heads: Mapping[Reading | None, Spec], which: FeatureRows, classifier: Classifier | None = None
    ) -> Known:
        """Return what is read of some rows by heads; one pass makes all that is not kept.

        `classifier` has the untouched backbone, and each of the heads may stand on it; without one it is loaded.
        """
        keys = {reading: ("features", which, reading, *self.key) for reading in heads}
        known: Known = {
            reading: self.kept.get(key, _never, _num_bytes) for reading, key in keys.items() if key in self.kept
        }
        missing = [reading for reading in heads if reading not in known]
        if not missing:
            return known
        # A native head's own backbone is the one under heads of ours, but where it has a decoder, say.
        classifier = classifier or self.load(heads[None if None in missing else missing[0]])
        together = missing if None not in missing or has_own_backbone(classifier.model) else [None]
        made = self._extract(classifier, together, which)
        for reading, features in made.items():
            self._keep(keys[reading], features)
        known |= made
        rest = {reading: head for reading, head in heads.items() if reading not in known}
        return known | self._known(rest, which) if rest else known

    def _keep(self, key: tuple[object, ...], features: Features | None) -> None:
        self.kept.get(key, lambda: features, _num_bytes)

    def _extract(self, classifier: Classifier, readings: Sequence[Reading | None], which: FeatureRows) -> Known:
        """Return what is read of some rows in one pass."""
        tokens = self.tokens(which)
        dataset = TokenizedDataset(tokens)
        batch = self.collator([dataset[row] for row in range(min(4, len(tokens)))])
        made: Known = {}
        if None in readings and not reads_one_vector(classifier, batch):
            made[None] = None
        wanted = [reading for reading in readings if reading not in made]
        if not wanted:
            return made
        found = extract(
            classifier,
            wanted,
            tokens,
            self.collator,
            size=PassSize.usual(self.training.device),
            precision=self.training.precision,
            device=self.training.device,
        )
        return made | dict(zip(wanted, found, strict=True))

    def _native_inputs(self, classifier: Classifier, features: Features | None, which: FeatureRows) -> HeadInputs:
        """Return what the one linear map of a native head reads; without features from a pass of the whole model.

        Raises:
            UsageError: if the head is more than one linear map.
        """
        training, tokens = self.training, self.tokens(which)
        inputs = partial(
            head_inputs,
            size=PassSize.usual(training.device),
            precision=training.precision,
            device=training.device,
        )
        if features is None:
            return inputs(classifier, tokens, self.collator)
        with replayed(classifier, features, device=training.device):
            found = inputs(classifier, numbered(tokens), self.collator.of_numbers)
        return replace(found, seconds=found.seconds + features.seconds)

    def _by_row(self, features: Features, which: FeatureRows) -> NDArray[np.float32]:
        """Return a vector per row: where rows have several sequences, such as windows, their mean."""
        tokens = self.tokens(which)
        vectors: NDArray[np.float32] = features.vectors.numpy()
        if tokens.num_sequences is None:
            return vectors
        parts = features.vectors.split(list(tokens.num_sequences))
        return torch.stack([part.mean(dim=0) for part in parts]).numpy()


def _never() -> Features | None:
    raise AssertionError("only what is kept is asked for")


def _num_bytes(found: Features | None) -> int:
    return 0 if found is None else found.num_bytes
