"""The one console that the verbs draw on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from headstart.shown_text import as_text


def shown(words: str) -> Text:
    """Return words as text without markup; control characters, which rich would leave out, are written out."""
    return Text(as_text(words))


class TextConsole(Console):
    """A console that colours and lays out, and shows control characters in what it is given as text."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a string laid out, with its control characters written out before they are left out or cut."""
        return super().render_str(as_text(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the pieces of what is drawn; those of rich's own that move the cursor stay as they are."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=as_text(segment.text))
