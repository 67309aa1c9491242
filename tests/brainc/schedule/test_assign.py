"""Does every gradient get the scheme that was asked for?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from brainc.ir.scheme import AUTO, SUM, Scheme
from brainc.machine.description import GENERIC
from brainc.reductions.table import METHODS
from brainc.schedule.assign import assigned
from tests.laws.networks import BATCH, LENET, graph
from tests.laws.spread import spread

ONEBIT = Scheme("onebit")
SLOW = replace(GENERIC, link_bandwidth=1e3)
"""A wire so slow that anything is better than sending floats."""
FAST = replace(GENERIC, link_bandwidth=1e11)


def schemes(asked: dict[str, object], machine: object = GENERIC) -> dict[str, Scheme]:
    sharded = spread(graph(LENET), (2, 1), batch=BATCH).sharded
    return dict(assigned(sharded, asked, machine).schemes)  # type: ignore[arg-type]  # as the settings give them


def test_a_layer_s_matrices_get_its_scheme_and_its_biases_are_summed() -> None:
    found = schemes({"h.dense": ONEBIT, "f.conv1": Scheme("adaptive", (0.25,))})
    assert found["h.dense.weight"] == ONEBIT
    assert found["f.conv1.weight"] == Scheme("adaptive", (0.25,))
    assert {scheme for name, scheme in found.items() if name.endswith(".bias")} == {SUM}
    assert found["y.dense.weight"] == SUM


def test_a_method_may_code_biases_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "onebit", replace(METHODS["onebit"], sums_vectors=False))
    assert schemes({"h.dense": ONEBIT})["h.dense.bias"] == ONEBIT


def test_factors_are_for_the_matrices_that_they_make_much_smaller() -> None:
    asked = {
        "h.dense": Scheme("lowrank", (1.0,)),
        "f.conv1": Scheme("lowrank", (4.0,)),
        "f.conv2": Scheme("lowrank", (1.0,)),
    }
    found = schemes(asked)
    lowrank = {name for name, scheme in found.items() if scheme.method == "lowrank"}
    assert lowrank == {"h.dense.weight", "f.conv2.weight"}
    assert found["f.conv1.weight"] == found["h.dense.bias"] == SUM


def test_auto_asks_the_machine() -> None:
    asked = dict.fromkeys(("h.dense", "y.dense", "f.conv1", "f.conv2"), AUTO)
    assert set(schemes(asked, FAST).values()) == {SUM}
    assert schemes(asked, SLOW)["h.dense.weight"] != SUM


def test_auto_leaves_layers_alone_that_were_given_a_scheme() -> None:
    found = schemes({"h.dense": AUTO, "f.conv2": ONEBIT}, SLOW)
    assert found["f.conv2.weight"] == ONEBIT
    assert found["f.conv1.weight"] == SUM
    assert found["h.dense.weight"] != SUM


def test_auto_weighs_what_crosses_the_links_between_nodes() -> None:
    # Four replicas on two nodes send each other half of what four on nodes of their own do.
    asked = dict.fromkeys(("h.dense", "y.dense", "f.conv1", "f.conv2"), AUTO)
    sharded = replace(spread(graph(LENET), (4, 1), batch=BATCH).sharded, node=4)
    assert sharded.sharing("data") == 1
    sharded = replace(sharded, node=2)
    assert sharded.sharing("data") == 2
    assert dict(assigned(sharded, asked, SLOW).schemes)["h.dense.weight"] != SUM  # type: ignore[arg-type]  # as above


def test_auto_says_why() -> None:
    sharded = spread(graph(LENET), (2, 1), batch=BATCH).sharded
    assert assigned(sharded, {"h.dense": AUTO}, SLOW).why.startswith(
        "With all gradients reduced alike over 2 ranks, a step is "
    )
    assert assigned(sharded, {"h.dense": ONEBIT}, SLOW).why == ""
