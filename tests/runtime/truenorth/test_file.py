"""A core graph's file gives back the graph, and what is not such a file is refused in words."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from brainrun.errors import PlanError
from brainrun.truenorth.file import MAGIC, decoded, encoded, read_cores
from brainrun.truenorth.graph import CoreGraph, InputPort, Neuron, OutputPort
from brainrun.truenorth.text import text

from .graphs import Case, cases
from .test_rules import graph


@given(case=cases("anything", 1))
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_file_gives_the_graph_back(case: Case) -> None:
    assert decoded(encoded(case.graph), "cores.bin") == case.graph


def test_ports_chips_and_origins_are_kept() -> None:
    sound = graph()
    ported = CoreGraph(
        sound.neurons, sound.cores, (InputPort("in", (0, 1), (3, 4)),), (OutputPort("out", (5,)),), (2, 3), 9
    )
    assert decoded(encoded(ported), "cores.bin") == ported


def test_equal_crossbars_are_stored_once() -> None:
    """Two cores with one crossbar between them: 256 + 512 + 1024 + 512 + 256 bytes a core, and 8192 once."""
    content = encoded(graph())
    length = int.from_bytes(content[12:16], "little")
    assert len(content) == 16 + length + 2 * 2560 + 8192


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: b"GIF89a" + content, "cores.bin: is not a file of cores"),
        (lambda content: content[:-1], "cores.bin: is damaged: it has "),
        (lambda content: MAGIC + b"\2" + content[9:], "cores.bin: is in format 2, and this brainrun reads format 1"),
        (lambda content: content[:20] + b"\xff" + content[21:], "cores.bin: is damaged: "),
        (lambda content: content[:8], "cores.bin: is in format 0, and this brainrun reads format 1"),
    ],
)
def test_what_is_not_such_a_file_is_refused(damage, message: str) -> None:
    with pytest.raises(PlanError) as refused:
        decoded(damage(encoded(graph())), "cores.bin")
    assert str(refused.value).startswith(message)


def test_a_file_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(PlanError, match="cannot be read: No such file or directory"):
        read_cores(tmp_path / "cores.bin")


def test_the_text_says_what_goes_where() -> None:
    assert text(graph(Neuron((1, -1, 0, 0), threshold=1, leak=-2, saturates_at_floor=True))) == (
        "cores: 2 on 1 × 1 chips, 1 kinds of neurons, seed 0\n"
        "\n"
        "kind  weights      leak  threshold  floor    reset      random  first potential\n"
        "0     +1 -1 +0 +0  -2    1          0 holds  normal +0          0\n"
        "\n"
        "core 0 at (0, 0) of hidden: 1 axons, 1 neurons, density 1.00\n"
        "  axon 0 type 0 → 3\n"
        "  neuron 3 kind 0 → core 1 axon 0 after 1\n"
        "\n"
        "core 1 at (1, 0): 1 axons, 1 neurons, density 1.00\n"
        "  axon 0 type 0 → 3\n"
        "  neuron 3 kind 0 → nowhere\n"
    )
