"""One forward pass over the training rows of RTE, as a user would write it: no gradients, batches of like length.

Prints one line of JSON. The yardstick of a linear probe's cost.
"""

from __future__ import annotations

import argparse
import json
import time

from headstart.cli.session import open_session
from headstart.experiments.experiment import Run, TaskSource
from headstart.experiments.options import MethodOptions, ModelOptions, Options, TrainingOptions
from headstart.experiments.planning import plan_experiment
from headstart.experiments.run_data import RunData
from headstart.inference.forward import batched_logits
from headstart.inference.passes import PassSize
from headstart.registry import Spec


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-root", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--precision", default="auto")
    arguments = parser.parse_args()
    cache = open_session()
    source = TaskSource(name="glue/rte", data_root=arguments.data_root)
    options = Options(
        model=ModelOptions(model=arguments.model),
        method=MethodOptions(strategy=Spec("finetune")),
        training=TrainingOptions(steps=1, max_length=128, precision=arguments.precision),
    )
    experiment = plan_experiment(options, source, cache)
    data = RunData.of(Run(experiment, 0, source), cache)
    tokens, model = data.tokens("train"), data.load_classifier().model
    begin = time.perf_counter()
    batched_logits(
        model,
        tokens,
        data.collator,
        size=PassSize.usual(experiment.training.device),
        precision=experiment.training.precision,
        device=experiment.training.device,
    )
    print(json.dumps({"seconds": time.perf_counter() - begin, "examples": len(tokens)}))


if __name__ == "__main__":
    main()
