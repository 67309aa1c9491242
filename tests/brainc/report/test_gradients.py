"""What a report says of gradients that are summed by their factors."""

from __future__ import annotations

from pathlib import Path

from brainc.pipeline import compile_file
from brainc.report.gradients import ratio, reductions_of, tensors_by_scheme
from brainc.settings.options import CompileOptions

NETWORK = """network tiny {
    input x: f32[100]
    input label: class[10]

    logits = x | dense(60) | relu | dense(10)

    loss objective = cross_entropy(logits, label)
}

data train {
    source = synthetic(count=100, seed=1)
}

train {
    batch     = 32
    steps     = 1
    optimizer = sgd(rate=0.1)
}
"""


def test_a_gradient_is_told_with_both_its_factors_and_counted_once(tmp_path: Path) -> None:
    source = tmp_path / "tiny.brain"
    source.write_text(NETWORK)
    plan, _ = compile_file(CompileOptions(source, tmp_path / "tiny.plan", data=2, model=1, reduce="lowrank(rank=2)"))
    reductions = reductions_of(plan, plan.ranks[0])
    of_weight = [tensor for each in reductions for tensor in each.tensors if tensor.tensor == "logits.dense1.weight"]
    assert [(t.scheme, t.rows, t.columns, t.share) for t in of_weight] == [("lowrank(rank=2)", 100, 60, 0.5)] * 2
    assert sorted(tensors_by_scheme(reductions)["lowrank(rank=2)"]) == ["logits.dense1.weight", "logits.dense2.weight"]
    # Two members: each sends every number once, half as a term and half as a sum.
    entries = 100 * 60 + 60 * 10 + 60 + 10
    assert sum(each.dense_bytes for each in reductions) == 4 * entries
    factors = 2 * (112 + 64) + 2 * (64 + 16)  # padded to blocks of sixteen
    assert sum(each.predicted_bytes for each in reductions) == 4 * (factors + 60 + 10)
    assert ratio(reductions) > 10
