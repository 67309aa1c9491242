"""The comparison with recordings finds them, says where the first spike differs, and names what is broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.recorded import main
from brainrun.cli import main as brainrun
from tests.runtime.truenorth.ibm_files import map_bytes, model_text, spikes_text, write
from tests.runtime.truenorth.test_ibm_command import INPUTS
from tests.runtime.truenorth.test_ibm_model import SMALL


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which `deep/m` is a model with input, maps and a recording of 12 ticks."""
    deep = tmp_path / "deep"
    deep.mkdir()
    write(deep / "m.json", model_text(SMALL))
    write(deep / "m_inputSpikes.sfti", spikes_text(INPUTS))
    write(deep / "m_outMap.bin", map_bytes(1, [("a", (1,), (2,)), ("b", (1, 1), (1, 0))]))
    recorded = deep / "m_outputSpikes0.sfcp"
    command = (deep / "m.json", "--spikes", deep / "m_inputSpikes.sfti", "--ticks", 12, "--output", recorded, "--quiet")
    assert brainrun([str(word) for word in command]) == 0
    return tmp_path


def said(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    status = main([str(folder)])
    return status, capsys.readouterr().out.replace(f"{folder}/deep/", "").splitlines()


def test_equal_spikes_are_equal_by_each_input(folder, capsys):
    write(folder / "deep" / "m_spikes.sfci", spikes_text(reversed(INPUTS)))
    line = "2 cores, 12 ticks, 2 recorded spikes: equal"
    assert said(folder, capsys) == (0, [f"m_inputSpikes.sfti: {line}", f"m_spikes.sfci: {line}"])


@pytest.mark.parametrize(
    ("spikes", "difference"),
    [
        ([*INPUTS, (7, 1, 1)], "differs in tick 8 at connector 1, pin 0: ours is not recorded"),
        (INPUTS[:-1], "differs in tick 10 at connector 1, pin 1: the recorded one is not ours"),
        ([*INPUTS[:-1], (9, 1, 1)], "differs in tick 10 at connector 1, pin 0: ours is not recorded"),
    ],
)
def test_the_first_spike_that_differs_is_named(folder, capsys, spikes, difference):
    write(folder / "deep" / "m_inputSpikes.sfti", spikes_text(spikes))
    expected = f"m_inputSpikes.sfti: 2 cores, 12 ticks, 2 recorded spikes: {difference}"
    assert said(folder, capsys) == (1, [expected])


def test_what_is_broken_is_named_and_others_go_on(folder, capsys):
    write(folder / "deep" / "m_spikes.sfti", "")
    status, lines = said(folder, capsys)
    assert status == 1
    assert lines[0].endswith("equal")
    assert lines[1] == (
        "m_spikes.sfti: cannot be run: m_spikes.sfti, line 1: is not there, and should hold an object of the header"
    )


def test_a_folder_without_recordings_is_wrong_usage(tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        main([str(tmp_path)])
    assert caught.value.code == 2
    assert "holds no recording NAME_outputSpikesN.sfcp" in capsys.readouterr().err
