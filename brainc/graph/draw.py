"""How does the network look? The layer graph as one SVG file, without scripts or fonts from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import prod
from typing import TypeAlias

from brainc.graph.arguments import argument_text
from brainc.ir.graph import LayerGraph, Node, Tensor
from brainc.operators.operator import no_weights
from brainc.operators.table import OPERATORS
from brainc.report.layout import Drawing, Spot, draw
from brainlang.diagnostics import counted

HEIGHT, GAP = 64, 40
"""Pixels of a box, and between two rows of them."""
MARGIN, TITLE = 28, 62
NARROWEST, WIDEST = 170, 380
BETWEEN, PADDING = 26, 16
LEAST_PICTURE = 320
PIXELS_A_LETTER, PIXELS_A_BOLD_LETTER = 6.6, 7.7
"""Of the 12- and 13-pixel texts in a usual sans-serif, on the wide side: texts must fit whatever font there is."""
PORT = 16
"""Pixels between the ends of two edges at one box."""

STYLE = """
svg { --paper: #ffffff; --ink: #1f2933; --faint: #6b7785; --edge: #8a96a3; --card: #ffffff; --rim: #cfd6dd; }
@media (prefers-color-scheme: dark) {
  svg { --paper: #14181d; --ink: #e8ecf0; --faint: #98a4b0; --edge: #6d7985; --card: #1d232a; --rim: #38424c; }
}
text { font: 12px "Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif; fill: var(--ink); }
.paper { fill: var(--paper); }
.card { fill: var(--card); stroke: var(--rim); }
.name { font-size: 13px; font-weight: 600; }
.title { font-size: 19px; font-weight: 600; }
.faint { fill: var(--faint); }
.right { text-anchor: end; }
.edge { fill: none; stroke: var(--edge); stroke-width: 1.4; }
.tip { fill: var(--edge); }
.tag { font-size: 11px; font-weight: 600; fill: #ffffff; text-anchor: middle; }
.input { fill: #7b8794; } .weighted { fill: #2f6fbf; } .plain { fill: #d98a1f; } .loss { fill: #c2413b; }
.metric { fill: #2e8b57; } .output { fill: #6d4fb3; }
""".strip()


Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """What stands in one box: three lines, the last in two halves; `family` colours its band, `tags` say its part."""

    name: str
    doing: str
    shape: str
    parameters: str
    family: str
    tags: tuple[tuple[str, str], ...]


def svg(graph: LayerGraph) -> str:
    """The graph from inputs at the top to losses and metrics at the bottom, as the text of an SVG file."""
    boxes = {box.name: box for box in boxes_of(graph)}
    drawing = draw(_inputs_of(graph))
    frame = Frame(box_width(boxes.values()), drawing)
    across, down = frame.size
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {across:.0f} {down:.0f}" '
        f'width="{across:.0f}" height="{down:.0f}" role="img" '
        f'aria-label="{escape(f"the layers of network {graph.name}")}">',
        f"<style>\n{STYLE}\n</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path class="tip" d="M0 0.8 L8 4 L0 7.2 z"/></marker></defs>',
        '<rect class="paper" width="100%" height="100%"/>',
        *_heading(graph),
        *_edges(frame),
        *(line for spot in drawing.spots for line in _box(boxes[spot.name], spot, frame)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def boxes_of(graph: LayerGraph) -> Iterator[Box]:
    """A box for every input and layer."""
    outputs = {output.tensor_name: output.name for output in graph.outputs}
    for given in graph.inputs:
        yield Box(
            given.name, f"input {given.kind}", _shape(given.tensor), "", "input", _output_tag(given.name, outputs)
        )
    for node in graph.nodes:
        count = sum(prod(weight.shape) for weight in node.weights)
        parameters = f"{count:,} parameters" if count else ""
        if node.shared != node.name:
            parameters = f"shares {node.shared}{' transposed' if node.transposed else ''}"
        losses = [
            ("loss", f"loss {term.name}" + (f" × {term.weight:g}" if term.weight != 1 else ""))
            for term in graph.losses
            if term.node == node.name
        ]
        metrics = [("metric", f"metric {term.name}") for term in graph.metrics if term.node == node.name]
        tags = (*losses, *metrics, *_output_tag(node.name, outputs))
        yield Box(node.name, _doing(node), _shape(node.tensor), parameters, _family(node), tags)


def _output_tag(name: str, outputs: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return (("output", f"output {outputs[name]}"),) if name in outputs else ()


def _inputs_of(graph: LayerGraph) -> dict[str, Sequence[str]]:
    return {given.name: () for given in graph.inputs} | {node.name: node.inputs for node in graph.nodes}


def _family(node: Node) -> str:
    operator = OPERATORS[node.operator]
    if operator.role != "layer":
        return operator.role
    return "plain" if operator.weights is no_weights else "weighted"


def _doing(node: Node) -> str:
    """The operator with what was said of it beyond its defaults: `conv 20, kernel 5`."""
    said = []
    for argument in OPERATORS[node.operator].arguments:
        value = node.argument(argument.name)
        default = argument.default
        if isinstance(default, str) and default.startswith("="):
            default = node.argument(default[1:])
        if value != default:
            said.append(f"{argument.name} {argument_text(value)}")
    return f"{node.operator} · {', '.join(said)}" if said else node.operator


def _shape(tensor: Tensor) -> str:
    if tensor.classes:
        return f"{tensor.classes} classes"
    return " × ".join(map(str, tensor.shape)) or "one number"


def box_width(boxes: Iterable[Box]) -> float:
    """Pixels across that show every box's texts whole, within reason."""
    wanted = [
        max(
            len(box.name) * PIXELS_A_BOLD_LETTER,
            len(box.doing) * PIXELS_A_LETTER + sum(_tag_width(words) + 6 for _, words in box.tags),
            (len(box.shape) + len(box.parameters) + 3) * PIXELS_A_LETTER,
        )
        for box in boxes
    ]
    return min(max([NARROWEST, *(pixels + 2 * PADDING for pixels in wanted)]), WIDEST)


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the drawing's rows and places across lie, in pixels, for boxes of one width."""

    width: float
    drawing: Drawing

    @property
    def pitch(self) -> float:
        """Pixels from one box to the next in a row."""
        return self.width + BETWEEN

    @property
    def size(self) -> tuple[float, float]:
        """Pixels across and down, of the whole picture."""
        rows = self.drawing.rows
        return max(self.drawing.width * self.pitch + 2 * MARGIN, LEAST_PICTURE), TITLE + rows * (HEIGHT + GAP) + MARGIN

    def middle(self, across: float) -> float:
        """The middle of a place across."""
        spare = self.size[0] - self.drawing.width * self.pitch
        return spare / 2 + across * self.pitch

    def top(self, row: int) -> float:
        """The upper edge of a row's boxes."""
        return TITLE + row * (HEIGHT + GAP) + GAP / 2


def _heading(graph: LayerGraph) -> Iterator[str]:
    count = sum(prod(weight.shape) for node in graph.nodes for weight in node.weights)
    facts = f"{counted(len(graph.nodes), 'layer')}, {count:,} parameter{'' if count == 1 else 's'}"
    yield f'<text class="title" x="{MARGIN}" y="34">{escape(graph.name)}</text>'
    yield f'<text class="faint" x="{MARGIN}" y="53">{facts}</text>'


def _box(box: Box, spot: Spot, frame: Frame) -> Iterator[str]:
    middle, top, width = frame.middle(spot.across), frame.top(spot.row), frame.width
    left, right = middle - width / 2, middle + width / 2
    text, end = left + PADDING, right - PADDING / 2
    yield f"<g><title>{escape(f'{box.name}: {box.doing}, {box.shape}, {box.parameters}'.rstrip(', '))}</title>"
    yield f'<rect class="card" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{HEIGHT}" rx="5"/>'
    band = f"M{left + 5:.1f} {top:.1f} v{HEIGHT} a5 5 0 0 1 -5 -5 v-{HEIGHT - 10} a5 5 0 0 1 5 -5 z"
    yield f'<path class="{box.family}" d="{band}"/>'
    inner = width - 1.5 * PADDING
    tags = sum(_tag_width(words) + 6 for _, words in box.tags)
    yield f'<text class="name" x="{text:.1f}" y="{top + 20:.1f}">{_fit(box.name, inner, PIXELS_A_BOLD_LETTER)}</text>'
    yield f'<text x="{text:.1f}" y="{top + 37:.1f}">{_fit(box.doing, inner - tags, PIXELS_A_LETTER)}</text>'
    yield f'<text class="faint" x="{text:.1f}" y="{top + 54:.1f}">{_fit(box.shape, inner, PIXELS_A_LETTER)}</text>'
    room = inner - (len(box.shape) + 2) * PIXELS_A_LETTER
    if box.parameters and room > 0:
        shown = _fit(box.parameters, room, PIXELS_A_LETTER)
        yield f'<text class="faint right" x="{end:.1f}" y="{top + 54:.1f}">{shown}</text>'
    for kind, words in reversed(box.tags):
        yield from _tag(kind, words, end, top + 25)
        end -= _tag_width(words) + 6
    yield "</g>"


def _tag(kind: str, words: str, right: float, top: float) -> Iterator[str]:
    """A small label that ends at `right`."""
    width = _tag_width(words)
    yield f'<rect class="{kind}" x="{right - width:.1f}" y="{top:.1f}" width="{width:.1f}" height="16" rx="8"/>'
    yield f'<text class="tag" x="{right - width / 2:.1f}" y="{top + 12:.1f}">{escape(words)}</text>'


def _tag_width(words: str) -> float:
    return len(words) * PIXELS_A_LETTER + 12


def _fit(text: str, room: float, letter: float) -> str:
    """The text, shortened in its middle where it would not fit."""
    most = max(int(room / letter), 3)
    if len(text) <= most:
        return escape(text)
    end = (most - 1) // 2
    return escape(f"{text[: most - 1 - end]}…{text[len(text) - end :]}")


def _edges(frame: Frame) -> Iterator[str]:
    """A curve for each edge, through its bends."""
    spot_of = {spot.name: spot for spot in frame.drawing.spots}
    ways = [
        (spot_of[edge.source].across, *(across for _, across in edge.bends), spot_of[edge.target].across)
        for edge in frame.drawing.edges
    ]
    leaving = _ports(frame, [edge.source for edge in frame.drawing.edges], [way[1] for way in ways])
    arriving = _ports(frame, [edge.target for edge in frame.drawing.edges], [way[-2] for way in ways])
    for edge, out, into in zip(frame.drawing.edges, leaving, arriving, strict=True):
        source, target = spot_of[edge.source], spot_of[edge.target]
        start = (frame.middle(source.across) + out, frame.top(source.row) + HEIGHT)
        end = (frame.middle(target.across) + into, frame.top(target.row) - 1)
        bends = [(frame.middle(across), frame.top(row)) for row, across in edge.bends]
        yield f'<path class="edge" marker-end="url(#tip)" d="{_curve(start, bends, end)}"/>'


def _ports(frame: Frame, boxes: Sequence[str], towards: Sequence[float]) -> list[float]:
    """Where each edge meets its box, in pixels from the middle: side by side, in the order of where the edges lead."""
    edges_of_box: dict[str, list[int]] = {}
    for number, box in enumerate(boxes):
        edges_of_box.setdefault(box, []).append(number)
    ports = [0.0] * len(boxes)
    for numbers in edges_of_box.values():
        spread = min(PORT, (frame.width - 2 * PADDING) / len(numbers))
        for place, number in enumerate(sorted(numbers, key=towards.__getitem__)):
            ports[number] = (place - (len(numbers) - 1) / 2) * spread
    return ports


def _curve(start: Point, bends: Sequence[Point], end: Point) -> str:
    """From below one box to above another, upright at every row it passes."""
    path, (x, y) = f"M{start[0]:.1f} {start[1]:.1f}", start
    for across, top in (*bends, end):
        half = (top - y) / 2
        path += f" C{x:.1f} {y + half:.1f} {across:.1f} {top - half:.1f} {across:.1f} {top:.1f}"
        x, y = across, top
        if (across, top) != end:
            y = top + HEIGHT
            path += f" V{y:.1f}"
    return path
