"""The page: the same store gives the same bytes, text stays text, nothing is fetched, nothing is hidden."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markupsafe import Markup

from headstart.comparison.report import read_report
from headstart.errors import UsageError
from headstart.reports.figures.drawing import element
from headstart.reports.html import environment, write_html
from headstart.store.provenance import Provenance
from headstart.store.record import OtherResult, RunRecord, RunStatus
from tests.support.pages import render_html
from tests.support.stores import SETTING, fail, make_record, write_store

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Outline(HTMLParser):
    """Checks that tags close in order, and gathers what the tests ask about."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attributes
        self.ids += [value or "" for name, value in attributes if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def some_records(num_seeds: int = 3) -> list[RunRecord]:
    records = []
    for seed in range(num_seeds):
        records.append(make_record("finetune", seed, 0.70 + seed / 100))
        records.append(make_record("lp_ft", seed, 0.69 + seed / 90, stage1=0.5, stage1_role="probe"))
        records.append(make_record("eh_ft(lora)", seed, 0.73 + seed / 80, stage1=0.66))
    return records


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return write_store(tmp_path / "runs", some_records(), with_metrics=True)


def test_the_same_store_gives_the_same_bytes(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_html(read_report(store), tmp_path / "first.html")
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(store, elsewhere / "runs")
    monkeypatch.chdir(elsewhere)
    write_html(read_report(Path("runs")), Path("second.html"))
    assert (tmp_path / "first.html").read_bytes() == (elsewhere / "second.html").read_bytes()


def test_the_page_is_well_formed_and_self_contained(store: Path):
    page = render_html(read_report(store))
    outline = Outline(page)
    assert len(outline.ids) == len(set(outline.ids))
    assert not {"link", "img", "iframe"} & set(outline.tags)
    assert outline.tags.count("script") == 1
    assert not re.search(r"https?://|@import|url\(", page)
    targets = [value[1:] for name, value in outline.attributes if name == "href" and value]
    assert set(targets) <= set(outline.ids)


def test_signs_that_would_be_obeyed_are_written_out_on_a_page():
    template = environment().from_string("{{ name }}<p title='{{ name }}'>{{ made }}{{ number }}{{ mark }}</p>")
    page = template.render(name="a\x1b[2J\u202e<b>\r\n", made=Markup("<i>x</i>"), number=3, mark=element("g"))
    name = "a\\x1b[2J\\u202e&lt;b&gt;\n"
    assert page == f"{name}<p title='{name}'><i>x</i>3<g/></p>"


def test_only_the_pages_own_script_may_run(store: Path):
    page = render_html(read_report(store))
    script = page.partition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in page
    assert not re.search(r'\son[a-z]+="|javascript:|\beval\(|innerHTML', page)


def test_every_cell_of_the_table_opens_its_seeds(tmp_path: Path):
    records = [make_record("finetune", 3, 0.70), make_record("finetune", 5, 0.72), fail(make_record("lp_ft", 5))]
    records += [make_record("lp_ft", 3, 0.745), make_record("finetune", 0, 0.6, task="other")]
    page = render_html(read_report(write_store(tmp_path / "runs", records)))
    cells = page.partition('<table class="matrix')[2].partition("</section>")[0].split("<td ")[1:]
    assert len(cells) == 4
    lp_ft = next(cell for cell in cells if "diverged" in cell)
    assert '<tr><th scope="row">3</th><td>74.50</td><td>+4.50</td></tr>' in lp_ft
    assert '<tr><th scope="row">5</th><td>diverged</td>' in lp_ft
    assert sum("not run" in cell for cell in cells) == 1


def test_a_thousand_runs_are_under_five_megabytes(tmp_path: Path):
    labels = ("finetune", "lp_ft", "eh_ft(lora)", "eh_ft(bitfit)", "eh_ft(prefix)")
    records = [
        make_record(label, seed, 0.7 + ((7 * seed + len(label)) % 11) / 200, task=f"task/{task}",
                    stage1=0.65 if label != "finetune" else None)
        for task in range(20) for label in labels for seed in range(10)
    ]  # fmt: skip
    page = render_html(read_report(write_store(tmp_path / "runs", records, with_metrics=True)))
    assert "1000 runs" in page
    assert len(page.encode()) < 5_000_000


def test_figures_have_a_title_and_a_description(store: Path):
    page = render_html(read_report(store))
    outline = Outline(page)
    references = {"aria-labelledby", "aria-describedby"}
    for ids in (value for name, value in outline.attributes if name in references):
        assert ids is not None
        assert set(ids.split()) <= set(outline.ids)
    assert '<title id="cost-1-demo-title">' in page
    assert "eh_ft(lora): 74.25 in 51\N{NO-BREAK SPACE}s" in page
    assert '<desc id="learning-1-demo-desc">Training loss' in page


def test_numbers_verdict_and_rebuilding_command_are_there(store: Path):
    page = render_html(read_report(store))
    for part in (
        "eh_ft(lora) against plain fine-tuning on demo: +3.25 [",
        "over 3 paired seeds, 74.25 against 71.00 accuracy.",
        "too few seeds for a verdict",
        "Nothing was chosen",
        "No run failed.",
        "headstart report runs --out report.html",
        "9 of 9 runs did not record where they ran",
    ):
        assert part in page


def test_names_from_outside_stay_text(tmp_path: Path):
    evil = "<script>alert(1)</script>"
    records = [
        make_record(seed=0),
        make_record(evil, experiment="evil", task="demo", warnings=(evil,)),
        fail(make_record(f'"{evil}', experiment="evil2", seed=1)),
        make_record(evil, experiment="evil3", task=f"'{evil}", model=evil, metric="accuracy", stage1=0.4),
    ]
    page = render_html(read_report(write_store(tmp_path / "a&b", records, with_metrics=True)))
    assert page.count("<script") == 1
    assert page.count("</script") == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "a&amp;b" in page
    Outline(page)


def test_failed_runs_are_counted_and_shown(tmp_path: Path):
    records = some_records()
    records[5] = fail(records[5])
    records[1] = fail(records[1], RunStatus.ERROR)
    page = render_html(read_report(write_store(tmp_path / "runs", records, with_metrics=True)))
    assert "2 failed" in page
    assert "2 of 9 runs did not finish" in page
    assert "loss is nan" in page
    assert "finetune, step 7" in page
    assert "1 of 3 runs diverged" in page
    assert "1 of 3 runs stopped by an error" in page


def test_only_the_end_of_a_traceback_is_shown(tmp_path: Path):
    record = fail(make_record(), RunStatus.ERROR)
    values = make_record(seed=1, status=RunStatus.ERROR, error="Traceback:\n  File secret.py\nMemoryError: too large")
    page = render_html(read_report(write_store(tmp_path / "runs", [record, values])))
    assert "MemoryError: too large" in page
    assert "secret.py" not in page


def test_an_undertrained_baseline_is_the_answer(tmp_path: Path):
    records = [make_record(score=0.36), make_record("eh_ft(lora)", score=0.8, stage1=0.6)]
    page = render_html(read_report(write_store(tmp_path / "runs", records)))
    assert "Plain fine-tuning reached 36.00 accuracy over 1 seed, not above the best constant answer (34.00)" in page
    assert "undertrained: nothing is compared" in page


def test_what_keeps_two_from_being_compared_is_said(tmp_path: Path):
    records = [
        make_record(),
        make_record("eh_ft(lora)", score=0.8, stage1=0.6, setting=replace(SETTING, max_length=512)),
    ]
    page = render_html(read_report(write_store(tmp_path / "runs", records)))
    assert "not compared: max_length 512 against 128 of the nearest fine-tuning" in page
    assert "+5.00" not in page


def test_provenance_is_shown_once_a_setting(store: Path):
    provenance = Provenance(
        started_at="2026-01-02T03:04:05+00:00",
        command="headstart compare --tasks demo --store runs",
        commit="abc123",
        python="3.11.9",
        versions={"torch": "2.13.0"},
        platform="Linux",
        cpu="A processor",
        num_cores=2,
    )
    from headstart.store.json_records import write_record

    for folder in store.glob("*/seed-*"):
        write_record(folder / "started.json", provenance)
    page = render_html(read_report(store))
    assert page.count("A processor") == 1
    assert page.count('<pre tabindex="0">headstart compare --tasks demo --store runs</pre>') == 1
    assert "started 2026-01-02" in page


def test_an_empty_store_is_an_error_of_the_user(tmp_path: Path):
    with pytest.raises(UsageError, match="no run to report"):
        write_html(read_report(write_store(tmp_path / "runs", [])), tmp_path / "out.html")
    assert not (tmp_path / "out.html").exists()


def test_one_run_of_one_seed_is_enough(tmp_path: Path):
    page = render_html(read_report(write_store(tmp_path / "runs", [make_record()])))
    Outline(page)
    assert "plain fine-tuning alone" in page


def test_only_failed_runs_are_a_report_too(tmp_path: Path):
    page = render_html(
        read_report(write_store(tmp_path / "runs", [fail(make_record()), fail(make_record("eh_ft(lora)"))]))
    )
    Outline(page)
    assert "No run of eh_ft(lora) finished." in page


def test_scores_on_other_rows_take_nothing_from_the_tasks_own_section(tmp_path: Path):
    """Both sections are of the same runs: each has its own scores, and both the curve and the plan of the training."""
    other = OtherResult(
        name="shifted", split="test", metric="accuracy", scores={"accuracy": 0.41}, constant_score=0.4, num_examples=50
    )
    records = [replace(record, others=(other,)) for record in some_records()]
    alone = render_html(read_report(write_store(tmp_path / "a" / "runs", some_records(), with_metrics=True)))
    both = render_html(read_report(write_store(tmp_path / "b" / "runs", records, with_metrics=True)))
    own, shifted = (part.partition("</section>")[0] for part in both.split('<section id="task-')[1:])
    assert own == alone.split('<section id="task-')[1].partition("</section>")[0]
    assert "41.00" in shifted
    assert "41.00" not in own
    assert "updates not recorded" not in both
    assert "9 runs" in both


def test_metrics_cut_off_by_a_kill_do_no_harm(store: Path):
    path = store / "demo-finetune" / "seed-0" / "1-finetune" / "metrics.jsonl"
    path.write_text(path.read_text() + '{"step": 205, "lo')
    Outline(render_html(read_report(store)))
