"""Whose parameters does a layer use? Its own, another layer's (`share=c1`), or another's the other way round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from brainc.ir.graph import Node, Weight
from brainc.operators.operator import Refusal
from brainlang import program as language
from brainlang.fold import described
from brainlang.program import Apply, Name, TensorRef


@dataclass(frozen=True, slots=True)
class Wish:
    """What `share=` says: a layer as written, and whether its weight is wanted transposed."""

    layer: str
    transposed: bool


@dataclass(frozen=True, slots=True)
class Shared:
    """The layer whose parameters are used, in which way, and what the layer still has of its own."""

    layer: str
    transposed: bool
    own: tuple[Weight, ...]


def read_wish(value: language.Value) -> Wish:
    """What `share=` asks for. Raises Refusal where it names no layer."""
    match value:
        case Name(identifier=layer) | TensorRef(tensor=layer, field=None):
            return Wish(layer, False)
        case TensorRef():
            return Wish(value.span.text, False)
        case Apply(function="transpose", positional=(inner,), named=()) if not isinstance(inner, Apply):
            return Wish(read_wish(inner).layer, True)
    raise Refusal(
        f"share names a layer, and this is {described(value)}", remedy="write share=c1, or share=transpose(c1)"
    )


def share_parameters(wanted: Node, wish: Wish, layer_of_name: Mapping[str, Node]) -> Shared:
    """How `wanted`, whose own weights are those it would have without sharing, uses the wished layer's parameters.

    A transposed weight `[outputs, inputs]` is used as `[inputs, outputs]`; the bias then is the layer's own. Raises
    Refusal where the two do not fit.
    """
    source = layer_of_name[wish.layer]
    if source.shared != source.name and source.transposed:
        raise Refusal(
            f"'{source.name}' itself uses the weight of '{source.shared}' transposed", remedy=f"share {source.shared}"
        )
    source = layer_of_name[source.shared]
    if source.operator != wanted.operator:
        raise Refusal(
            f"'{source.name}' is {source.operator}, and this is {wanted.operator}",
            remedy="share the parameters of a layer of the same operator",
        )
    if wish.transposed:
        return _transposed(wanted, source)
    if any(not weight.trained for weight in source.weights):
        raise Refusal(
            f"'{source.name}' keeps running statistics, which two layers cannot share", remedy="leave out share"
        )
    shape_of_part = {_part(weight): weight.shape for weight in source.weights}
    for weight in wanted.weights:
        if shape_of_part.get(_part(weight)) != weight.shape:
            has = f"is {list(shape_of_part[_part(weight)])}" if _part(weight) in shape_of_part else "does not exist"
            raise Refusal(
                f"needs a {_part(weight)} of {list(weight.shape)}, and that of '{source.name}' {has}",
                remedy="share between layers of the same arguments and input sizes",
            )
    return Shared(source.name, False, ())


def _transposed(wanted: Node, source: Node) -> Shared:
    if wanted.operator != "dense":
        raise Refusal(f"the weight of {wanted.operator} cannot be used transposed", remedy="transpose(…) is for dense")
    (weight, *own), theirs = wanted.weights, source.weights[0]
    if theirs.shape[::-1] != weight.shape:
        raise Refusal(
            f"needs a weight of {list(weight.shape)}, and that of '{source.name}' transposed is "
            f"{list(theirs.shape[::-1])}",
            remedy=f"such a layer takes {theirs.shape[0]} inputs and has {theirs.shape[1]} units",
        )
    return Shared(source.name, True, tuple(own))


def _part(weight: Weight) -> str:
    return weight.name.rpartition(".")[2]
