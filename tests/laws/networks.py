"""Small networks that between them use every way in which layers can meet on a mesh."""

from __future__ import annotations

from typing import Literal, TypeAlias

from brainc.graph.build import build
from brainc.ir.graph import LayerGraph
from brainlang import parse_program

Split: TypeAlias = Literal["sample", "output", "input", "replicate"]


def graph(statements: str) -> LayerGraph:
    """The layer graph of a network of these statements, one a line."""
    lines = "".join(f"    {line.strip()}\n" for line in statements.strip().splitlines())
    return build(parse_program(f"network net {{\n{lines}}}\n"))


MLP = """
    input x: f32[11]
    input label: class[8]
    h = x | dense(13) | relu | dense(9) | tanh
    y = h | dense(8)
    loss objective = cross_entropy(y, label)
    metric accuracy = top1(y, label)
"""
REGRESSION = """
    input x: f32[9]
    input t: f32[11]
    h = x | dense(17, bias=false) | leaky_relu(0.1)
    y = h | dense(11) | sigmoid
    loss objective = mean_squared_error(y, t)
    metric error = mean_squared_error(y, t)
    output y = y
"""
LENET = """
    input image: f32[2, 8, 8]
    input label: class[8]
    f = image | conv(4, kernel=3) | relu | maxpool(2) | conv(6, kernel=2, pad=1) | relu | avgpool(2)
    h = f | dense(10) | relu | dropout(0.25)
    y = h | dense(8)
    loss objective = cross_entropy(y, label)
    metric accuracy = top1(y, label)
"""
NORMALISED = """
    input image: f32[3, 5, 5]
    input t: f32[9]
    f = image | conv(4, kernel=3, bias=false) | batchnorm | relu
    y = f | flatten | dense(9) | batchnorm | dense(9)
    loss objective = mean_squared_error(y, t)
"""
SPIKING = """
    input image: f32[2, 5, 5]
    input label: class[8]
    f = image | conv(4, kernel=3) | batchnorm | spike | conv(4, kernel=2, groups=2) | spike(-0.2, width=2)
    h = f | dense(13) | spike(0.3) | dense(9, bias=false) | batchnorm | spike(width=0.5)
    y = h | dense(8)
    loss objective = cross_entropy(y, label)
    output fired = h
"""
RESIDUAL = """
    input x: f32[9]
    input t: f32[9]
    a = x | dense(9, bias=false)
    b = a | relu | dense(9)
    c = a + b
    d = concat(c, a) | dense(10)
    y = concat(d, x) | dense(9)
    loss objective = mean_squared_error(y, t)
"""
SUMS = """
    input x: f32[8]
    input t: f32[8]
    a = x | dense(8, bias=false)
    b = x | dense(8, bias=false)
    c = a + b
    d = a | sigmoid | dense(8)
    e = a | dense(8, bias=false)
    y = c + d * e
    loss objective = mean_squared_error(y, t)
    output part = a
    output sum = c
"""
RESHAPED = """
    input x: f32[8]
    input t: f32[18]
    a = x | dense(18, bias=false)
    image = a | reshape([2, 3, 3])
    f = image | conv(2, kernel=3, pad=1) | flatten
    y = f + a | dense(18)
    loss objective = mean_squared_error(y, t)
    loss weight(0.5) flat = mean_squared_error(image, t)
    output image = image
"""
SHUFFLED = """
    input image: f32[4, 3, 3]
    input t: f32[9]
    a = image | conv(4, kernel=2, groups=2) | relu
    b = a | reshape([2, 2, 2, 2]) | transpose([1, 0, 2, 3]) | reshape([4, 2, 2]) | conv(6, kernel=1, groups=2)
    y = dense(transpose(b, [2, 0, 1]), 9) + dense(transpose(image, [1, 2, 0]), 9)
    loss objective = mean_squared_error(y, t)
    output turned = transpose(b, [1, 2, 0])
"""
SLICED = """
    input image: f32[4, 5, 6]
    input t: f32[7]
    a = image | slice(1, 1, 4) | slice(2, 3) | conv(5, kernel=2) | relu
    b = slice(a, 0, stop=3) | dense(7)
    c = concat(slice(a, 0, 1, 2), slice(a, 0, 3)) | dense(7)
    d = image | slice(0, 3) | slice(1, 4) | dense(7)
    y = b + c + slice(dense(a, 9), 0, 2) + d
    loss objective = mean_squared_error(y, t)
    output part = slice(a, 2, 1)
"""
TIED = """
    input x: f32[11]
    h = x | dense(9, name="first") | sigmoid
    y = h | dense(11, share=transpose(first)) | sigmoid
    loss objective = binary_cross_entropy(y, x)
    output code = h
"""
SHARED = """
    input x: f32[8]
    input t: f32[8]
    h = x | dense(8, name="entry") | tanh | dense(8, name="twice") | relu | dense(8, share=twice) | relu
    y = h | dense(8, share=twice)
    loss objective = mean_squared_error(y, t)
"""
LOSSES = """
    input x: f32[8]
    input label: class[9]
    input t: f32[10]
    h = x | dense(12) | relu
    y = h | dense(9)
    z = h | dense(10)
    loss objective = cross_entropy(y, label)
    loss weight(0.3) squares = mean_squared_error(z, t)
    loss weight(0.7) binary = binary_cross_entropy(sigmoid(z), t)
    metric accuracy = top1(y, label)
    metric error = mean_squared_error(z, t)
    output y = y
    output z = z
"""
GROUPED = """
    input image: f32[4, 5, 6]
    input t: f32[8]
    f = image | conv(6, kernel=[2, 3], groups=2, stride=[1, 2], dilation=[2, 1]) | relu
    g = f | conv(6, kernel=1, groups=3) | conv(6, kernel=1, groups=3, bias=false)
    y = concat(f, g) | dense(8)
    loss objective = mean_squared_error(y, t)
"""
IMAGE_TWICE = """
    input image: f32[2, 4, 4]
    input t: f32[10]
    f = image | conv(3, kernel=3) | flatten | dense(10)
    y = f + dense(image, 10)
    loss objective = mean_squared_error(y, t)
    output seen = image
    output flat = flatten(image)
"""
MEETING = """
    input x: f32[8]
    input t: f32[8]
    a = x | dense(9) | relu
    b = x | dense(9) | softmax
    z = a + b
    p = z | dense(8, bias=false)
    y = p * softmax(p) + relu(p)
    loss objective = mean_squared_error(y, t)
    loss weight(0.5) second = mean_squared_error(dense(z, 8), t)
"""
SOFTMAX = """
    input x: f32[2, 3, 4]
    input t: f32[8]
    y = x | softmax | dense(8) | dropout(0.5) | softmax | dense(8)
    loss objective = mean_squared_error(y, t)
"""
ON_INPUT = """
    input x: f32[8]
    input t: f32[8]
    y = x | dense(8)
    loss objective = mean_squared_error(x, t)
    loss weight(0.5) deep = mean_squared_error(y, t)
    metric error = mean_squared_error(y, x)
    output passed = dropout(x, 0.5)
"""
NOTHING_LEARNT = """
    input x: f32[8]
    input t: f32[8]
    y = x | dropout(0.5)
    loss objective = mean_squared_error(y, t)
"""

NETWORKS: dict[str, str] = {
    name.lower(): text for name, text in globals().items() if name.isupper() and isinstance(text, str)
}
LOCAL = """
    input image: f32[2, 4, 4]
    input t: f32[9]
    f = image | conv(3, kernel=2) | batchnorm(statistics="local") | relu
    y = f | flatten | dense(8) | batchnorm(statistics="local") | dense(9)
    loss objective = mean_squared_error(y, t)
"""
MESHES = ((1, 1), (2, 1), (1, 2), (2, 2), (3, 1), (1, 3), (4, 1), (1, 4), (2, 3), (8, 1), (1, 8))
BATCH = 17
