"""`--raster` and `--trace` show what the equations say of every neuron and every tick."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from brainrun.cli import main
from brainrun.truenorth import views
from tests.runtime.truenorth.graphs import Case, cases
from tests.runtime.truenorth.ibm_files import model_text, spikes_text, write
from tests.runtime.truenorth.plain import Plain
from tests.runtime.truenorth.test_ibm_command import INPUTS
from tests.runtime.truenorth.test_ibm_model import SMALL

TICKS = 12
IN_ONE_FOLDER = settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))


def run(folder: Path, *arguments: object) -> None:
    """Run the folder's model, with two threads, in blocks of five ticks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(views, "_TICKS_AT_ONCE", 5)
        given = ("m.json", "--spikes", "in.sfci", "--ticks", TICKS, "--quiet", "--threads", 2, *arguments)
        patch.chdir(folder)
        assert main([str(word) for word in given]) == 0


def plain(folder: Path, case: Case) -> tuple[Plain, list[tuple[int, int, int]]]:
    """The equations, and what comes in; the model and its input are in the folder."""
    write(folder / "m.json", model_text(case.graph))
    write(folder / "in.sfci", spikes_text(list(case.arrivals)))
    return Plain(case.graph), [(tick + 1, core, axon) for tick, core, axon in case.arrivals]


@given(case=cases("deterministic", TICKS))
@IN_ONE_FOLDER
def test_a_raster_is_every_spike_of_the_equations(tmp_path: Path, case: Case) -> None:
    equations, arrivals = plain(tmp_path, case)
    _, spikes = equations.run(TICKS, arrivals)
    run(tmp_path, "--raster", "all.csv")
    assert (tmp_path / "all.csv").read_text() == "".join(f"{t},{core},{neuron}\n" for t, core, neuron in spikes)
    run(tmp_path, "--raster", "all.npy")
    found = np.load(tmp_path / "all.npy", allow_pickle=False)
    assert (found.dtype, found.tolist()) == (np.int32, [list(spike) for spike in spikes])


@given(case=cases("deterministic", TICKS))
@IN_ONE_FOLDER
def test_a_trace_is_the_potentials_of_the_equations_after_every_tick(tmp_path: Path, case: Case) -> None:
    equations, arrivals = plain(tmp_path, case)
    last = len(case.graph.cores) - 1
    run(tmp_path, "--trace", f"0:7,{last}:250-255,0:0", "--trace-output", "v.csv")
    head, *lines = (tmp_path / "v.csv").read_text().splitlines()
    traced = [(0, 7), *((last, neuron) for neuron in range(250, 256)), (0, 0)]
    assert head == ",".join(["tick", *(f"{core}:{neuron}" for core, neuron in traced)])
    expected = []
    for tick in range(TICKS):
        equations.run(1, arrivals)
        expected.append([tick, *(equations.potential[core][neuron] for core, neuron in traced)])
    assert [[int(word) for word in line.split(",")] for line in lines] == expected


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "m.json", model_text(SMALL))
    write(tmp_path / "in.sfti", spikes_text(INPUTS))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--raster", "a.txt"], "--raster a.txt should end in .csv or .npy"),
        (["--trace", "0:1", "--trace-output", "a.npy"], "--trace-output a.npy should end in .csv"),
        (["--trace", "0:1"], "--trace says which neurons, and --trace-output where to: give both"),
        (["--trace-output", "a.csv"], "--trace says which neurons, and --trace-output where to: give both"),
        (["--trace", "0:1;2", "--trace-output", "a.csv"],
         "argument --trace: '0:1;2' is not CORE:NEURON or CORE:FIRST-LAST"),
        (["--trace", "0:1,1:256", "--trace-output", "a.csv"],
         "argument --trace: '1:256': a core's neurons are 0 … 255, in this order"),
        (["--trace", "0:9-8", "--trace-output", "a.csv"],
         "argument --trace: '0:9-8': a core's neurons are 0 … 255, in this order"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("folder")
def test_wrong_usage_has_status_2(capsys, arguments, said):
    with pytest.raises(SystemExit) as caught:
        main(["m.json", "--ticks", "5", *arguments])
    assert caught.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"brainrun: error: {said}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--trace", "2:0", "--trace-output", "a.csv"],
         "m.json: has no core 2 to be traced: its cores are 0 … 1"),
        (["--raster", "none/a.csv"], "none/a.csv: cannot be written: No such file or directory"),
        (["--trace", "0:0", "--trace-output", "none/a.csv"],
         "none/a.csv: cannot be written: No such file or directory"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("folder")
def test_what_cannot_be_shown_is_one_line_and_status_1(capsys, arguments, said):
    assert main(["m.json", "--quiet", "--ticks", "5", *arguments]) == 1
    assert capsys.readouterr().err == f"brainrun: {said}\n"
