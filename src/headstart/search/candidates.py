"""Who takes part in a race, in the order of preference where scores do not tell candidates apart.

The order and the lengths come from measurements on other tables than those that headstart reports (docs/LOG.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from headstart.kinds.kind import Kind
from headstart.registry import Spec
from headstart.search.trials import Candidate

MANY_CLASSES = 20
"""From so many on a class has few rows, and a head needs longer to follow the features."""
SHORT_EPOCHS, SHORT_EPOCHS_MANY = 2.5, 4.0
LORA = Spec("lora")
NATIVE = Spec("native")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What decides who may take part.

    Attributes:
        kind: of the answers.
        num_classes: 0 where answers are not classes.
        usual_epochs: of plain fine-tuning by its recipe, on these rows.
        head: that reads what the checkpoint says to read, or the one that was asked for.
        fitted: head and way to fit it that inner folds chose; None where no head can be fitted.
        fits_native: whether the architecture's own head can be fitted too, so that any loader reads the folder.
        only_native: whether no other head may win.
    """

    kind: Kind
    num_classes: int
    usual_epochs: float
    head: Spec
    fitted: Candidate | None
    fits_native: bool
    only_native: bool = False


def candidates_for(setting: Setting) -> tuple[Candidate, ...]:
    """Return the candidates, the preferred ones first; their names are distinct."""
    native = _with_fitted_head(setting, NATIVE, " (native)") if setting.fits_native else ()
    if setting.only_native:
        found = (*native, *_without_fitting(setting, NATIVE))
    elif setting.fitted is None:
        found = tuple(_without_fitting(setting, setting.head))
    else:
        found = (*native, *_with_own_head(setting, setting.fitted))
    return tuple(found)


def short_epochs(num_classes: int) -> float:
    """Return the passes of a short fine-tuning from a fitted head."""
    return SHORT_EPOCHS_MANY if num_classes > MANY_CLASSES else SHORT_EPOCHS


def _with_fitted_head(setting: Setting, head: Spec, beside: str) -> tuple[Candidate, ...]:
    short = min(short_epochs(setting.num_classes), setting.usual_epochs)
    return (
        Candidate(
            name=f"fitted head, short fine-tuning{beside}",
            strategy=Spec("lp_ft", (("fit", "logistic"),)),
            head=head,
            epochs=short,
        ),
    )


def _with_own_head(setting: Setting, fitted: Candidate) -> Iterator[Candidate]:
    head = setting.head
    yield from _with_fitted_head(setting, head, "")
    if fitted.head != head:
        yield from _with_fitted_head(setting, fitted.head, " (same vector as the fitted head)")
    if setting.kind.picks_one:
        yield Candidate(name="contrastive, fitted head", strategy=Spec("contrastive"), head=head, epochs=1.0)
    yield fitted
    yield Candidate(
        name="head start by LoRA, refitted",
        strategy=Spec("eh_ft", (("reserve", False),)),
        adapter=LORA,
        head=head,
        epochs=setting.usual_epochs,
    )
    yield Candidate(
        name="fitted head, fine-tuning",
        strategy=Spec("lp_ft", (("fit", "logistic"),)),
        head=head,
        epochs=setting.usual_epochs,
    )
    yield from _plain(setting, head)


def _without_fitting(setting: Setting, head: Spec) -> Iterator[Candidate]:
    yield Candidate(
        name="head start by LoRA", strategy=Spec("eh_ft"), adapter=LORA, head=head, epochs=setting.usual_epochs
    )
    yield from _plain(setting, head)


def _plain(setting: Setting, head: Spec) -> Iterator[Candidate]:
    yield Candidate(name="fine-tuning", strategy=Spec("finetune"), head=head, epochs=setting.usual_epochs)
    yield Candidate(name="LoRA alone", strategy=Spec("adapter"), adapter=LORA, head=head, epochs=setting.usual_epochs)
