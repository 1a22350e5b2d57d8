"""The XML inside spreadsheets, element by element."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from xml.etree.ElementTree import Element, iterparse


def elements(archive: zipfile.ZipFile, member: str, *names: str) -> Iterator[Element]:
    """Yield the elements of these names, each whole, and forget each when it was looked at."""
    with archive.open(member) as file:
        for _, element in iterparse(file):
            if local_name(element) in names:
                yield element
                element.clear()


def local_name(element: Element) -> str:
    """Return an element's name without its namespace."""
    return element.tag.rpartition("}")[2]
