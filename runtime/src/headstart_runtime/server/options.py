"""What a person may ask of a server: where it listens, and the bounds that it keeps."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

MEANING = "meaning"


class OptionError(ValueError):
    """An option has a value that it cannot have."""


def option(default: Any, meaning: str) -> Any:
    """Return a field that is an option: its default, and what it means in a sentence."""
    return field(default=default, metadata={MEANING: meaning})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """Where a server listens, and its bounds.

    A choice of a row, and a window of a long text, count as rows of their own.

    Raises:
        OptionError: if a value is outside its range, or a bound leaves another without effect.
    """

    host: str = option("127.0.0.1", "Address to listen on. 0.0.0.0 is every one of this machine; there is no password.")
    port: int = option(8000, "Port to listen on; 0 takes a free one, and the first line says which.")
    batch_size: int = option(16, "Rows that are computed together, at most.")
    max_waiting_rows: int = option(1024, "Rows that may wait for a model; requests beyond are answered 503 at once.")
    max_request_rows: int = option(256, "Rows of one request; larger ones are answered 413.")
    max_body_bytes: int = option(1 << 20, "Size of one request; larger ones are answered 413.")
    max_wait_s: float = option(5.0, "Seconds that a request may wait for its first batch; then it is answered 503.")
    stop_within_s: float = option(20.0, "Seconds to answer what is in hand when told to stop; then the rest gets 503.")
    num_threads: int | None = option(None, "Threads that compute. (Default: one for each core.)")

    def __post_init__(self) -> None:
        for name in ("batch_size", "max_waiting_rows", "max_request_rows", "max_body_bytes", "num_threads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise OptionError(f"`{name}` is 1 or more, got {value}")
        for name in ("max_wait_s", "stop_within_s"):
            if not 0 < getattr(self, name) <= MOST_SECONDS:
                raise OptionError(f"`{name}` is above 0 and at most {MOST_SECONDS}, got {getattr(self, name):g}")
        if not 0 <= self.port <= MOST_PORT:
            raise OptionError(f"`port` is from 0 to {MOST_PORT}, got {self.port}")
        if self.max_request_rows > self.max_waiting_rows:
            raise OptionError(
                f"`max_request_rows` ({self.max_request_rows}) is more than `max_waiting_rows` "
                f"({self.max_waiting_rows}), so that such a request could never wait"
            )


MOST_PORT, MOST_SECONDS = 65535, 3600


def meanings() -> dict[str, str]:
    """Return what each option means, by name."""
    return {each.name: each.metadata[MEANING] for each in fields(ServeOptions)}
