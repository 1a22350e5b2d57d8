"""Formats that are not read, each with what makes a table of it that is."""

from __future__ import annotations

from pathlib import Path

R = "in R: write.csv(readRDS({name!r}), 'table.csv', row.names = FALSE)"
EXCEL = "open it in Excel or LibreOffice and save it as .xlsx or CSV"
PANDAS = "in Python: pandas.{read}({name!r}).to_csv('table.csv', index=False)"
UNPACK = "unpack it and give the file in it"
DATABASE = "in Python: pandas.read_sql('SELECT ...', connection).to_csv('table.csv', index=False)"
EXTRACT = "save its text as a table, one row for each document"
WORDS = "it labels words, and headstart whole texts; a table has one row for each text"
WAYS_ON = {
    **dict.fromkeys((".rds",), R),
    **dict.fromkeys((".rda", ".rdata"), "in R: load({name!r}), then write.csv(TABLE, 'table.csv', row.names = FALSE)"),
    ".arff": "in Python: pandas.DataFrame(scipy.io.arff.loadarff({name!r})[0]).to_csv('table.csv', index=False), "
    "or in Weka: save it as CSV",
    ".tab": "call it .tsv if tabs stand between its cells; a file of Orange is saved as CSV there",
    ".spacy": "in Python: srsly.write_jsonl('table.jsonl', ({{'text': doc.text, 'cats': doc.cats}} for doc in "
    "DocBin().from_disk({name!r}).get_docs(nlp.vocab)))",
    **dict.fromkeys((".pkl", ".pickle", ".p"), f"a pickle can run code, so none is opened; {PANDAS}"),
    **dict.fromkeys((".joblib", ".npy", ".npz", ".pt", ".pth"), "save its rows in Python as CSV or Parquet"),
    **dict.fromkeys((".xls", ".xlsb", ".numbers"), EXCEL),
    **dict.fromkeys((".sas7bdat", ".xpt"), PANDAS),
    ".por": "in Python: pandas.DataFrame(pyreadstat.read_por({name!r})[0]).to_csv('table.csv', index=False)",
    **dict.fromkeys((".h5", ".hdf5", ".hdf", ".orc", ".xml"), PANDAS),
    **dict.fromkeys((".db", ".sqlite", ".sqlite3", ".duckdb"), DATABASE),
    ".sql": DATABASE,
    ".avro": "in Python: polars.read_avro({name!r}).write_csv('table.csv')",
    **dict.fromkeys((".yaml", ".yml"), "in Python: json.dump(yaml.safe_load(open({name!r})), open('table.json', 'w'))"),
    ".toml": "in Python: json.dump(tomllib.load(open({name!r}, 'rb')), open('table.json', 'w'))",
    ".jsonld": "a Croissant file says where the data lie: give those files",
    **dict.fromkeys((".zip", ".tar", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".gz"), UNPACK),
    **dict.fromkeys((".pdf", ".doc", ".docx", ".rtf", ".odt", ".html", ".htm", ".md"), EXTRACT),
    **dict.fromkeys(
        (".conll", ".conllu", ".iob"), "it labels words, and headstart whole texts; a table has one row for each text"
    ),
    **dict.fromkeys(
        (".libsvm", ".svm", ".svmlight"), "it holds numbers and no texts; give the texts that they were made from"
    ),
}
"""Suffix -> the way on; `{name}` is the file's name."""
READERS = {
    **dict.fromkeys((".pkl", ".pickle", ".p"), "read_pickle"),
    **dict.fromkeys((".sas7bdat", ".xpt"), "read_sas"),
    **dict.fromkeys((".h5", ".hdf5", ".hdf"), "read_hdf"),
    ".orc": "read_orc",
    ".xml": "read_xml",
}


def way_on(path: Path) -> str:
    """Return how a file of a format that is not read becomes a table that is; "" for an unknown suffix."""
    suffix = path.suffix.lower()
    if suffix not in WAYS_ON:
        return ""
    return WAYS_ON[suffix].format(name=path.name, read=READERS.get(suffix, ""))
