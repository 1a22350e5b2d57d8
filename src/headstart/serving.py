"""`headstart serve`: models that were exported as ONNX answer over HTTP, by headstart-runtime. Imports no torch."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

from headstart.artifacts.folder_checks import ONNX_INFO_FILE
from headstart.artifacts.found_folder import FoundFolder, find_folder
from headstart.errors import UsageError
from headstart.option import option

PACKAGES = ("headstart_runtime", "fastapi", "prometheus_client", "uvicorn")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """Where a server listens, and its bounds: the options of headstart-runtime, which checks them.

    They stand here too, because the command line says them where headstart-runtime is not installed.
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


def serve(models: Sequence[str], options: ServeOptions, say: Callable[[str], None]) -> None:
    """Serve models until a signal says to stop.

    Args:
        models: folders that were exported as ONNX, one at least, each as FOLDER or NAME=FOLDER; a FOLDER may also be
            OWNER/NAME or OWNER/NAME@REVISION of one that was pushed to the hub.
        options: where to listen, and the bounds.
        say: is told in a line where the server listens, and in one more for each model of the hub which commit it is.

    Raises:
        UsageError: if a package is missing, a folder cannot be served, an option is outside its range, or the port is
            taken.
        MachineError: if the hub failed.
        DamageError: if a file from the hub is not as it was written.
    """
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"serving needs the extra 'serve': {', '.join(missing)} cannot be found",
            remedy="  In a clone of headstart: pip install './runtime[serve]' '.[serve]'",
        )
    import headstart_runtime.server.options as runtime_options
    from headstart_runtime.errors import RuntimeFault
    from headstart_runtime.server import run

    try:
        checked = runtime_options.ServeOptions(**asdict(options))
        named = run.read_names(list(models))
        found = [_found(each.folder.as_posix()) for each in named]

        def say_all(line: str) -> None:
            for sentence in (line, *(each.note for each in found if each.note)):
                say(sentence)

        run.serve(
            [replace(each, folder=place.path) for each, place in zip(named, found, strict=True)], checked, say_all
        )
    except (RuntimeFault, runtime_options.OptionError) as error:
        raise UsageError(str(error)) from error


def _found(name: str) -> FoundFolder:
    """Return a folder of this machine, or of the hub; what is wrong with one of this machine the runtime says."""
    from headstart_runtime.folder import how_to_export

    found = find_folder(name)
    if found.pinned and not (found.path / ONNX_INFO_FILE).is_file():
        raise UsageError(f"{found.pinned} has no network for onnxruntime", remedy=how_to_export(found.pinned, "FOLDER"))
    return found
