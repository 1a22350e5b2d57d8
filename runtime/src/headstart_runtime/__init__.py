"""headstart-runtime: answers of exported classifiers, without torch."""

from headstart_runtime.errors import FolderError, InputError, PackageError, RuntimeFault
from headstart_runtime.model import Model, load

__version__ = "0.1.0"
__all__ = ["FolderError", "InputError", "Model", "PackageError", "RuntimeFault", "load"]
