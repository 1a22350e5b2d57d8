"""The writer: well-formed, escaped, short numbers."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from headstart.reports.figures.drawing import (
    NUM_COLOURS,
    NUM_SERIES,
    element,
    group,
    marker,
    number,
    polyline,
    shorten,
    slug,
    text,
)
from headstart.reports.html import TEMPLATES


def test_everything_from_outside_is_escaped():
    evil = "</text><script>alert('1')</script>\"&"
    svg = group([text(evil, 1.0, 2.0)], series=1, tip=evil).__html__()
    root = ElementTree.fromstring(svg)
    assert "<script" not in svg
    assert [part.text for part in root] == [evil, evil]
    attribute = ElementTree.fromstring(element("svg", aria_label=evil).__html__()).get("aria-label")
    assert attribute == evil


def test_signs_that_no_xml_may_hold_are_written_out():
    svg = element("g", element("text", "a\x07b\u202ec"), aria_label="d\x1be").__html__()
    root = ElementTree.fromstring(svg)
    assert (root[0].text, root.get("aria-label")) == (r"a\x07b\u202ec", r"d\x1be")


def test_numbers_have_one_digit_and_no_negative_zero():
    assert [number(value) for value in (1.0, 2.25, -0.04, 1234.56)] == ["1", "2.2", "0", "1234.6"]
    assert polyline([(0, 0), (1.06, 2)], is_closed=True) == "M0,0L1.1,2Z"


def test_series_of_one_colour_differ_in_their_marker():
    marks = {(series % NUM_COLOURS, marker(series, 10.0, 10.0).__html__()) for series in range(NUM_SERIES)}
    assert len(marks) == NUM_SERIES


def test_every_series_but_one_has_a_dash_pattern_of_its_own():
    styles = (TEMPLATES / "figures.css").read_text()
    patterns = dict(re.findall(r"series-(\d+) .line { stroke-dasharray: ([^;]+);", styles))
    assert len(patterns) == len(set(patterns.values())) == NUM_SERIES - 1


@pytest.mark.parametrize(
    ("label", "expected"), [("eh_ft(lora), 200 steps", "eh_ft(lora), 200 steps"), ("a" * 30, "a" * 23 + "…")]
)
def test_long_labels_are_cut(label: str, expected: str):
    assert shorten(label, 24) == expected


def test_a_slug_is_safe_in_a_path():
    assert slug("../EH_ft(LoRA), x→y") == "eh-ft-lora-x-y"
