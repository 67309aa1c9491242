"""Every operator of the table: values and gradients against PyTorch's in float64, and gradients against slopes."""

import numpy as np
import pytest

from brainc.ir import graph, tensor
from brainc.operators.table import OPERATORS

from .case import Case, Mode
from .cases import CASES
from .network import Compiled, compiled
from .reference import FILE, load

REFERENCE = load()
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def assert_pytorch_has(name: str, actual: np.ndarray) -> None:
    np.testing.assert_allclose(actual, REFERENCE[name], rtol=1e-11, atol=1e-13, err_msg=name)


def objective_moved(network: Compiled, name: str, step: np.ndarray) -> float:
    """The training objective with `step` added to one input or parameter."""
    return float(network.outcome("train", {**network.values, name: network.values[name] + step})["objective"])


def test_every_operator_of_the_table_has_a_case() -> None:
    assert {case.operator for case in CASES} == set(OPERATORS)


def test_no_two_cases_have_one_name() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


@every_case
def test_a_case_holds_the_operator_it_is_for(case: Case) -> None:
    assert case.operator in {node.operator for node in compiled(case).graph.nodes}


@every_case
def test_the_graph_and_the_program_of_a_case_keep_their_rules(case: Case) -> None:
    network = compiled(case)
    assert [*graph.rules(network.graph), *tensor.rules(network.program)] == []


@every_case
@pytest.mark.parametrize("mode", ["train", "evaluate"])
def test_values_are_pytorch_s(case: Case, mode: Mode) -> None:
    outcome = compiled(case).outcome(mode)
    assert_pytorch_has(f"{case.name}/{mode}/y", outcome["y"])
    assert_pytorch_has(f"{case.name}/{mode}/objective", outcome["objective"])


@every_case
def test_gradients_are_pytorch_s(case: Case) -> None:
    gradients = compiled(case).gradients()
    expected = {name.split("/")[2] for name in REFERENCE if name.startswith(f"{case.name}/gradient/")}
    assert set(gradients) == expected
    for name, gradient in gradients.items():
        assert_pytorch_has(f"{case.name}/gradient/{name}", gradient)


@pytest.mark.parametrize("case", [case for case in CASES if not case.surrogate], ids=lambda case: case.name)
def test_gradients_are_slopes_of_the_objective(case: Case) -> None:
    network, random, h = compiled(case), case.random(), 1e-5
    for name, gradient in network.gradients().items():
        for _ in range(3):
            direction = random.choice([-1.0, 1.0], gradient.shape)
            above, below = (objective_moved(network, name, sign * h * direction) for sign in (1, -1))
            slope = (above - below) / (2 * h)
            assert slope == pytest.approx(np.vdot(gradient, direction), rel=1e-6, abs=1e-8), name


@pytest.mark.parametrize("case", [case for case in CASES if case.operator == "batchnorm"], ids=lambda case: case.name)
def test_running_statistics_move_as_pytorch_s_do(case: Case) -> None:
    network = compiled(case)
    outcome = network.outcome("train")
    statistics = [parameter.value.name for parameter in network.program.parameters if not parameter.trained]
    assert len(statistics) == 2
    for name in statistics:
        assert_pytorch_has(f"{case.name}/after/{name}", outcome[name])


@pytest.mark.parametrize("mode", ["train", "evaluate"])
def test_top1_is_the_share_of_samples_whose_largest_score_is_the_label_s(mode: Mode) -> None:
    network = compiled(next(case for case in CASES if case.operator == "top1"))
    values = {**network.values, "label": np.array([0, 1, 2])}
    outcome = network.outcome(mode, values)
    hits = [
        list(scores).index(max(scores)) == label for scores, label in zip(outcome["y"], values["label"], strict=True)
    ]
    procedure = network.program.train if mode == "train" else network.program.evaluate
    (metric,) = (result for result in procedure.results if result.kind == "metric")
    assert outcome[metric.value.name] == pytest.approx(sum(hits) / 3)


def test_a_sample_of_weight_zero_counts_in_no_result() -> None:
    network = compiled(next(case for case in CASES if case.name == "cross_entropy"))
    weight = np.array([1.0, 0.0, 1.0])
    before = network.outcome("evaluate", {**network.values, "sample_weight": weight})["objective"]
    x = network.values["x"].copy()
    x[1] = 9.0
    assert network.outcome("evaluate", {**network.values, "x": x, "sample_weight": weight})["objective"] == before


def test_the_stored_reference_is_small() -> None:
    assert FILE.stat().st_size < 300_000


def test_the_stored_reference_is_what_pytorch_says() -> None:
    pytest.importorskip("torch", reason="PyTorch is the optional extra `torch`")
    from .make_reference import references  # imports torch

    said = references()
    assert set(said) == set(REFERENCE)
    for name, array in said.items():
        np.testing.assert_allclose(array, REFERENCE[name], rtol=1e-12, atol=1e-14, err_msg=name)
