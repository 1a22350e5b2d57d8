"""All models of a server: a request's bytes in, its answer out, whatever carries them."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from collections.abc import Mapping, Sequence

from headstart_runtime.description import IMAGE, Description
from headstart_runtime.errors import InputError
from headstart_runtime.rows import Row, read_rows
from headstart_runtime.server.answering import answers_as_json
from headstart_runtime.server.batcher import Batcher
from headstart_runtime.server.refusal import Refusal
from headstart_runtime.server.schema import ModelFacts, PredictRequest, read_request, should_be
from headstart_runtime.text_input import TextInput

IDLE_CHECK_SECONDS = 0.01


class Service:
    """Answers requests.

    Args:
        batchers: the models, by name; one at least.

    Attributes:
        is_stopping: whether it refuses new requests.
    """

    def __init__(self, batchers: Mapping[str, Batcher]) -> None:
        self._batchers = dict(batchers)
        self.is_stopping = False
        self.num_in_hand = 0

    @property
    def status(self) -> str:
        """What /health says."""
        if self.is_stopping:
            return "stopping"
        return "ok" if all(batcher.is_alive for batcher in self._batchers.values()) else "failed"

    def facts(self) -> list[ModelFacts]:
        """Return what each model reads and answers."""
        said = {name: batcher.model.description for name, batcher in self._batchers.items()}
        return [_facts(name, each) for name, each in said.items()]

    async def answer(self, body: bytes) -> bytes:
        """Return the JSON that answers a request's JSON.

        Raises:
            Refusal: if there is no answer.
        """
        request = read_request(body)
        name, batcher = self._chosen(request.model)
        try:
            rows = _rows(request, batcher.model.description.modality)
            sequences = read_rows(rows, request.choices, batcher.model.description)
            logits, counts = await batcher.logits(sequences)
        except InputError as error:
            raise Refusal(422, str(error)) from error
        answers = answers_as_json(
            batcher.model.row_logits(logits, counts), sequences.num_choices, batcher.model.description
        )
        return json.dumps({"model": name, "answers": answers}).encode()

    def _chosen(self, name: str | None) -> tuple[str, Batcher]:
        known = ", ".join(self._batchers)
        if name is None:
            if len(self._batchers) > 1:
                raise Refusal(422, f"`model` is missing; there are {known}")
            return next(iter(self._batchers.items()))
        if name not in self._batchers:
            raise Refusal(404, f"there is no model of that name; there are {known}")
        return name, self._batchers[name]

    async def stop(self, within_s: float, hurry: asyncio.Event) -> None:
        """Refuse new requests, wait until what is in hand is answered, and refuse the rest.

        Args:
            within_s: seconds to wait at most.
            hurry: does not wait any longer once it is set.
        """
        self.is_stopping = True
        clock = asyncio.get_running_loop().time
        end = clock() + within_s
        while self.num_in_hand and clock() < end and not hurry.is_set():
            await asyncio.sleep(IDLE_CHECK_SECONDS)
        for batcher in self._batchers.values():
            await asyncio.to_thread(batcher.stop)


def _facts(name: str, said: Description) -> ModelFacts:
    facts = ModelFacts(name=name, modality=said.modality, answers=said.answers, labels=list(said.labels))
    if isinstance(said.reads, TextInput):
        facts.num_texts = said.reads.num_texts
        facts.max_length, facts.truncation = said.reads.max_length, said.reads.truncation
    return facts


def _rows(request: PredictRequest, modality: str) -> Sequence[Row]:
    """Return a request's rows, which are texts or images, as the model reads them.

    Raises:
        Refusal: if they are the other ones, or missing.
    """
    wanted, other = ("images", "texts") if modality == IMAGE else ("texts", "images")
    if getattr(request, other) is not None:
        raise Refusal(422, f"the model reads {wanted}, no {other}: {should_be(wanted)}")
    if getattr(request, wanted) is None:
        raise Refusal(422, should_be(wanted))
    if modality == IMAGE:
        return [_decoded(image, number) for number, image in enumerate(request.images or ())]
    return [request.texts] if isinstance(request.texts, str) else request.texts or []


def _decoded(image: str, number: int) -> bytes:
    try:
        return b64decode(image, validate=True)
    except ValueError:
        raise Refusal(
            422,
            f"images[{number}] is no base64 of the usual alphabet, without line breaks and without `data:` before it",
        ) from None
