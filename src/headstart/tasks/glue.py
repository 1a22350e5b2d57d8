"""GLUE (Wang et al., ICLR 2019), from the script-free repository `nyu-mll/glue`."""

from __future__ import annotations

from headstart.tasks.task import HubSource, Task

REPOSITORY, REVISION = "nyu-mll/glue", "bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c"

RTE = Task(
    name="glue/rte",
    text_columns=("sentence1", "sentence2"),
    label_column="label",
    labels=("entailment", "not_entailment"),
    num_rows=(("train", 2490), ("validation", 277)),
    source=HubSource(repository=REPOSITORY, configuration="rte", revision=REVISION),
    licence="none stated",
    citation="Dagan et al. (2006), Bar Haim et al. (2006), Giampiccolo et al. (2007), Bentivogli et al. (2009)",
)

GLUE = (RTE,)
