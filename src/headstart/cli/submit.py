"""`headstart submit`: a leaderboard's archive from a store."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import options
from headstart.cli.plain_text import say
from headstart.errors import UsageError


def submit(
    store: Annotated[Path, typer.Argument(help=options.STORE_HELP)],
    out: Annotated[Path, typer.Option("--out", "-o", help="The archive, such as submission.zip; must not exist.")],
    suite: Annotated[str, typer.Option(help="glue or super_glue.")],
    strategy: Annotated[str | None, typer.Option(help="Of the runs to take, such as eh_ft.")] = None,
    adapter: Annotated[str | None, typer.Option(help="Of the runs to take, such as lora.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the runs to take. (Default: the lowest.)")] = None,
    run: Annotated[
        list[str] | None, typer.Option(help="A run to take for its task: <digest>/<seed>. May be given many times.")
    ] = None,
    fill_missing: Annotated[
        bool,
        typer.Option(
            "--fill-missing", help="Answer tasks without a run with the best constant answer to the training rows."
        ),
    ] = False,
    data_root: options.DataRoot = None,
    batch_size: options.PredictionBatchSize = None,
    precision: options.PredictionPrecision = "fp32",
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Answer a suite's test rows with one finished run per task, and write the archive that its site takes.

    No score chooses a run: you name strategy and adapter where a store holds several; the seed is the lowest.

    [bold]Example[/]: headstart submit runs --suite super_glue --strategy eh_ft --adapter lora --out submission.zip
    """
    from headstart.cli.display import sweep_display
    from headstart.cli.session import open_session
    from headstart.hardware import check_precision
    from headstart.inference.submissions import SUITES
    from headstart.registry import Spec
    from headstart.store.local import existing_store
    from headstart.sweeps.serial import SerialExecutor
    from headstart.sweeps.submission import RunChoice, plan_submission, write_submission

    wanted = SUITES.get(suite)
    if out.suffix != ".zip":
        raise UsageError(f"{out} would be a zip archive", remedy=f"  Give --out {out.with_suffix('.zip')}.")
    if out.exists():
        raise UsageError(f"{out} is there already", remedy="  Give another name, or remove it.")
    opened = existing_store(store)
    choice = RunChoice(
        strategy=Spec.parse(strategy) if strategy else None,
        adapter=Spec.parse(adapter) if adapter else None,
        seed=seed,
        runs=tuple(run or ()),
    )
    parts = plan_submission(opened, wanted, choice, data_root=data_root, fill_missing=fill_missing)
    check_precision(precision)
    cache = open_session()
    again = list(dict.fromkeys(part.run for part in parts if part.run is not None))
    is_quiet = quiet or as_json
    with sweep_display(again, quiet=is_quiet) as listener:
        write_submission(
            parts,
            opened,
            out,
            SerialExecutor(opened, listener=listener, cache=cache),
            cache,
            batch_size=batch_size,
            precision=precision,
            announce=lambda part: None if is_quiet else say(f"answering {part.file.name}", file=sys.stderr),
        )
    if as_json:
        print(json.dumps({"out": str(out), "files": [str(part) for part in parts], "lacking": wanted.lacking}))
        return
    for part in parts:
        say(part)
    if wanted.lacking:
        say(wanted.lacking)
    say(f"archive: {out}")
