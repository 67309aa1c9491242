"""Every optimiser of the table: parameters after a few steps against PyTorch's in float64."""

import numpy as np
import pytest

from brainc.evaluate.program import evaluate
from brainc.operators.optimizer import OPTIMIZERS

from .network import compiled
from .optimizers import NETWORK, OPTIMIZER_CASES, STEPS, OptimizerCase
from .reference import load

REFERENCE = load()


def parameters_after_training(case: OptimizerCase) -> dict[str, np.ndarray]:
    network = compiled(NETWORK, case.optimizer, case.settings, case.hysteresis)
    parameters = network.program.parameters
    state = {value.name: np.zeros(value.shape) for parameter in parameters for value in parameter.state}
    known = {**network.values, **state, "rate": np.array(case.settings["rate"])}
    kept = set(known)
    for step in range(1, STEPS + 1):
        known["step"] = np.array(float(step))
        after = evaluate(network.program.train.operations, known)
        known = {name: after[name] for name in kept}
    return {parameter.value.name: known[parameter.value.name] for parameter in parameters}


def test_every_optimiser_of_the_table_has_a_case() -> None:
    assert {case.optimizer for case in OPTIMIZER_CASES} == set(OPTIMIZERS)


@pytest.mark.parametrize("case", OPTIMIZER_CASES, ids=lambda case: case.name)
def test_steps_are_pytorch_s(case: OptimizerCase) -> None:
    trained = parameters_after_training(case)
    assert len(trained) == (4 if case.hysteresis is None else 6)
    for name, array in trained.items():
        expected = REFERENCE[f"optimizer/{case.name}/{name}"]
        np.testing.assert_allclose(array, expected, rtol=1e-10, atol=1e-12, err_msg=name)
