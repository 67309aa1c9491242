"""Whatever a file says, the answer is a plan or a BrainError, never another exception."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from brainc.pipeline import Compiled, compile_program
from brainc.settings.check import CheckedProgram, check_program
from brainc.settings.options import CompileOptions
from brainlang import BrainError, parse_program
from tests.dsl.examples import LENET
from tests.mutations import mutated

EXAMPLES = tuple(path.read_text() for path in sorted(Path("examples").glob("*.brain")))
FORMS = """network forms {
    input x: f32[3, 8, 8]
    input y: u8[4]
    input label: class[10]
    a = x | conv(4, [3, 3], pad="same", groups=1, init=normal(0.1)) | batchnorm(decay=0.5) | leaky_relu(0.1)
    b = a | maxpool(2, stride=1, pad=1) | avgpool([2, 3]) | reshape([3, 4, 4]) | flatten
    c = concat(b, y | dense(3, init=he, name="c1"), axis=0) | sigmoid
    d = 1 - c * 2 + c
    e = d | dense(12) | tanh | dense(51, share=transpose(e.dense1)) | dropout(0.1)
    logits = e | dense(10, bias=false)
    loss objective = cross_entropy(logits, label)
    loss weight(0.5) other = mean_squared_error(d, e)
    metric accuracy = top1(logits, label)
    output scores = logits | softmax
}
data train {
    source = npz("data.npz")
    x = images | normalize([1, 2, 3], [4, 5, 6]) | random_flip | random_crop(8, pad=2) | random_affine(10, scale=0.1)
    y = bytes | cast(f16) | rescale(1/255) | standardize
    label = labels
    shuffle = false
}
data validate { source = part(train, 1/12) }
data test { source = csv("a.csv", features=["a", "b:c"], label="c")
    x = features
    y = features
    label = label
}
data predict { source = synthetic(count=9, seed=3) }
train {
    batch = 32
    steps = 10
    optimizer = adam(rate=0.1, beta1=0.5)
    schedule = [constant, step(every=3, factor=0.1)]
}
parallel {
    data = auto
    model = 2
    reduce = [sum for dense, sum]
    place logits.dense = split(output)
    place c1 = sample
}
truenorth {
    weights = float
}
"""
# Small, so that the one in twenty that the damage leaves sound is soon compiled.
SMALL = (
    """let width = 4
block pair(x, w) { y = x | dense(w) | relu
 return y + x }
network a {
    input x: f32[4]
    input t: f32[4]
    input label: class[3]
    h = x | pair(width) | dropout(0.5) | dense(5, bias=false, name="c1")
    z = h | sigmoid | dense(4, share=transpose(c1)) | sigmoid
    logits = concat(z, h) | dense(3)
    loss weight(0.5) o = cross_entropy(logits, label)
    loss p = binary_cross_entropy(z, t)
    output s = logits | softmax
}
train { batch = 7
 optimizer = adam(rate=0.01) }
parallel { data = 2
 place c1 = sample
 place logits.dense = split(input) }
""",
    """network c {
    input x: f32[2, 5, 6]
    input label: class[3]
    a = x | conv(4, [3, 2], pad=1, stride=[1, 2], groups=2) | batchnorm(statistics="local") | maxpool(2, stride=1)
    b = x | conv(4, 3, dilation=2, pad=2) | avgpool(2) | tanh | reshape([4, 6]) | flatten
    logits = concat(a | dense(4), b | leaky_relu(0.1)) | dense(3)
    loss o = cross_entropy(logits, label)
    metric m = top1(logits, label)
}
train { batch = 4
 optimizer = momentum(rate=0.1, momentum=0.9) }
""",
    """network r {
    input x: f32[3]
    input y: f32[1]
    o = x | dense(4) | batchnorm | spike(0.5, width=2) | dense(1)
    loss mse = mean_squared_error(o, y)
}
train { batch = 3
 optimizer = sgd(rate=0.01) }
parallel { model = 2 }
truenorth { weights = trinary
 hysteresis = 1/8 }
""",
)
FILES = 10_000


def check(text: str) -> CheckedProgram:
    return check_program(parse_program(text, "nowhere/net.brain"), CompileOptions(Path("nowhere/net.brain")))


def compile_text(text: str) -> Compiled:
    return compile_program(parse_program(text, "nowhere/net.brain"), CompileOptions(Path("nowhere/net.brain")))


@pytest.mark.parametrize("text", [FORMS, *EXAMPLES])
def test_the_undamaged_file_is_sound(text):
    assert check(text).graph.losses


@pytest.mark.parametrize("text", SMALL)
def test_the_undamaged_small_file_is_compiled(text):
    assert compile_text(text).assembled.plan.kernels


def answer(work: Callable[[str], object], text: str) -> str:
    """The diagnostics for a text, or "" where it is sound."""
    try:
        work(text)
    except BrainError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(("work", "texts"), [(check, (FORMS, LENET, *EXAMPLES)), (compile_text, SMALL)])
def test_ten_thousand_damaged_files_give_a_result_or_a_diagnostic(work, texts):
    random = Random(2027)
    answers = [answer(work, mutated(random.choice(texts), random)) for _ in range(FILES)]
    assert all(": error: " in told for told in answers if told)
    # Some damage does no harm; were there none of it, the later checks would never have run to their ends.
    assert answers.count("") > FILES // 100
