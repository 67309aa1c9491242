"""Short networks for tests of the layer graph."""

from brainc.graph.build import build
from brainc.ir.graph import LayerGraph
from brainlang import parse_program


def program_of(body: str, sections: str = ""):
    """The program whose network `net` has this body, after inputs `image: f32[3, 8, 8]` and `label: class[10]`."""
    head = "network net {\n    input image: f32[3, 8, 8]\n    input label: class[10]\n"
    return parse_program(f"{head}{body}\n}}\n{sections}")


def graph_of(body: str) -> LayerGraph:
    """The layer graph of that program."""
    return build(program_of(body))


def node_of(body: str, name: str):
    """One layer of that graph."""
    return next(node for node in graph_of(body).nodes if node.name == name)
