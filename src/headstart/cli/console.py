"""The one console that the verbs draw on."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from headstart.shown_text import as_text


class TextConsole(Console):
    """A console that colours and lays out, and shows control characters in what it is given as text."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the pieces of what is drawn; those of rich's own that move the cursor stay as they are."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=as_text(segment.text))
