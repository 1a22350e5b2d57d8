"""What a request is answered that is not answered with predictions: a status, a sentence, and when to come again."""

from __future__ import annotations


class Refusal(Exception):  # noqa: N818 - not every one is somebody's error
    """A request is not answered with predictions.

    Attributes:
        status: of HTTP.
        detail: why, in a sentence for who sent the request.
        retry_after_s: seconds after which it may be sent again; None where that would not help.
    """

    def __init__(self, status: int, detail: str, *, retry_after_s: int | None = None) -> None:
        self.status, self.detail, self.retry_after_s = status, detail, retry_after_s
        super().__init__(detail)


def busy(detail: str) -> Refusal:
    """Return the refusal of a server that has too much to do."""
    return Refusal(503, detail, retry_after_s=1)


def stopping() -> Refusal:
    """Return the refusal of a server that was told to stop."""
    return Refusal(503, "the server is stopping", retry_after_s=5)
