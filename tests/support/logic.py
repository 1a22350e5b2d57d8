"""A model checker for the sentences of the task `demo`: reads the English, tries every small world.

It knows the grammar's words (which are opposites, kinds of kinds, converses), but none of its code: sentences are read
by the patterns below.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

from headstart.tasks.demo_grammar import Grammar

World = dict[tuple[str, ...], int]
"""Atoms and their values: truth, a rank, or how many things of a type there are."""


@dataclass(frozen=True)
class Formula:
    """Which atoms a sentence speaks of, each with its number of values, and whether it holds in a world."""

    atoms: dict[tuple[str, ...], int]
    holds: Callable[[World], bool]
    possible: Callable[[World], bool] = lambda world: True


def label_by_worlds(premise: str, hypothesis: str, grammar: Grammar) -> str:
    """Return the label by trying all worlds of the atoms of both sentences."""
    first, second = Reader(grammar).read(premise), Reader(grammar).read(hypothesis)
    worlds = [w for w in all_worlds(first.atoms | second.atoms) if first.possible(w) and second.possible(w)]
    assert 0 < sum(map(second.holds, worlds)) < len(worlds), f"{hypothesis!r} holds always or never"
    found = {second.holds(world) for world in worlds if first.holds(world)}
    assert found, f"{premise!r} is contradictory"
    return {(True,): "entailment", (False,): "contradiction"}.get(tuple(found), "neutral")


def all_worlds(atoms: dict[tuple[str, ...], int]) -> Iterator[World]:
    for values in product(*(range(size) for size in atoms.values())):
        yield dict(zip(atoms, values, strict=True))


NAME = r"((?:the )?\w+)"


class Reader:
    """Reads a sentence into a formula."""

    def __init__(self, grammar: Grammar) -> None:
        self.negative = {no: yes for yes, no in grammar.opposites}
        self.converse = {less: more for more, less in grammar.comparatives}
        self.verbs = {form: base for base, participle in grammar.verbs for form in (base, participle)}
        self.chains = {kind: (chain, level) for chain in grammar.chains for level, kind in enumerate(chain)}
        word = r"(\w+)"
        is_two = rf"{NAME} is "
        self.patterns: list[tuple[str, Callable[..., Formula]]] = [
            (rf"{NAME} has no {word}", lambda x, k: self.owns(x, k, False)),
            (rf"{NAME} has an? {word}", lambda x, k: self.owns(x, k, True)),
            (rf"(?:all {word}s are|every {word} is) {word}", lambda s, k, p: self.quantified("all", s or k, p)),
            (
                rf"(?:some {word}s are|at least one {word} is) not {word}",
                lambda s, k, p: self.quantified("not all", s or k, p),
            ),
            (
                rf"(?:some {word}s are|at least one {word} is) {word}",
                lambda s, k, p: self.quantified("some", s or k, p),
            ),
            (rf"(?:no {word}s are|not a single {word} is) {word}", lambda s, k, p: self.quantified("no", s or k, p)),
            (rf"{NAME} is {word} than {NAME}", self.more),
            (
                rf"{NAME} is {word} than {NAME}, and {NAME} is {word} than {NAME}",
                lambda x, p, y, u, q, v: self.both_of(self.more(x, p, y), self.more(u, q, v)),
            ),
            (
                rf"{NAME} is {word} than {NAME}, who is {word} than {NAME}",
                lambda x, p, y, q, z: self.both_of(self.more(x, p, y), self.more(y, q, z)),
            ),
            (
                rf"{NAME} is {word} than {NAME}, and so is {NAME}",
                lambda x, p, y, z: self.both_of(self.more(x, p, y), self.more(z, p, y)),
            ),
            (rf"{NAME} is not {word} by {NAME}", lambda y, v, x: self.acts(x, v, y, False)),
            (rf"{NAME} is {word} by {NAME}", lambda y, v, x: self.acts(x, v, y, True)),
            (rf"{NAME} did not {word} {NAME}", lambda x, v, y: self.acts(x, v, y, False)),
            (rf"{is_two}(?:both )?{word} and {word}", lambda x, p, q: self.of(x, p, q, lambda a, b: a and b)),
            (rf"{is_two}(?:either )?{word} or {word},? or both", lambda x, p, q: self.of(x, p, q, lambda a, b: a or b)),
            (rf"{is_two}{word}(?: but|, yet) not {word}", lambda x, q, p: self.of(x, p, q, lambda a, b: b and not a)),
            (
                rf"{is_two}(?:neither {word} nor {word}|not {word} and not {word} either)",
                lambda x, p, q, r, s: self.of(x, p or r, q or s, lambda a, b: not a and not b),
            ),
            (
                rf"{is_two}not (?:both {word} and {word}|{word} and {word} at once)",
                lambda x, p, q, r, s: self.of(x, p or r, q or s, lambda a, b: not (a and b)),
            ),
            (rf"{is_two}not {word}", lambda x, p: self.of(x, p, p, lambda a, _: not a)),
            (rf"{is_two}{word}", lambda x, p: self.of(x, p, p, lambda a, _: a)),
            (rf"{NAME} {word} {NAME}", lambda x, v, y: self.acts(x, v, y, True)),
        ]

    def read(self, sentence: str) -> Formula:
        text = sentence.lower().removesuffix(".").removeprefix("that day ").removeprefix("yesterday ")
        text = text.removesuffix(" at all")
        text = re.sub(r"\bwas\b", "is", re.sub(r"\bowned\b", "has", text))
        for pattern, build in self.patterns:
            if match := re.fullmatch(pattern, text):
                return build(*match.groups())
        raise AssertionError(f"no pattern reads {sentence!r}")

    def of(self, x: str, p: str, q: str, combine: Callable[[bool, bool], bool]) -> Formula:
        """Two properties of one individual; the negative one of two opposites is the other's negation."""

        def has(world: World, word: str) -> bool:
            if word in self.negative:
                return not world[x, self.negative[word]]
            return bool(world[x, word])

        atoms = {(x, self.negative.get(word, word)): 2 for word in (p, q)}
        return Formula(atoms, lambda world: combine(has(world, p), has(world, q)))

    def quantified(self, quantifier: str, kind: str, p: str) -> Formula:
        """Individuals by their narrowest kind and whether they are p; the narrowest kind has a member."""
        chain, level = self.chains[kind]
        atoms = {(each, p, is_p): 2 for each in chain for is_p in ("yes", "no")}

        def exists(world: World, is_p: str) -> bool:
            return any(world[each, p, is_p] for each in chain[: level + 1])

        tests: dict[str, Callable[[World], bool]] = {
            "all": lambda world: not exists(world, "no"),
            "not all": lambda world: exists(world, "no"),
            "some": lambda world: exists(world, "yes"),
            "no": lambda world: not exists(world, "yes"),
        }
        populated = lambda world: any(world[chain[0], p, is_p] for is_p in ("yes", "no"))  # noqa: E731
        return Formula(atoms, tests[quantifier], populated)

    def owns(self, x: str, kind: str, positive: bool) -> Formula:
        """Things that x has, by their narrowest kind."""
        chain, level = self.chains[kind]
        atoms = {(x, "has", each): 2 for each in chain}
        return Formula(atoms, lambda world: any(world[x, "has", each] for each in chain[: level + 1]) == positive)

    def more(self, x: str, comparative: str, y: str) -> Formula:
        """Ranks on a scale; three values are enough for three individuals."""
        if comparative in self.converse:
            return self.more(y, self.converse[comparative], x)
        return Formula(
            {(comparative, each): 3 for each in (x, y)}, lambda world: world[comparative, x] > world[comparative, y]
        )

    def acts(self, agent: str, verb: str, patient: str, positive: bool) -> Formula:
        atom = (agent, self.verbs[verb], patient)
        return Formula({atom: 2}, lambda world: bool(world[atom]) == positive)

    @staticmethod
    def both_of(first: Formula, second: Formula) -> Formula:
        return Formula(first.atoms | second.atoms, lambda world: first.holds(world) and second.holds(world))
