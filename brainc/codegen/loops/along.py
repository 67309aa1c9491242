"""Softmax, cross entropy and their kin: functions of all classes of one sample, computed for sixteen samples at once.

The largest value is subtracted before exponentials are taken, so that none overflows. Exponentials are taken anew where
they are needed again: keeping them would cost a pass over memory. A sample's label is compared with every class instead
of looked up, because lanes beyond the last sample may hold any label at all.
"""

from __future__ import annotations

from math import prod

from brainc.codegen.loops.access import blocks_of, lane_count
from brainc.codegen.loops.arithmetic import Leaf
from brainc.codegen.loops.epilogue import Epilogue, Place, epilogue_of
from brainc.codegen.loops.source import LANE_LOOP, LANES, Body, Function, loops
from brainc.ir.kernel import Kernel
from brainc.ir.tensor import Along, AlongFunction

_OPERANDS: dict[AlongFunction, tuple[str, ...]] = {
    "softmax": ("x",),
    "log_softmax": ("x",),
    "softmax_gradient": ("y", "dy"),
    "log_softmax_gradient": ("y", "dy"),
    "cross_entropy": ("x", "label"),
    "cross_entropy_gradient": ("x", "label", "dy"),
    "top1": ("x", "label"),
}
_FORMULAS: dict[AlongFunction, str] = {
    "softmax": "exp(x[b,k]) / Σ_k exp(x[b,k])",
    "log_softmax": "x[b,k] − log Σ_k exp(x[b,k])",
    "softmax_gradient": "y[b,k] · (dy[b,k] − Σ_k y[b,k] · dy[b,k])",
    "log_softmax_gradient": "dy[b,k] − exp(y[b,k]) · Σ_k dy[b,k]",
    "cross_entropy": "log Σ_k exp(x[b,k]) − x[b,label[b]]",
    "cross_entropy_gradient": "(exp(x[b,k]) / Σ_k exp(x[b,k]) − (1 where k = label[b])) · dy[b]",
    "top1": "1 where the first largest x[b,k] is at k = label[b], else 0",
}


def along_function(kernel: Kernel, core: Along) -> Function:
    """A function along axis 1, the classes."""
    shape = core.operands[0].shape
    samples, classes, places = lane_count(kernel.operands), shape[1], prod(shape[2:])
    gradient = core.function.endswith("_gradient")
    epilogue = epilogue_of(kernel, _OPERANDS[core.function], "dx" if gradient else "y")
    blocks = blocks_of(samples)
    place = "place, " if places > 1 else ""
    body = Body()
    epilogue.write_numbers(body)
    names = ["largest", "total"] if "softmax" in core.function and not gradient else []
    names += ["largest", "total"] if "cross_entropy" in core.function else []
    names += ["total"] if core.function in ("softmax_gradient", "log_softmax_gradient") else []
    names += ["chosen"] if core.function == "cross_entropy" else []
    names += ["largest", "best"] if core.function == "top1" else []
    body.write(*(f"{name} = local({LANES})" for name in names))
    headers = ["for block in range(begin, end):", *loops([("place", places)] if places > 1 else [])]
    with body.under(*headers):
        _Classes(body, epilogue, classes, place).write(core.function)
    whole = (blocks, classes, *([places] if places > 1 else []), LANES)
    single = (blocks, *([places] if places > 1 else []), LANES)
    operands = [whole if len(value.shape) == len(shape) else single for value in core.operands]
    target = whole if len(core.result.shape) == len(shape) else single
    names_of_target = "y[b]" if target == single else ("dx[b,k]" if gradient else "y[b,k]")
    sizes = f"b={samples}, k={classes}" + (f", at each of {places} places" if places > 1 else "")
    remarks = (*epilogue.remarks(core.function), "One part is one block of sixteen samples.")
    return Function(
        core.function,
        shape,
        f"{names_of_target} = {_FORMULAS[core.function]}, for {sizes}.",
        remarks,
        epilogue.arguments(target, operands),
        tuple(body.lines),
        blocks,
        True,
    )


