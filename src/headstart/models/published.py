"""What is known of a pretrained model beside its weights: where it was published, and under which licence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from headstart.hub import HubName
from headstart.models.embedded import EMBEDDED
from headstart.models.source import ModelSource, commit_of

CARD_FILE = "README.md"
_LICENCE = re.compile(r"[\w.+-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Where a pretrained model comes from.

    Attributes:
        name: as people call it: its repository, or the last part of a local folder's path.
        repository: on the hub; None where it is not known.
        licence: by the hub's identifier, such as "apache-2.0"; None where it is not known.
    """

    name: str
    repository: str | None = None
    licence: str | None = None


def published(source: ModelSource) -> Published:
    """Return what a model's name and the card in its folder say; nothing is asked of the hub."""
    embedded = EMBEDDED.get(source.name)
    if embedded is not None:
        return Published(name=source.name, repository=embedded.repository, licence=embedded.licence)
    hub_name = None if commit_of(source.revision) is None else HubName.parse(source.name)
    repository = None if hub_name is None else hub_name.repository
    return Published(
        name=repository or source.path.name, repository=repository, licence=_licence(source.path / CARD_FILE)
    )


def _licence(card: Path) -> str | None:
    """Return the licence that a card names; None for one that cannot be read, and for several."""
    from huggingface_hub import metadata_load
    from yaml import YAMLError

    try:
        found = (metadata_load(card) or {}).get("license")
    except (OSError, ValueError, YAMLError):
        return None
    return found if isinstance(found, str) and _LICENCE.fullmatch(found) else None
