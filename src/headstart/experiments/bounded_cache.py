"""Values that can be made again, kept while there is room; what was used longest ago goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class BoundedCache:
    """At most `max_bytes` of values by key. The newest value always stays, however large it is."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T], num_bytes: Callable[[T], int]) -> T:
        """Return the value of `key`, made if it is not there; `num_bytes` says roughly how large it is."""
        if key in self._entries:
            self._entries.move_to_end(key)
            kept: T = self._entries[key][0]
            return kept
        value = make()
        self._entries[key] = (value, num_bytes(value))
        while len(self._entries) > 1 and self.num_bytes > self._max_bytes:
            self._entries.popitem(last=False)
        return value

    def __contains__(self, key: Hashable) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def num_bytes(self) -> int:
        """The size of all values together."""
        return sum(size for _, size in self._entries.values())
