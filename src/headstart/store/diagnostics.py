"""What a stage did to features, weights and probabilities: plain values, recorded beside the scores."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationRecord:
    """How far probabilities on the reported split can be believed.

    Attributes:
        expected_error: ECE, 0 to 1.
        brier: 0 to 2.
        log_loss: in nats.
        bins: of the reliability curve, those that are not empty: mean confidence, accuracy, examples.
    """

    expected_error: float
    brier: float
    log_loss: float
    bins: tuple[tuple[float, float, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageDiagnostics:
    """Cheap measurements around one stage; None where something does not apply.

    Features are what a head reads, pooled, of a fixed sample of training rows, in eval mode and
    in the run's precision: with fp32 the measuring would cost more than it tells.

    Attributes:
        num_sample_rows: examples in the sample.
        feature_change: sum over sequences of the L2 distance between pretrained features and those at the stage's end
            (Yang et al. 2022, Figure 1); `feature_change_mean`: the same, per sequence.
        feature_similarity: linear CKA of the two, 0 to 1.
        head_norm_start, head_norm_end: L2 norm over all of the head's tensors.
        head_distance: L2 distance between the two heads; `head_angle`: in degrees.
        layer_distances: by layer from the bottom, |w - w0| / |w0| over its tensors, w0 pretrained.
        sample_loss_start, sample_accuracy_start: on the sample before the first update (nats; 0 to 1).
        steps_to_90: first logged update at which the running accuracy on training batches reached 90 %.
        mean_gradient_norm, max_gradient_norm: over the logged updates, before clipping.
        calibration: on the reported split; `calibration_scaled`: after a temperature, fitted for each fifth of the rows
            on the other four; None where it is not fitted, since fewer than two answers are wrong.
        energy_joules: of the machine's processors and the GPU while the stage trained, where the hardware tells; None
            for a stage that was cut off and went on later.
        peak_memory_bytes: of the GPU, or resident in the process, from the first update to the stage's evaluation;
            where the system cannot count anew (neither Linux nor a GPU) the largest so far in this process.
        seconds: wall time that these measurements took, the untouched backbone's features included where they were
            not at hand yet.
    """

    num_sample_rows: int = 0
    feature_change: float | None = None
    feature_change_mean: float | None = None
    feature_similarity: float | None = None
    head_norm_start: float | None = None
    head_norm_end: float | None = None
    head_distance: float | None = None
    head_angle: float | None = None
    layer_distances: dict[str, float] = field(default_factory=dict)
    sample_loss_start: float | None = None
    sample_accuracy_start: float | None = None
    steps_to_90: int | None = None
    mean_gradient_norm: float | None = None
    max_gradient_norm: float | None = None
    calibration: CalibrationRecord | None = None
    calibration_scaled: CalibrationRecord | None = None
    energy_joules: float | None = None
    peak_memory_bytes: int = 0
    seconds: float = 0.0
