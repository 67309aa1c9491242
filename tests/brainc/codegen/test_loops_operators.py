"""Every operation that the operators' cases are lowered to, as loops and in float64."""

from __future__ import annotations

import numpy as np
import pytest

from brainc.evaluate.program import evaluate
from brainc.ir.tensor import Contract, Update, View, results_of
from tests.conformance.case import SEED, STEP, Case
from tests.conformance.cases import CASES
from tests.conformance.network import compiled

from .loops_case import assert_as_expected, kernel_of


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_operation_of_a_case_is_float64_s(case: Case) -> None:
    network = compiled(case)
    values = dict(network.values)
    for operation in network.program.train.operations:
        after = evaluate([operation], values, seed=SEED, step=STEP)
        if not isinstance(operation, Contract | View):
            made = set() if isinstance(operation, Update) else {value.name for value in results_of(operation)}
            given = {name: _small(array) for name, array in values.items() if name not in made}
            assert_as_expected(kernel_of(operation), {**given, "context": np.array([SEED, STEP, 0])}, tolerance=2e-5)
        values = after


def _small(array: np.ndarray) -> np.ndarray:
    """Labels as int32."""
    return np.asarray(array).astype(np.int32) if np.asarray(array).dtype.kind in "iub" else np.asarray(array)
