"""`headstart demo`: the whole machinery on built-in data, in a few minutes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import options
from headstart.registry import Spec

TEXT = """\
headstart demo: fine-tuning, LP-FT and EH-FT(LoRA) on a built-in task (does one sentence follow from another?), three
paired seeds each, with a small pretrained encoder. Stage 1 takes {fraction:.0%} of the updates, not the paper's 10 %,
since a run is only {epochs:g} epochs long. This shows the machinery; it says nothing for or against the paper.
"""
EPOCHS = 8.0
STAGE1_FRACTION = 0.3


def demo(
    store: Annotated[Path, typer.Option(help="Folder of runs; a second call finds them finished.")] = Path("demo-runs"),
    out: Annotated[Path, typer.Option("--out", "-o", help="The report.")] = Path("demo-report.html"),
    quiet: options.Quiet = False,
) -> None:
    """Run the main job on built-in data: three strategies, three paired seeds, the table, the report."""
    from headstart.cli.comparing import run_comparison
    from headstart.cli.session import open_session
    from headstart.comparison.report import read_report
    from headstart.experiments.experiment import TaskSource
    from headstart.experiments.methods import ComparedMethods
    from headstart.experiments.options import ModelOptions, TrainingOptions
    from headstart.reports.html import write_html
    from headstart.sweeps.plan import Sweep

    if not quiet:
        print(TEXT.format(fraction=STAGE1_FRACTION, epochs=EPOCHS), file=sys.stderr)
    sweep = Sweep(
        model=ModelOptions(),
        columns=ComparedMethods(adapters=(Spec("lora"),), stage1_fraction=(STAGE1_FRACTION,)),
        training=TrainingOptions(epochs=EPOCHS, max_length=64),
        sources=(TaskSource(name="demo"),),
        seeds=(0, 1, 2),
    )
    run_comparison(sweep, open_session(), store, quiet=quiet, json=False)
    write_html(read_report(store), out)
    print(f"Report: {out.resolve()}")
