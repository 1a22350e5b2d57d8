"""SuperGLUE (Wang et al., NeurIPS 2019), from the script-free repository `aps/super_glue`."""

from __future__ import annotations

from dataclasses import replace

from headstart.kinds.catalogue import kind_named
from headstart.tasks.task import HubSource, Task

REPOSITORY, REVISION = "aps/super_glue", "3de24cf8022e94f4ee4b9d55a6f539891524d646"
ENTAILMENT = ("entailment", "not_entailment")
FALSE_TRUE = ("false", "true")


def _source(configuration: str) -> HubSource:
    return HubSource(repository=REPOSITORY, configuration=configuration, revision=REVISION)


BOOLQ = Task(
    name="super_glue/boolq",
    text_columns=("passage", "question"),
    labels=FALSE_TRUE,
    num_rows=(("train", 9427), ("validation", 3270), ("test", 3245)),
    source=_source("boolq"),
    licence="CC BY-SA 3.0",
    citation="Clark et al. (2019), BoolQ",
)

CB = Task(
    name="super_glue/cb",
    text_columns=("premise", "hypothesis"),
    labels=("entailment", "contradiction", "neutral"),
    metrics=("accuracy", "macro_f1"),
    num_rows=(("train", 250), ("validation", 56), ("test", 250)),
    source=_source("cb"),
    licence="none stated",
    citation="de Marneffe et al. (2019), The CommitmentBank",
)

COPA = Task(
    name="super_glue/copa",
    kind=kind_named("multiple_choice"),
    text_columns=("premise",),
    choice_columns=("choice1", "choice2"),
    row_format="copa",
    num_rows=(("train", 400), ("validation", 100), ("test", 500)),
    source=_source("copa"),
    licence="BSD-2-Clause",
    citation="Roemmele et al. (2011), Choice of Plausible Alternatives",
)

MULTIRC = Task(
    name="super_glue/multirc",
    text_columns=("paragraph", "question"),
    labels=FALSE_TRUE,
    metrics=("f1a", "exact_match"),
    row_format="multirc",
    num_rows=(("train", 27243), ("validation", 4848), ("test", 9693)),
    source=_source("multirc"),
    licence="none stated",
    citation="Khashabi et al. (2018), Looking Beyond the Surface",
)

RTE = Task(
    name="super_glue/rte",
    text_columns=("premise", "hypothesis"),
    labels=ENTAILMENT,
    num_rows=(("train", 2490), ("validation", 277), ("test", 3000)),
    source=_source("rte"),
    licence="none stated",
    citation="Dagan et al. (2006), Bar Haim et al. (2006), Giampiccolo et al. (2007), Bentivogli et al. (2009)",
)

WIC = Task(
    name="super_glue/wic",
    text_columns=("sentence1", "sentence2"),
    labels=FALSE_TRUE,
    row_format="wic",
    has_spans=True,
    num_rows=(("train", 5428), ("validation", 638), ("test", 1400)),
    source=_source("wic"),
    licence="CC BY-NC 4.0",
    citation="Pilehvar and Camacho-Collados (2019), WiC: the Word-in-Context Dataset",
)

WSC = Task(
    name="super_glue/wsc",
    text_columns=("text",),
    labels=FALSE_TRUE,
    row_format="wsc",
    has_spans=True,
    num_rows=(("train", 554), ("validation", 104), ("test", 146)),
    source=_source("wsc.fixed"),
    licence="CC BY 4.0",
    citation="Levesque et al. (2012), The Winograd Schema Challenge",
)

WIC_MARKED = replace(
    WIC, name="super_glue/wic_marked", folder="super_glue/wic", row_format="wic_marked", has_spans=False
)
WSC_MARKED = replace(
    WSC, name="super_glue/wsc_marked", folder="super_glue/wsc", row_format="wsc_marked", has_spans=False
)

AXB = Task(
    name="super_glue/axb",
    text_columns=("sentence1", "sentence2"),
    labels=ENTAILMENT,
    metrics=("matthews", "accuracy"),
    train_split=None,
    evaluation_split="test",
    num_rows=(("test", 1104),),
    source=_source("axb"),
    licence="none stated",
    citation="Wang et al. (2019), SuperGLUE: broad-coverage diagnostics",
)

AXG = Task(
    name="super_glue/axg",
    text_columns=("premise", "hypothesis"),
    labels=ENTAILMENT,
    metrics=("accuracy", "gender_parity"),
    row_format="axg",
    train_split=None,
    evaluation_split="test",
    num_rows=(("test", 356),),
    source=_source("axg"),
    licence="MIT",
    citation="Rudinger et al. (2018), Gender Bias in Coreference Resolution",
)

SUPER_GLUE = (BOOLQ, CB, COPA, MULTIRC, RTE, WIC, WIC_MARKED, WSC, WSC_MARKED, AXB, AXG)
