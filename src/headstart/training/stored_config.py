"""What a run is trained with again when its experiment was read from a store, which may be somebody else's.

Of the fields of `TrainingArguments` a store may set those that torch and transformers compute by themselves. What
starts a compiler, patches in kernels, imports a further package or sends something away is the business of whoever
starts the training: it is obeyed from the command line, from a recipe and in Python, and refused from a store.
"""

from __future__ import annotations

from headstart.errors import UsageError, for_each
from headstart.training.config import TrainerOverride, TrainingConfig

FIELDS = frozenset(
    {"optim", "weight_decay", "adam_beta1", "adam_beta2", "adam_epsilon", "max_grad_norm", "neftune_noise_alpha"}
    | {"gradient_accumulation_steps", "average_tokens_across_devices", "tf32", "use_cache", "prediction_loss_only"}
    | {"gradient_checkpointing", "gradient_checkpointing_kwargs"}
    | {"activation_checkpointing", "activation_checkpointing_kwargs"}
)
"""Fields of `TrainingArguments` that change no more than numbers. One that is not known is not among them."""
OPTIMIZERS = ("adamw_torch", "adamw_torch_fused", "adafactor", "sgd", "adagrad", "rmsprop")
"""Those that are torch's or transformers' own."""
ATTENTIONS = (None, "eager", "sdpa")
"""Implementations that need neither a compiler (as "flex_attention" does) nor a further package."""
REMEDY = (
    "  Such a run is not trained again from a store. Train it yourself with the same options and seed: `headstart fit` "
    "keeps the model."
)


def require_plain(config: TrainingConfig) -> None:
    """Refuse to train again with what a stored experiment must not decide.

    Raises:
        UsageErrors: all of it, at once.
    """
    for_each(config.overrides, _require_plain)
    if config.attention not in ATTENTIONS:
        raise UsageError(f"the stored run computes attention with {config.attention!r}", remedy=REMEDY)


def _require_plain(override: TrainerOverride) -> None:
    is_plain = override.field in FIELDS and (override.field != "optim" or override.value in OPTIMIZERS)
    if not is_plain:
        raise UsageError(
            f"the stored run sets `trainer` {override.field}={override.value}",
            allowed="  A store may set what torch computes by itself: no compiler, no further package, no upload.",
            remedy=REMEDY,
        )
