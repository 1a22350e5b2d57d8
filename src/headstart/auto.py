"""`import headstart.auto`: from then on the Auto classes and pipelines of transformers load models with our heads.

Example:
    >>> import headstart.auto
    >>> model = AutoModelForSequenceClassification.from_pretrained("my-model")  # doctest: +SKIP
"""

from __future__ import annotations

from transformers import (
    AutoConfig,
    AutoModelForAudioClassification,
    AutoModelForImageClassification,
    AutoModelForSequenceClassification,
)

from headstart.models.classifier import HeadstartConfig, HeadstartForSequenceClassification

AutoConfig.register(HeadstartConfig.model_type, HeadstartConfig, exist_ok=True)
for auto_class in (
    AutoModelForSequenceClassification,
    AutoModelForImageClassification,
    AutoModelForAudioClassification,
):
    auto_class.register(HeadstartConfig, HeadstartForSequenceClassification, exist_ok=True)
