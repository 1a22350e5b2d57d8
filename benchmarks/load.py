"""A load on a server of this machine: clients that ask one text after another over connections that stay open.

Bounded in seconds and in requests. Latency counts from when a request was due: at a rate that a server does not keep
up with, it grows.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np
import uvloop


@dataclass(slots=True)
class Load:
    """What came of a load.

    Attributes:
        seconds: it took.
        latencies_s: of the requests that were answered with 200.
        statuses: how many requests ended with which status.
    """

    seconds: float = 0.0
    latencies_s: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Answered requests per second."""
        return len(self.latencies_s) / self.seconds

    def percentile_ms(self, percent: float) -> float:
        """Return the latency that `percent` of the answers kept, in milliseconds."""
        return 1e3 * float(np.percentile(self.latencies_s, percent))


def put_load(
    port: int,
    texts: Sequence[str],
    *,
    num_clients: int,
    seconds: float,
    most_requests: int = 1_000_000,
    rate: float | None = None,
) -> Load:
    """Return what came of clients that ask at once.

    Args:
        port: of the server, on the loopback.
        texts: are asked in turn.
        num_clients: each waits for its answer before it asks again.
        seconds: after which nobody asks any more.
        most_requests: of all clients.
        rate: requests per second of all clients; None is as many as are answered.
    """
    return uvloop.run(_put_load(port, texts, num_clients, seconds, most_requests, rate))


async def _put_load(
    port: int, texts: Sequence[str], num_clients: int, seconds: float, most_requests: int, rate: float | None
) -> Load:
    bodies = [json.dumps({"texts": [text]}).encode() for text in texts]
    head = "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
    requests = [head.format(len(body)).encode() + body for body in bodies]
    load, numbers, begin = Load(), count(), time.perf_counter()

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (number := next(numbers)) < most_requests:
            now = time.perf_counter()
            due = now if rate is None else begin + number / rate
            if max(due, now) - begin > seconds:
                break
            await asyncio.sleep(max(0.0, due - now))
            writer.write(requests[number % len(requests)])
            status = await _status(reader)
            load.statuses[status] += 1
            if status == 200:
                load.latencies_s.append(time.perf_counter() - due)
        writer.close()

    await asyncio.gather(*(client() for _ in range(num_clients)))
    load.seconds = time.perf_counter() - begin
    return load


async def _status(reader: asyncio.StreamReader) -> int:
    """Read one answer; return its status."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    return int(head[9:12])
