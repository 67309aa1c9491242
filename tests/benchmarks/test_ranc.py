"""The comparison with RANC makes files that RANC could read, and does not count rows that differ."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.ranc import CORES, SIZE, compare, configuration, main, network

PRETENDED = f"""#!{sys.executable}
import json, sys
from pathlib import Path

sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tests.runtime.truenorth.ranc_reference import reference_rows

net, output, config, ticks = sys.argv[1:5]
print("Starting simulation", flush=True)
rows = reference_rows(json.loads(Path(net).read_text()), json.loads(Path(config).read_text()), int(ticks))
text = "".join("".join(f"{{value}} " for value in row) + "\\n" for row in rows)
Path(output).write_text(text, encoding="utf-8" if Path("spoilt").exists() else "utf-8-sig")
"""
"""A program that does as RANC's simulator does, if slowly."""


@pytest.fixture
def pretended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BRAINC_CACHE", str(tmp_path / "cache"))
    program = tmp_path / "ranc_sim"
    program.write_text(PRETENDED, encoding="utf-8")
    program.chmod(0o755)
    return program


def test_equal_rows_are_a_comparison(
    pretended: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = tmp_path / "files"
    words = ["--ticks", "3", "--rounds", "1", "--folder", str(files), "--ranc-simulator", str(pretended)]
    monkeypatch.setattr(sys, "argv", ["ranc.py", *words])
    main()
    told = capsys.readouterr().out
    assert told.startswith("3 ticks of 16 cores, ")
    assert "equal rows, and " in told
    (files / "spoilt").touch()
    with pytest.raises(SystemExit) as ended:
        compare(files, 3, 1, pretended)
    assert ended.value.code == "the rows differ"


def test_no_two_neurons_of_the_network_speak_to_one_axon() -> None:
    made = network(np.random.default_rng(1), 2)
    targets = {
        (core["coordinates"][0] + dx, core["coordinates"][1] + dy, neuron["destination_axon"])
        for core in made["cores"]
        for neuron in core["neurons"]
        for dx, dy in (neuron["destination_core_offset"],)
    }
    assert len(targets) == CORES * SIZE
    assert all(x < configuration()["num_cores_x"] and y < configuration()["num_cores_y"] for x, y, _ in targets)
