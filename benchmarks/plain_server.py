"""The server that people write first: FastAPI around `transformers.pipeline`; beside `headstart serve`.

python -m benchmarks.plain_server MODEL PORT
"""

from __future__ import annotations

import sys
from typing import Any

import transformers
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Rows(BaseModel):
    """What is asked."""

    texts: list[str]


def main(folder: str, port: int) -> None:
    """Serve a folder."""
    classify = transformers.pipeline("text-classification", folder, device="cpu", top_k=None)
    app = FastAPI()

    @app.post("/predict")
    def predict(rows: Rows) -> Any:
        return classify(rows.texts, truncation=True)

    uvicorn.run(app, port=port, log_level="warning")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
