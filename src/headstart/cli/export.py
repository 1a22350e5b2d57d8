"""`headstart export`: a finished run as a model folder, or a model folder for onnxruntime."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli import options
from headstart.cli.output import rows_text
from headstart.cli.plain_text import say
from headstart.errors import UsageError
from headstart.onnx_export.options import ONNX, ExportOptions

if TYPE_CHECKING:
    from headstart.onnx_export.export import Exported


def export(
    exporting: ExportOptions,
    store: Annotated[str, typer.Argument(help=f"{options.STORE_HELP} With --format onnx: {options.FOLDER_HELP}")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the model; new or empty.")],
    run: Annotated[
        str | None,
        typer.Argument(help="The run's name, as `headstart runs` lists it: <digest>/<seed>; not with --format onnx."),
    ] = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Write a finished run as a model folder, or a model folder for onnxruntime.

    A run whose weights were not kept is run again, bit for bit.

    With --format onnx the folder holds a network and what else prediction needs; headstart-runtime reads
    it without torch. Before it appears, its answers are compared with torch's.

    [bold]Example[/]: headstart export my-model --format onnx --out my-model-onnx
    """
    from headstart.artifacts.new_folder import require_empty

    require_empty(out)
    if exporting.format == ONNX:
        _export_onnx(store, run, out, exporting, quiet=quiet, as_json=as_json)
    else:
        _export_run(Path(store), run, out, quiet=quiet, as_json=as_json)


def _export_run(store: Path, run: str | None, out: Path, *, quiet: bool, as_json: bool) -> None:
    from headstart.store.local import existing_store
    from headstart.sweeps.stored_runs import find_run

    opened = existing_store(store)
    if run is None:
        raise UsageError(
            "no run was named", remedy=f"  Name one of those that `headstart runs {store}` lists: <digest>/<seed>."
        )
    found = find_run(opened, run)
    from headstart.cli.display import sweep_display
    from headstart.cli.session import open_session
    from headstart.experiments.run_data import RunData
    from headstart.store.json_records import dump
    from headstart.sweeps.export import export_run
    from headstart.sweeps.serial import SerialExecutor

    cache = open_session()
    with sweep_display([found], quiet=quiet or as_json) as listener:
        executor = SerialExecutor(opened, listener=listener, cache=cache)
        record = export_run(RunData.of(found, cache), opened, out, executor)
    if as_json:
        print(json.dumps(dump(record), indent=2))
    else:
        say(f"model: {out}")


def _export_onnx(
    folder: str, run: str | None, out: Path, exporting: ExportOptions, *, quiet: bool, as_json: bool
) -> None:
    from headstart.onnx_export.options import require_packages

    if run is not None:
        raise UsageError(
            f"the run {run} cannot be written as ONNX at once",
            remedy=f"  Write it as a model folder: headstart export {folder} {run} --out MODEL\n"
            f"  Then export that: headstart export MODEL --format onnx --out {out}",
        )
    require_packages()
    from headstart.artifacts.found_folder import find_folder
    from headstart.models.own_process import prepare_process
    from headstart.onnx_export.export import export_onnx

    prepare_process()
    written = export_onnx(find_folder(folder).path, out, exporting)
    if as_json:
        print(json.dumps(asdict(written) | {"out": str(out)}, indent=2))
    elif not quiet:
        _print(written, out)


def _print(written: Exported, out: Path) -> None:
    from headstart.onnx_export.check import loss_text

    check = written.check
    made = " that were made up" if check.rows_are_made else ""
    say(f"model: {out} ({written.precision}, {written.num_bytes / 1e6:.1f} MB)")
    say(f"compared with torch on {rows_text(check.num_rows)}{made}, alone and in batches:")
    say(f"  logits differ by at most {check.largest_difference:.1e}")
    say(f"  {loss_text(check)}")
    say(f"  rows a second: {check.onnx_rows_per_second:.0f}, torch {check.torch_rows_per_second:.0f}")
