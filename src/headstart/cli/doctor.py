"""`headstart doctor`: what a model is made of, before any time is spent on it."""

from __future__ import annotations

from typing import Annotated

import typer

from headstart.cli import options
from headstart.experiments.options import MODEL_HELP


def doctor(
    model: Annotated[str, typer.Argument(help=MODEL_HELP)],
    num_labels: Annotated[int, typer.Option(help="Classes of the head that training would put on it.")] = 2,
    as_json: options.AsJson = False,
) -> None:
    """Print which tensors are new, what counts as head, which adapters work on a model and why the others don't."""
    import json
    from dataclasses import asdict

    from headstart.cli.printing import print_model_report
    from headstart.inspection.doctor import inspect_model
    from headstart.models.own_process import prepare_process
    from headstart.models.source import resolve_model

    prepare_process()
    report = inspect_model(resolve_model(model), labels=tuple(str(index) for index in range(num_labels)))
    if as_json:
        print(json.dumps(asdict(report), indent=2, default=str))
        return
    print_model_report(report)
