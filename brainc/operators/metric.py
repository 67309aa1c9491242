"""Metrics: reported, never differentiated."""

from __future__ import annotations

from brainc.ir.expression import Operand
from brainc.ir.graph import Node
from brainc.ir.tensor import Value
from brainc.operators.loss import classified
from brainc.operators.operator import Operator
from brainc.tensor.builder import Builder


def _top1(builder: Builder, node: Node, operands: tuple[Value, ...]) -> Value:
    hits = builder.along(f"{node.name}.each", (builder.batch,), operands, "top1")
    return builder.mean_over_samples(node.name, hits, Operand(0))


TOP1 = Operator(
    name="top1",
    summary="The share of samples whose label has the largest score (of equal scores the first counts).",
    formula="1/B · Σ_b [argmax x[b] = label[b]]",
    role="metric",
    operands=(2, 2),
    arguments=(),
    shape=classified,
    lower=_top1,
)
