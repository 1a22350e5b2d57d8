"""What was used longest ago goes first, and is made again when it is asked for."""

from __future__ import annotations

from headstart.experiments.bounded_cache import BoundedCache


def test_the_least_recently_used_goes_and_is_made_again() -> None:
    cache, made = BoundedCache(max_bytes=20), []

    def ask(name: str) -> str:
        def make() -> str:
            made.append(name)
            return name * 10

        return cache.get(name, make, len)

    assert [ask(name) for name in ("a", "b", "a", "c")] == ["a" * 10, "b" * 10, "a" * 10, "c" * 10]
    assert made == ["a", "b", "c"]
    assert (len(cache), cache.num_bytes) == (2, 20)
    assert ask("a") == "a" * 10
    assert made == ["a", "b", "c"], "a was used after b, so b had to go"
    assert ask("b") == "b" * 10
    assert made == ["a", "b", "c", "b"]


def test_a_value_larger_than_the_bound_stays_until_the_next() -> None:
    cache = BoundedCache(max_bytes=5)
    cache.get("small", lambda: "abc", len)
    cache.get("large", lambda: "a" * 50, len)
    assert (len(cache), cache.num_bytes) == (1, 50)
    cache.get("small", lambda: "abc", len)
    assert (len(cache), cache.num_bytes) == (1, 3)
