"""`headstart demo`: where a head start helps and where it does not, on built-in data, in a few minutes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import options
from headstart.cli.plain_text import say
from headstart.registry import Spec

TEXT = """\
headstart demo: plain fine-tuning, fine-tuning from a fitted head (lp_ft:fit) and EH-FT(LoRA) with a small pretrained
encoder, three paired seeds each, on two built-in tasks:
  demo_requests  What is asked for? 24 kinds of requests, 8 rows of each. The encoder's vectors tell most of them
                 apart, and a random head has a long way to go: a head start has most to offer.
  demo           Does one sentence follow from another? Three classes, 100 rows of each. The encoder's vectors say
                 little about it, so there is hardly a head to start from.
Both are made by grammars that were written before any strategy was run on them. Stage 1 of EH-FT takes {fraction:.0%}
of the updates, not the paper's 10 %, since a run is only {epochs:g} epochs long. Three seeds are no verdict.
"""
TASKS = ("demo_requests", "demo")
STRATEGIES = (Spec("finetune"), Spec("lp_ft", (("fit", True),)), Spec("eh_ft"))
HEAD = Spec("linear", (("pooling", "mean"),))
"""It reads the vector that the encoder was trained for."""
EPOCHS = 4.0
"""As many as `fit` gives the short fine-tuning that it tries: most of what a head start saves is saved there."""
STAGE1_FRACTION = 0.3


def demo(
    store: Annotated[Path, typer.Option(help="Folder of runs; a second call finds them finished.")] = Path("demo-runs"),
    out: Annotated[Path, typer.Option("--out", "-o", help="The report.")] = Path("demo-report.html"),
    quiet: options.Quiet = False,
) -> None:
    """Compare three strategies on two built-in tasks, three paired seeds each: the table, the report."""
    from headstart.cli.comparing import run_comparison
    from headstart.cli.session import open_session
    from headstart.comparison.report import read_report
    from headstart.experiments.experiment import TaskSource
    from headstart.experiments.methods import ComparedMethods
    from headstart.experiments.options import ModelOptions, TrainingOptions
    from headstart.reports.html import write_html
    from headstart.sweeps.plan import Sweep

    if not quiet:
        say(TEXT.format(fraction=STAGE1_FRACTION, epochs=EPOCHS), file=sys.stderr)
    sweep = Sweep(
        model=ModelOptions(head=HEAD),
        columns=ComparedMethods(strategies=STRATEGIES, adapters=(Spec("lora"),), stage1_fraction=(STAGE1_FRACTION,)),
        training=TrainingOptions(epochs=EPOCHS, max_length=64),
        sources=tuple(TaskSource(name=name) for name in TASKS),
        seeds=(0, 1, 2),
    )
    run_comparison(sweep, open_session(), store, quiet=quiet, json=False)
    write_html(read_report(store), out)
    say(f"Report: {out.resolve()}")
