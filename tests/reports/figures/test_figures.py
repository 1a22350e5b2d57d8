"""What the figures show, against numbers worked out by hand."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.comparison.comparison_table import ComparisonGroup, build_comparison
from headstart.comparison.curves import CurvePoint, LearningCurve, StageCurve
from headstart.comparison.formats import MINUS
from headstart.comparison.frame import Frame
from headstart.reports.figures.best_of import best_of_figure
from headstart.reports.figures.cost import cost_figure, time_unit
from headstart.reports.figures.drawing import Element, Figure
from headstart.reports.figures.forest import forest_limit, forest_of_strategies, forest_of_tasks
from headstart.reports.figures.learning import learning_figure
from headstart.reports.figures.series import series_numbers
from headstart.reports.figures.slope import slope_figure
from headstart.reports.figures.strip import STRIP_WIDTH, strip
from headstart.stats.across_tasks import gain_across_tasks
from tests.support.stores import make_record

Scores = dict[str, list[float]]


def group_of(scores: Scores, task: str = "demo") -> ComparisonGroup:
    records = [
        make_record(label, seed, score, task=task) for label, row in scores.items() for seed, score in enumerate(row)
    ]
    (group,) = build_comparison(Frame.from_records(records)).groups
    return group


def texts_of(parts: tuple[Element | str, ...]) -> str:
    return " ".join(part if isinstance(part, str) else texts_of(part.children) for part in parts)


def places_of(figure: Figure) -> list[tuple[float, float]]:
    """Return every x,y pair of the figure's paths."""
    svg = "".join(part.__html__() for part in figure.elements)
    pairs = re.findall(r"[ML](-?[\d.]+),(-?[\d.]+)", svg)
    return [(float(x), float(y)) for x, y in pairs]


def test_baselines_have_the_first_series_and_strategies_keep_theirs_across_tasks():
    groups = [
        group_of({"lp_ft": [0.7], "finetune": [0.7]}),
        group_of({"eh_ft(lora)": [0.7], "lp_ft": [0.7], "finetune": [0.7]}),
    ]
    assert series_numbers(groups) == {"finetune": 0, "lp_ft": 1, "eh_ft(lora)": 2}


def test_a_forest_says_differences_and_intervals():
    group = group_of({"finetune": [0.70, 0.70, 0.70], "lp_ft": [0.72, 0.71, 0.73], "eh_ft(lora)": [0.69, 0.70, 0.71]})
    figure = forest_of_strategies("forest", group, series_numbers([group]))
    assert figure is not None
    half = 4.302652729911275 * 1.0 / math.sqrt(3)  # Student's t, two degrees of freedom, sd of 1 point
    assert f"lp_ft: +2.00 [{MINUS}{half - 2:.2f},\N{NO-BREAK SPACE}+{2 + half:.2f}]" in figure.description
    assert "eh_ft(lora): 0.00" in figure.description
    assert figure.numbers is not None
    assert len(figure.numbers.rows) == 2
    assert all(0 <= x <= figure.width for x, _ in places_of(figure))


def test_a_forest_over_tasks_leaves_out_what_is_not_compared():
    groups = [group_of({"finetune": [0.7, 0.7], "lp_ft": [0.72, 0.71]}, "a"), group_of({"lp_ft": [0.72]}, "b")]
    pairs = [(group, row) for group in groups for row in group.rows if row.label == "lp_ft"]
    figure = forest_of_tasks("forest", "lp_ft", pairs, 1, None, 0.05)
    assert figure is not None
    assert "a: +1.50" in figure.description
    assert "b:" not in figure.description
    assert forest_of_tasks("forest", "lp_ft", pairs[1:], 1, None, 0.05) is None


def test_the_last_line_of_a_forest_is_the_mean_over_tasks():
    scores = {"finetune": [0.7, 0.71, 0.69], "lp_ft": [0.72, 0.72, 0.70]}
    groups = [group_of(scores, "a"), group_of(scores, "b")]
    pairs = [(group, row) for group in groups for row in group.rows if row.label == "lp_ft"]
    gain = gain_across_tasks({group.task: {0: 0.02, 1: 0.01, 2: 0.01} for group in groups})
    figure = forest_of_tasks("forest", "lp_ft", pairs, 1, gain, 0.05)
    assert figure is not None
    assert "mean of 2 tasks: +1.33" in figure.description
    assert figure.numbers is not None
    assert figure.numbers.rows[-1][-1] == "2 up, 0 equal, 0 down"


def test_a_forest_gives_no_verdict_that_the_table_withholds():
    records = [make_record("finetune", seed, 0.7) for seed in range(8)]
    records += [make_record("lp_ft", seed, 0.75 + seed / 999, num_steps=400) for seed in range(8)]
    (group,) = build_comparison(Frame.from_records(records)).groups
    figure = forest_of_strategies("forest", group, series_numbers([group]))
    assert figure is not None
    assert "no verdict: unequal steps" in texts_of(figure.elements)


