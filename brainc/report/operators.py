"""Which operators and optimisers are there? The page docs/operators.md, written from their records and nothing else.

Printed by `python -m brainc.report.operators`; `pytest --update-golden` puts it in its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from brainc.graph.arguments import WANTED
from brainc.ir.graph import ArgumentValue, Tensor
from brainc.operators.operator import Argument, Kind, Operator, Refusal, Required
from brainc.operators.optimizer import OPTIMIZERS, OPTIMIZERS_TO_COME, Optimizer
from brainc.operators.table import OPERATORS, TO_COME

HEAD = """\
# Operators and optimisers

Written from the records in `brainc/operators/`; after a change there, `pytest --update-golden` writes it anew.

Formulas name axes by letters: `b` samples, `i` inputs, `o` outputs, `c` channels, `k` filters or classes, `h` and `w`
rows and columns, `p` and `q` rows and columns of the result, `r` and `s` those of a window. Shapes are per sample.
"Splits" are the ways in which a layer's work can be spread over `model` ranks: by `sample`, by `output`, by `input`, or
`replicate` for every rank doing all of it; images are split by sample or not at all. Where PyTorch has an operator, the
numbers and the defaults are PyTorch's, and so are names and shapes of parameters.
"""

TITLES: Mapping[str, str] = {"layer": "Layers", "loss": "Losses", "metric": "Metrics"}

SAMPLES: tuple[tuple[Tensor, ...], ...] = (
    (Tensor((32,)),),
    (Tensor((4, 16, 16)),),
    (Tensor((10,)), Tensor((), 10)),
    (Tensor((32,)), Tensor((32,))),
    (Tensor((4, 16, 16)), Tensor((4, 16, 16))),
)
"""Operands to show the shape rules with."""

FITTING: Mapping[Kind, ArgumentValue] = {"count": 10, "size": 3, "index": 0}
"""What those examples give for arguments without a default."""


def operators_page() -> str:
    """The page in Markdown."""
    sections = [HEAD]
    for role, title in TITLES.items():
        of_role = [operator for operator in OPERATORS.values() if operator.role == role]
        sections += [f"## {title}\n", *(_operator(operator) for operator in of_role)]
    sections += ["## Optimisers\n", *(_optimizer(optimizer) for optimizer in OPTIMIZERS.values())]
    sections.append(
        "## To come\n\nIn the language, and refused with that message by this version:\n\n"
        f"- operators: {_names(TO_COME)}\n- optimisers: {_names(OPTIMIZERS_TO_COME)}\n"
    )
    return "\n".join(sections)


def _operator(operator: Operator) -> str:
    lines = [f"### {operator.name}\n", f"{operator.summary}\n", f"```\n{operator.formula}\n```\n"]
    lines += _arguments(operator.arguments)
    lines.append(f"- Tensors: {_operands(operator)}")
    lines.append(f"- Shapes: {'; '.join(_shapes(operator))}")
    if weights := _weights(operator):
        lines.append(f"- Parameters, in the first example: {weights}")
    lines.append(f"- Splits: {', '.join(operator.splits)}\n")
    return "\n".join(lines)


def _optimizer(optimizer: Optimizer) -> str:
    head = f"### {optimizer.name}\n\n{optimizer.summary} {optimizer.source}.\n"
    return "\n".join([head, *_arguments(optimizer.arguments)])


def _arguments(arguments: tuple[Argument, ...]) -> Iterator[str]:
    if not arguments:
        return
    yield "| argument | default | takes | what it is |\n| --- | --- | --- | --- |"
    for argument in arguments:
        yield f"| `{argument.name}` | {_default(argument)} | {WANTED[argument.kind]} | {argument.summary} |"
    yield ""


def _default(argument: Argument) -> str:
    match argument.default:
        case Required():
            return "required"
        case None:
            return "none"
        case bool(truth):
            return f"`{str(truth).lower()}`"
        case str(text) if text.startswith("="):
            return f"as `{text[1:]}`"
        case str(text):
            return f'`"{text}"`'
        case value:
            return f"`{value}`"


def _operands(operator: Operator) -> str:
    least, most = operator.operands
    if least == most:
        return str(least)
    return f"{least} or more" if most >= 1000 else f"{least} to {most}"


def _shapes(operator: Operator) -> Iterator[str]:
    """The shape rule at work on the samples that suit the operator."""
    for tensors in _suiting(operator):
        result = operator.shape(tensors, _example(operator, tensors))
        given = ", ".join(f"`{_shape(tensor)}`" for tensor in tensors)
        yield f"{given} → `{_shape(result)}`" if result.shape else f"{given} → a number"


def _weights(operator: Operator) -> str:
    tensors = next(_suiting(operator))
    weights = operator.weights(tensors, _example(operator, tensors), "")
    return ", ".join(f"`{weight.name.removeprefix('.')}` `{list(weight.shape)}`" for weight in weights)


def _suiting(operator: Operator) -> Iterator[tuple[Tensor, ...]]:
    """The samples of one tensor, or of two where the operator takes several, whose shapes it accepts."""
    least, most = operator.operands
    count = least if least == most else 2
    for tensors in SAMPLES:
        if len(tensors) != count:
            continue
        try:
            operator.shape(tensors, _example(operator, tensors))
        except Refusal:
            continue
        yield tensors


def _example(operator: Operator, tensors: tuple[Tensor, ...]) -> Mapping[str, ArgumentValue]:
    """A value for every argument: its default, or one that suits the first tensor."""
    fitting: Mapping[Kind, ArgumentValue] = {
        **FITTING,
        "shape": (2, tensors[0].elements // 2),
        "axes": tuple(reversed(range(len(tensors[0].shape)))),
    }
    values: dict[str, ArgumentValue] = {}
    for argument in operator.arguments:
        match argument.default:
            case Required():
                values[argument.name] = fitting[argument.kind]
            case str(text) if text.startswith("="):
                values[argument.name] = values[text[1:]]
            case value:
                values[argument.name] = value
    return values


def _shape(tensor: Tensor) -> str:
    return f"class[{tensor.classes}]" if tensor.classes else str(list(tensor.shape))


def _names(names: frozenset[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


if __name__ == "__main__":
    print(operators_page(), end="")
