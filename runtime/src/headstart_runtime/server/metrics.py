"""What is counted while a server runs, in the format of Prometheus."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """All metrics of one server; labels are names of models and statuses, never anything of a request.

    Attributes:
        requests: answered ones, by status.
        request_seconds: from the first byte of a request that was read to its answer.
        waiting_rows: of each model.
        batch_rows: rows of each batch, by model: its count is the number of batches, its sum that of rows.
        batch_seconds: that the network computed, by model.
    """

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter("headstart_requests", "Answered requests to /predict.", ["status"], registry=registry)
        self.request_seconds = Histogram(
            "headstart_request_seconds", "From a request to its answer.", buckets=SECONDS, registry=registry
        )
        self.waiting_rows = Gauge(
            "headstart_waiting_rows", "Rows that are not answered yet.", ["model"], registry=registry
        )
        self.batch_rows = Histogram(
            "headstart_batch_rows", "Rows that were computed together.", ["model"], buckets=ROWS, registry=registry
        )
        self.batch_seconds = Histogram(
            "headstart_batch_seconds", "Time of one batch.", ["model"], buckets=SECONDS, registry=registry
        )

    def text(self) -> bytes:
        """Return all of them as /metrics answers."""
        return generate_latest(self._registry)
