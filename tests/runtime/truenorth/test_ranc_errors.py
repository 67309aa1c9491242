"""Is every hole in RANC's files named, with its place and a remedy, in one line?"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from brainrun.cli import main
from tests.mutations import mutants

NEURON = {
    "reset_potential": 0,
    "weights": [1, -1],
    "leak": 0,
    "positive_threshold": 1,
    "negative_threshold": 0,
    "destination_core_offset": [1, 0],
    "destination_axon": 0,
    "destination_tick": 0,
    "current_potential": 0,
    "reset_mode": 0,
}
NETWORK: dict[str, Any] = {
    "packets": [[{"destination_core": [0, 0], "destination_axon": 0, "destination_tick": 0}]],
    "output_bus": {"coordinates": [2, 0], "num_outputs": 2},
    "cores": [
        {
            "coordinates": [x, 0],
            "axons": [0, 1, 0],
            "neurons": [deepcopy(NEURON), deepcopy(NEURON)],
            "connections": [[1, 0, 1], [0, 1, 1]],
        }
        for x in (0, 1)
    ],
}
CONFIG = {
    "num_neurons": 2,
    "num_axons": 3,
    "num_cores_x": 3,
    "num_cores_y": 2,
    "num_weights": 2,
    "max_tick_offset": 16,
    "neuron_reset_type": 1,
}

MISSING = {
    "packets": "give an array with an array of packets for each tick; [] where there are none",
    "output_bus": 'give {"coordinates": [x, y], "num_outputs": …}',
    "cores": "give an array of cores",
    "output_bus.coordinates": "give [x, y], two whole numbers",
    "output_bus.num_outputs": "give the number of outputs",
    "cores[1].coordinates": "give [x, y], two whole numbers",
    "cores[1].axons": "give an array with the type of each axon, a whole number from 0 on",
    "cores[1].neurons": "give an array of neurons",
    "cores[1].connections": "give an array with a row for each neuron, of 0 or 1 for each axon",
    "cores[1].neurons[1].reset_potential": "give a whole number of 32 bits",
    "cores[1].neurons[1].weights": "give an array of whole numbers, one for each axon type",
    "cores[1].neurons[1].leak": "give a whole number of 32 bits, 0 for none",
    "cores[1].neurons[1].positive_threshold": "give the potential at which the neuron fires, a whole number of 32 bits",
    "cores[1].neurons[1].negative_threshold": "give the potential below which it is reset, a whole number of 32 bits",
    "cores[1].neurons[1].destination_core_offset": "give [dx, dy], the steps to the core that the spikes go to",
    "cores[1].neurons[1].destination_axon": "give the axon, or the output, that the spikes go to",
    "cores[1].neurons[1].destination_tick": "give the ticks that spikes wait, 0 for none",
    "cores[1].neurons[1].current_potential": "give the potential before the first tick, a whole number of 32 bits",
    "cores[1].neurons[1].reset_mode": "give 0 to reset to the reset potential, or 1 to subtract the threshold",
    "packets[0][0].destination_core": "give [x, y], the core that the spike goes to",
    "packets[0][0].destination_axon": "give the axon, or the output, that the spikes go to",
    "packets[0][0].destination_tick": "give the ticks that spikes wait, 0 for none",
}

IN_CONFIG = {
    "num_neurons": "give the number of neurons a core may have",
    "num_axons": "give the number of axons of a core",
    "num_cores_x": "give the number of cores in x, the output bus included",
    "num_cores_y": "give the number of cores in y, the output bus included",
    "num_weights": "give the number of axon types, 1 to 256",
    "max_tick_offset": "give the number of values that destination_tick may have, 1 to 256",
    "neuron_reset_type": "give 0 to reset below the negative threshold, or 1 to reset at it, too",
}

CONNECTIONS = "give an array with a row for each neuron, of 0 or 1 for each axon"
ON_GRID = "count from 0, or raise num_cores_x or num_cores_y in the configuration"
STRANGE: list[tuple[str, object, str, str]] = [
    ("cores[1].neurons[1].leak", "1", "", "is text, not a whole number: give a whole number of 32 bits, 0 for none"),
    (
        "cores[1].neurons[1].weights[0]",
        1.5,
        "",
        "is a number with a fraction, not a whole number: give an array of whole numbers, one for each axon type",
    ),
    ("cores[1].neurons[1].reset_potential", 2**31, "", "is greater than 2147483647: give a whole number of 32 bits"),
    (
        "cores[1].neurons[1].reset_mode",
        2,
        "",
        "is greater than 1: give 0 to reset to the reset potential, or 1 to subtract the threshold",
    ),
    (
        "cores[1].neurons[1].destination_core_offset",
        [0, 0, 1],
        "",
        "does not hold 2 numbers: give [dx, dy], the steps to the core that the spikes go to",
    ),
    (
        "cores[1].neurons[1].weights",
        [1, 1, 1],
        "",
        "has 3 entries, and num_weights is 2: shorten it, or raise num_weights",
    ),
    (
        "cores[1].neurons[1].destination_core_offset",
        [2, 0],
        "",
        "leads to (3, 0), not on the grid of 3 × 2 cores: let spikes for nobody go to an axon without synapses",
    ),
    (
        "cores[0].neurons[1].destination_axon",
        3,
        "",
        "axon 3 is not in 0 … 2: correct it, or raise num_axons in the configuration",
    ),
    ("cores[1].neurons[1].destination_axon", 2, "", "output 2 is not in 0 … 1: correct it, or raise num_outputs"),
    ("cores[0].neurons[1].destination_tick", 16, "", "tick 16 is not in 0 … 15: correct it, or raise max_tick_offset"),
    ("cores[0].neurons[1].destination_tick", -2, "", "tick -2 is not in 0 … 15: correct it, or raise max_tick_offset"),
    ("cores[1]", 7, "", "is a whole number, not an object: give an array of cores"),
    ("cores[1].coordinates", [3, 0], "", f"(3, 0) is not on the grid of 3 × 2 cores: {ON_GRID}"),
    ("output_bus.coordinates", [0, -1], "", f"(0, -1) is not on the grid of 3 × 2 cores: {ON_GRID}"),
    ("output_bus.num_outputs", -1, "", "is less than 0: give the number of outputs"),
    ("cores[1].axons", [0, 0, 0, 0], "", "has 4 entries, and num_axons is 3: shorten it, or raise num_axons"),
    (
        "cores[1].axons",
        [0, 2],
        "[1]",
        "axon type 2 is not in 0 … 1: correct it, or raise num_weights in the configuration",
    ),
    ("cores[1].neurons", [NEURON] * 3, "", "has 3 entries, and num_neurons is 2: shorten it, or raise num_neurons"),
    ("cores[1].connections", [[0]] * 3, "", "has 3 entries, and num_neurons is 2: shorten it, or raise num_neurons"),
    ("cores[1].connections", [[0]], "", f"has 1 rows for 2 neurons: {CONNECTIONS}"),
    ("cores[1].connections", [], "", f"has 0 rows for 2 neurons: {CONNECTIONS}"),
    ("cores[1].connections", None, "", f"is null, not an array: {CONNECTIONS}"),
    ("cores[1].connections[1]", True, "", f"is a truth value, not an array: {CONNECTIONS}"),
    ("cores[1].connections[1]", [0, 10], "[1]", f"is greater than 1: {CONNECTIONS}"),
    ("cores[1].connections[1]", [-1], "[0]", f"is less than 0: {CONNECTIONS}"),
    ("cores[1].connections[1]", [[0]], "[0]", f"is an array, not a whole number: {CONNECTIONS}"),
    (
        "cores[1].connections[1]",
        [0, 0, 0, 1],
        "",
        "holds 4 numbers, and a core has 3 axons: shorten it, or raise num_axons in the configuration",
    ),
    (
        "packets[0]",
        {},
        "",
        "is an object, not an array: give an array with an array of packets for each tick; [] where there are none",
    ),
    (
        "packets[0][0].destination_core",
        [0, 2],
        "",
        "(0, 2) is not on the grid of 3 × 2 cores: correct it, or leave the packet out",
    ),
    (
        "packets[0][0].destination_axon",
        3,
        "",
        "axon 3 is not in 0 … 2: correct it, or raise num_axons in the configuration",
    ),
    ("packets[0][0].destination_tick", 16, "", "tick 16 is not in 0 … 15: correct it, or raise max_tick_offset"),
]
"""Where what is put, at which place further inside it stands out, and what is said of it."""


@pytest.fixture(scope="module", autouse=True)
def kernel_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One folder of compiled kernels for all tests here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRAINC_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What `brainrun` says of these files, which it must refuse."""
    monkeypatch.chdir(tmp_path)

    def run(network: str, config: str, output: str = "rows.txt") -> str:
        Path("net.json").write_text(network, encoding="utf-8")
        Path("config.json").write_text(config, encoding="utf-8")
        assert main(["net.json", "--ranc", "config.json", "--ticks", "3", "--output", output]) == 1
        assert not Path("rows.txt").exists()
        told = capsys.readouterr()
        assert told.out == ""
        return told.err

    return run


