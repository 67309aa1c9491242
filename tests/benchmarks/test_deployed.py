"""The comparison of networks on cores with what was trained says what it left out, and sets both side by side."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.deployed import NETWORKS, Found, table
from brainc.graph.build import build
from brainlang import load_program

ROOT = Path(__file__).parents[2]


def test_a_row_sets_the_cores_beside_the_training_graph() -> None:
    facts = {"cores": 1804, "latency": 6, "spikes_per_sample": 12345.6, "joules_per_sample": 1.2345e-5}
    *_, row = table([Found("mnist_5", 0.94065, 0.9406, 10000, 9999, facts)]).splitlines()
    assert row == "| mnist_5 | 1,804 | 94.06 % | 94.06 % | 9,999 of 10,000 | 6 | 12,346 | 12.3 |"


def test_networks_without_their_data_are_left_out() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "deployed.py"), "--networks", "mnist_5", "mnist_64"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert done.stderr.count("left out, as its data is not there (--mnist DIR)") == 2
    assert len(done.stdout.splitlines()) == 2


def test_every_network_is_there_and_sound() -> None:
    for network in NETWORKS.values():
        assert build(load_program(network.source, {})).nodes
