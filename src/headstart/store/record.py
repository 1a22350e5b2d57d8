"""The records of a run: what is stored, and all that a report may use. Plain values, no torch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from headstart.store.diagnostics import StageDiagnostics
from headstart.store.privacy import RunPrivacy, StagePrivacy
from headstart.store.setting import Setting
from headstart.stored_names import require_file_word, require_part, require_seed

NOTHING_CHOSEN = "none"
"""What `chosen_on` says where nothing was chosen."""
ON_OTHER_ROWS = " \N{RIGHTWARDS ARROW} "
"""Stands in a task's name between the task that was trained on and the one whose rows were scored."""
NOT_REPORTED = "none"
"""What `reported_split` says where the task has no rows to report on."""


class Purpose(StrEnum):
    """What a run is for; only reported ones stand in a table."""

    REPORT = "report"
    SELECTION = "selection"
    """A trial that helps to choose a learning rate."""
    SMOKE = "smoke"
    """Only shows that something runs."""


class RunStatus(StrEnum):
    """How a run ended. Diverged is a result and is counted; an error is not one, and is tried again."""

    FINISHED = "finished"
    DIVERGED = "diverged"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRecord:
    """What one stage did.

    Attributes:
        scores: metrics on the reported split at the stage's end, from 0 to 1 (correlations -1 to 1; errors of numbers
            in the labels' unit).
        start_loss: mean training loss over the first logged steps, in nats (of numbers in squared units of their
            scale).
        trained: number of trained scalars by group: "head", "adapter", "backbone".
        moved: number of tensors that changed by group.
        seconds: wall time of training, without checks and evaluation.
        checks_seconds: wall time of the invariants' checks.
        other_scores: metrics on other tasks' rows by the task's name; of the last stage only.
        degenerate_others: names of those tasks whose rows were all answered the same, or as good as the same.
        is_degenerate: whether every answer on the reported split was the same, or as good as the same.
        diagnostics: further measurements; None where they were switched off.
        batch_parts: in how many parts each batch was computed at the end, since memory did not suffice for a whole one;
            of several processes, by the first.
        gradient_checkpointing: whether the backward pass computed activations a second time in place of keeping them.
        num_processes: that trained it together, at its end: each computed its rows of every batch.
        passes_per_update: how often each batch of an update went forward and backward through the model.
        own_batch_size: rows of its batches where its loss needs batches of its own; None where they are the run's.
        privacy: how the stage was made private; None if it was not. A private stage tells neither its losses (None)
            nor its tokens (0).
    """

    name: str
    role: str
    num_steps: int
    scores: dict[str, float]
    start_loss: float | None
    end_loss: float | None
    trained: dict[str, int]
    moved: dict[str, int]
    backbone_restored: bool
    seconds: float
    evaluation_seconds: float
    checks_seconds: float
    num_examples_seen: int
    num_tokens_seen: int
    dtypes: dict[str, str] = field(default_factory=dict)
    other_scores: dict[str, dict[str, float]] = field(default_factory=dict)
    degenerate_others: tuple[str, ...] = ()
    is_degenerate: bool = False
    diagnostics: StageDiagnostics | None = None
    privacy: StagePrivacy | None = None
    own_batch_size: int | None = None
    passes_per_update: int = 1
    batch_parts: int = 1
    gradient_checkpointing: bool = False
    num_processes: int = 1

    def __post_init__(self) -> None:
        require_part("a stage's name", self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherResult:
    """How the finished model did on rows of another task or file.

    Attributes:
        name: of the task or file.
        fingerprint: SHA-256 of its rows and labels; "" where it was not recorded.
        metric: its main metric, one of `scores`.
        constant_score: the main metric of the best constant answer to these rows.
        constant_scores: each metric of its best constant answer; empty where they were not recorded.
        is_degenerate: whether every answer was the same, or as good as the same.
    """

    name: str
    split: str
    metric: str
    scores: dict[str, float]
    constant_score: float
    num_examples: int
    fingerprint: str = ""
    is_degenerate: bool = False
    constant_scores: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_file_word("the name of other rows", self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What one run did: the content of `run.json`, or of `failed.json` when status is not finished.

    Attributes:
        label: the strategy as a table names it, such as "eh_ft(lora)".
        metric: name of the task's main metric; `scores[metric]` is the headline.
        scores: metrics on the reported split after the last stage.
        constant_score: the main metric of the best constant answer to the reported rows.
        constant_scores: each metric of its best constant answer; empty where they were not recorded.
        others: the same model on rows of other tasks or files.
        test: of a fit whose table has test rows: the finished model on these, scored once at the end.
        is_degenerate: whether every answer was the same, or as good as the same.
        folds: number of folds that the seeds go through, None if all of them share one split.
        reported_split: the split that `scores` come from.
        chosen_on: the split that anything was chosen on, `NOTHING_CHOSEN` by default.
        setting: what else decides whether the run may be compared with another; None where it was not recorded.
        class_gaps: sentences that name the classes of which no row was trained on, or none reported on.
        versions: of the libraries that can change a result; empty where they were not recorded.
        privacy: what private stages spent; None for a run without one.
        looks: checksum of the looks that were declared for the experiment when the run ended; "" for none.
        varied: what the run's comparison varied beside strategy and adapter, as in "head=linear"; "" for nothing.
    """

    status: RunStatus
    experiment_digest: str
    seed: int
    task: str
    model: str
    label: str
    strategy: str
    adapter: str | None
    metric: str
    scores: dict[str, float]
    constant_score: float
    num_evaluation_examples: int
    reported_split: str
    chosen_on: str
    purpose: Purpose = Purpose.REPORT
    others: tuple[OtherResult, ...] = ()
    test: OtherResult | None = None
    is_degenerate: bool = False
    folds: int | None = None
    learning_rates: dict[str, float] = field(default_factory=dict)
    stages: tuple[StageRecord, ...] = ()
    num_steps: int = 0
    seconds: float = 0.0
    num_trained_parameters: int = 0
    peak_memory_bytes: int = 0
    warnings: tuple[str, ...] = ()
    constant_scores: dict[str, float] = field(default_factory=dict)
    class_gaps: tuple[str, ...] = ()
    setting: Setting | None = None
    versions: dict[str, str] = field(default_factory=dict)
    privacy: RunPrivacy | None = None
    looks: str = ""
    varied: str = ""
    error: str = ""
    failed_stage: str = ""
    failed_step: int | None = None

    def __post_init__(self) -> None:
        require_part("an experiment's digest", self.experiment_digest)
        require_seed(self.seed)
        require_file_word("a split's name", self.reported_split)

    @property
    def is_pairable(self) -> bool:
        """Whether equal seeds mean equal draws: private training draws rows and noise outside the seeds."""
        return self.privacy is None

    def on_other_rows(self) -> tuple[RunRecord, ...]:
        """Return one record for each of `others`, as if the run had been reported on these rows; its task says both."""
        return tuple(
            replace(
                self,
                task=f"{self.task}{ON_OTHER_ROWS}{other.name}",
                metric=other.metric,
                scores=other.scores,
                constant_score=other.constant_score,
                constant_scores=other.constant_scores,
                reported_split=other.split,
                num_evaluation_examples=other.num_examples,
                setting=replace(self.setting, other_rows=other.fingerprint) if self.setting else None,
                stages=tuple(replace(stage, scores={}) for stage in self.stages),
                others=(),
                test=None,
                warnings=(),
                class_gaps=(),
                is_degenerate=other.is_degenerate,
            )
            for other in self.others
        )
