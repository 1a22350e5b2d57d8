"""Who takes part in a race: in the order of preference where scores do not tell candidates apart.

Which recipes are here, and how long they are, comes from measurements on other tables than those that headstart reports
(docs/LOG.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from headstart.costs import updates_of_passes
from headstart.kinds.kind import Kind
from headstart.registry import Spec
from headstart.search.trials import Candidate

MANY_CLASSES = 20
"""From more classes on each has few rows: contrastive training is tried first, and rates are gentle."""
SHORT_EPOCHS, SHORT_UPDATES = 4.0, 125
"""Passes over the rows of a short fine-tuning, and its least updates where rows are few: on five tables of 500 rows 62
updates were 0.3 to 12 points behind 125 (docs/LOG.md, 2026-11-27, the recipe of two epochs and the one of four)."""
CONTRASTIVE_ROWS = 4_000
"""Rows that a contrastive stage sees at most, one more than once where there are fewer: more do harm."""
LORA = Spec("lora")
NATIVE, LINEAR = Spec("native"), Spec("linear")
FITTED_START, REFITTED_START = Spec("lp_ft", (("fit", True),)), Spec("eh_ft", (("refit", True),))
CONTRASTIVE_TUNED = Spec("contrastive", (("finetune", True), ("refit", True)))
LORA_START = Spec("eh_ft")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What decides who takes part.

    Attributes:
        kind: of the answers.
        num_classes: 0 where answers are not classes.
        num_rows: to train on.
        usual_epochs: of plain fine-tuning by its recipe, on these rows.
        updates_per_epoch: of plain fine-tuning.
        gentle_rate: a learning rate under the usual one of fine-tuning, for features that are good already.
        head: the one that was asked for, else one that reads what the checkpoint says.
        fitted: the head that inner folds chose, with the way to fit it; None where no head can be fitted.
        fits_native: whether the architecture's own head can be fitted too.
        only_native: whether no other head may win.
        label_names: whether the classes' names are training rows too: inner folds said so.
    """

    kind: Kind
    num_classes: int
    num_rows: int
    usual_epochs: float
    updates_per_epoch: int
    gentle_rate: float
    head: Spec
    fitted: Candidate | None
    fits_native: bool
    only_native: bool = False
    label_names: bool = False

    @property
    def has_many_classes(self) -> bool:
        """Whether each class has few rows."""
        return self.num_classes > MANY_CLASSES

    @property
    def short_epochs(self) -> float:
        """Passes over the rows that are enough after a fitted head."""
        return min(max(SHORT_EPOCHS, float(math.ceil(SHORT_UPDATES / self.updates_per_epoch))), self.usual_epochs)


def candidates_for(setting: Setting) -> tuple[Candidate, ...]:
    """Return the candidates with distinct names, the preferred ones first.

    A native head is preferred, since any program loads it; but it is tried after our own, which read the vector that
    the checkpoint was trained for.
    """
    if setting.fitted is None:
        return _ranked(setting, [_head_start(setting, LORA_START), *_plain(setting)])
    if setting.only_native:
        return _ranked(setting, [_short(setting, NATIVE), setting.fitted, *_long(setting), *_plain(setting)])
    short = _short(setting, setting.head)
    quick = [*_contrastive(setting), short] if setting.has_many_classes else [short, *_contrastive(setting)]
    native = [_short(setting, NATIVE, " (native)")] if setting.fits_native else []
    candidates = [*quick, *_fitted(setting, setting.fitted), *native, *_long(setting), *_plain(setting)]
    ranked = _ranked(setting, candidates)
    return tuple(sorted(ranked, key=lambda each: each.head != NATIVE))


def _ranked(setting: Setting, candidates: list[Candidate]) -> tuple[Candidate, ...]:
    return tuple(replace(each, rank=rank, label_names=setting.label_names) for rank, each in enumerate(candidates))


def _short(setting: Setting, head: Spec, beside: str = "") -> Candidate:
    return Candidate(
        name=f"fitted head, short fine-tuning{beside}",
        strategy=FITTED_START,
        head=head,
        epochs=setting.short_epochs,
        learning_rate=setting.gentle_rate if setting.has_many_classes else None,
        averages=True,
    )


def _contrastive(setting: Setting) -> Iterator[Candidate]:
    if not setting.kind.picks_one:
        return
    if setting.has_many_classes:
        yield Candidate(
            name="contrastive, short fine-tuning, fitted head",
            strategy=CONTRASTIVE_TUNED,
            head=setting.head,
            epochs=setting.short_epochs,
            learning_rate=setting.gentle_rate,
            averages=True,
        )
    else:
        yield Candidate(
            name="contrastive, fitted head",
            strategy=Spec("contrastive"),
            head=setting.head,
            epochs=CONTRASTIVE_ROWS / setting.num_rows + updates_of_passes(1, 1),  # the fit's pass on top
            averages=True,
        )


def _fitted(setting: Setting, fitted: Candidate) -> Iterator[Candidate]:
    yield fitted
    if fitted.head != setting.head:
        yield _short(setting, fitted.head, f" ({fitted.head})")


def _long(setting: Setting) -> Iterator[Candidate]:
    if setting.usual_epochs > setting.short_epochs:
        yield Candidate(
            name="fitted head, fine-tuning",
            strategy=FITTED_START,
            head=setting.head,
            epochs=setting.usual_epochs,
            averages=True,
        )
    yield _head_start(setting, REFITTED_START)


def _head_start(setting: Setting, strategy: Spec) -> Candidate:
    return Candidate(
        name="head start by LoRA",
        strategy=strategy,
        adapter=LORA,
        head=setting.head,
        epochs=setting.usual_epochs,
    )


def _plain(setting: Setting) -> Iterator[Candidate]:
    yield Candidate(name="fine-tuning", strategy=Spec("finetune"), head=setting.head, epochs=setting.usual_epochs)
    yield Candidate(
        name="LoRA alone", strategy=Spec("adapter"), adapter=LORA, head=setting.head, epochs=setting.usual_epochs
    )
