"""How far each layer's weights moved from the pretrained ones, from the bottom to the top."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headstart.reports.figures.drawing import (
    DataTable,
    Element,
    Figure,
    Series,
    group,
    line,
    marker,
    path,
    polyline,
    text,
)
from headstart.reports.figures.scales import BOTTOM, LEFT, RIGHT, TOP, Axis, above, draw_y_ticks, draw_y_title

MAX_LABELS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerLine:
    """A strategy's distances by layer, the mean over seeds, from the bottom up."""

    series: Series
    distances: Mapping[str, float]


def mean_distances(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean distance of each layer over runs, in the order in which the runs have them."""
    values: defaultdict[str, list[float]] = defaultdict(list)
    for run in runs:
        for layer, distance in run.items():
            values[layer].append(distance)
    return {layer: sum(found) / len(found) for layer, found in values.items()}


def layers_figure(name: str, lines: Sequence[LayerLine]) -> Figure | None:
    """Return distance against layer; None without lines."""
    layers = list(dict.fromkeys(layer for each in lines for layer in each.distances))
    if not layers:
        return None
    highest = 100 * max(distance for each in lines for distance in each.distances.values())
    axis = Axis(title="distance from pretrained, % of the norm", low=0.0, high=above([highest]), begin=BOTTOM, end=TOP)
    step = (RIGHT - LEFT) / max(1, len(layers))
    places = {layer: LEFT + (number + 0.5) * step for number, layer in enumerate(layers)}
    return Figure(
        name=name,
        title="How far layers move",
        caption="Distance of each layer's weights from the pretrained ones after the last stage, mean over seeds.",
        description=_description(lines),
        elements=(_grid(axis, places), *(_draw(each, places, axis) for each in lines)),
        legend=tuple(each.series for each in lines),
        numbers=_numbers(layers, lines),
    )


def _grid(axis: Axis, places: Mapping[str, float]) -> Element:
    parts = [line((LEFT, BOTTOM), (RIGHT, BOTTOM), "base"), draw_y_title(axis), *draw_y_ticks(axis, LEFT, RIGHT)]
    every = -(-len(places) // MAX_LABELS)
    for layer, x in list(places.items())[::every]:
        parts.append(text(_short(layer), x, BOTTOM + 18, anchor="middle"))
    return group([*parts, text("layer", (LEFT + RIGHT) / 2, BOTTOM + 38, anchor="middle", class_="title")])


def _short(layer: str) -> str:
    """Write a layer under its place: "layer 3" as 3, what stands below and above them by a short word."""
    return {"embeddings": "emb."}.get(layer, layer.removeprefix("layer "))


def _draw(each: LayerLine, places: Mapping[str, float], axis: Axis) -> Element:
    at = [(places[layer], axis.place(100 * distance)) for layer, distance in each.distances.items()]
    marks = [
        group([marker(each.series.number, *place, 3.6)], tip=f"{each.series.label}, {layer}: {100 * distance:.2f} %")
        for place, (layer, distance) in zip(at, each.distances.items(), strict=True)
    ]
    return group([path(polyline(at), "line"), *marks], series=each.series.number)


def _description(lines: Sequence[LayerLine]) -> str:
    parts = []
    for each in lines:
        (bottom, first), (top, last) = next(iter(each.distances.items())), list(each.distances.items())[-1]
        parts.append(f"{each.series.label}: {100 * first:.2f} % at {bottom}, {100 * last:.2f} % at {top}")
    return f"Distance of the weights from the pretrained ones. {'; '.join(parts)}."


def _numbers(layers: Sequence[str], lines: Sequence[LayerLine]) -> DataTable:
    return DataTable(
        headings=("", *(each.series.label for each in lines)),
        rows=tuple(
            (layer, *(f"{100 * each.distances[layer]:.2f} %" if layer in each.distances else "" for each in lines))
            for layer in layers
        ),
    )
