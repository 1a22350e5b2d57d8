"""One rival on one table, as a process of its own that needs nothing of headstart: fits, then answers the test rows.

    python benchmarks/rivals.py setfit train.csv test.csv answers.json --model FOLDER --began 123.4 [--limit 180]

Both tables have `text`, perhaps `text_pair`, and `label`. The answers hold the predicted labels, and the wall and CPU
seconds until the model was fitted, imports included; `--began` is `time.monotonic()` of when the process was started.
Every rival reads the same encoder, a folder that sentence-transformers and transformers load, but TF-IDF.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

Texts = list[tuple[str, ...]]
Predict = Callable[[Texts], Sequence[Any]]
PAIRS_A_ROW = 20
"""SetFit's R, the pairs that are made of each row: Tunstall et al. (2022), section 4."""
STRENGTHS = 8
"""Values of C that scikit-learn tries."""


def tfidf(texts: Texts, labels: list[str], options: argparse.Namespace) -> Predict:
    """Words and pairs of words, then a logistic regression whose strength is chosen by log loss over three folds."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), _regression(options.seed))
    model.fit(_joined(texts), labels)
    return lambda rows: model.predict(_joined(rows))


def frozen(texts: Texts, labels: list[str], options: argparse.Namespace) -> Predict:
    """A logistic regression on the means of the frozen encoder's token vectors; a pair is read as one sequence."""
    import torch
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Normalizer
    from transformers import AutoModel, AutoTokenizer

    tokenizer, encoder = AutoTokenizer.from_pretrained(options.model), AutoModel.from_pretrained(options.model).eval()

    def vectors(rows: Texts) -> Any:
        order = sorted(range(len(rows)), key=lambda row: sum(map(len, rows[row])))
        found: list[Any] = [None] * len(rows)
        for begin in range(0, len(order), 32):
            batch = order[begin : begin + 32]
            columns = [list(column) for column in zip(*(rows[row] for row in batch), strict=True)]
            inputs = tokenizer(*columns, truncation=True, max_length=256, padding=True, return_tensors="pt")
            with torch.inference_mode():
                hidden = encoder(**inputs).last_hidden_state
            mask = inputs["attention_mask"].unsqueeze(-1)
            means = (hidden * mask).sum(1) / mask.sum(1)
            for row, mean in zip(batch, means, strict=True):
                found[row] = mean
        return torch.stack(found).numpy()

    model = make_pipeline(Normalizer(), _regression(options.seed)).fit(vectors(texts), labels)
    return lambda rows: model.predict(vectors(rows))


def setfit(texts: Texts, labels: list[str], options: argparse.Namespace) -> Predict:
    """SetFit with its own defaults but for the number of pairs, which is the paper's."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    names = sorted(set(labels))
    model = SetFitModel.from_pretrained(options.model, labels=names)
    rows = Dataset.from_dict({"text": _joined(texts), "label": [names.index(label) for label in labels]})
    arguments = TrainingArguments(
        options.work, num_iterations=PAIRS_A_ROW, num_epochs=1, seed=options.seed, report_to="none"
    )
    Trainer(model=model, args=arguments, train_dataset=rows).train()
    return lambda rows: [str(answer) for answer in model.predict(_joined(rows))]


def autogluon(texts: Texts, labels: list[str], options: argparse.Namespace) -> Predict:
    """AutoGluon's multimodal predictor with the encoder as its checkpoint; it keeps to the limit by itself."""
    import pandas
    from autogluon.multimodal import MultiModalPredictor

    predictor = MultiModalPredictor(label="label", path=f"{options.work}/model", verbosity=0)
    predictor.fit(
        _frame(pandas, texts).assign(label=labels),
        hyperparameters={"model.hf_text.checkpoint_name": options.model},
        time_limit=options.limit,
        seed=options.seed,
    )
    return lambda rows: [str(answer) for answer in predictor.predict(_frame(pandas, rows))]


def autointent(texts: Texts, labels: list[str], options: argparse.Namespace) -> Predict:
    """AutoIntent's light preset, fitted again on all rows."""
    from autointent import Dataset, Pipeline
    from autointent.configs import SentenceTransformerEmbeddingConfig

    names = sorted(set(labels))
    pipeline = Pipeline.from_preset("classic-light", seed=options.seed + 1)  # It takes no 0.
    pipeline.set_config(SentenceTransformerEmbeddingConfig(model_name=options.model))
    utterances = [
        {"utterance": text, "label": names.index(label)} for text, label in zip(_joined(texts), labels, strict=True)
    ]
    pipeline.fit(Dataset.from_dict({"train": utterances}), refit_after=True)
    return lambda rows: [names[int(answer)] for answer in pipeline.predict(_joined(rows))]


RIVALS = {each.__name__: each for each in (tfidf, frozen, setfit, autogluon, autointent)}


def main() -> None:
    """Fit, note the time, answer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rival", choices=RIVALS)
    parser.add_argument("train")
    parser.add_argument("test")
    parser.add_argument("answers")
    parser.add_argument("--model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--began", type=float, required=True)
    parser.add_argument("--limit", type=float)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as options.work:
        _fit_and_answer(options)


def _fit_and_answer(options: argparse.Namespace) -> None:
    texts, labels = read(options.train)
    predict = RIVALS[options.rival](texts, labels, options)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cost = {
        "wall": time.monotonic() - options.began,
        "cpu": sum(each.ru_utime + each.ru_stime for each in used),
    }
    answers = [str(answer) for answer in predict(read(options.test)[0])]
    with open(options.answers, "w", encoding="utf-8") as file:
        json.dump(cost | {"answers": answers}, file)


def read(path: str) -> tuple[Texts, list[str]]:
    """Return the texts and labels of a table."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in ("text", "text_pair") if name in rows[0]]
    return [tuple(row[name] for name in names) for row in rows], [row["label"] for row in rows]


def _joined(texts: Texts) -> list[str]:
    return [" ".join(row) for row in texts]


def _frame(pandas: Any, texts: Texts) -> Any:
    return pandas.DataFrame(texts, columns=[f"text{place}" for place in range(len(texts[0]))])


def _regression(seed: int) -> Any:
    from sklearn.linear_model import LogisticRegressionCV

    return LogisticRegressionCV(
        Cs=STRENGTHS,
        cv=3,
        scoring="neg_log_loss",
        max_iter=2_000,
        random_state=seed,
        l1_ratios=(0,),
        use_legacy_attributes=False,
    )


if __name__ == "__main__":
    main()
