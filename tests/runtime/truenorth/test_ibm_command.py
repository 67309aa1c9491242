"""`brainrun MODEL.json` on IBM's files: the spikes that the equations give, and what is said of files and of usage."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from brainrun.cli import main
from brainrun.truenorth.graph import NO_NEURON, Neuron, core
from brainrun.truenorth.ibm.pins import read_pins
from tests.runtime.truenorth.graphs import Case, cases
from tests.runtime.truenorth.ibm_files import map_bytes, model_text, pin_bytes, spikes_text, write
from tests.runtime.truenorth.plain import Plain
from tests.runtime.truenorth.test_ibm_model import SMALL

INPUTS = [(0, 0, 0), (0, 0, 1), (3, 0, 0), (3, 0, 1), (3, 1, 2), (5, 1, 2), (9, 1, 0)]
"""By tick, core and axon. Core 0's first two neurons pass each spike on to axons 3 and 4 of core 1, which nothing
reaches; core 1's neurons 0 to 2 send out by pins 7, 264 and 265, the last of them at every second spike."""

LEAVING = "6,0,265\n10,0,7\n"
"""Neuron 2 has weight 2 and threshold 3: the spike of tick 4 leaves it at 2, that of tick 6 takes it over."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the small network and its spikes, in which we are."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "m.json", model_text(SMALL))
    write(tmp_path / "in.sfti", spikes_text(INPUTS))
    return tmp_path


def run(*arguments: object) -> None:
    assert main([str(argument) for argument in ("m.json", "--quiet", *arguments)]) == 0


def test_spikes_that_leave_are_lines_of_tick_connector_and_pin(folder):
    run("--spikes", "in.sfti", "--ticks", 12, "--output", "out.csv")
    assert (folder / "out.csv").read_text() == LEAVING


def test_an_output_map_names_connectors_and_pins(folder):
    write(folder / "m_outMap.bin", map_bytes(1, [("a", (1, 0), (2, 2)), ("b", (1, 1), (1, 0))]))
    run("--spikes", "in.sfti", "--ticks", 12, "--output", "out.csv")
    assert (folder / "out.csv").read_text() == "6,0,0\n10,1,1\n"
    (folder / "m_outMap.bin").rename("other.bin")
    run("--spikes", "in.sfti", "--ticks", 12, "--output", "out.csv", "--output-map", "other.bin")
    assert (folder / "out.csv").read_text() == "6,0,0\n10,1,1\n"


def test_a_binary_file_of_what_leaves_says_the_same(folder):
    write(folder / "m_outMap.bin", map_bytes(1, [("a", (1, 0), (2, 2)), ("b", (1, 1), (1, 0))]))
    run("--spikes", "in.sfti", "--ticks", 12, "--output", "out.sfcp")
    spikes = read_pins(folder / "out.sfcp")
    assert (spikes.map_file, spikes.ticks_written) == ("m_outMap.bin", 12)
    assert [(row.name, row.size) for row in spikes.connectors] == [("a", 2), ("b", 2)]
    assert (spikes.ticks.tolist(), spikes.rows.tolist(), spikes.pins.tolist()) == ([6, 10], [0, 1], [0, 1])
    assert spikes.delays.tolist() == [1, 1]


@pytest.mark.parametrize("where", ["beside the model", "in the header", "as an option"])
def test_connectors_bring_in_what_a_text_does(folder, where):
    name = {"beside the model": "m_inpMap.bin", "in the header": "h.bin", "as an option": "o.bin"}[where]
    write(folder / name, map_bytes(0, [("c", (0, 0), (1, 0)), ("d", (1, 1), (2, 0))]))
    connectors = [{"ID": n, "name": "c", "csize": 2, "bpp": 8, "delayMode": 0} for n in (0, 1)]
    blocks = {0: [(0, [0, 1], [])], 3: [(0, [1, 0], []), (1, [0], [])], 5: [(1, [0], [])], 9: [(1, [1], [])]}
    write(folder / "in.sfcp", pin_bytes(connectors, blocks, "h.bin" if where == "in the header" else ""))
    extra = ("--input-map", "o.bin") if where == "as an option" else ()
    run("--spikes", "in.sfcp", "--ticks", 12, "--output", "out.csv", *extra)
    assert (folder / "out.csv").read_text() == LEAVING


@given(case=cases("deterministic", 20))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_networks_fire_as_the_equations_say(tmp_path, case: Case):
    write(tmp_path / "m.json", model_text(case.graph))
    write(tmp_path / "in.sfci", spikes_text([(tick, where, axon) for tick, where, axon in case.arrivals]))
    output = tmp_path / "out.csv"
    command = [tmp_path / "m.json", "--spikes", tmp_path / "in.sfci", "--ticks", 20, "--output", output, "--quiet"]
    assert main([str(word) for word in command]) == 0
    departures, _ = Plain(case.graph).run(20, [(tick + 1, where, axon) for tick, where, axon in case.arrivals])
    assert output.read_text().splitlines() == [f"{tick},0,{pin}" for tick, pin in sorted(departures)]


def test_what_came_is_said_and_written(folder, capsys):
    arguments = ["m.json", "--spikes", "in.sfti", "--ticks", "12", "--output", "out.csv", "--json", "facts.json"]
    assert main(arguments) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first == "m.json: 2 cores, 6 neurons, 7 input spikes"
    assert last.startswith("12 ticks in ")
    assert last.endswith(" s: 6 spikes of neurons, 7 synaptic events; 2 spikes went out in out.csv")
    facts = json.loads((folder / "facts.json").read_text())
    assert facts.pop("seconds") >= 0
    assert facts == {
        "cores": 2,
        "neurons": 6,
        "ticks": 12,
        "spikes_in": 7,
        "spikes": 6,
        "synaptic_events": 7,
        "spikes_out": 2,
        "notes": [],
    }


def test_what_is_odd_is_noted_once(folder, capsys):
    stochastic = replace(SMALL, neurons=(SMALL.neurons[0], replace(SMALL.neurons[1], threshold_bits=2)))
    write(folder / "m.json", model_text(stochastic))
    write(folder / "m_outMap.bin", map_bytes(1, [("a", (1,), (2,))]))
    assert main(["m.json", "--spikes", "in.sfti", "--ticks", "6", "--seed", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "m.json: 2 cores, 6 neurons, 5 input spikes"
    assert lines[1:4] == [
        "  note: random numbers are ours, not those of IBM's simulator: stochastic neurons fire at other ticks",
        "  note: 2 input spikes come after the last tick",
        "  note: 2 neurons send their spikes outside and have no pin in m_outMap.bin",
    ]


def test_a_network_may_run_without_input_and_without_output(folder, capsys):
    alone = core([0] * 256, [[0] * 256] * 256, [0] + [NO_NEURON] * 255, [-2] + [-1] * 255, [0] * 256, [1] * 256)
    write(folder / "m.json", model_text(replace(SMALL, neurons=(Neuron((0, 0, 0, 0), 1, leak=1),), cores=(alone,))))
    assert main(["m.json", "--ticks", "1000"]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first == "m.json: 1 core, 1 neuron, 0 input spikes"
    assert last.endswith("1,000 spikes of neurons, 0 synaptic events; 1,000 spikes went out")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--spikes", "none.sfti"], "none.sfti: cannot be read (No such file or directory)"),
        (["--spikes", "in.txt"],
         "in.txt: is no file of spikes: its name ends in none of .sfti, .sfci, .sfto, .sfcp"),
        (["--spikes", "in.sfcp"],
         "in.sfcp: holds spikes of connectors, and no map says where they lead: m_inpMap.bin is not there: "
         "give --input-map"),
        (["--output-map", "none.bin"], "none.bin: cannot be read (No such file or directory)"),
        (["--output", "none/out.csv"], "none/out.csv: cannot be written: No such file or directory"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_status_1(folder, capsys, arguments, said):
    write(folder / "in.sfcp", pin_bytes([{"ID": 0, "csize": 2, "bpp": 8}], {}))
    assert main(["m.json", "--quiet", "--ticks", "5", *arguments]) == 1
    assert capsys.readouterr().err == f"brainrun: {said}\n"


def test_a_broken_model_is_one_line_and_status_1(folder, capsys):
    write(folder / "m.json", model_text(SMALL).replace('"coreCount": 2', '"coreCount": 3'))
    assert main(["m.json", "--ticks", "5"]) == 1
    assert capsys.readouterr().err == "brainrun: m.json, line 3, model.coreCount: is 3, but there are 2 cores\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["m.json"], "--ticks is missing: for how long should m.json run?"),
        (["m.json", "--ticks", "0"], "argument --ticks: 0 is not at least 1"),
        (["m.json", "--ticks", "5", "--epochs", "2"], "--epochs is for plans, and m.json is a network on cores"),
        (["m.json", "--ticks", "5", "--run-dir", "a"], "--run-dir is for plans, and m.json is a network on cores"),
        (["m.json", "--ticks", "5", "--output", "a.txt"], "--output a.txt should end in .csv or .sfcp"),
        (["m.json", "--ticks", "5", "--input-map", "a"],
         "--input-map is for spikes of connectors: --spikes FILE.sfcp"),
        (["net.plan", "--ticks", "5"], "--ticks is for networks on cores (.json), and not for net.plan"),
        (["net.brain", "--output-map", "a"],
         "--output-map is for networks on cores (.json), and not for net.brain"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("folder")
def test_wrong_usage_has_status_2(capsys, arguments, said):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"brainrun: error: {said}"
