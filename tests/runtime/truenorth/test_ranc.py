"""Do RANC's networks give RANC's rows? Compared with a plain reference, and with rows that RANC's simulator printed.

The recorded rows are those of the networks that `random_files` makes from the seeds that stand with them, for 12 ticks.
To record them anew, build RANC's simulator from https://github.com/UA-RCL/RANC (in simulator/:
`g++ -O2 -std=c++17 -I extern -I src src/*.cpp -o ranc_sim`), write each network and its configuration as JSON, and run
`ranc_sim network.json rows.txt config.json 12`. Rows are shown here without blanks, and without the mark of UTF-8 at
the file's beginning, which RANC writes and so do we.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from brainrun.cli import main
from brainrun.truenorth.ranc.connections import read_connections
from brainrun.truenorth.ranc.rows import Marks, row_texts
from tests.runtime.truenorth.ranc_reference import random_files, reference_rows

RECORDED_TICKS = 12
RECORDED = {
    1001: "01000100 00011111 10111101 01111001 01111011 10111011 00111011 11111001 10111001 00111011 11111011 10111001",
    1050: "110000 000011 000000 000001 101111 110010 110000 000000 010101 110000 100100 000010",
    1055: "00100100 11101011 11110010 11110010 11111110 11111010 11101010 11111111 11111000 11111010 11101010 01111000",
    1070: "00011 10101 01011 10100 10111 10011 10000 01000 00001 00010 00000 01000",
    1113: "0000000 1111000 1110100 0001000 1001100 0001100 0011100 1010000 0110100 0110100 1010100 1011000",
    1179: "00000 01110 10000 01000 00010 11111 01111 01100 11010 01000 11000 11000",
    1237: "0010000 1010000 1001010 1101011 1011111 1001011 1101111 1001111 1111011 1101101 1011001 1001011",
}


@pytest.fixture(scope="module", autouse=True)
def kernel_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One folder of compiled kernels for all tests here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRAINC_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where files of many networks go, one after the other."""
    return tmp_path_factory.mktemp("ranc")


def printed(folder: Path, files: tuple[Any, Any], ticks: int) -> bytes:
    """What `brainrun` writes for a network and its configuration."""
    for name, content in zip(("net.json", "config.json"), files, strict=True):
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    command = [str(folder / "net.json"), "--ranc", str(folder / "config.json"), "--ticks", str(ticks)]
    output = folder / "rows.txt"
    assert main([*command, "--output", str(output), "--json", str(folder / "run.json"), "--quiet"]) == 0
    return output.read_bytes()


def shown(rows: list[list[int]]) -> bytes:
    """Rows as RANC shows them."""
    return b"\xef\xbb\xbf" + "".join("".join(f"{value} " for value in row) + "\n" for row in rows).encode()


@settings(max_examples=150, deadline=None)
@given(seed=some.integers(0, 2**32 - 1), ticks=some.integers(1, 30))
def test_any_network_gives_the_reference_s_rows(folder: Path, seed: int, ticks: int) -> None:
    files = random_files(Random(seed), ticks)
    assert shown(reference_rows(*files, ticks)) == printed(folder, files, ticks)


@pytest.mark.parametrize("seed", RECORDED)
def test_rows_are_those_that_ranc_s_simulator_printed(folder: Path, seed: int) -> None:
    files = random_files(Random(seed), RECORDED_TICKS)
    rows = [[int(value) for value in row] for row in RECORDED[seed].split()]
    assert shown(rows) == printed(folder, files, RECORDED_TICKS)


@pytest.mark.parametrize("seed", RECORDED)
def test_the_reference_gives_the_rows_that_ranc_s_simulator_printed(seed: int) -> None:
    rows = reference_rows(*random_files(Random(seed), RECORDED_TICKS), RECORDED_TICKS)
    assert ["".join(map(str, row)) for row in rows] == RECORDED[seed].split()


NEURON = {
    "reset_potential": 0,
    "weights": [1],
    "leak": 0,
    "positive_threshold": 1,
    "negative_threshold": 0,
    "destination_core_offset": [1, 0],
    "destination_axon": 0,
    "destination_tick": 0,
    "current_potential": 0,
    "reset_mode": 0,
}
CONFIG = {
    "num_neurons": 2,
    "num_axons": 2,
    "num_cores_x": 2,
    "num_cores_y": 1,
    "num_weights": 1,
    "max_tick_offset": 4,
    "neuron_reset_type": 0,
}


def relay(packets: list[Any], **changes: Any) -> Any:
    """A core at (0, 0) whose first neuron sends on to output 0 at (1, 0) what comes in at axon 0."""
    core = {
        "coordinates": [0, 0],
        "axons": [0, 0],
        "neurons": [NEURON | changes],
        "connections": [[1, 0]],
    }
    return {"packets": packets, "output_bus": {"coordinates": [1, 0], "num_outputs": 2}, "cores": [core]}


def packet(x: int, axon: int, offset: int) -> dict[str, Any]:
    return {"destination_core": [x, 0], "destination_axon": axon, "destination_tick": offset}


