"""The words and sentence frames of the task `demo`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

Pool = Sequence[tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """What a split is written with. The two splits have no frame and no open-class word in common.

    Attributes:
        frames: sentence frames by their meaning.
        subjects: one individual each.
        opposites: of each two, exactly one holds of an individual.
        qualities: of a person, logically independent of each other.
        traits: of members of a kind.
        chains: a kind, a wider and a still wider one; every kind has members.
        comparatives: a relation and its converse.
        verbs: base form and past participle.
    """

    frames: Mapping[str, str]
    subjects: Pool
    opposites: Pool
    qualities: Pool
    traits: Pool
    chains: Pool
    comparatives: Pool
    verbs: Pool


def _pool(text: str) -> Pool:
    """Return comma-separated entries, each of one word or several joined by slashes."""
    return tuple(tuple(entry.strip().split("/")) for entry in text.split(","))


TRAIN = Grammar(
    frames=MappingProxyType(
        {
            "is": "{x} is {p}.",
            "is not": "{x} is not {p}.",
            "and": "{x} is {p} and {q}.",
            "or": "{x} is {p} or {q} or both.",
            "but not": "{x} is {q} but not {p}.",
            "neither": "{x} is neither {p} nor {q}.",
            "not both": "{x} is not both {p} and {q}.",
            "has": "{x} has {a_k}.",
            "has no": "{x} has no {k}.",
            "all": "All {ks} are {p}.",
            "some": "Some {ks} are {p}.",
            "some not": "Some {ks} are not {p}.",
            "no": "No {ks} are {p}.",
            "more": "{x} is {p} than {y}.",
            "chain": "{x} is {p} than {y}, and {y} is {p} than {z}.",
            "fork": "{x} is {p} than {y}, and {z} is {p} than {y}.",
            "active": "{x} {v} {y}.",
            "active not": "{x} did not {b} {y}.",
            "passive": "{y} was {v} by {x}.",
            "passive not": "{y} was not {v} by {x}.",
        }
    ),
    subjects=_pool("Anna, Peter, Maria, David, Laura, Simon, Helen, Martin, Julia, Robert, Clara, Thomas"),
    opposites=_pool("awake/asleep, alive/dead, present/absent, married/single, indoors/outdoors, guilty/innocent"),
    qualities=_pool("hungry, tall, friendly, tired, rich, famous, busy, clever, shy, angry, strong"),
    traits=_pool("small, wet, new, lost, clean, expensive, grey, nearby"),
    chains=_pool(
        "poodle/dog/animal, rose/flower/plant, sedan/car/vehicle, hammer/tool/object, surgeon/doctor/worker, "
        "violin/instrument/item, shirt/garment/product, kitten/cat/pet"
    ),
    comparatives=_pool("taller/shorter, older/younger, faster/slower, richer/poorer, stronger/weaker"),
    verbs=_pool("praise/praised, visit/visited, follow/followed, help/helped, invite/invited, call/called"),
)

VALIDATION = Grammar(
    frames=MappingProxyType(
        {
            "is": "that day {x} was {p}.",
            "is not": "that day {x} was not {p}.",
            "and": "{x} was both {p} and {q}.",
            "or": "{x} was either {p} or {q}, or both.",
            "but not": "{x} was {q}, yet not {p}.",
            "neither": "{x} was not {p} and not {q} either.",
            "not both": "{x} was not {p} and {q} at once.",
            "has": "{x} owned {a_k}.",
            "has no": "{x} owned no {k} at all.",
            "all": "every {k} was {p}.",
            "some": "at least one {k} was {p}.",
            "some not": "at least one {k} was not {p}.",
            "no": "not a single {k} was {p}.",
            "more": "{x} was {p} than {y}.",
            "chain": "{x} was {p} than {y}, who was {p} than {z}.",
            "fork": "{x} was {p} than {y}, and so was {z}.",
            "active": "yesterday {x} {v} {y}.",
            "active not": "yesterday {x} did not {b} {y}.",
            "passive": "yesterday {y} was {v} by {x}.",
            "passive not": "yesterday {y} was not {v} by {x}.",
        }
    ),
    subjects=_pool(
        "the baker, the pilot, the lawyer, the painter, the farmer, the singer, the teacher, the sailor, the actor, "
        "the tailor, the gardener, the writer"
    ),
    opposites=_pool(
        "right/wrong, visible/invisible, conscious/unconscious, safe/unsafe, armed/unarmed, employed/jobless"
    ),
    qualities=_pool("thirsty, young, polite, sad, poor, popular, lazy, wise, ill, calm, generous"),
    traits=_pool("big, dirty, dry, missing, cheap, ugly, black, distant"),
    chains=_pool(
        "sparrow/bird/creature, oak/tree/organism, canoe/boat/vessel, novel/book/publication, "
        "carpenter/craftsman/person, ballad/song/composition, teapot/pot/container, stool/seat/thing"
    ),
    comparatives=_pool("larger/smaller, happier/sadder, heavier/lighter, better/worse, louder/quieter"),
    verbs=_pool("blame/blamed, watch/watched, thank/thanked, greet/greeted, trust/trusted, attack/attacked"),
)
