"""How a user's own data is to be read, as one value."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.errors import UsageError
from headstart.kinds.catalogue import kind_named
from headstart.kinds.kind import Kind
from headstart.media.modality import Modality, modality_named
from headstart.option import option, options_of, split_list

QUOTINGS = ("double", "none")


def quoting_named(name: str) -> str:
    """Return one of the two ways to take quotation marks.

    Raises:
        UsageError: if the name is unknown.
    """
    if name not in QUOTINGS:
        raise UsageError(f"`quoting` was given as {name!r}", allowed=f"  {' or '.join(QUOTINGS)}.")
    return name


def pairs(text: str) -> tuple[tuple[str, str], ...]:
    """Return pairs that are written as `a=b,c=d`.

    Raises:
        UsageError: if a part has no equals sign.
    """
    parts = [part.partition("=") for part in split_list(text)]
    wrong = [before for before, sign, _ in parts if not sign]
    if wrong:
        raise UsageError(
            f"`labels` names {wrong[0]!r} and not what it is called", remedy="  Write 0=entailment,1=neutral."
        )
    return tuple((before.strip(), after.strip()) for before, _, after in parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """How to read a user's data and cut it into splits; None leaves it to be guessed, or not done.

    Attributes:
        fold: the fold that is held out, from 0: each run has its own.
    """

    modality: Modality = option(
        Modality.TEXT,
        "text, image or audio: what rows are. Images and sounds are a folder for each class with a file for each row, "
        "or a table whose column `text` names the files.",
        read=modality_named,
    )
    text: str | None = option(None, "Column of the text. (Guessed where it is obvious.)")
    text_pair: str | None = option(None, "Column of a second text.")
    label: str | None = option(
        None,
        "Column of the label. (Guessed where it is obvious.) Several columns of 0 and 1, one for each class: "
        "food,price,staff.",
    )
    choices: tuple[str, ...] = option(
        (),
        "Columns of the choices, for multiple choice: a,b,c. The label is then the number of the right one, counted "
        "from 0, or the name of its column.",
        read=split_list,
    )
    kind: Kind | None = option(
        None,
        "classification, multi_label, regression or multiple_choice. (Inferred from the column of the label.)",
        read=kind_named,
    )
    separator: str | None = option(None, "What stands between the labels of one cell, for multi-label: '|' or ';'.")
    labels: tuple[tuple[str, str], ...] = option(
        (), "What classes are called that are written otherwise: 0=entailment,1=neutral.", read=pairs
    )
    merge_labels: bool = option(False, "Labels that look the same (case, spaces, invisible characters) are one class.")
    decimal: str = option(".", "The sign before the decimals of a label that is a number: ','.")
    drop_incomplete: bool = option(False, "Leave out rows without a text or a label, and say how many they are.")
    no_header: bool = option(False, "The file has no header; `columns` names its columns.")
    columns: tuple[str, ...] = option(
        (), "Names of the columns of a file without a header: label,text.", read=split_list
    )
    delimiter: str | None = option(
        None, "The sign between the cells of a text table: ';', tab. (Found on its first lines.)"
    )
    quoting: str | None = option(
        None,
        "What quotation marks are: double (they enclose cells) or none (part of the text). (Enclosing, but for tables "
        "with tabs that say otherwise.)",
        read=quoting_named,
    )
    encoding: str | None = option(None, "Encoding of a text file. (Default: UTF-8.)")
    sheet: str | None = option(None, "Sheet of a spreadsheet. (Default: the first that is visible.)")
    config: str | None = option(None, "Configuration of a data set on the hub (hub:OWNER/NAME).")
    revision: str | None = option(None, "Revision of a data set on the hub.")
    validation: str | None = option(
        None, "A file with the validation rows. (Default: a fifth of the rows is held out, stratified.)"
    )
    label_from_path: bool = option(
        False, "The data is a folder with a file for each class, called by it: pos.txt and neg.txt, a text a line."
    )
    label_file: str | None = option(
        None,
        "A file with one label a line, for a text file (.txt) with one text a line. (Found where it lies beside it as "
        "reviews.labels or reviews_labels.txt.)",
    )
    split_column: str | None = option(None, "Column that says for each row: train, validation or test.")
    group: str | None = option(None, "Column of what keeps rows together in every cut, such as a customer's number.")
    weight: str | None = option(
        None,
        "Column of how much each row counts: numbers above 0. In training a row of 2 counts as two. The scores of fit "
        "and compare count every row once; evaluate weighs the rows that it scores.",
    )
    validation_fraction: float = option(0.2, "Share of the rows that is held out as validation, above 0 and under 1.")
    folds: int | None = option(None, "Cut a file into this many folds, 2 or more; seed n holds out fold n.")
    drop_leaks: bool = option(
        False, "Drop training rows whose texts are in validation too, but for those that a class needs."
    )
    fold: int = 0

    def require_names(self) -> None:
        """Hold a file without a header to have names for its columns.

        Raises:
            UsageError: if only one of `no_header` and `columns` is given.
        """
        if self.no_header and not self.columns:
            raise UsageError("`no_header` needs the columns' names", remedy="  Give `columns`, such as label,text.")
        if self.columns and not self.no_header:
            raise UsageError(
                "`columns` would have no effect: a header names the columns", remedy="  Give `no_header` too."
            )


AS_GUESSED = FileOptions()
"""Nothing was said: everything is guessed, or not done."""

READING = ("text", "text_pair", "choices", "no_header", "columns", "delimiter", "quoting", "encoding", "sheet")
"""The options that say how any file is read, also one without labels."""
LABELLED = (
    *READING,
    *("label", "label_from_path", "separator", "labels", "merge_labels", "decimal", "drop_incomplete"),
)
"""The options that say how any file of labelled rows is read."""
CUTTING = (*LABELLED, *(name for name in options_of(FileOptions) if name not in (*LABELLED, "folds")))
"""The options that say how a file is read and cut once."""


def require_used(kind: Kind, options: FileOptions) -> None:
    """Refuse options that say how labels are written which this kind of answer does not have.

    Raises:
        UsageError: names the option.
    """
    if options.decimal not in (".", ","):
        raise UsageError(f"`decimal` was given as {options.decimal!r}", allowed="  It is '.' or ','.")
    unused = {
        "decimal": options.decimal != "." and not kind.has_units and options.weight is None,
        "separator": options.separator is not None and not kind.takes_several,
        "labels": bool(options.labels) and not kind.has_classes,
        "merge_labels": options.merge_labels and not kind.has_classes,
    }
    for name in (name for name, is_unused in unused.items() if is_unused):
        raise UsageError(
            f"`{name}` would have no effect: the labels are read as {kind}",
            remedy="  Leave it out, or give another `kind`.",
        )
