"""What joins which kernel, and what must not."""

from __future__ import annotations

from brainc.codegen.emit import refuses
from brainc.evaluate.grid import places
from brainc.graph.trinary import with_trinary_weights
from brainc.ir import expression as ex
from brainc.ir import tensor as ts
from brainc.ir.graph import LayerGraph
from brainc.ir.kernel import Kernel, storage_of
from brainc.ir.origin import Origin
from brainc.ir.schedule import Run
from brainc.schedule.fuse import Fused, fuse
from brainc.schedule.localise import LocalProcedure, localise
from brainlang.source import Source, Span
from brainrun.plan.schema import Lanes, Panels, Plain
from tests.laws.networks import BATCH, LENET, MLP, TIED, graph
from tests.laws.spread import spread

HERE = Origin("layer", Span(Source("net.brain", "layer\n"), 0, 5))


def fused(network: str | LayerGraph, mesh: tuple[int, int] = (1, 1), **placements: str) -> Fused:
    """Rank 0's training procedure."""
    sharded = spread(graph(network) if isinstance(network, str) else network, mesh, placements, batch=BATCH).sharded  # type: ignore[arg-type]  # words as read
    return fuse(localise(sharded, sharded.train, *places(sharded.mesh)[0]), refuses)


def kernel_that_makes(made: Fused, name: str) -> Kernel:
    kernels = (item.work for item in made.items if isinstance(item, Run) and isinstance(item.work, Kernel))
    return next(kernel for kernel in kernels if name in stored(kernel))


def stored(kernel: Kernel) -> list[str]:
    return [store.target.value.name for store in kernel.stores]


def test_bias_and_activation_join_the_product_and_only_the_last_is_stored() -> None:
    kernel = kernel_that_makes(fused(MLP), "h.relu")
    assert isinstance(kernel.core, ts.Contract)
    assert stored(kernel) == ["h.relu"]
    assert [(extra.placed.value.name, extra.access) for extra in kernel.extras] == [("h.dense1.bias", "row")]


def test_an_activation_s_gradient_joins_the_product_that_makes_it() -> None:
    kernel = kernel_that_makes(fused(MLP), "h.dense1.grad")
    assert isinstance(kernel.core, ts.Contract)
    assert [extra.access for extra in kernel.extras] == ["same"]


def test_the_update_joins_the_weight_s_gradient_where_one_rank_has_it_all() -> None:
    kernel = kernel_that_makes(fused(MLP), "h.dense1.weight")
    assert isinstance(kernel.core, ts.Contract)
    assert stored(kernel) == ["h.dense1.weight", "h.dense1.weight.momentum"]


def test_a_trinary_weight_is_rounded_where_its_gradient_is_made() -> None:
    kernel = kernel_that_makes(fused(with_trinary_weights(graph(MLP), hysteresis=0.1)), "h.dense1.weight")
    assert isinstance(kernel.core, ts.Contract)
    assert stored(kernel) == ["h.dense1.weight", "h.dense1.weight.momentum", "h.dense1.weight.hidden"]


def test_the_update_stands_alone_where_a_sum_over_ranks_comes_before_it() -> None:
    kernel = kernel_that_makes(fused(MLP, (2, 1)), "h.dense1.weight")
    assert isinstance(kernel.core, ts.Update)


def test_the_update_of_a_split_weight_joins_its_gradient() -> None:
    made = fused(MLP, (1, 2), **{"h.dense1": "output"})
    assert isinstance(kernel_that_makes(made, "h.dense1.weight").core, ts.Contract)


def test_the_update_waits_for_the_last_reader_of_the_weight() -> None:
    """A tied weight's gradient is a sum of two products, which the update cannot join; and it comes last."""
    made = fused(TIED)
    reads = [
        place
        for place, item in enumerate(made.items)
        if isinstance(item, Run) and isinstance(item.work, Kernel)
        and "first.weight" in item.work.buffers and not item.work.overwrites
    ]  # fmt: skip
    (update,) = (
        place
        for place, item in enumerate(made.items)
        if isinstance(item, Run) and isinstance(item.work, Kernel) and "first.weight" in stored(item.work)
    )
    assert max(reads) < update


