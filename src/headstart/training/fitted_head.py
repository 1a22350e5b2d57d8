"""A head fitted on what it reads: the vectors of the training rows, from the backbone as it stands.

Letters: n rows, d numbers of a vector, k logits.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from headstart.data.tokenisation import TokenizedSplit
from headstart.errors import UsageError
from headstart.fitted.fit import fit_head
from headstart.fitted.fitted_head import FittedHead
from headstart.fitted.inner_folds import deal_inner_folds
from headstart.inference.forward import Collate, autocast, evaluation_mode, length_ordered_batches
from headstart.inference.passes import Collected, PassSize
from headstart.kinds.kind import Values
from headstart.losses import LossConfig
from headstart.models.classifier import Classifier
from headstart.models.parameters import Tensors


@dataclass(frozen=True, slots=True)
class HeadMap:
    """The one linear map that a head is.

    Attributes:
        module: the map.
        weight: name of its weight in the model; `bias` likewise.
    """

    module: torch.nn.Linear
    weight: str
    bias: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadInputs:
    """What a head's map reads of the training rows.

    Attributes:
        vectors: [n, d], fp32.
        seconds: that computing them took.
    """

    vectors: NDArray[np.float32]
    seconds: float


def head_map(classifier: Classifier) -> HeadMap:
    """Return the one linear map that a classifier's head is.

    Raises:
        UsageError: if the head is more than that: of two layers only the last one could be fitted, on features that
            nothing has trained.
    """
    names = set(classifier.head_names)
    for path, module in classifier.model.named_modules():
        weight, bias = f"{path}.weight", f"{path}.bias"
        if isinstance(module, torch.nn.Linear) and names == {weight, bias}:
            return HeadMap(module=module, weight=weight, bias=bias)
    parts = ", ".join(sorted({name.rpartition(".")[0] for name in names})[:4])
    raise UsageError(
        f"this head cannot be fitted: it is not one linear map on what the checkpoint brings, but new in {parts}",
        remedy="  Take the `head` linear, or train this one: leave fit out of the strategy.",
    )


def head_inputs(
    classifier: Classifier,
    tokens: TokenizedSplit,
    collate: Collate,
    *,
    size: PassSize,
    precision: str,
    device: str,
) -> HeadInputs:
    """Run the model once over all rows in eval mode, and return what the head's one map reads of each.

    The model is moved to `device` and left there. Of a row that is read in windows it is their mean, since the mean of
    logits is the logit of the mean.

    Raises:
        UsageError: if the head is more than one linear map.
    """
    begin = time.perf_counter()
    model, module = classifier.model, head_map(classifier).module
    torch.nn.Module.to(model, device)
    seen: list[torch.Tensor] = []
    in_turn: list[int] = []
    said = Collected()
    handle = module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    try:
        with evaluation_mode(model), torch.no_grad(), autocast(precision, device):
            for rows, inputs in length_ordered_batches(model, tokens, collate, size, device):
                seen.clear()
                model(**inputs)
                said.add(seen[-1])
                in_turn += rows
    finally:
        handle.remove()
    vectors = np.empty((len(tokens), module.in_features), dtype=np.float32)
    parts = said.all().split([len(tokens.sequences(row)) for row in in_turn])
    vectors[in_turn] = torch.stack([part.mean(dim=0) for part in parts]).numpy()
    return HeadInputs(vectors=vectors, seconds=time.perf_counter() - begin)


def fitted_tensors(classifier: Classifier, head: FittedHead) -> Tensors:
    """Return a fitted head as the tensors of a classifier's head.

    Raises:
        UsageError: if the head is more than one linear map.
    """
    place = head_map(classifier)
    own = classifier.head_tensors()
    found = {place.weight: torch.from_numpy(head.weight), place.bias: torch.from_numpy(head.bias)}
    return {name: tensor.to(own[name].dtype) for name, tensor in found.items()}


def counted(targets: Values, weights: Sequence[float] | None, loss: LossConfig) -> NDArray[np.float64]:
    """Return how much each row counts in a fit [n]: its own weight times the loss's weight of its class.

    Args:
        targets: as `Kind.label_array` makes them; classes [n] where the loss has class weights.
        weights: [n], of the rows; None where all are equal.
        loss: of the run.
    """
    own = np.ones(len(targets)) if weights is None else np.asarray(weights, dtype=np.float64)
    return own * np.asarray(loss.class_weights)[targets] if loss.class_weights else own


def fitted_on(
    classifier: Classifier,
    vectors: NDArray[np.float32],
    tokens: TokenizedSplit,
    method: str,
    *,
    loss: LossConfig,
    units: Sequence[int],
    seed: int,
    num_label_rows: int = 0,
) -> FittedHead:
    """Fit a head on vectors of labelled rows, for the classifier's kind of answer and classes.

    The rows' own weights count; of the run's loss it takes the class weights, as weights of rows, and the units of
    numbers. The last `num_label_rows` are names of classes, which tell nothing about a strength. Inner folds hold out
    the `units` of the others whole.
    """
    kind, num_labels = classifier.kind, len(classifier.labels)
    targets = kind.label_array(tokens.labels or (), num_labels)
    weights = counted(targets, tokens.weights, loss)
    if kind.has_units:
        targets = np.asarray((targets - loss.scale.offset) / loss.scale.size, dtype=np.float64)
    inner = deal_inner_folds(kind, targets[: len(targets) - num_label_rows], units=units, seed=seed)
    return fit_head(vectors, targets, kind, method, num_labels=num_labels, weights=weights, inner=inner)