def at(whole: Any, place: str) -> tuple[Any, str | int]:
    """What holds a place such as `cores[1].axons`, and the last step to it."""
    steps = [int(index) if index else name for index, name in re.findall(r"\[(\d+)\]|(\w+)", place)]
    for step in steps[:-1]:
        whole = whole[step]
    return whole, steps[-1]


def without(whole: Any, place: str) -> str:
    changed = deepcopy(whole)
    holder, step = at(changed, place)
    del holder[step]
    return json.dumps(changed)


def edited(whole: Any, place: str, value: object) -> str:
    changed = deepcopy(whole)
    holder, step = at(changed, place)
    holder[step] = value
    return json.dumps(changed)


@pytest.mark.parametrize("place", MISSING)
def test_a_hole_in_a_network_is_named(said: Callable[..., str], place: str) -> None:
    expected = f"brainrun: net.json, {place}: is missing: {MISSING[place]}\n"
    assert said(without(NETWORK, place), json.dumps(CONFIG)) == expected


@pytest.mark.parametrize(("place", "value", "inside", "what"), STRANGE)
def test_what_does_not_belong_in_a_network_is_named(
    said: Callable[..., str], place: str, value: object, inside: str, what: str
) -> None:
    expected = f"brainrun: net.json, {place}{inside}: {what}\n"
    assert said(edited(NETWORK, place, value), json.dumps(CONFIG)) == expected


