"""Model files: what is written is read, defaults hold where a field is missing, and each fault is named by its line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brainrun.errors import DataError
from brainrun.truenorth.graph import NO_NEURON, NOWHERE, CoreGraph, Neuron, Reset, core, row_major
from brainrun.truenorth.ibm.model import read_model
from brainrun.truenorth.rules import broken_rules
from tests.runtime.truenorth.ibm_files import EMPTY_ROW, model_text, write

signs = st.sampled_from((-1, 1))
neurons = st.builds(
    Neuron,
    weights=st.tuples(*[st.integers(-255, 255)] * 4),
    threshold=st.integers(0, 2**18 - 1),
    floor=st.integers(0, 2**18 - 1),
    leak=st.integers(-255, 255),
    reset=st.sampled_from(Reset),
    reset_potential=st.builds(lambda sign, exponent: sign * (2**exponent - 1), signs, st.integers(0, 18)),
    saturates_at_floor=st.booleans(),
    leak_reversal=st.booleans(),
    stochastic_weights=st.tuples(*[st.booleans()] * 4),
    stochastic_leak=st.booleans(),
    threshold_bits=st.integers(0, 16),
    potential=st.integers(-(2**19), 2**19 - 1),
)


@st.composite
def graphs(draw) -> CoreGraph:
    """Networks of a few cores whose synapses and targets are random."""
    kinds = tuple(draw(st.lists(neurons, min_size=1, max_size=4)))
    count = draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    cores = []
    for x, y in row_major(count):
        of = rng.choice([*range(len(kinds)), NO_NEURON], 256)
        there = of != NO_NEURON
        targets = np.where(there, rng.integers(-6, count, 256), NOWHERE)
        sent = targets != NOWHERE
        axons = np.where(sent, rng.integers(0, 256, 256), 0)
        delays = np.where(sent, rng.integers(1, 16, 256), 1)
        synapses = (rng.random((256, 256)) < 0.3) & there
        cores.append(core(rng.integers(0, 4, 256), synapses, of, targets, axons, delays, x=x, y=y))
    return CoreGraph(kinds, tuple(cores))


@given(graphs())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_network_that_is_written_is_read(tmp_path: Path, graph):
    assert read_model(write(tmp_path / "m.json", model_text(graph))) == graph
    assert list(broken_rules(graph)) == []


def test_the_seed_is_the_caller_s(tmp_path):
    path = write(tmp_path / "m.json", model_text(SMALL))
    assert read_model(path, seed=5) == replace(read_model(path), seed=5)


def _small() -> CoreGraph:
    """Two cores of three neurons: the first sends to the second, which sends outside."""
    synapses = np.zeros((256, 256), bool)
    synapses[[0, 1, 2], [0, 1, 2]] = True
    kinds = [0, 0, 1] + [NO_NEURON] * 253
    delays = np.ones(256)
    first = core(np.zeros(256), synapses, kinds, [1, 1, -1] + [-1] * 253, [3, 4] + [0] * 254, delays)
    second = core(np.zeros(256), synapses, kinds, [-2, -3, -3] + [-1] * 253, [7, 8, 9] + [0] * 253, delays, x=1)
    return CoreGraph((Neuron((1, 0, 0, 0), threshold=1), Neuron((2, 0, 0, 0), threshold=3)), (first, second))


SMALL = _small()
TEXT = model_text(SMALL)


def read(folder: Path, *changes: tuple[str, str], text: str = TEXT) -> CoreGraph:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return read_model(write(folder / "m.json", text))


def fault(folder: Path, *changes: tuple[str, str], text: str = TEXT) -> str:
    with pytest.raises(DataError) as caught:
        read(folder, *changes, text=text)
    return str(caught.value).removeprefix(f"{folder}/")


def line(word: str, text: str = TEXT) -> int:
    """The line on which the word stands first."""
    return text.count("\n", 0, text.index(word)) + 1


def test_missing_fields_of_a_neuron_have_the_defaults_of_its_class(tmp_path):
    start = TEXT.index('{"name": "N00000001"')
    entry = TEXT[start : TEXT.index("}", start) + 1]
    found = read(tmp_path, (entry, '{"name":"N00000001"}')).neurons[0]
    assert found == Neuron((0, 0, 0, 0), threshold=256, reset_potential=1)


def test_minus_two_is_nowhere_like_minus_one(tmp_path):
    assert read(tmp_path, ('"destCores":["1x2", "-1x254"]', '"destCores":["1x2","-2x254"]')) == SMALL


def test_neurons_stand_where_dendrites_says(tmp_path):
    graph = read(
        tmp_path,
        ('["0:255"]', '["3:255", "0:2"]'),
        ('["1x2", 2, "0x253"]', '["0x253", "1x2", 2]'),
        ('["1x2", "-1x254"]', '["-1x253", "1x2", -1]'),
        ('["3:4", "0x254"]', '["0x253", "3:4", 0]'),
    )
    assert graph == SMALL


def test_lists_may_name_only_the_neurons_that_are_there(tmp_path):
    graph = read(
        tmp_path,
        ('["0:255"]', '["0:2"]'),
        ('["1x2", 2, "0x253"]', '["1x2", 2]'),
        ('["1x2", "-1x254"]', '["1x2", -1]'),
        ('["3:4", "0x254"]', '["3:4", 0]'),
        ('["1x256"]', '["1x3"]'),
    )
    assert graph == SMALL


def test_synapses_of_absent_neurons_are_left_out(tmp_path):
    assert read(tmp_path, ('"80 00 00', '"80 00 01')) == SMALL


def test_cores_stand_in_the_order_of_their_numbers(tmp_path):
    swapped = TEXT.replace('"id":0', '"id":X').replace('"id":1', '"id":0').replace('"id":X', '"id":1')
    swapped = swapped.replace('"destCores":["1x2"', '"destCores":["0x2"')
    first, second = read(tmp_path, text=swapped).cores
    assert (first.target_cores[0], second.target_cores[0]) == (-2, 0)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"coreCount": 2', '"coreCount": 3', "line 3, model.coreCount: is 3, but there are 2 cores"),
        ('"coreCount": 2', '"coreCount": 0', f"line 3, model.coreCount: is 0, not a whole number in 1 … {2**31 - 1}"),
        ('"coreCount": 2, ', "", "line 3, model: has no 'coreCount'"),
        ('"crossbarSize": 256', '"crossbarSize": 16', "line 3, model.crossbarSize: is 16; only 256 is known"),
        ("NeuronGeneral", "Other", 'line 3, model.neuronclass: is "Other"; only "NeuronGeneral" is known'),
        ('"model":', '"mode":', "line 1: has no 'model', and so is no model of IBM's Corelet toolchain"),
        ('"neuronTypes":', '"types":', "line 1: has no 'neuronTypes', and so is no model of IBM's Corelet toolchain"),
        ('"crossbarTypes":', '"model":[],\n"crossbarTypes":', "line 4, model[1]: stands for the second time"),
        ('\t"crossbarTypes":[', '\t"crossbarTypes":7,"c":[', "line 4, crossbarTypes: is 7, not a list"),
        ('[{"name":"coreProt0000001"', '[{"name":"other"',
         'line {crossbar}, core[0].crossbar.name: "coreProt0000001" is not among the \'crossbarTypes\''),
        ('"name":"coreProt0000001"', '"name":1', "line 4, crossbarTypes[0].name: is 1, not a name in quotes"),
        ('\t"crossbarTypes":[', '\t"crossbarTypes":["a",',
         'line 4, crossbarTypes[0]: is "a", not an object'),
        ('"type":"S0"', '"type":"S4"',
         'line 7, crossbarTypes[0].crossbar.rows[0].type: is "S4", not S0, S1, S2 or S3'),
        ('"80 00', '"8 00', 'line 7, crossbarTypes[0].crossbar.rows[0].synapses: "8" is no byte in hexadecimal'),
        ('"80 00', '"00', "line 7, crossbarTypes[0].crossbar.rows[0].synapses: has 31 bytes, not 32"),
        ('"synapses":', '"s":', "line 7, crossbarTypes[0].crossbar.rows[0]: has no 'synapses'"),
        (f'{{"type":"S0","synapses":"{EMPTY_ROW}"}},', "",
         "line 6, crossbarTypes[0].crossbar.rows: has 255 rows, not 256"),
        ('"name": "N00000001"', '"name": "N0"',
         'line {types}, neuronTypes[0].name: is "N0", not N and a hexadecimal number above 0, as N0000001F'),
        ('"N00000002"', '"N1"',
         'line {second}, neuronTypes[1].name: "N1" is the name of an earlier neuron type, too'),
        ('"class": "NeuronGeneral"', '"class": "B"',
         'line {types}, neuronTypes[0].class: is "B"; only NeuronGeneral is known'),
        ('"alpha": 1', '"alpha": -1', "line {types}, neuronTypes[0].alpha: is -1, not a whole number in 0 … 262143"),
        ('"alpha"', '"aplha"', "line {types}, neuronTypes[0].aplha: NeuronGeneral has no such field"),
        ('"s0": 1', '"s0": 1.0', "line {types}, neuronTypes[0].s0: is 1.0, not a whole number in 0 … 255"),
        ('"sigma0": 1', '"sigma0": 2', "line {types}, neuronTypes[0].sigma0: is 2, not 1 or -1"),
        ('"kappa": false', '"kappa": 0', "line {types}, neuronTypes[0].kappa: is 0, not true or false"),
        ('"gamma": 0', '"gamma": 3', "line {types}, neuronTypes[0].gamma: is 3, not a whole number in 0 … 2"),
        ('"id":0', '"id":2', "line {id}, core[0].id: is 2, not in 0 … 1"),
        ('"id":0', '"id":1', "line {last_id}, core[1].id: 1 is the number of an earlier core, too"),
        ('"id":0,', "", "line {core}, core[0]: has no 'id'"),
        ('"timeScaleExponent":0', '"timeScaleExponent":1',
         "line {exponent}, core[0].timeScaleExponent: is 1; only 0 is known"),
        ('["1x2", 2, "0x253"]', '["1x2", 2, "0x252"]',
         "line {list}, core[0].neurons.types: stands for 255 numbers, but 'dendrites' for 256"),
        ('["1x2", 2, "0x253"]', '["1x2", 2,\n"0*253"]',
         "line {next}, core[0].neurons.types[2]: "
         "'0*253' is not a number, a range 0:255 or 0:4:252, or a repetition 1x256"),
        ('["1x2", 2, "0x253"]', '["1x2", 9, "0x253"]',
         "line {list}, core[0].neurons.types: "
         "9 at dendrite 2 is not the number of one of the 'neuronTypes', nor 0 for no neuron"),
        ('"dendrites":["0:255"]', '"dendrites":["1:256"]',
         "line {dendrites}, core[0].neurons.dendrites: 256 is not in 0 … 255"),
        ('"dendrites":["0:255"]', '"dendrites":["0:254",7]',
         "line {dendrites}, core[0].neurons.dendrites: 7 stands 2 times"),
        ('"destCores":["1x2"', '"destCores":["2x2"',
         "line {cores}, core[0].neurons.destCores: 2 at dendrite 0 is not in 0 … 1"),
        ('"destCores":["1x2"', '"destCores":[1, -3',
         "line {cores}, core[0].neurons.destCores: "
         "-3 at dendrite 1 is no core, not nowhere (-1, -2), and not outside (-32 … -65567)"),
        ('"destAxons":["3:4"', '"destAxons":["3:253:256"',
         "line {axons}, core[0].neurons.destAxons: 256 at dendrite 1 is not in 0 … 255"),
        ('"destDelays":["1x256"]', '"destDelays":[1,16,"1x254"]',
         "line {delays}, core[0].neurons.destDelays: 16 at dendrite 1 is not in 1 … 15"),
        ('"destDelays"', '"delays"', "line {neurons}, core[0].neurons: has no 'destDelays'"),
        ('"id":0', '"id":0,"id":0', "line {core}: is not JSON: 'id' stands twice in one object"),
        ('"id":0', '"id":NaN', "line {core}: is not JSON: NaN is no number of JSON's"),
        ('"id":0,', '"id":0', "line {exponent}: is not JSON: Expecting ',' delimiter"),
        ('\t"neuronTypes"', "\tneuronTypes",
         "line {before}: is not JSON: a name in double quotes should stand here"),
        ('"neuronTypes":', '"neuronTypes"', "line {before}: is not JSON: a colon should stand here"),
    ],
)  # fmt: skip
def test_a_fault_is_named_by_its_line_and_name(tmp_path, old, new, expected):
    places = {
        "types": line('"N00000001"'),
        "second": line('"N00000002"'),
        "before": line('"neuronTypes"'),
        "core": line('"core":'),
        "id": line('"id":0'),
        "last_id": line('"id":1'),
        "exponent": line('"timeScaleExponent"'),
        "neurons": line('"neurons"'),
        "dendrites": line('"dendrites"'),
        "list": line('"types"'),
        "next": line('"types"') + 1,
        "cores": line('"destCores"'),
        "axons": line('"destAxons"'),
        "delays": line('"destDelays"'),
        "crossbar": line('"crossbar":{"name"'),
    }
    assert fault(tmp_path, (old, new)) == f"m.json, {expected.format(**places)}"


def test_a_fault_in_a_later_core_is_named_by_that_core(tmp_path):
    text = TEXT.replace('"destCores":[-32', '"destCores":[2')
    expected = f"m.json, line {line('[2, ', text)}, core[1].neurons.destCores: 2 at dendrite 0 is not in 0 … 1"
    assert fault(tmp_path, text=text) == expected


def test_a_crossbar_s_name_is_its_own(tmp_path):
    start, end = TEXT.index('{"name":"coreProt0000001"'), TEXT.index('],\n\t"neuronTypes"')
    text = f"{TEXT[:end]},\n{TEXT[start:]}"
    where = TEXT.count("\n", 0, end) + 2
    expected = f'line {where}, crossbarTypes[1].name: "coreProt0000001" is the name of an earlier crossbar, too'
    assert fault(tmp_path, text=text) == f"m.json, {expected}"


def test_more_neuron_types_than_a_core_can_name_are_refused(tmp_path):
    types = ",".join(f'{{"name":"N{number:X}"}}' for number in range(3, 65536))
    where = line('"neuronTypes"')
    expected = f"m.json, line {where}, neuronTypes: has 65535 types, more than 65534"
    assert fault(tmp_path, ('"neuronTypes":[', f'"neuronTypes":[{types},')) == expected


def test_a_comment_without_end_is_named(tmp_path):
    text = f"{TEXT}/* the end"
    assert (
        fault(tmp_path, text=text) == f"m.json, line {line('/* the', text)}: this comment has no end: close it with */"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", "m.json, line 1: is not JSON: an object should stand here: {"),
        ("", "m.json, line 1: is not JSON: an object should stand here: {"),
        ('{"model":{"coreCount":1}', "m.json, line 1: is not JSON: a comma or } should stand here"),
        ('{"a":1}\n\n7', "m.json, line 3: is not JSON: something follows the object"),
        ('{"a":' + "[" * 100_000, "m.json, line 1: is not JSON: lists lie too deep in one another"),
        ('{"packets":[], "cores":[]}',
         "m.json, line 1: has no 'model', and so is no model of IBM's Corelet toolchain: "
         "networks of RANC's run with --ranc"),
        (b"\xff\xfe", "m.json: is not UTF-8 text: save it as UTF-8"),
    ],
)  # fmt: skip
def test_what_is_no_object_is_refused(tmp_path, text, expected):
    with pytest.raises(DataError) as caught:
        read_model(write(tmp_path / "m.json", text))
    assert str(caught.value) == f"{tmp_path}/{expected}"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError) as caught:
        read_model(tmp_path / "none.json")
    assert str(caught.value) == f"{tmp_path}/none.json: cannot be read (No such file or directory)"
