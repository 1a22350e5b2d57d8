"""What can go wrong: a folder that cannot be used, rows that the model cannot read, or a package that is missing."""

from __future__ import annotations


class RuntimeFault(Exception):  # noqa: N818 - the base of all errors
    """Base of every error that this package raises on purpose."""


class FolderError(RuntimeFault):
    """A folder is not what `headstart export --format onnx` wrote, or a file in it has changed."""


class InputError(RuntimeFault, ValueError):
    """Rows are not what the model reads: another number of texts, something else than texts, a damaged image."""


class PackageError(RuntimeFault, ImportError):
    """A package is missing that reads what the model reads."""
