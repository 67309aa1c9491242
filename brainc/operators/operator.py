"""What is an operator? The one record from which parser, docs, shapes, gradients, splits, kernels and tests read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from brainc.ir.graph import ArgumentValue, Tensor, Weight

if TYPE_CHECKING:
    from brainc.ir.graph import Node
    from brainc.ir.tensor import Value
    from brainc.tensor.builder import Builder

Arguments: TypeAlias = Mapping[str, ArgumentValue]
Kind: TypeAlias = Literal[
    "count",
    "index",
    "size",
    "number",
    "magnitude",
    "positive",
    "fraction",
    "share",
    "truth",
    "shape",
    "axes",
    "padding",
    "initialiser",
    "text",
]
"""count: above 0; index: whole, from 0; magnitude: from 0; fraction: from 0 and below 1; share: above 0, at most 1."""
Split: TypeAlias = Literal["sample", "output", "input", "replicate"]


class Refusal(Exception):
    """An operator's objection to how it is used, in the user's words; `about` names the argument at fault, if any."""

    def __init__(self, message: str, *, remedy: str = "", about: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.about = about


@dataclass(frozen=True, slots=True)
class Required:
    """The default of an argument that must be given."""


REQUIRED = Required()


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument beside the tensors. A default naming another argument (`"=size"`) takes that one's value."""

    name: str
    kind: Kind
    summary: str
    default: ArgumentValue | Required = REQUIRED


def no_weights(_tensors: tuple[Tensor, ...], _arguments: Arguments, _name: str) -> tuple[Weight, ...]:
    """For operators without parameters."""
    return ()


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of the language.

    shape(tensors, arguments): the result's type, or a Refusal.
    weights(tensors, arguments, layer name): its parameters, in PyTorch's names and order.
    lower(builder, node, operands): appends the operations that compute it and returns its value. Losses and metrics
    return one number a sample `[b]`, or what the mean over samples of `[b, …]` is wanted of.
    splits: how its work can be spread over model ranks.
    synapses: those of its weights, by the ends of their names, that connect inputs with outputs.
    rearranges: whether its results are elements of its operands, each as it was.
    """

    name: str
    summary: str
    formula: str
    role: Literal["layer", "loss", "metric"]
    operands: tuple[int, int]
    """The least and the greatest number of tensor operands."""
    arguments: tuple[Argument, ...]
    shape: Callable[[tuple[Tensor, ...], Arguments], Tensor]
    lower: Callable[[Builder, Node, tuple[Value, ...]], Value]
    weights: Callable[[tuple[Tensor, ...], Arguments, str], tuple[Weight, ...]] = no_weights
    splits: tuple[Split, ...] = ("sample", "replicate")
    synapses: tuple[str, ...] = ()
    rearranges: bool = False


def same_shape(tensors: tuple[Tensor, ...], _arguments: Arguments) -> Tensor:
    """The result is as its first operand."""
    return tensors[0]


def equal_shapes(tensors: tuple[Tensor, ...], _arguments: Arguments) -> Tensor:
    """All operands must have one shape, which the result has too."""
    for tensor in tensors[1:]:
        if tensor.shape != tensors[0].shape:
            raise Refusal(
                f"operands have different shapes, {tensors[0].written} and {tensor.written}",
                remedy="give tensors of one shape, for instance through reshape, conv or dense",
            )
    return tensors[0]


def needs_numbers(tensor: Tensor, who: str) -> None:
    """Refuse a class label where numbers are wanted."""
    if tensor.classes:
        raise Refusal(
            f"{who} wants numbers, and this is a label, {tensor.written}", remedy="use one_hot in the data section"
        )


def pair(value: ArgumentValue, rank: int) -> tuple[int, ...]:
    """A size for each of `rank` axes: one number serves for all."""
    if isinstance(value, tuple):
        return value
    assert isinstance(value, int)
    return (value,) * rank
