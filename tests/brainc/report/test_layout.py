"""The drawing of a graph keeps its order, and nothing in a row overlaps."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis.strategies import DrawFn, composite, integers, lists

from brainc.report.layout import draw


@composite
def graphs(choose: DrawFn) -> dict[str, tuple[str, ...]]:
    """Acyclic graphs of up to a dozen nodes: each reads some of those before it."""
    count = choose(integers(1, 12))
    return {
        f"n{node}": tuple(f"n{choose(integers(0, node - 1))}" for _ in range(choose(integers(0, 3)))) if node else ()
        for node in range(count)
    }


@given(graphs())
def test_every_node_stands_below_what_it_reads(inputs_of: dict[str, tuple[str, ...]]) -> None:
    row_of = {spot.name: spot.row for spot in draw(inputs_of).spots}
    assert all(row_of[source] < row_of[name] for name, sources in inputs_of.items() for source in sources)


@given(graphs())
def test_nodes_of_a_row_stand_a_node_apart(inputs_of: dict[str, tuple[str, ...]]) -> None:
    drawing = draw(inputs_of)
    for row in range(drawing.rows):
        places = sorted(spot.across for spot in drawing.spots if spot.row == row)
        assert all(right - left >= 1 - 1e-9 for left, right in pairwise(places))


@given(graphs())
def test_the_drawing_holds_every_node(inputs_of: dict[str, tuple[str, ...]]) -> None:
    drawing = draw(inputs_of)
    assert {spot.name for spot in drawing.spots} == set(inputs_of)
    assert all(0.5 - 1e-9 <= spot.across <= drawing.width - 0.5 + 1e-9 for spot in drawing.spots)
    assert all(0 <= spot.row < drawing.rows for spot in drawing.spots)


@given(lists(integers(0, 1), max_size=6))
def test_a_chain_is_a_straight_line(chain: list[int]) -> None:
    names = [f"n{place}" for place in range(len(chain) + 1)]
    inputs_of = {name: tuple(names[place - 1 : place]) for place, name in enumerate(names)}
    assert {spot.across for spot in draw(inputs_of).spots} == {0.5}


def test_an_edge_over_rows_bends_beside_the_nodes_there() -> None:
    drawing = draw({"a": (), "b": ("a",), "c": ("b", "a")})
    middle = next(spot.across for spot in drawing.spots if spot.name == "b")
    (bend,) = next(edge.bends for edge in drawing.edges if (edge.source, edge.target) == ("a", "c"))
    assert bend[0] == 1
    assert abs(bend[1] - middle) >= 0.5


def test_an_input_read_late_stands_just_above_its_reader() -> None:
    drawing = draw({"image": (), "label": (), "a": ("image",), "b": ("a",), "loss": ("b", "label")})
    row_of = {spot.name: spot.row for spot in drawing.spots}
    assert row_of["label"] == row_of["loss"] - 1


def test_a_network_without_nodes_has_an_empty_drawing() -> None:
    assert draw({}).rows == 0
