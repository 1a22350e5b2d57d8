"""The built-in task `demo`: English sentence pairs from a small grammar, labelled by logic.

Every hypothesis stands with three premises: one that entails it, one that leaves it open, one that contradicts it.
So a hypothesis tells nothing about its label, and the words of a pair little: what counts is how they are put
together. Training and validation share phenomena, but neither frames nor open-class words.

The difficulty was set looking at plain fine-tuning and linear probing only, before EH-FT was ever run on it: with the
encoder `embedded:minilm-l6`, its own head and 8 epochs, about 60 % against 35 % (chance: 33 %). The task shows the
machinery; it supports no claim about a method.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from types import MappingProxyType
from typing import TypeVar

from headstart.tasks.demo_grammar import Grammar, Pool, read_grammars
from headstart.tasks.task import Task

LABELS = ("entailment", "neutral", "contradiction")
SEED = 20
"""Of the draws of words; each split has a generator of its own."""

T = TypeVar("T")
Pair = tuple[str, str]

GRAMMARS = MappingProxyType(read_grammars())
NUM_ROWS = MappingProxyType({"train": 300, "validation": 300})


@dataclass(frozen=True, slots=True)
class Triple:
    """A hypothesis, and a premise for each label."""

    hypothesis: str
    entailing: str
    neutral: str
    contradicting: str


@dataclass(frozen=True, slots=True)
class Writer:
    """Draws words and writes sentences of one grammar."""

    grammar: Grammar
    random: Random

    def draw(self, pool: Pool, count: int) -> list[tuple[str, ...]]:
        """Return `count` distinct entries."""
        return _draw(self.random, pool, count)

    def words(self, pool: Pool, count: int) -> list[str]:
        """Return `count` distinct entries of a pool of single words."""
        return [entry[0] for entry in self.draw(pool, count)]

    def say(self, meaning: str, **words: str) -> str:
        """Return the sentence of a frame; `k` also gives its plural `ks` and `a_k` with the article."""
        kind = words.get("k", "")
        article = "an" if kind[:1] in set("aeiou") else "a"
        text = self.grammar.frames[meaning].format(**words, ks=f"{kind}s", a_k=f"{article} {kind}")
        return text[0].upper() + text[1:]


def _draw(random: Random, pool: Sequence[T], count: int) -> list[T]:
    """Return `count` distinct entries. Only `Random.random` is used: its sequence is the same on every Python."""
    rest = list(pool)
    return [rest.pop(int(random.random() * len(rest))) for _ in range(count)]


def _negation(writer: Writer, variant: int) -> Triple:
    """Of two opposites, exactly one holds; what holds of somebody else tells nothing."""
    x, y = writer.words(writer.grammar.subjects, 2)
    (pair,) = writer.draw(writer.grammar.opposites, 1)
    p, q = pair if variant < 2 else pair[::-1]
    holds, fails = partial(writer.say, "is"), partial(writer.say, "is not")
    if variant % 2:
        return Triple(fails(x=x, p=p), holds(x=x, p=q), fails(x=y, p=p), holds(x=x, p=p))
    return Triple(holds(x=x, p=p), fails(x=x, p=q), holds(x=y, p=p), fails(x=x, p=p))


def _quantifiers(writer: Writer, variant: int) -> Triple:
    """All entails some (no kind is empty); no denies some; some leaves the others open."""
    ((_, kind, _),) = writer.draw(writer.grammar.chains, 1)
    (p,) = writer.words(writer.grammar.traits, 1)
    meanings = (("some", "all", "some not", "no"), ("some not", "no", "some", "all"))[variant]
    return Triple(*(writer.say(meaning, k=kind, p=p) for meaning in meanings))


def _quantified_hypernyms(writer: Writer, variant: int) -> Triple:
    """All and no go down from a wider kind to a narrower one, some goes up."""
    ((narrow, kind, wide),) = writer.draw(writer.grammar.chains, 1)
    (p,) = writer.words(writer.grammar.traits, 1)
    say = partial(writer.say, p=p)
    return (
        Triple(say("all", k=kind), say("all", k=wide), say("all", k=narrow), say("no", k=narrow)),
        Triple(say("some", k=kind), say("some", k=narrow), say("some", k=wide), say("no", k=wide)),
        Triple(say("no", k=kind), say("no", k=wide), say("no", k=narrow), say("some", k=narrow)),
    )[variant]


def _hypernyms(writer: Writer, variant: int) -> Triple:
    """Who has a narrower kind has the wider; who lacks the wider lacks the narrower."""
    ((narrow, kind, wide),) = writer.draw(writer.grammar.chains, 1)
    (x,) = writer.words(writer.grammar.subjects, 1)
    has, lacks = partial(writer.say, "has", x=x), partial(writer.say, "has no", x=x)
    if variant:
        return Triple(lacks(k=kind), lacks(k=wide), lacks(k=narrow), has(k=narrow))
    return Triple(has(k=kind), has(k=narrow), has(k=wide), lacks(k=wide))


def _conjunction(writer: Writer, variant: int) -> Triple:
    """And entails its parts, (inclusive) or and not both leave them open."""
    (x,) = writer.words(writer.grammar.subjects, 1)
    p, q, r = writer.words(writer.grammar.qualities, 3)
    say = partial(writer.say, x=x, p=p, q=q)
    return (
        Triple(say("is"), say("and"), say("or"), say("but not")),
        Triple(say("is not"), say("neither"), say("not both"), say("and")),
        Triple(say("or"), say("is"), writer.say("is", x=x, p=r), say("neither")),
    )[variant]


def _comparison(writer: Writer, variant: int) -> Triple:
    """More is transitive and asymmetric, and has a converse."""
    x, y, z = writer.words(writer.grammar.subjects, 3)
    ((more, less),) = writer.draw(writer.grammar.comparatives, 1)
    say = partial(writer.say, p=more)
    if variant:
        chain, fork = say("chain", x=x, y=y, z=z), say("fork", x=x, y=y, z=z)
        return Triple(say("more", x=x, y=z), chain, fork, say("chain", x=z, y=y, z=x))
    converse = writer.say("more", x=y, y=x, p=less)
    return Triple(say("more", x=x, y=y), converse, say("more", x=x, y=z), writer.say("more", x=x, y=y, p=less))


def _passive(writer: Writer, variant: int) -> Triple:
    """The passive swaps places, not roles; swapped roles tell nothing."""
    x, y = writer.words(writer.grammar.subjects, 2)
    ((base, participle),) = writer.draw(writer.grammar.verbs, 1)
    say = partial(writer.say, b=base, v=participle)
    active, denied = say("active", x=x, y=y), say("active not", x=x, y=y)
    if variant:
        return Triple(say("passive not", x=x, y=y), denied, say("active not", x=y, y=x), active)
    return Triple(say("passive", x=x, y=y), active, say("active", x=y, y=x), denied)


PHENOMENA: Mapping[str, tuple[Callable[[Writer, int], Triple], int]] = MappingProxyType(
    {
        "negation": (_negation, 4),
        "quantifiers": (_quantifiers, 2),
        "quantified hypernyms": (_quantified_hypernyms, 3),
        "hypernyms": (_hypernyms, 2),
        "conjunction": (_conjunction, 3),
        "comparison": (_comparison, 2),
        "passive": (_passive, 2),
    }
)
"""Per phenomenon what writes a triple, and in how many variants."""


def demo_rows(split: str) -> list[tuple[Pair, int]]:
    """Return premise and hypothesis, and the label, of every row of "train" or "validation", in a fixed order."""
    count = NUM_ROWS[split]
    writer = Writer(GRAMMARS[split], Random(f"{SEED} {split}"))
    rows: dict[Pair, int] = {}
    phenomena = tuple(PHENOMENA.values())
    turn = 0
    while len(rows) < count:
        write, num_variants = phenomena[turn % len(phenomena)]
        new = _labelled(write(writer, turn // len(phenomena) % num_variants))
        if rows.keys().isdisjoint(new):
            rows.update(new)
            turn += 1
    return _draw(writer.random, tuple(rows.items()), count)


def _labelled(triple: Triple) -> dict[Pair, int]:
    premises = (triple.entailing, triple.neutral, triple.contradicting)
    return {(premise, triple.hypothesis): label for label, premise in enumerate(premises)}


DEMO = Task(
    name="demo",
    text_columns=("premise", "hypothesis"),
    labels=LABELS,
    num_rows=tuple(NUM_ROWS.items()),
    licence="Apache-2.0",
    citation="a small grammar of this project's own",
)
