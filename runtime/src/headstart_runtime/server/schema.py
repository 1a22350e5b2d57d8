"""The bodies of requests and answers, as OpenAPI describes them and requests are held to."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from headstart_runtime.server.refusal import Refusal

ONE_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mM4AQAAygDJNEIn8wAAAABJRU5ErkJggg=="
"""An image of one grey pixel as PNG, in base64."""
EXAMPLES: dict[str, dict[str, Any]] = {
    "one text": {"value": {"texts": "a fine film"}},
    "several texts": {"value": {"texts": ["a fine film", "dull from the start"]}},
    "pairs of texts": {"value": {"texts": [["a man sleeps", "he is awake"]]}},
    "images": {"value": {"images": [ONE_PIXEL]}},
    "multiple choice": {"value": {"texts": ["he opened the"], "choices": [["door", "sky"]]}},
    "one of several models": {"value": {"model": "reviews", "texts": "a fine film"}},
}
ANSWER_EXAMPLE: dict[str, Any] = {
    "model": "reviews",
    "answers": [{"label": "good", "probabilities": {"bad": 0.031, "good": 0.969}}],
}
FIELDS = {
    "texts": "a text, or a list of texts or of pairs of texts, one at least",
    "images": "a list of images, one at least, each the bytes of its file in base64",
    "choices": "a list with the choices of each row, each a list of texts",
    "model": "the name of a model",
}
"""What each field is, for who wrote something else."""
NOT_JSON = "json_invalid"
TO_FIRST_FAULT = Field(fail_fast=True)
"""A list is read up to its first wrong value: a fault for each of millions would fill the memory."""
Texts = Annotated[list[str], TO_FIRST_FAULT]


class PredictRequest(BaseModel):
    """Rows to answer."""

    model_config = ConfigDict(extra="forbid", strict=True)

    texts: str | Annotated[list[str | Texts], TO_FIRST_FAULT] | None = Field(
        None,
        min_length=1,
        description="A text, or a list of rows: texts, or pairs `[first, second]` where the model reads two.",
    )
    images: Texts | None = Field(
        None,
        min_length=1,
        description="For a model of images, in place of `texts`: the bytes of each image's file, in base64.",
    )
    choices: Annotated[list[Texts], TO_FIRST_FAULT] | None = Field(
        None, description="For a model of multiple choice: the choices of each row, two at least."
    )
    model: str | None = Field(None, description="Which model answers; needed where the server has several.")


class ClassAnswer(BaseModel):
    """The most probable class."""

    label: str
    probabilities: dict[str, float] = Field(description="Of each class; they add up to 1.")


class ClassesAnswer(BaseModel):
    """Every class that reaches its threshold."""

    labels: list[str]
    probabilities: dict[str, float] = Field(description="Of each class, on its own.")


class NumberAnswer(BaseModel):
    """A number, in the unit of the training labels."""

    number: float


class ChoiceAnswer(BaseModel):
    """The most probable choice, by its number from 0."""

    choice: int
    probabilities: list[float] = Field(description="Of each choice; they add up to 1.")


class PredictAnswer(BaseModel):
    """Answers, in the order of the rows."""

    model_config = ConfigDict(json_schema_extra={"examples": [ANSWER_EXAMPLE]})

    model: str = Field(description="The model that answered.")
    answers: list[ClassAnswer | ClassesAnswer | NumberAnswer | ChoiceAnswer]


class Fault(BaseModel):
    """Why there is no answer."""

    detail: str


class Health(BaseModel):
    """Whether the server answers."""

    status: str = Field(description="`ok`, `stopping`, or `failed` where a model's thread has ended.")


class ModelFacts(BaseModel):
    """What a model reads and answers."""

    name: str
    modality: str = Field(description="What a row is: `text` or `image`.")
    answers: str = Field(description="`classification`, `multi_label`, `regression` or `multiple_choice`.")
    labels: list[str] = Field(description="The classes; empty where answers are not among classes.")
    num_texts: int | None = Field(default=None, description="Texts of a row, 1 or 2, choices not among them.")
    max_length: int | None = Field(
        default=None, description="Tokens that the model reads at once, where it reads texts."
    )
    truncation: str | None = Field(
        default=None, description="What happens to longer texts; `window` reads all of them."
    )


class Models(BaseModel):
    """All models of the server."""

    models: list[ModelFacts]


def read_request(body: bytes) -> PredictRequest:
    """Return what the body of a request says.

    Raises:
        Refusal: 400 if it is no JSON, 422 if it is something else than `PredictRequest`.
    """
    try:
        return PredictRequest.model_validate_json(body)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
    if faults[0]["type"] == NOT_JSON:
        raise Refusal(400, f"the body is not JSON: {faults[0]['msg'].removeprefix('Invalid JSON: ')}")
    said = dict.fromkeys(_said(fault["loc"], fault["type"]) for fault in faults)
    raise Refusal(422, "; ".join(list(said)[:5]))


def _said(place: tuple[int | str, ...], kind: str) -> str:
    """Return what is wrong with the field at a place."""
    if not place:
        return "the body should be a JSON object"
    name = str(place[0])
    if kind == "extra_forbidden":
        return f"there is no field {name[:80]!r}; there are {', '.join(FIELDS)}"
    return should_be(name)


def should_be(name: str) -> str:
    """Return what a field of a request is, for who wrote something else."""
    return f"`{name}` should be {FIELDS[name]}"