def test_one_wide_interval_does_not_squeeze_a_forest():
    group = group_of({"finetune": [0.70, 0.70], "lp_ft": [0.72, 0.71]})
    difference = group.rows[1].difference
    assert difference is not None
    assert forest_limit([difference]) == pytest.approx(1.08 * 1.5 * 0.02)
    svg = strip(group.rows[1], 1, 0.03)
    assert svg is not None
    assert svg.__html__().count("L") == 1 + 1 + 2 + 2 + 3  # zero, interval, two arrows of three places, the square
    assert f'd="M{STRIP_WIDTH / 2:g},' in svg.__html__()
    assert "seed 0: +2.00, seed 1: +1.00" in svg.__html__()


def test_a_baseline_has_no_strip():
    assert strip(group_of({"finetune": [0.7]}).rows[0], 0, 0.03) is None


def test_slopes_count_what_rises_and_what_falls():
    group = group_of({"finetune": [0.70, 0.71, 0.72, 0.6], "lp_ft": [0.72, 0.70, 0.72]})
    figure = slope_figure("slope", group, series_numbers([group]))
    assert figure is not None
    said = texts_of(figure.elements)
    assert "1 up, 1 down" in said
    assert "seed 0: 70.00 to 72.00, +2.00" in said
    assert "seed 3" not in said
    assert "lp_ft: 1 of 3 seeds rise, 1 fall" in figure.description


def test_many_strategies_take_several_lines_of_panels():
    group = group_of({"finetune": [0.7, 0.7], **{f"other{n}": [0.71, 0.72] for n in range(9)}})
    figure = slope_figure("slope", group, series_numbers([group]))
    assert figure is not None
    assert figure.height > 700
    assert all(0 <= x <= figure.width and 0 <= y <= figure.height for x, y in places_of(figure))


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=6))
def test_costs_stay_inside_the_figure(scores: list[float]):
    group = group_of({"finetune": scores})
    seconds = {"demo-finetune": {seed: 50.0 + seed for seed in range(len(scores))}}
    figure = cost_figure("cost", group, seconds, {"finetune": 0})
    assert figure is not None
    assert all(0 <= x <= figure.width and 0 <= y <= figure.height for x, y in places_of(figure))


@pytest.mark.parametrize(("seconds", "unit"), [(9, "seconds"), (181, "minutes"), (20_000, "hours")])
def test_times_are_in_a_unit_that_reads_well(seconds: float, unit: str):
    assert time_unit(seconds)[0] == unit


def test_the_best_of_n_is_the_mean_over_subsets():
    group = group_of({"finetune": [0.6, 0.7, 0.8]})
    figure = best_of_figure("best", group, {"finetune": 0})
    assert figure is not None
    assert figure.numbers is not None
    best_of_two = (70 + 80 + 80) / 3
    assert [row[1] for row in figure.numbers.rows] == ["70.00", f"{best_of_two:.2f}", "80.00"]
    assert best_of_figure("best", group_of({"finetune": [0.6]}), {"finetune": 0}) is None


def test_a_band_stands_only_where_there_are_enough_runs():
    few, many = (
        best_of_figure("best", group_of({"finetune": [0.6 + seed / 100 for seed in range(n)]}), {"finetune": 0})
        for n in (3, 8)
    )
    assert few is not None
    assert many is not None
    assert "band" not in "".join(part.__html__() for part in few.elements)
    assert "band" in "".join(part.__html__() for part in many.elements)


def test_curves_mark_where_a_later_stage_begins():
    group = group_of({"eh_ft(lora)": [0.7]})
    points = [tuple(CurvePoint(step=s, mean=1 / s, low=0.9 / s, high=1.1 / s) for s in r) for r in ((1, 2), (3, 4))]
    stages = (
        StageCurve(name="adapter", first_step=0, points=points[0]),
        StageCurve(name="finetune", first_step=2, points=points[1]),
    )
    curves = {"demo-eh_ft_lora": LearningCurve(stages=stages)}
    figure = learning_figure("learning", group, curves, {"eh_ft(lora)": 1})
    assert figure is not None
    svg = "".join(part.__html__() for part in figure.elements)
    assert svg.count("stage-start") == 1
    assert "eh_ft(lora): from 1.00 to 0.25" in figure.description
    assert figure.numbers is not None
    assert figure.numbers.rows[1] == ("eh_ft(lora)", "finetune", "0.333", "0.333", "0.333", "0.333", "0.250")
    assert learning_figure("learning", group, {}, {"eh_ft(lora)": 1}) is None
