"""Gradients of single examples, by opacus, and the proof that they are right for the model at hand.

What opacus computes is compared with the plain gradients of single rows before anything trains: a layer that it
mistakes is found on any architecture, and the combination refused.

Letters: b examples, t tokens.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch import nn

from headstart.data.batching import NOT_INPUTS
from headstart.errors import UsageError
from headstart.inference.forward import evaluation_mode
from headstart.models.classifier import Classifier
from headstart.training.objective import Objective

Batch = Mapping[str, torch.Tensor]
BatchLoss = Callable[[Batch], torch.Tensor]
"""The mean loss of a batch's examples."""

NUM_CHECKED_ROWS, NUM_CHECKED_TOKENS = 3, 12
RELATIVE_TOLERANCE = 1e-3
CHECK_SEED, CHECK_NOISE = 0, 0.02


class PerExampleGradients:
    """Computes the gradients of single examples of a model that opacus watches."""

    def __init__(self, model: nn.Module, loss: BatchLoss) -> None:
        self.parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self._loss = loss
        self._num_examples = 0

    def __call__(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Return each trainable parameter's gradients, [b, *its shape]; parameters without gradients are left out."""
        self._num_examples = len(batch["labels"])
        self._forget()
        with _whole_numbers_allowed():
            self._loss(batch).backward()
        found = {name: getattr(p, "grad_sample", None) for name, p in self.parameters.items()}
        self._forget()
        return {name: gradients.detach() for name, gradients in found.items() if gradients is not None}

    def plain(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Return the gradients of a batch's mean loss as torch computes them."""
        self._num_examples = len(batch["labels"])
        tensors = list(self.parameters.values())
        with _whole_numbers_allowed():
            gradients: Sequence[torch.Tensor | None] = torch.autograd.grad(
                self._loss(batch), tensors, allow_unused=True
            )
        return {name: g for name, g in zip(self.parameters, gradients, strict=True) if g is not None}

    def before_layer(self, module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Prepare a layer with trainable parameters so that opacus gets it right.

        It records only layers in training mode, and a frozen backbone is kept in evaluation mode as a whole, with what
        trains inside it (no layer that holds parameters does anything else in training). Positions come to their
        embedding as one row for all examples, which would be taken for one example.
        """
        module.training = True
        if isinstance(module, nn.Embedding) and len(inputs[0]) == 1:
            return (inputs[0].expand(self._num_examples, *inputs[0].shape[1:]),)
        return None

    def _forget(self) -> None:
        for parameter in self.parameters.values():
            parameter.grad = None
            parameter.grad_sample = None  # type: ignore[attr-defined]


@contextmanager
def _whole_numbers_allowed() -> Iterator[None]:
    """Silence the warning that the input of an embedding has no gradient."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Full backward hook is firing", category=UserWarning)
        yield


def batch_loss(model: nn.Module, objective: Objective) -> BatchLoss:
    """Return the function from a batch to its mean loss."""

    def loss(batch: Batch) -> torch.Tensor:
        inputs = {name: tensor for name, tensor in batch.items() if name not in NOT_INPUTS}
        return objective(model(**inputs).logits, batch)

    return loss


@contextmanager
def watched(
    classifier: Classifier, model: nn.Module, objective: Objective, *, device: str
) -> Iterator[PerExampleGradients]:
    """Let opacus watch a model inside the block, once its gradients have proved right.

    The model is the classifier's, or the one with an adapter; it is moved to `device`, and what requires a gradient is
    trained. The objective is a mean over examples.

    Raises:
        UsageError: if they are wrong, or opacus fails.
    """
    model.to(device)
    batch = {name: tensor.to(device) for name, tensor in dummy_batch(classifier).items()}
    with _hooked(model, batch_loss(model, objective)) as gradients:
        fault = _fault(model, gradients, batch)
        if fault is not None:
            raise UsageError(
                f"private training does not work here: {fault}",
                allowed="  opacus has to give each example's own gradient, which was tried on made-up rows.",
                remedy="  Train less (the head, or an adapter such as lora or bottleneck), or use another model.",
            )
        yield gradients


def dummy_batch(classifier: Classifier) -> dict[str, torch.Tensor]:
    """Return made-up rows of unlike length: no private row takes part in the comparison."""
    model: Any = classifier.model
    config = model.base_model.config
    generator = torch.Generator().manual_seed(CHECK_SEED)
    shape = (NUM_CHECKED_ROWS, NUM_CHECKED_TOKENS)
    end = getattr(config, "eos_token_id", None)
    ends = end if isinstance(end, list) else [] if end is None else [end]
    usable = torch.tensor(
        [
            token
            for token in range(model.get_input_embeddings().num_embeddings)
            if token not in (config.pad_token_id, *ends)
        ]
    )
    tokens = usable[torch.randint(len(usable), shape, generator=generator)]
    lengths = NUM_CHECKED_TOKENS - 3 * torch.arange(NUM_CHECKED_ROWS)
    mask = (torch.arange(NUM_CHECKED_TOKENS) < lengths.unsqueeze(1)).long()
    for last in ends[:1]:
        tokens[torch.arange(NUM_CHECKED_ROWS), lengths - 1] = last
    if config.pad_token_id is not None:
        tokens[mask == 0] = config.pad_token_id
    kind = classifier.kind
    answers = kind.answers(torch.randn(len(tokens), kind.num_logits(len(classifier.labels)), generator=generator))
    batch = {"input_ids": tokens, "attention_mask": mask, "labels": kind.decisions(answers)}
    if getattr(model.config, "reads_spans", False):
        batch["spans"] = torch.tensor([[1, 3, 4, 6]]).expand(NUM_CHECKED_ROWS, 4)
    return batch


@contextmanager
def _hooked(model: nn.Module, loss: BatchLoss) -> Iterator[PerExampleGradients]:
    from opacus.grad_sample import GradSampleHooks

    class Hooks(GradSampleHooks):  # type: ignore[misc]
        GRAD_SAMPLERS: ClassVar[dict[type, Any]] = {**GradSampleHooks.GRAD_SAMPLERS, nn.LayerNorm: _of_layer_norm}

    gradients = PerExampleGradients(model, loss)
    handles = [
        module.register_forward_pre_hook(gradients.before_layer)
        for module in model.modules()
        if any(p.requires_grad for p in module.parameters(recurse=False))
    ]
    hooks = Hooks(model, loss_reduction="mean", strict=False)
    try:
        yield gradients
    finally:
        hooks.cleanup()
        for module in model.modules():
            for left_behind in ("activations", "max_batch_len"):
                module.__dict__.pop(left_behind, None)
        for handle in handles:
            handle.remove()


def _of_layer_norm(
    layer: nn.LayerNorm, activations: list[torch.Tensor], backprops: torch.Tensor
) -> dict[nn.Parameter, torch.Tensor]:
    """Return what opacus does for a normalisation, also where it has no bias, which opacus takes for granted."""
    from opacus.grad_sample.layer_norm import compute_layer_norm_grad_sample

    bias: nn.Parameter | None = getattr(layer, "bias", None)
    if bias is not None:
        found: dict[nn.Parameter, torch.Tensor] = compute_layer_norm_grad_sample(layer, activations, backprops)
        return found
    normalised = nn.functional.layer_norm(activations[0], layer.normalized_shape, eps=layer.eps)
    scaled = normalised * backprops
    return {layer.weight: scaled.reshape(len(scaled), -1, *layer.weight.shape).sum(dim=1)}


def _fault(model: nn.Module, gradients: PerExampleGradients, batch: Batch) -> str | None:
    """Return what is wrong with the gradients that opacus gives for a batch; None when they are right.

    Weights are moved a little meanwhile, by the same numbers every time: a layer of zeros would hide a fault behind it.
    """
    parameters = list(gradients.parameters.values())
    kept = [parameter.detach().clone() for parameter in parameters]
    generator = torch.Generator().manual_seed(CHECK_SEED)
    try:
        with evaluation_mode(model):
            with torch.no_grad():
                for parameter in parameters:
                    noise = torch.randn(parameter.shape, generator=generator).to(parameter.device)
                    parameter.add_(noise, alpha=CHECK_NOISE)
            rows = [{name: value[row : row + 1] for name, value in batch.items()} for row in range(NUM_CHECKED_ROWS)]
            # A layer that opacus cannot handle may fail in any way.
            try:
                expected = [gradients.plain(row) for row in rows]
                found = gradients(batch)
            except Exception as error:
                return f"opacus fails with {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            return _difference(found, expected)
    finally:
        with torch.no_grad():
            for parameter, before in zip(parameters, kept, strict=True):
                parameter.copy_(before)


def _difference(found: Mapping[str, torch.Tensor], expected: Sequence[Mapping[str, torch.Tensor]]) -> str | None:
    """Return which tensor's gradients are not those of the single rows; None when all are."""
    largest = max(float(gradient.abs().max()) for row in expected for gradient in row.values())
    for name in expected[0]:
        if name not in found:
            return f"opacus gives no gradient for {name}"
        if len(found[name]) != len(expected):
            return f"opacus takes {len(expected)} examples for {len(found[name])} in {name}"
        for example, row in enumerate(expected):
            tolerance = RELATIVE_TOLERANCE * float(row[name].abs().max()) + 1e-6 * largest
            if not float((found[name][example] - row[name]).abs().max()) <= tolerance:
                return f"opacus gives wrong gradients for {name}"
    return None
