"""All that the report of a fit says, as plain values: who trains makes them, the page only shows them.

Letters: n rows, c classes, m choices of the row that has the most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from headstart.kinds.kind import Answers, Kind, Values
from headstart.media.modality import Modality
from headstart.stats.group_scores import GroupScores
from headstart.stats.intervals import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredRows:
    """Rows of a table, with their labels and what models answered that were not trained on them.

    Attributes:
        numbers: [n], which of the table's rows these are, from 0.
        texts: [n], the texts of each row, as many as the task has text columns; for multiple choice also the choices.
        labels: as `Kind.label_array` makes them: classes or numbers [n], or 0 and 1 for each class [n, c].
        answers: what `Kind.answers` gives: probabilities [n, c] or [n, m] (0 for a choice that a row lacks), or
            numbers [n, 1] in the labels' own unit.
        images: [n], the path of each row's image; empty where rows are something else.
        decided: of the shape of the labels, where decisions are others than the usual ones; None for these.
    """

    numbers: Sequence[int]
    texts: Sequence[Sequence[str]]
    labels: Values
    answers: Answers
    images: Sequence[str] = ()
    decided: Values | None = None

    def __post_init__(self) -> None:
        lengths = (len(self.numbers), len(self.texts), len(self.labels), len(self.answers))
        if len(set(lengths)) > 1 or len(self.images) not in (0, len(self.labels)):
            raise ValueError(f"numbers, texts, labels and answers are of one length, got {lengths}")
        if numpy.ndim(self.answers) != 2:
            raise ValueError(f"answers are a table [n, c] or [n, 1], got the shape {numpy.shape(self.answers)}")

    def __len__(self) -> int:
        return len(self.labels)

    def image(self, row: int) -> str:
        """Return the path of a row's image; "" where rows are something else."""
        return self.images[row] if self.images else ""

    def decisions(self, kind: Kind) -> Values:
        """Return what is scored against the labels, of their shape: see `Kind.decisions`."""
        if self.decided is not None:
            return self.decided
        decided: Values
        if kind.has_units:
            decided = self.exact_answers[:, 0]
        elif kind.takes_several:
            decided = numpy.asarray(self.answers >= 0.5, dtype=numpy.int64)
        else:
            decided = self.answers.argmax(axis=1).astype(numpy.int64)
        return decided

    @property
    def exact_answers(self) -> NDArray[numpy.float64]:
        """The answers in fp64, in which statistics are computed."""
        return numpy.asarray(self.answers, dtype=numpy.float64)

    @property
    def classes(self) -> NDArray[numpy.int64]:
        """The labels as whole numbers, where they are classes or choices: [n], or 0 and 1 [n, c]."""
        return numpy.asarray(self.labels, dtype=numpy.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One way to train that was tried.

    Attributes:
        name: in words, or as comparisons name it, such as "lp_ft:fit".
        trained_by: the options that train so; "" where the name says it.
        score: the task's metric on `num_rows` rows; None where the trial did not finish.
        num_folds: that it was tried on, whose mean the score is; 0 where it was not tried.
        num_rows: that the score was measured on.
        num_updates: in all; 0 for a head fitted on stored vectors.
        seconds: that it took; None where it was not measured.
        is_chosen: whether the model was trained this way.
        note: what else there is to say of it, such as why it was stopped; "" for nothing.
    """

    name: str
    trained_by: str = ""
    score: float | None
    num_folds: int = 1
    num_rows: int
    num_updates: int
    seconds: float | None
    is_chosen: bool = False
    note: str = ""

    @property
    def label(self) -> str:
        """The name, and by which options it trains."""
        return f"{self.name}: {self.trained_by}" if self.trained_by else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class RaceFacts:
    """Everything that the report of a race says.

    Attributes:
        task: name of the task; `model`: of the pretrained model.
        metric: that decided, a name of `headstart.metrics.KNOWN`.
        tried: every candidate, in the order of preference.
        reason: why the chosen one was chosen, a sentence.
        out_of_time: which candidates there was no time for, a clause; "" for none.
    """

    task: str
    model: str
    metric: str
    tried: tuple[Tried, ...]
    reason: str
    out_of_time: str = ""

    @property
    def has_scores(self) -> bool:
        """Whether any candidate was tried to the end."""
        return any(each.score is not None for each in self.tried)

    @property
    def by_rank(self) -> list[Tried]:
        """The candidates, those that were tried on the most folds first, of these the best, and failed ones last."""
        return sorted(self.tried, key=lambda each: (-each.num_folds, each.score is None, -(each.score or 0.0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """What models trained on `num_rows` rows score.

    Attributes:
        interval: of the score; None where there is none.
    """

    num_rows: int
    score: float
    interval: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FitFacts:
    """Everything that the report of a fit says.

    Attributes:
        title: of the page, such as the name of the model's folder.
        task: name of the task.
        kind: of its labels.
        class_names: [c], in the order of the answers' columns; empty where labels are not classes of the task's.
        text_columns: names of the texts that stand in each row.
        metric: that decided, a name of `headstart.metrics.KNOWN`.
        score: of the finished way to train, on `num_scored` rows; None where no rows were kept for it.
        interval: of the score.
        num_scored: rows that the score was measured on.
        scored_rows: what these rows are, as a clause: "rows cut off before anything was tried".
        model: name of the pretrained model.
        num_training_rows: that the saved model was trained on.
        tried: every way to train that was tried, in the order of preference.
        reason: why the chosen one was chosen, a sentence.
        curve: score against the number of training rows, fewest rows first; empty where it was not measured.
        curve_of: what was trained for it where that is another way than the chosen one, as a clause; "" for the same.
        held_out: rows that chose nothing, with the answers of a model that did not see them; the score is theirs.
        out_of_fold: training rows, each with the answers of a model that was not trained on it; None for none.
        temperature: that the saved head has taken up, which the answers here are without; "" for none.
        thresholds: of the labels by their names, with which `held_out` is decided, each row by those of others; "" for
            one half.
        by_group: how well `held_out` is answered group by group; None where no groups were asked for.
        notes: sentences that a reader must know, such as that the time ran out.
        modality: what rows are.
    """

    title: str
    task: str
    kind: Kind
    class_names: tuple[str, ...]
    text_columns: tuple[str, ...]
    metric: str
    score: float | None
    interval: Interval | None
    num_scored: int
    scored_rows: str
    model: str
    num_training_rows: int
    tried: tuple[Tried, ...]
    reason: str
    curve: tuple[CurvePoint, ...] = ()
    curve_of: str = ""
    held_out: AnsweredRows | None = None
    out_of_fold: AnsweredRows | None = None
    temperature: str = ""
    thresholds: str = ""
    by_group: GroupScores | None = None
    notes: tuple[str, ...] = ()
    modality: Modality = Modality.TEXT

    @property
    def answer_names(self) -> tuple[str, ...]:
        """The names of the answers' columns: classes, or "choice 1" and so on; empty where answers are numbers."""
        if not self.kind.has_choices:
            return self.class_names
        rows = self.held_out if self.held_out is not None else self.out_of_fold
        return tuple(f"choice {number}" for number in range(1, 1 + (rows.answers.shape[1] if rows is not None else 0)))
