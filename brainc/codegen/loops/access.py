"""How is each operand reached inside the loops? Axes become loops, and neighbouring axes that always go together one.

Sixteen samples lie side by side, so the innermost loop of a kernel on activations is over lanes and the outermost over
blocks of sixteen samples. A weight matrix in panels is laid out the same way, its inputs in the place of the samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from brainc.codegen.loops.arithmetic import Leaf
from brainc.codegen.loops.source import LANES, LoopDefect
from brainc.ir.kernel import Extra, Kernel, Placed
from brainrun.plan.schema import Lanes, Plain

LOOP_NAMES = {
    "c": "channel",
    "k": "channel",
    "h": "row",
    "p": "row",
    "w": "column",
    "q": "column",
    "f": "feature",
    "o": "output",
    "i": "input",
    "t": "time",
    "d": "depth",
}


def blocks_of(count: int) -> int:
    """How many blocks of sixteen hold `count` samples."""
    return -(-count // LANES)


@dataclass(frozen=True, slots=True)
class Names:
    """What each buffer of a kernel is called, in the kernel's order.

    A buffer that the kernel is given twice is used under its first name only, since arguments are promised not to
    overlap; its second argument stands in `arguments` under a name of its own, and nothing reads it.
    """

    targets: tuple[str, ...]
    operands: tuple[str, ...]
    extras: tuple[str, ...]
    arguments: tuple[str, ...]


def names_of(kernel: Kernel, targets: Sequence[str], operands: Sequence[str]) -> Names:
    """Names for a kernel's buffers, given those wished for its targets and operands; extras are `z` or `z1`, `z2` …"""
    wished = (*targets, *operands, *numbered("z", len(kernel.extras)))
    used: dict[str, str] = {}
    arguments: list[str] = []
    for buffer, name in zip(kernel.buffers, wished, strict=True):
        arguments.append(name if buffer not in used else f"{used[buffer]}_again{len(arguments)}")
        used.setdefault(buffer, name)
    read = tuple(used[buffer] for buffer in kernel.buffers)
    after_targets, after_operands = len(targets), len(targets) + len(operands)
    return Names(read[:after_targets], read[after_targets:after_operands], read[after_operands:], tuple(arguments))


def numbered(name: str, count: int) -> tuple[str, ...]:
    """`x`, or `x1`, `x2` … where there are several."""
    return (name,) if count == 1 else tuple(f"{name}{place}" for place in range(1, count + 1))


def is_number(placed: Placed) -> bool:
    """Whether it is a single number, the same for every element; a weight of one input has lanes of zeros beside it."""
    return isinstance(placed.storage, Plain) and prod(placed.value.shape) == 1


@dataclass(frozen=True, slots=True)
class Layout:
    """The loops of a kernel: `lane` is the letter whose elements lie side by side, or empty where there is none.

    `runs` are the other letters in the order of the loops; the letters of one run are one loop.
    """

    lane: str
    lanes: int
    """Elements of the lane letter: samples, or a weight's inputs."""
    runs: tuple[str, ...]
    lengths: tuple[int, ...]
    names: tuple[str, ...]

    @property
    def blocks(self) -> int:
        """How many blocks of sixteen lanes there are."""
        return blocks_of(self.lanes)

    def axes(self, letters: str) -> list[tuple[str, int]]:
        """Name and length of each loop whose letters are among `letters`."""
        found = zip(self.runs, self.names, self.lengths, strict=True)
        return [(name, length) for run, name, length in found if run[0] in letters]

    def shape(self, letters: str) -> tuple[int, ...]:
        """The shape under which an operand with these letters is seen."""
        inner = tuple(length for _, length in self._ordered(letters))
        return (self.blocks, *inner, LANES) if self.lane and self.lane in letters else inner or (1,)

    def index(self, letters: str) -> str:
        """The place of the present element in an operand with these letters."""
        inner = [name for name, _ in self._ordered(letters)]
        whole = ["block", *inner, "lane"] if self.lane and self.lane in letters else inner
        return ", ".join(whole) or "0"

    def _ordered(self, letters: str) -> Iterator[tuple[str, int]]:
        """Name and length of the operand's own loops, in the order of its letters."""
        rest = letters.replace(self.lane, "") if self.lane else letters
        for letter in rest:
            for run, name, length in zip(self.runs, self.names, self.lengths, strict=True):
                if run[0] == letter:
                    yield name, length


def layout_of(order: str, lengths: dict[str, int], users: Sequence[str], lane: str) -> Layout:
    """The loops over the letters `order` (without the lane's), where `users` are the letters of every operand."""
    lanes = lengths[lane] if lane else 0
    rest = [user.replace(lane, "") if lane else user for user in users]
    runs: list[str] = []
    for letter in order:
        if runs and all(_together(user, runs[-1][-1], letter) for user in rest):
            runs[-1] += letter
        else:
            runs.append(letter)
    names: list[str] = []
    for run in runs:
        name = LOOP_NAMES.get(run, f"axis_{run}") if len(run) == 1 else ("feature" if len(runs) == 1 else "place")
        names.append(f"{name}_{run}" if name in names else name)
    return Layout(
        lane, lanes, tuple(runs), tuple(prod(lengths[letter] for letter in run) for run in runs), tuple(names)
    )


def _together(user: str, first: str, second: str) -> bool:
    """Whether an operand with these letters has both of them, one after the other, or neither."""
    if first in user and second in user:
        return user.index(second) == user.index(first) + 1
    return first not in user and second not in user


def extra_letters(extra: Extra, target: str, lane: str) -> str:
    """The letters of an extra, given those of the target."""
    match extra.access:
        case "same":
            return target
        case "row":
            return target.replace(lane, "")[:1] if lane else target[:1]
        case "scalar":
            return ""


def leaf_of(placed: Placed, name: str, index: str) -> Leaf:
    """How an operand's element is read; integers become float32."""
    if is_number(placed):
        return Leaf(f"{name}_here", f"{name}_value")
    read = f"{name}[{index}]"
    return Leaf(f"{name}_here", f"f32({read})" if placed.value.dtype == "i32" else read)


def number_lines(placed: Sequence[Placed], names: Sequence[str]) -> list[str]:
    """Reads of the single numbers among the operands, once, before any loop."""
    lines = {}
    for each, name in zip(placed, names, strict=True):
        if is_number(each):
            read = f"{name}[0]"
            lines[name] = f"{name}_value = " + (f"f32({read})" if each.value.dtype == "i32" else read)
    return list(lines.values())


def lane_count(placed: Sequence[Placed]) -> int:
    """The samples of the activations among these, which must agree; 0 where there is none."""
    counts = {each.storage.samples for each in placed if isinstance(each.storage, Lanes)}
    if len(counts) > 1:
        raise LoopDefect(f"one kernel on activations of {sorted(counts)} samples")
    return counts.pop() if counts else 0
