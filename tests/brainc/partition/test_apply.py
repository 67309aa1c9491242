"""Where redistributions stand in a spread program, and how they are shared."""

from __future__ import annotations

from collections.abc import Mapping

from brainc.ir import tensor as ts
from brainc.ir.sharded import Layout, Partial, Redistribute, Split, Whole, kind
from brainc.operators.operator import Split as SplitName
from tests.laws.networks import BATCH, IMAGE_TWICE, LOSSES, MLP, NOTHING_LEARNT, RESHAPED, graph
from tests.laws.spread import Spread, spread


def moves(case: Spread) -> list[tuple[str, str]]:
    return [
        (kind(operation.before, operation.after), operation.source.name)
        for operation in case.sharded.train.operations
        if isinstance(operation, Redistribute)
    ]


def placed(text: str, placements: Mapping[str, SplitName], mesh: tuple[int, int] = (1, 2)) -> Spread:
    return spread(graph(text), mesh, placements, batch=BATCH)


def test_an_output_split_then_an_input_split_meet_without_a_message_forward() -> None:
    case = placed(
        MLP, {"h.dense1": "output", "h.relu": "output", "h.dense2": "input", "h.tanh": "sample", "y.dense": "sample"}
    )
    forward = [move for move in moves(case) if "grad" not in move[1]]
    assert forward == [("reduce_scatter", "h.dense2.product"), ("all_reduce", "objective.cross_entropy"),
                       ("all_reduce", "accuracy.top1")]  # fmt: skip


def test_a_loss_and_a_metric_read_one_gathered_tensor() -> None:
    case = placed(LOSSES, {"y.dense": "output", "objective.cross_entropy": "sample", "accuracy.top1": "sample"})
    assert [source for what, source in moves(case) if what == "all_to_all" and source == "y.dense"] == ["y.dense"]


def test_replicas_sum_every_gradient_and_nothing_else_but_results() -> None:
    case = placed(MLP, {}, (3, 1))
    sums = [source for what, source in moves(case) if what == "all_reduce"]
    assert len(sums) == len(moves(case))
    weights = [parameter.value.name for parameter in case.tensors.parameters]
    assert sorted(sums) == sorted([*(f"{name}.grad" for name in weights), "objective.cross_entropy", "accuracy.top1"])


def test_one_rank_moves_nothing() -> None:
    assert moves(placed(MLP, {}, (1, 1))) == []


def test_a_dense_layer_s_parameters_lie_as_its_work_is_split() -> None:
    case = placed(MLP, {"h.dense1": "output", "h.dense2": "input", "y.dense": "replicate"})
    layouts = {parameter.value.name: layout.model for parameter, layout in case.sharded.parameters}
    assert layouts["h.dense1.weight"] == layouts["h.dense1.bias"] == Split(0)
    assert layouts["h.dense2.weight"] == Split(1)
    assert layouts["y.dense.weight"] == layouts["y.dense.bias"] == Whole()


def test_an_input_of_two_shapes_is_fed_twice_under_two_names() -> None:
    given = placed(IMAGE_TWICE, {}, (2, 1)).sharded.train.inputs
    image = [each for each in given if each.input == "image"]
    assert sorted(each.value.shape[1:] for each in image) == [(2, 4, 4), (32,)]
    assert len({each.value.name for each in image}) == 2


def test_an_output_that_is_an_input_needs_no_operation() -> None:
    predict = placed(NOTHING_LEARNT, {}).sharded.predict
    assert predict.operations == ()
    assert [output.value.name for output in predict.outputs] == ["x"]


def test_a_view_of_a_partial_tensor_is_summed_as_its_source() -> None:
    case = placed(RESHAPED, {"a.dense": "input", "f.conv": "replicate", "y.dense": "replicate"})
    summed = [source for what, source in moves(case) if what == "all_reduce" and source.startswith(("a.", "image"))]
    assert summed.count("a.dense.product") <= 1
    assert "image.reshape" not in summed


def test_results_are_whole_on_every_rank() -> None:
    case = placed(LOSSES, {}, (2, 2))
    layouts = dict(case.sharded.train.layouts)
    assert {layouts[result.value.name] for result in case.sharded.train.results} == {Layout(Whole(), Whole())}


def test_a_sum_of_two_partial_tensors_stays_partial() -> None:
    case = placed(LOSSES, {"y.dense": "output", "z.dense": "output", "h.relu": "replicate"})
    layouts = dict(case.sharded.train.layouts)
    sums = [
        operation
        for operation in case.sharded.train.operations
        if isinstance(operation, ts.Map) and layouts[operation.result.name].model == Partial()
    ]
    assert [operation.result.name for operation in sums] == ["h.relu.grad.3"]
