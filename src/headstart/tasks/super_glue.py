"""SuperGLUE (Wang et al., NeurIPS 2019), from the script-free repository `aps/super_glue`."""

from __future__ import annotations

from headstart.tasks.task import HubSource, Task

REPOSITORY, REVISION = "aps/super_glue", "3de24cf8022e94f4ee4b9d55a6f539891524d646"

CB = Task(
    name="super_glue/cb",
    text_columns=("premise", "hypothesis"),
    label_column="label",
    labels=("entailment", "contradiction", "neutral"),
    metrics=("accuracy", "macro_f1"),
    num_rows=(("train", 250), ("validation", 56)),
    source=HubSource(repository=REPOSITORY, configuration="cb", revision=REVISION),
    licence="none stated",
    citation="de Marneffe et al. (2019), The CommitmentBank",
)

SUPER_GLUE = (CB,)