def ones(text: bytes) -> list[tuple[int, int]]:
    """Row and output of every 1."""
    rows = [line.split() for line in text.decode("utf-8-sig").splitlines()]
    return [(number, place) for number, row in enumerate(rows) for place, value in enumerate(row) if value == "1"]


def test_a_spike_shows_in_the_row_after_its_tick(folder: Path) -> None:
    network = relay([[], [packet(0, 0, 0)], [], [packet(0, 0, 1)]])
    assert ones(printed(folder, (network, CONFIG), 7)) == [(2, 0), (5, 0)]


def test_a_packet_for_the_bus_shows_in_its_tick_s_row_whatever_its_offset(folder: Path) -> None:
    network = relay([[packet(1, 1, 3)], [], [packet(1, 0, 2)]])
    assert ones(printed(folder, (network, CONFIG), 4)) == [(0, 1), (2, 0)]


def test_a_packet_that_would_meet_the_present_tick_is_lost(folder: Path) -> None:
    network = relay([[packet(0, 0, 3)], [packet(0, 0, -1)]])
    assert ones(printed(folder, (network, CONFIG), 9)) == []


def test_a_neuron_s_lost_spikes_are_counted(folder: Path) -> None:
    network = relay([[packet(0, 0, 0)]], destination_core_offset=[0, 0], destination_tick=3)
    assert ones(printed(folder, (network, CONFIG), 9)) == []
    assert json.loads((folder / "run.json").read_text())["spikes"] == 1


def test_packets_after_the_last_tick_are_not_read(folder: Path) -> None:
    network = relay([[packet(0, 0, 0)], [packet(7, 9, 9)]])
    assert ones(printed(folder, (network, CONFIG), 1)) == []


def test_a_neuron_with_a_threshold_of_zero_fires_without_input(folder: Path) -> None:
    network = relay([], positive_threshold=0)
    assert ones(printed(folder, (network, CONFIG), 4)) == [(1, 0), (2, 0), (3, 0)]


def test_a_symmetric_reset_takes_place_at_the_negative_threshold_itself(folder: Path) -> None:
    network = relay([], current_potential=-3, negative_threshold=-3, reset_potential=-5, positive_threshold=5)
    assert ones(printed(folder, (network, CONFIG), 4)) == []
    assert ones(printed(folder, (network, CONFIG | {"neuron_reset_type": 1}), 4)) == [(2, 0)]


def test_of_cores_at_one_place_the_last_counts_and_the_bus_replaces_them_all(folder: Path) -> None:
    network = relay([], positive_threshold=0)
    quiet = relay([])["cores"][0]
    overlaid = network | {"cores": [*network["cores"], quiet, {**network["cores"][0], "coordinates": [1, 0]}]}
    overlaid["cores"][2]["neurons"] = [NEURON | {"positive_threshold": 0, "destination_core_offset": [0, 0]}]
    assert ones(printed(folder, (overlaid, CONFIG), 4)) == []


def test_the_json_file_has_speed_and_spikes(folder: Path) -> None:
    printed(folder, (relay([[packet(0, 0, 0)], [packet(0, 0, 0)]]), CONFIG), 5)
    report = json.loads((folder / "run.json").read_text())
    assert (report["ticks"], report["spikes"], report["synaptic_events"]) == (5, 2, 2)
    assert report["ticks_per_second"] == pytest.approx(5 / report["seconds"])


def test_a_run_says_what_it_did_unless_it_is_to_be_quiet(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed(folder, (relay([]), CONFIG), 5)
    assert capsys.readouterr().out == ""
    command = [str(folder / "net.json"), f"--ranc={folder / 'config.json'}", "--ticks", "5"]
    assert main([*command, "--output", str(folder / "rows.txt")]) == 0
    assert capsys.readouterr().out.startswith("5 ticks, 0 spikes, ")


@pytest.mark.parametrize("text", ["[[1,0],[],[0,1]]", "[ [1, 0], [ ],\n\t[0, 1] ]", "[[1,-0],[],[-0,1]]"])
def test_connections_are_read_however_they_are_written(text: str) -> None:
    rows = read_connections(Path("net.json"), "cores[0].connections", text.encode(), 3)
    assert rows.tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_rows_are_the_same_however_many_are_made_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(5)
    marks = sorted((random.randrange(50), random.randrange(3)) for _ in range(40))
    rows, outputs = (marks_of for marks_of in zip(*marks, strict=True))
    given_marks = (Marks(np.array(rows), np.array(outputs)),)
    whole = b"".join(row_texts(50, 3, given_marks))
    monkeypatch.setattr("brainrun.truenorth.ranc.rows._BLOCK_BYTES", 64)
    assert b"".join(row_texts(50, 3, given_marks)) == whole


def test_a_bus_without_outputs_makes_empty_rows() -> None:
    assert b"".join(row_texts(3, 0, ())) == b"\xef\xbb\xbf\n\n\n"
