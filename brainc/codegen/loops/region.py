"""Copies between regions of activations: into messages, out of messages, and added up in a fixed order.

The kernels are the same for all sizes: sizes and places are their integers. Arrays are therefore seen as flat, with a
nominal length that nothing reads. A part is one block of sixteen samples of the target, so that no two parts write to
one place. Where source and target have their samples in the same lanes, a whole block is moved at once, all its
features in one stretch; other lanes are moved in the two stretches that lie in one source block each.
"""

from __future__ import annotations

from math import prod

from brainc.codegen.loops.access import blocks_of
from brainc.codegen.loops.source import LANES, Array, Body, Function, finished
from brainc.ir.kernel import KernelText
from brainc.ir.schedule import Copy

_INTEGERS = (
    "samples",
    "features",
    "target_first_sample",
    "target_first_feature",
    "target_features",
    "source_first_sample",
    "source_first_feature",
    "source_features",
)


def region_text(copy: Copy) -> KernelText:
    """The kernel of a copy or addition, called with (target, source) and the region as its integers.

    Lanes of the target outside the region keep their values.
    """
    sign, verb = ("=", "copy") if copy.verb == "copy" else ("+=", "add")
    body = Body()
    body.write(*(f"{name} = integers[{place}]" for place, name in enumerate(_INTEGERS)))
    with body.under("for part in range(begin, end):"):
        _write_block(body, sign)
    element = copy.target.dtype
    return finished(
        Function(
            f"{verb}_region",
            (),
            f"target[b,f] {sign} source[b,f] for a region of samples b and flat features f.",
            (
                "Both are [⌈b/16⌉, f, 16], sixteen samples side by side; sizes and places are the integers.",
                "One part is one block of sixteen samples of the target.",
            ),
            (Array("target", element, (1,)), Array("source", element, (1,))),
            tuple(body.lines),
            _extent(copy),
            False,
            _integers(copy),
        )
    )


def _extent(copy: Copy) -> int:
    """The blocks of the target that the region touches."""
    return blocks_of(copy.target_first[0] % LANES + copy.samples) if copy.features else 0


def _integers(copy: Copy) -> tuple[int, ...]:
    target, source = (prod(value.shape[1:]) for value in (copy.target, copy.source))
    return (copy.samples, copy.features, *copy.target_first, target, *copy.source_first, source)


def _write_block(body: Body, sign: str) -> None:
    body.write(
        "block = target_first_sample // 16 + part",
        "# Samples of the target from `first` to `last` in lanes of this block, and where the first comes from.",
        "first = max(target_first_sample, 16 * block)",
        "last = min(target_first_sample + samples, 16 * block + 16)",
        "sample = source_first_sample + first - target_first_sample",
        "to = (block * target_features + target_first_feature) * 16 + first % 16",
        "origin = (sample // 16 * source_features + source_first_feature) * 16 + sample % 16",
    )
    with body.under("if last - first == 16 and sample % 16 == 0:"), body.under("for i in range(16 * features):"):
        body.write(f"target[u64(to + i)] {sign} source[u64(origin + i)]")
    with body.under("else:"):
        body.write(
            "count = last - first",
            "near = min(count, 16 - sample % 16)",
            "beyond = origin + (source_features - 1) * 16",
        )
        with body.under("for feature in range(features):"):
            with body.under("for i in range(near):"):
                body.write(f"target[u64(to + 16 * feature + i)] {sign} source[u64(origin + 16 * feature + i)]")
            with body.under("for i in range(near, count):"):
                body.write(f"target[u64(to + 16 * feature + i)] {sign} source[u64(beyond + 16 * feature + i)]")
