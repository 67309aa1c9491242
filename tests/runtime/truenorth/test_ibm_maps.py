"""Maps: connectors become ports, and a map that does not fit its model is named by connector and pin."""

from __future__ import annotations

from pathlib import Path

import pytest

from brainrun.errors import DataError
from brainrun.truenorth.graph import InputPort, OutputPort
from brainrun.truenorth.ibm.maps import Direction, read_map, with_inputs, with_outputs
from tests.runtime.truenorth.ibm_files import map_bytes, write
from tests.runtime.truenorth.test_ibm_model import SMALL

TWO = (("first", (0, 1), (255, 3)), ("zweite ü", (1, 1, 0), (0, 1, 2)))


def fault(folder: Path, content: bytes, direction: Direction) -> str:
    path = write(folder / "m.bin", content)
    connect = with_inputs if direction == "in" else with_outputs
    with pytest.raises(DataError) as caught:
        connect(SMALL, read_map(path, direction))
    return str(caught.value).removeprefix(f"{folder}/")


def test_connectors_of_input_are_ports_that_lead_to_axons(tmp_path):
    graph = with_inputs(SMALL, read_map(write(tmp_path / "m.bin", map_bytes(0, TWO)), "in"))
    assert graph.inputs == tuple(InputPort(name, cores, axons) for name, cores, axons in TWO)
    assert graph.cores == SMALL.cores


def test_connectors_of_output_are_ports_that_neurons_lead_to(tmp_path):
    connectors = (("a", (1, 1), (2, 0)), ("b", (1,), (1,)))
    graph = with_outputs(SMALL, read_map(write(tmp_path / "m.bin", map_bytes(1, connectors)), "out"))
    assert graph.outputs == (OutputPort("a", (0, 1)), OutputPort("b", (2,)))
    core = graph.cores[1]
    assert list(zip(core.target_cores.tolist(), core.target_axons.tolist(), strict=True))[:4] == [
        (-2, 1), (-2, 2), (-2, 0), (-1, 0),
    ]  # fmt: skip
    assert graph.cores[0] == SMALL.cores[0]


def test_neurons_without_a_pin_send_nowhere_and_pins_may_be_silent(tmp_path):
    connectors = (("a", (1, 0, 1), (1, 2, 77)),)
    graph = with_outputs(SMALL, read_map(write(tmp_path / "m.bin", map_bytes(1, connectors)), "out"))
    assert graph.cores[1].target_cores.tolist()[:3] == [-1, -2, -1]
    assert graph.cores[0].target_cores[2] == -1


@pytest.mark.parametrize(
    ("direction", "connector", "expected"),
    [
        ("in", ("a", (2,), (0,)),
         "pin 0 of 'a': belongs to core 2, and the model has cores 0 … 1: the map may be that of another model"),
        ("in", ("a", (0, -1), (0, 0)),
         "pin 1 of 'a': belongs to core -1, and the model has cores 0 … 1: the map may be that of another model"),
        ("in", ("a", (0,), (256,)), "pin 0 of 'a': belongs to axon 256, not in 0 … 255"),
        ("out", ("a", (0,), (256,)), "pin 0 of 'a': belongs to neuron 256, not in 0 … 255"),
        ("out", ("a", (0,), (1,)),
         "pin 0 of 'a': comes from neuron 1 of core 0, which sends its spikes to core 1"),
        ("out", ("a", (1, 1), (2, 2)), "pin 1 of 'a': comes from neuron 2 of core 1, as an earlier pin does"),
    ],
)  # fmt: skip
def test_a_pin_that_does_not_fit_the_model_is_named(tmp_path, direction, connector, expected):
    way = 0 if direction == "in" else 1
    assert fault(tmp_path, map_bytes(way, [connector]), direction) == f"m.bin, connector at byte 0, {expected}"


CONTENT = map_bytes(0, TWO)
SECOND = 28 + 2 * len("first") + 6 * 2


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "m.bin: is empty, and so has no connectors"),
        (CONTENT[: SECOND + 27], f"m.bin, connector at byte {SECOND}: ends within the 28 bytes of a header"),
        (CONTENT[:-1],
         f"m.bin, connector at byte {SECOND}: has 3 pins and a name of 8, but the file ends before them"),
        (map_bytes(1, TWO),
         "m.bin, connector at byte 0: is one of output: the input and output map may be exchanged"),
        (map_bytes(7, TWO),
         "m.bin, connector at byte 0: has a header (7, 2, 2, 1, 1, 5) that is not 0 or 1, pins, pins, 1, 1, length"),
        (CONTENT[:28] + b"\x00\xd8" + CONTENT[30:], "m.bin, connector at byte 0: has a name that is not UTF-16"),
    ],
)  # fmt: skip
def test_a_broken_map_is_named_by_its_byte(tmp_path, content, expected):
    assert fault(tmp_path, content, "in") == expected


def test_a_missing_map_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none.bin: cannot be read \(No such file or directory\)"):
        read_map(tmp_path / "none.bin", "in")
