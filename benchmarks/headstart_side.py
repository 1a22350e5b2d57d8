"""headstart's side of the benchmark: one run of one strategy. Prints one line of JSON."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from headstart.cli.session import open_session
from headstart.experiments.experiment import Run, TaskSource
from headstart.experiments.observer import observed
from headstart.experiments.options import MethodOptions, ModelOptions, Options, TrainingOptions
from headstart.experiments.planning import plan_experiment
from headstart.experiments.run import run_one
from headstart.experiments.run_data import RunData
from headstart.registry import Spec
from headstart.store.layout import RunFolder
from headstart.training.config import RunOptions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-root", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--strategy", default="finetune")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    arguments = parser.parse_args()
    options = Options(
        model=ModelOptions(model=arguments.model),
        method=MethodOptions(strategy=Spec.parse(arguments.strategy)),
        training=TrainingOptions(
            steps=arguments.steps,
            batch_size=arguments.batch_size,
            max_length=128,
            precision=arguments.precision,
        ),
    )
    cache = open_session()
    source = TaskSource(name="glue/rte", data_root=arguments.data_root)
    run = Run(plan_experiment(options, source, cache), 0, source)
    with tempfile.TemporaryDirectory() as folder:
        record = run_one(RunData.of(run, cache), RunFolder(Path(folder)), RunOptions(), witnesses=observed)
    print(
        json.dumps(
            {
                "seconds": record.seconds,
                "checks_seconds": sum(stage.checks_seconds for stage in record.stages),
                "examples": sum(stage.num_examples_seen for stage in record.stages),
                "precision": run.experiment.training.precision,
                "peak_bytes": record.peak_memory_bytes,
            }
        )
    )


if __name__ == "__main__":
    main()
