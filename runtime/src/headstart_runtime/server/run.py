"""A server from its start to its end: models are read, a port is listened on, and a signal stops it in good order."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from headstart_runtime.errors import RuntimeFault
from headstart_runtime.model import Model, load
from headstart_runtime.server.app import make_app
from headstart_runtime.server.batcher import Batcher
from headstart_runtime.server.metrics import Metrics
from headstart_runtime.server.options import ServeOptions
from headstart_runtime.server.service import Service

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
KEEP_ALIVE_SECONDS = 75
"""How long an idle connection is kept: longer than proxies keep theirs, so that none asks on one that just closed."""
LAST_SECONDS = 5
"""In which clients have to take the answers that are written when the server ends."""


class ServeError(RuntimeFault):
    """A server cannot be started as it was asked for."""


@dataclass(frozen=True, slots=True)
class Named:
    """A model to serve: its name in requests, and its folder."""

    name: str
    folder: Path


class _Server(uvicorn.Server):
    """uvicorn, without its own signals: it would raise them again at its end, and end with -15."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


def read_names(written: list[str]) -> list[Named]:
    """Return models as a person writes them: FOLDER, named like the folder, or NAME=FOLDER.

    Raises:
        ServeError: if two have one name.
    """
    found = [_named(text) for text in written]
    names = [each.name for each in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ServeError(f"two models are called {twice}: give them names, as in first={found[0].folder}")
    return found


def _named(text: str) -> Named:
    name, sign, folder = text.partition("=")
    if sign and name and not Path(text).exists():
        return Named(name, Path(folder))
    return Named(Path(text).resolve().name or "model", Path(text))


def serve(models: list[Named], options: ServeOptions, say: Callable[[str], None]) -> None:
    """Serve models until a signal says to stop (SIGINT or SIGTERM; a second one does not wait for what is in hand).

    Args:
        models: one at least.
        options: where to listen, and the bounds.
        say: is told in a line where the server listens, once it does.

    Raises:
        FolderError: if a model cannot be read.
        ServeError: if the port cannot be listened on.
    """
    loaded = {each.name: load(each.folder, num_threads=options.num_threads) for each in models}
    with _listening(options.host, options.port) as listener:
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        names = ", ".join(loaded)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(loaded, options, listener, lambda: say(f"serving {names} on http://{shown}:{port}")))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes the event loop: uvloop's, but on Windows, where there is none."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise ServeError(f"cannot listen on {host}, port {port}: {error.strerror or error}") from error


async def _serve(
    models: Mapping[str, Model], options: ServeOptions, listener: socket.socket, ready: Callable[[], None]
) -> None:
    told, told_again = _signals()
    metrics = Metrics()
    service = Service({name: Batcher(name, model, options, metrics) for name, model in models.items()})
    try:
        server = _Server(_config(make_app(service, metrics, options)))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        if server.started:
            ready()
        await asyncio.wait((serving, asyncio.create_task(told.wait())), return_when=asyncio.FIRST_COMPLETED)
    finally:
        await service.stop(options.stop_within_s, told_again)
    server.should_exit = True
    await serving


def _config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=LAST_SECONDS,
    )


def _signals() -> tuple[asyncio.Event, asyncio.Event]:
    """Return events for the first and the second signal to stop."""
    told, told_again = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(*_: object) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe((told_again if told.is_set() else told).set)

    for each in STOP_SIGNALS:
        signal.signal(each, on_signal)
    return told, told_again