class _Classes:
    """Writes the loops over classes for one block of samples; `each` indexes a class's value, `one` a sample's."""

    def __init__(self, body: Body, epilogue: Epilogue, classes: int, place: str) -> None:
        self._body, self._epilogue, self._classes = body, epilogue, classes
        self._first, self._each, self._one = f"block, 0, {place}lane", f"block, k, {place}lane", f"block, {place}lane"

    def write(self, function: AlongFunction) -> None:
        """The loops of one function."""
        match function:
            case "softmax":
                self._largest()
                self._sum("exp(x[@] - largest[lane])")
                self._invert()
                self._store_classes("exp(x[@] - largest[lane]) * total[lane]")
            case "log_softmax":
                self._largest()
                self._sum("exp(x[@] - largest[lane])")
                self._add_logarithm()
                self._store_classes("x[@] - largest[lane]")
            case "softmax_gradient":
                self._sum("y[@] * dy[@]")
                self._store_classes("y[@] * (dy[@] - total[lane])")
            case "log_softmax_gradient":
                self._sum("dy[@]")
                self._store_classes("dy[@] - exp(y[@]) * total[lane]")
            case "cross_entropy":
                self._cross_entropy()
            case "cross_entropy_gradient":
                self._largest()
                self._sum("exp(x[@] - largest[lane])")
                self._invert()
                self._cross_entropy_gradient()
            case "top1":
                self._top1()

    def _class_loop(self) -> list[str]:
        return [f"for k in range({self._classes}):", LANE_LOOP]

    def _largest(self) -> None:
        body = self._body
        with body.under(LANE_LOOP):
            body.write(f"largest[lane] = x[{self._first}]")
        with body.under(f"for k in range(1, {self._classes}):", LANE_LOOP):
            body.write(f"largest[lane] = maximum(largest[lane], x[{self._each}])")

    def _sum(self, term: str) -> None:
        body = self._body
        with body.under(LANE_LOOP):
            body.write("total[lane] = 0.0")
        with body.under(*self._class_loop()):
            body.write(f"total[lane] += {term.replace('@', self._each)}")

    def _invert(self) -> None:
        with self._body.under(LANE_LOOP):
            self._body.write("total[lane] = 1.0 / total[lane]")

    def _add_logarithm(self) -> None:
        with self._body.under(LANE_LOOP):
            self._body.write("largest[lane] += log(total[lane])")

    def _store_classes(self, element: str) -> None:
        with self._body.under(*self._class_loop()):
            self._store(element.replace("@", self._each), self._each, "k")

    def _store(self, element: str, index: str, row: str) -> None:
        self._epilogue.write(self._body, Leaf("element", element), Place(index, row))

    def _cross_entropy(self) -> None:
        body = self._body
        self._largest()
        with body.under(LANE_LOOP):
            body.write("total[lane] = 0.0", "chosen[lane] = 0.0")
        with body.under(*self._class_loop()):
            body.write(
                f"total[lane] += exp(x[{self._each}] - largest[lane])",
                f"x_here = x[{self._each}]",
                f"chosen[lane] += x_here if label[{self._one}] == k else 0.0",
            )
        with body.under(LANE_LOOP):
            self._store("log(total[lane]) + largest[lane] - chosen[lane]", self._one, "0")

    def _cross_entropy_gradient(self) -> None:
        body = self._body
        with body.under(*self._class_loop()):
            body.write(
                f"share = exp(x[{self._each}] - largest[lane]) * total[lane]",
                f"target = 1.0 if label[{self._one}] == k else 0.0",
            )
            self._store(f"(share - target) * dy[{self._one}]", self._each, "k")

    def _top1(self) -> None:
        body = self._body
        with body.under(LANE_LOOP):
            body.write(f"largest[lane] = x[{self._first}]", "best[lane] = 0.0")
        with body.under(f"for k in range(1, {self._classes}):", LANE_LOOP):
            body.write(
                f"x_here = x[{self._each}]",
                "largest_so_far = largest[lane]",
                "best[lane] = f32(k) if x_here > largest_so_far else best[lane]",
                "largest[lane] = maximum(x_here, largest_so_far)",
            )
        with body.under(LANE_LOOP):
            self._store(f"1.0 if best[lane] == f32(label[{self._one}]) else 0.0", self._one, "0")
