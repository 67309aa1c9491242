"""Whatever a user calls a layer, no two tensors of the program have one name."""

from __future__ import annotations

import pytest

from tests.laws.networks import graph
from tests.laws.spread import assert_same, spread


@pytest.mark.parametrize(
    "name",
    [
        "rate", "step", "context", "sample_weight", "objective",
        "h.weight", "h.weight.grad", "h.weight.first_moment", "h.product", "h.grad", "optimizer.correction1",
    ],
)  # fmt: skip
def test_a_layer_may_have_the_name_of_what_the_compiler_makes(name: str) -> None:
    network = f"""
        input x: f32[5]
        input t: f32[4]
        y = x | dense(6, name="h") | relu(name="{name}") | dense(4)
        loss main = mean_squared_error(y, t)
        loss weight(0.5) other = mean_squared_error(y, t)
    """
    case = spread(graph(network), (1, 2), batch=6, optimizer="adam")
    assert_same(case.by_steps("train"), case.whole("train"))


def test_an_input_may_have_the_name_of_what_the_compiler_makes() -> None:
    network = "input objective: f32[4]\ny = objective | dense(4)\nloss main = mean_squared_error(y, objective)\n"
    case = spread(graph(network + "loss weight(0.5) other = mean_squared_error(y, objective)"), (2, 1), batch=6)
    assert_same(case.by_steps("train"), case.whole("train"))
