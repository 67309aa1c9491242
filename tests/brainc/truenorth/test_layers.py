"""Threshold units decide as the layer graph does in float64; what cores cannot be is refused in the user's words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from brainc.evaluate import program
from brainc.graph.build import build
from brainc.ir import spiking
from brainc.ir.graph import LayerGraph
from brainc.tensor.lower import lower
from brainc.truenorth.decoder import scored
from brainc.truenorth.layers import spiking_graph
from brainlang import load_program
from brainlang.diagnostics import BrainError

SAMPLES = 32
HEAD = "network net {\n    input image: f32[2, 9, 8]\n    input label: class[3]\n"
TAIL = "    loss objective = cross_entropy(logits, label)\n    metric accuracy = top1(logits, label)\n}\n"

NETWORKS = {
    "conv": """
    s = image | spike(threshold=0.4)
    h = s | conv(6, kernel=3, stride=2, pad=1, groups=2) | batchnorm | spike(threshold=0.1)
    logits = h | dense(12) | batchnorm | spike | reshape([3, 2, 2]) | avgpool(2) | flatten | multiply(by=5)
    """,
    "pooled": """
    low  = image | spike(threshold=0.3)
    high = image | spike(threshold=0.7)
    both = concat(low, high)
    h = both | conv(4, kernel=[3, 1], dilation=[2, 1], bias=false) | batchnorm | spike | maxpool(2) | dropout(0.3)
    m = h | avgpool([1, 2], stride=1) | spike(threshold=0.6)
    v = m | flatten | dense(9, bias=false) | batchnorm | spike
    logits = v | reshape([3, 3, 1]) | avgpool([3, 1]) | flatten | add(by=0.5) | subtract(by=0.25)
    """,
    "averaged": """
    s = image | spike(threshold=0.5)
    v = s | conv(6, kernel=3, stride=2, groups=2) | batchnorm | spike
    logits = v | avgpool(3, stride=2, pad=1) | multiply(by=2) | dense(5) | add(by=1) | dense(3)
    """,
    "shuffled": """
    s = image | spike(threshold=0.5)
    h = s | conv(6, kernel=3, stride=2, pad=1, groups=2) | batchnorm | spike
    m = h | reshape([2, 3, 5, 4]) | transpose([1, 0, 2, 3]) | reshape([6, 5, 4])
          | conv(9, kernel=1, groups=3, bias=false) | batchnorm | spike
    t = concat(m, h) | transpose([2, 0, 1]) | conv(8, kernel=[5, 3], groups=4) | batchnorm | spike
    v = t | transpose([1, 2, 0]) | dense(12) | batchnorm | spike
    logits = v | reshape([2, 2, 3]) | transpose([2, 1, 0]) | avgpool(2) | flatten
    """,
    "patches": """
    s = image | spike(threshold=0.5)
    a = s | slice(1, stop=5) | slice(2, 1, 6) | flatten | dense(7) | spike
    b = s | slice(1, start=4) | slice(0, 1) | conv(3, kernel=[5, 8]) | batchnorm | spike | slice(0, 1, 3)
    v = concat(reshape(a, [7, 1, 1]), b) | flatten | dense(9) | batchnorm | spike
    logits = v | reshape([9, 1, 1]) | slice(0, 2, 8) | reshape([3, 2, 1]) | avgpool([2, 1]) | flatten
    """,
    "skipping": """
    s = image | spike(threshold=0.5)
    a = s | conv(2, kernel=3, pad=1) | batchnorm | spike
    b = concat(a, s) | conv(4, kernel=1, groups=2) | spike(threshold=0.2)
    v = concat(a, b) | conv(3, kernel=3, groups=3, stride=3) | batchnorm | spike
    logits = v | dense(3)
    """,
}


def layer_graph(folder: Path, body: str) -> LayerGraph:
    path = folder / "net.brain"
    path.write_text(HEAD + body + TAIL)
    return build(load_program(path, {}))


def weights_of(graph: LayerGraph, seed: int) -> dict[str, np.ndarray]:
    """Trinary weights, and normalisation with gains of both signs and zeros."""
    numbers = np.random.default_rng(seed)
    found = {}
    for node in graph.nodes:
        for weight in node.weights:
            part = weight.name.rsplit(".", 1)[-1]
            if node.operator in ("conv", "dense") and part == "weight":
                values = numbers.integers(-1, 2, weight.shape)
            elif part == "running_var":
                values = numbers.uniform(0.5, 9.0, weight.shape)
            else:
                values = numbers.normal(0, 1.5, weight.shape) * (numbers.random(weight.shape) > 0.1)
            found[weight.name] = values.astype(np.float32)
    return found


def in_float64(graph: LayerGraph, weights: Mapping[str, np.ndarray], images: np.ndarray) -> np.ndarray:
    """`[samples, classes]`: the scores, as the tensor program gives them."""
    tensors = lower(graph, batch=SAMPLES, optimizer="sgd", settings={})
    operations = dict(tensors.procedures)["evaluate"].operations
    labels = np.zeros(SAMPLES, np.int64)
    known = program.evaluate(
        operations, {**weights, "image": images, "label": labels, "sample_weight": np.ones(SAMPLES)}
    )
    return known[scored(graph)]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("seed", range(5))
def test_units_score_as_the_network_does_in_float64(name: str, seed: int, tmp_path: Path) -> None:
    graph = layer_graph(tmp_path, NETWORKS[name])
    weights = weights_of(graph, seed)
    images = np.random.default_rng(seed).random((SAMPLES, 2, 9, 8)).astype(np.float32)
    units = spiking_graph(graph, weights)
    assert list(spiking.rules(units)) == []
    spikes = spiking.evaluate(units, {"image": images})
    found = spiking.scores(units.decoder, spikes[units.decoder.layer])
    np.testing.assert_allclose(found, in_float64(graph, weights, images), rtol=0, atol=1e-9)
    assert 0 < spikes[units.decoder.layer].mean() < 1


REFUSED = {
    "relu": (
        "s = image | spike | conv(4, kernel=3) | relu | dense(3)\n    logits = s | spike | dense(3)",
        "relu gives numbers, and cores send spikes",
    ),
    "numbers": ("logits = image | conv(4, kernel=3) | spike | dense(3)", "reads the numbers of image, and cores take"),
    "softmax": (
        "s = image | spike | softmax\n    logits = s | dense(4) | spike | dense(3)",
        "softmax of spikes is none of what cores do",
    ),
    "two layers": (
        "s = image | spike\n    a = s | dense(4) | spike\n    logits = concat(a, a) | dense(3)",
        "logits.dense, by which the network decides, is no count of one layer's spikes",
    ),
}


@pytest.mark.parametrize("after", ["flatten", "slice(0, 1)", "transpose([1, 0, 2])"])
def test_what_follows_a_refused_layer_is_not_refused_as_well(after: str, tmp_path: Path) -> None:
    body = f"""
    s = image | spike(threshold=0.5)
    t = s | relu
    v = concat(t, s) | {after} | dense(9) | batchnorm | spike
    logits = v | dense(3)
    """
    graph = layer_graph(tmp_path, body)
    with pytest.raises(BrainError, match="relu of spikes is none of what cores do") as refused:
        spiking_graph(graph, weights_of(graph, 0))
    assert len(refused.value.diagnostics) == 1


@pytest.mark.parametrize("case", REFUSED)
def test_what_cores_cannot_be_is_refused_with_its_place_and_remedy(case: str, tmp_path: Path) -> None:
    body, message = REFUSED[case]
    graph = layer_graph(tmp_path, f"    {body}\n")
    with pytest.raises(BrainError) as refused:
        spiking_graph(graph, weights_of(graph, 0))
    text = str(refused.value)
    assert message in text
    assert "help: " in text
    assert "net.brain:" in text


def test_weights_that_are_not_trinary_are_refused(tmp_path: Path) -> None:
    graph = layer_graph(tmp_path, NETWORKS["skipping"])
    weights = weights_of(graph, 0)
    name = next(name for name in weights if name.startswith("b.") and name.endswith(".weight"))
    weights[name] = weights[name] * 0.5
    with pytest.raises(BrainError, match=r"weights of b\S* are other numbers than −1, 0 and 1"):
        spiking_graph(graph, weights)
