"""What a classifier's head reads of each row: the input of its one linear map."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from headstart.data.tokenisation import TokenizedSplit
from headstart.errors import UsageError
from headstart.inference.forward import batched_logits
from headstart.models.classifier import Classifier


def head_map(classifier: Classifier) -> torch.nn.Linear:
    names = set(classifier.head_names)
    for name, module in classifier.model.named_modules():
        if isinstance(module, torch.nn.Linear) and {f"{name}.weight", f"{name}.bias"} == names:
            return module
    raise UsageError("only a head that is one linear map can be fitted", remedy="  Give `head` as linear.")


def head_inputs(classifier: Classifier, tokens: TokenizedSplit, collate, *, device: str) -> NDArray[np.float32]:
    kept = []
    handle = head_map(classifier).register_forward_pre_hook(lambda m, x: kept.append(x[0].detach().float().cpu()))
    try:
        order = []
        from headstart.inference import forward

        original = forward.length_ordered_batches

        def spying(*args):
            for rows, batch in original(*args):
                order.extend(rows)
                yield rows, batch

        forward.length_ordered_batches = spying
        try:
            batched_logits(classifier.model, tokens, collate, batch_size=32, precision="fp32", device=device)
        finally:
            forward.length_ordered_batches = original
    finally:
        handle.remove()
    vectors = torch.cat(kept)
    out = torch.empty_like(vectors)
    out[order] = vectors
    return out.numpy()