@pytest.mark.parametrize("name", IN_CONFIG)
def test_a_hole_in_a_configuration_is_named(said: Callable[..., str], name: str) -> None:
    expected = f"brainrun: config.json, {name}: is missing: {IN_CONFIG[name]}\n"
    assert said(json.dumps(NETWORK), without(CONFIG, name)) == expected


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("num_neurons", 0, "is less than 1"),
        ("num_axons", "256", "is text, not a whole number"),
        ("num_cores_x", 2.5, "is a number with a fraction, not a whole number"),
        ("num_weights", 257, "is greater than 256"),
        ("max_tick_offset", 0, "is less than 1"),
        ("max_tick_offset", 257, "is greater than 256"),
        ("neuron_reset_type", 2, "is greater than 1"),
    ],
)
def test_a_strange_number_in_a_configuration_is_named(
    said: Callable[..., str], name: str, value: object, what: str
) -> None:
    expected = f"brainrun: config.json, {name}: {what}: {IN_CONFIG[name]}\n"
    assert said(json.dumps(NETWORK), edited(CONFIG, name, value)) == expected


@pytest.mark.parametrize(
    ("network", "what"),
    [
        ("", "is not JSON (Input data was truncated): write it anew"),
        ('{"packets": [}', "is not JSON (JSON is malformed: invalid character (byte 13)): write it anew"),
        ('{"x": ' + "[" * 10**5 + "]" * 10**5 + "}", "holds arrays in arrays without end: write it anew"),
        ("[]", "is an array, not an object: RANC's simulator/README.md says what such a file holds"),
    ],
    ids=["empty", "broken", "deep", "array"],
)
def test_a_file_that_is_no_network_is_named(said: Callable[..., str], network: str, what: str) -> None:
    assert said(network, json.dumps(CONFIG)) == f"brainrun: net.json: {what}\n"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(network=mutants(json.dumps(NETWORK), json.dumps(NETWORK, indent=1)))
def test_a_damaged_network_runs_or_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], network: str
) -> None:
    for name, text in (("net.json", network), ("config.json", json.dumps(CONFIG))):
        (tmp_path / name).write_text(text, encoding="utf-8")
    files = [str(tmp_path / name) for name in ("net.json", "config.json", "rows.txt")]
    status = main([files[0], "--ranc", files[1], "--ticks", "3", "--output", files[2], "--quiet"])
    told = capsys.readouterr().err
    assert (status, told.count("\n"), told[:10]) in ((0, 0, ""), (1, 1, "brainrun: "))


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    absent = tmp_path / "absent.json"
    assert main(["net.json", "--ranc", str(absent), "--ticks", "3", "--output", "rows.txt"]) == 1
    assert capsys.readouterr().err == f"brainrun: {absent}: cannot be read (No such file or directory)\n"


def test_an_output_that_cannot_be_written_is_named(said: Callable[..., str]) -> None:
    told = said(json.dumps(NETWORK), json.dumps(CONFIG), "absent/rows.txt")
    assert told == "brainrun: absent/rows.txt: cannot be written: No such file or directory\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["net.brain", "--ranc", "c.json", "--ticks", "3", "--output", "o"],
            "runs a network in a .json file, not net.brain",
        ),
        (["net.json", "--ranc", "c.json", "--ticks", "0", "--output", "o"], "argument --ticks: 0 is not at least 1"),
        (
            ["net.json", "--ranc", "c.json", "--ticks", "x", "--output", "o"],
            "argument --ticks: 'x' is not a whole number",
        ),
        (["net.json", "--ranc", "c.json"], "the following arguments are required: --ticks, --output"),
        (["net.json", "--ticks", "3", "--output", "o", "--ranc"], "argument --ranc: expected one argument"),
    ],
)
def test_wrong_usage_ends_with_status_2(capsys: pytest.CaptureFixture[str], words: list[str], expected: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert expected in capsys.readouterr().err
