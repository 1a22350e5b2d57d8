"""The routes of the server: /predict, /models, /health, /metrics, /openapi.json, and a page at /."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.requests import ClientDisconnect

from headstart_runtime.server import schema
from headstart_runtime.server.faults import log_fault
from headstart_runtime.server.metrics import CONTENT_TYPE, Metrics
from headstart_runtime.server.options import ServeOptions
from headstart_runtime.server.page import PAGE, POLICY
from headstart_runtime.server.refusal import Refusal, busy, stopping
from headstart_runtime.server.service import Service

BODY_SECONDS = 10.0
"""In which a request's body has to arrive."""
JSON = "application/json"
ABOUT = (
    "Answers of classifiers that headstart trained. Send rows to `/predict`; `/models` says what each model reads and "
    "answers.\n\nA server that has too much to do answers 503 at once, with the header `Retry-After`. Texts and images "
    "are not logged."
)
REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": schema.Fault, "description": "The body is not JSON."},
    404: {"model": schema.Fault, "description": "There is no model of that name."},
    408: {"model": schema.Fault, "description": "The body did not arrive in time."},
    413: {"model": schema.Fault, "description": "The body, or the number of its rows, is above the server's bounds."},
    415: {"model": schema.Fault, "description": f"The body is not said to be {JSON}."},
    422: {"model": schema.Fault, "description": "The rows are not what the model reads."},
    500: {"model": schema.Fault, "description": "The model failed on these rows."},
    503: {"model": schema.Fault, "description": "Too many rows wait, or the server is stopping: come again later."},
}
BODY = {
    "requestBody": {
        "required": True,
        "content": {JSON: {"schema": schema.PredictRequest.model_json_schema(), "examples": schema.EXAMPLES}},
    }
}


def make_app(service: Service, metrics: Metrics, options: ServeOptions) -> FastAPI:
    """Return the application that answers over HTTP what `service` answers."""
    # The usual page at /docs loads its script from elsewhere.
    app = FastAPI(title="headstart serve", description=ABOUT, version="1", docs_url=None, redoc_url=None)

    @app.post("/predict", response_model=schema.PredictAnswer, responses=REFUSALS, openapi_extra=BODY)
    async def predict(request: Request) -> Response:
        """Answer rows: the label, the labels, the number or the choice of each, with probabilities."""
        begin = time.perf_counter()
        service.num_in_hand += 1
        try:
            response = await _answered(request, service, options)
        finally:
            service.num_in_hand -= 1
        metrics.requests.labels(str(response.status_code)).inc()
        metrics.request_seconds.observe(time.perf_counter() - begin)
        return response

    @app.get("/models")
    async def models() -> schema.Models:
        """Say what each model reads and answers."""
        return schema.Models(models=service.facts())

    @app.get("/health", responses={503: {"model": schema.Health, "description": "It does not answer any more."}})
    async def health(response: Response) -> schema.Health:
        """Say whether the server answers."""
        response.status_code = 200 if service.status == "ok" else 503
        return schema.Health(status=service.status)

    @app.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def measured() -> Response:
        """Count requests, rows and batches, in the text format of Prometheus."""
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    @app.get("/", include_in_schema=False)
    async def page() -> HTMLResponse:
        return HTMLResponse(PAGE, headers={"Content-Security-Policy": POLICY})

    return app


async def _answered(request: Request, service: Service, options: ServeOptions) -> Response:
    """Return the answer to a request, whatever it is."""
    try:
        if service.is_stopping:
            raise stopping()
        # Each request in hand will be a row at least: beyond the queue's bound its body is not read.
        if service.num_in_hand > options.max_waiting_rows:
            raise busy(f"{options.max_waiting_rows} requests are in hand, and no more may be")
        return Response(await service.answer(await _body(request, options.max_body_bytes)), media_type=JSON)
    except Refusal as refusal:
        return _refused(refusal)
    except ClientDisconnect:
        return _refused(Refusal(400, "the body ended early"))
    except Exception as error:
        log_fault("a request could not be answered", error)
        return _refused(Refusal(500, "the server failed on this request; its log says where"))


def _refused(refusal: Refusal) -> JSONResponse:
    headers = {} if refusal.retry_after_s is None else {"Retry-After": str(refusal.retry_after_s)}
    return JSONResponse({"detail": refusal.detail}, refusal.status, headers)


async def _body(request: Request, most: int) -> bytes:
    """Return the body of a request.

    Raises:
        Refusal: if it is no JSON by its header, too large, or does not arrive.
    """
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if said != JSON:
        raise Refusal(415, f"send the header Content-Type: {JSON}")
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > most:
        raise _too_large(most)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > most:
                    raise _too_large(most)
    except TimeoutError:
        raise Refusal(408, f"the body did not arrive within {BODY_SECONDS:g} seconds") from None
    return bytes(body)


def _too_large(most: int) -> Refusal:
    return Refusal(413, f"the body is larger than {most:,} bytes, the bound of this server (`max_body_bytes`)")
