"""GLUE (Wang et al., ICLR 2019), from the script-free repository `nyu-mll/glue`."""

from __future__ import annotations

from headstart.kinds.catalogue import kind_named
from headstart.tasks.task import HubSource, Task

REPOSITORY, REVISION = "nyu-mll/glue", "bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c"
ENTAILMENT = ("entailment", "not_entailment")
MNLI_LABELS = ("entailment", "neutral", "contradiction")


def _source(configuration: str) -> HubSource:
    return HubSource(repository=REPOSITORY, configuration=configuration, revision=REVISION)


COLA = Task(
    name="glue/cola",
    text_columns=("sentence",),
    labels=("unacceptable", "acceptable"),
    metrics=("matthews",),
    num_rows=(("train", 8551), ("validation", 1043), ("test", 1063)),
    source=_source("cola"),
    licence="none stated",
    citation="Warstadt et al. (2019), Neural Network Acceptability Judgments",
)

SST2 = Task(
    name="glue/sst2",
    text_columns=("sentence",),
    labels=("negative", "positive"),
    num_rows=(("train", 67349), ("validation", 872), ("test", 1821)),
    source=_source("sst2"),
    licence="none stated",
    citation="Socher et al. (2013), Recursive Deep Models for Semantic Compositionality",
)

MRPC = Task(
    name="glue/mrpc",
    text_columns=("sentence1", "sentence2"),
    labels=("not_equivalent", "equivalent"),
    metrics=("accuracy", "f1"),
    num_rows=(("train", 3668), ("validation", 408), ("test", 1725)),
    source=_source("mrpc"),
    licence="Microsoft Research data licence",
    citation="Dolan and Brockett (2005), Automatically Constructing a Corpus of Sentential Paraphrases",
)

QQP = Task(
    name="glue/qqp",
    text_columns=("question1", "question2"),
    labels=("not_duplicate", "duplicate"),
    metrics=("accuracy", "f1"),
    num_rows=(("train", 363846), ("validation", 40430), ("test", 390965)),
    source=_source("qqp"),
    licence="Quora's terms, non-commercial",
    citation="Iyer et al. (2017), First Quora Dataset Release: Question Pairs",
)

STSB = Task(
    name="glue/stsb",
    kind=kind_named("regression"),
    text_columns=("sentence1", "sentence2"),
    metrics=("pearson", "spearman"),
    num_rows=(("train", 5749), ("validation", 1500), ("test", 1379)),
    source=_source("stsb"),
    licence="scores CC BY-SA 4.0, texts mixed",
    citation="Cer et al. (2017), SemEval-2017 Task 1: Semantic Textual Similarity",
)

MNLI = Task(
    name="glue/mnli",
    text_columns=("premise", "hypothesis"),
    labels=MNLI_LABELS,
    evaluation_split="validation_matched",
    test_split="test_matched",
    num_rows=(("train", 392702), ("validation_matched", 9815), ("test_matched", 9796)),
    source=_source("mnli"),
    licence="mixed: OANC, CC BY 3.0, CC BY-SA 3.0",
    citation="Williams et al. (2018), A Broad-Coverage Challenge Corpus for Sentence Understanding through Inference",
)

MNLI_MISMATCHED = Task(
    name="glue/mnli_mismatched",
    folder="glue/mnli",
    text_columns=("premise", "hypothesis"),
    labels=MNLI_LABELS,
    train_split=None,
    evaluation_split="validation_mismatched",
    test_split="test_mismatched",
    num_rows=(("validation_mismatched", 9832), ("test_mismatched", 9847)),
    source=_source("mnli"),
    licence=MNLI.licence,
    citation=MNLI.citation,
)

QNLI = Task(
    name="glue/qnli",
    # The paper's order, the reverse of the columns': only the first text is cut, and that is the long one.
    text_columns=("sentence", "question"),
    labels=ENTAILMENT,
    num_rows=(("train", 104743), ("validation", 5463), ("test", 5463)),
    source=_source("qnli"),
    licence="CC BY-SA 4.0",
    citation="Rajpurkar et al. (2016), SQuAD; recast by Wang et al. (2019), GLUE",
)

RTE = Task(
    name="glue/rte",
    text_columns=("sentence1", "sentence2"),
    labels=ENTAILMENT,
    num_rows=(("train", 2490), ("validation", 277), ("test", 3000)),
    source=_source("rte"),
    licence="none stated",
    citation="Dagan et al. (2006), Bar Haim et al. (2006), Giampiccolo et al. (2007), Bentivogli et al. (2009)",
)

WNLI = Task(
    name="glue/wnli",
    text_columns=("sentence1", "sentence2"),
    labels=("not_entailment", "entailment"),
    num_rows=(("train", 635), ("validation", 71), ("test", 146)),
    source=_source("wnli"),
    licence="CC BY 4.0",
    citation="Levesque et al. (2012), The Winograd Schema Challenge; recast by Wang et al. (2019), GLUE",
)

AX = Task(
    name="glue/ax",
    text_columns=("premise", "hypothesis"),
    labels=MNLI_LABELS,
    metrics=("matthews",),
    train_split=None,
    evaluation_split="test",
    num_rows=(("test", 1104),),
    source=_source("ax"),
    licence="none stated",
    citation="Wang et al. (2019), GLUE: diagnostics",
)
"""Its labels are not public: it is not a task to evaluate on, but submissions hold an MNLI model's answers to it."""

GLUE = (COLA, SST2, MRPC, QQP, STSB, MNLI, MNLI_MISMATCHED, QNLI, RTE, WNLI)