def test_a_dropout_mask_is_applied_as_it_is_drawn_and_kept_for_the_way_back() -> None:
    kernel = kernel_that_makes(fused(LENET), "h.dropout")
    assert isinstance(kernel.core, ts.Draw)
    assert stored(kernel) == ["h.dropout.mask", "h.dropout"]


def test_nothing_joins_what_the_emitters_refuse() -> None:
    sharded = spread(graph(MLP), (1, 1), batch=BATCH).sharded
    made = fuse(localise(sharded, sharded.train, 0, 0), lambda kernel: len(kernel.stores) > 0)
    kernels = [item.work for item in made.items if isinstance(item, Run) and isinstance(item.work, Kernel)]
    assert all(
        not isinstance(kernel.core, ts.Contract) or stored(kernel) == [kernel.core.result.name] for kernel in kernels
    )


def test_every_kernel_s_targets_have_one_storage() -> None:
    for text in (MLP, LENET, TIED):
        for item in fused(text, (2, 2)).items:
            if isinstance(item, Run) and isinstance(item.work, Kernel):
                assert len({repr(store.target.storage) for store in item.work.stores}) == 1


def test_activations_lie_in_lanes_matrices_in_panels_and_all_else_plainly() -> None:
    assert storage_of(ts.Value("x", (5, 2, 3), True)) == Lanes(5, (2, 3))
    assert storage_of(ts.Value("w", (7, 5), False)) == Panels(7, 5)
    assert storage_of(ts.Value("w", (7, 5, 3, 3), False)) == Plain((7, 5, 3, 3))
    assert storage_of(ts.Value("rate", (), False)) == Plain(())


def fused_items(*items: ts.Operation, results: tuple[ts.Value, ...] = ()) -> Fused:
    reported = tuple(ts.Result(value.name, "metric", value) for value in results)
    return fuse(LocalProcedure((), items, reported, ()), refuses)


def test_the_update_stands_alone_where_the_weight_is_read_after_its_gradient_is_made() -> None:
    x, w, dy = ts.Value("x", (4, 2), True), ts.Value("w", (3, 2), False), ts.Value("dy", (4, 3), True)
    dw, z = ts.Value("dw", (3, 2), False), ts.Value("z", (4, 3), True)
    gradient = ts.Contract(dw, dy, x, ("oi", "bo", "bi"), (), "backward", HERE)
    late = ts.Contract(z, x, w, ("bo", "bi", "oi"), (), "backward", HERE)
    step = ts.Update((w,), (w, dw), (ex.subtract(ex.Operand(0), ex.Operand(1)),), "update", HERE)
    assert isinstance(kernel_that_makes(fused_items(gradient, late, step), "w").core, ts.Update)
    assert len(fused_items(gradient, step).items) == 1


def test_a_map_does_not_join_the_kernel_that_makes_two_of_its_operands_and_stores_both() -> None:
    """The second would be read from memory that the same kernel is writing."""
    x, w = ts.Value("x", (4, 2), True), ts.Value("w", (3, 2), False)
    h, a, y = (ts.Value(name, (4, 3), True) for name in ("h", "a", "y"))
    product = ts.Contract(h, x, w, ("bo", "bi", "oi"), (), "forward", HERE)
    relu = ts.Map(a, (h,), ("bo", "bo"), ex.maximum(ex.Operand(0), ex.ZERO), "forward", HERE)
    both = ts.Map(y, (h, a), ("bo", "bo", "bo"), ex.multiply(ex.Operand(0), ex.Operand(1)), "forward", HERE)
    made = fused_items(product, relu, both, results=(y,))
    assert stored(kernel_that_makes(made, "a")) == ["h", "a"]
    assert isinstance(kernel_that_makes(made, "y").core, ts.Map)
