"""How does a tensor program read? One operation a line, in the notation of the field."""

from __future__ import annotations

from typing import assert_never

from brainc.ir import expression as ex
from brainc.ir.tensor.operations import (
    Along,
    Concatenate,
    Contract,
    Draw,
    Map,
    Operation,
    Pool,
    PoolGradient,
    Reduce,
    Slice,
    Update,
    Value,
    View,
    operands_of,
    results_of,
)
from brainc.ir.tensor.program import TensorProgram


def _shape_text(value: Value) -> str:
    inner = ", ".join(("b" if value.samples and place == 0 else str(n)) for place, n in enumerate(value.shape))
    return f"{value.dtype}[{inner}]"


def operation_text(operation: Operation) -> str:
    """The operation on one line, in the notation of the field."""
    names = [value.name for value in operands_of(operation)]
    match operation:
        case Contract(letters=letters, windows=windows):
            summed = "".join(sorted(set(letters[1] + letters[2]) - set(letters[0])))
            where = "".join(f", {w.position} = {w.stride}{w.output} + {w.dilation}{w.tap} − {w.pad}" for w in windows)
            return f"Σ_{summed} {names[0]}[{letters[1]}] · {names[1]}[{letters[2]}] → [{letters[0]}]{where}"
        case Map(letters=letters, expression=expression):
            named = [f"{name}[{own}]" for name, own in zip(names, letters[1:], strict=True)]
            return f"{ex.text(expression, named)} → [{letters[0]}]"
        case Reduce(letters=letters, expression=expression, scope=scope):
            named = [f"{name}[{own}]" for name, own in zip(names, letters[1:], strict=True)]
            summed = "".join(dict.fromkeys(letter for letter in "".join(letters[1:]) if letter not in letters[0]))
            return f"Σ_{summed} {ex.text(expression, named)} → [{letters[0]}]" + (" local" if scope == "local" else "")
        case Along(function=function):
            return f"{function}({', '.join(names)})"
        case (
            Pool(kind=kind, size=size, stride=stride, pad=pad)
            | PoolGradient(kind=kind, size=size, stride=stride, pad=pad)
        ):
            verb = "pool" if isinstance(operation, Pool) else "pool_gradient"
            return f"{kind}_{verb}({', '.join(names)}, size={size}, stride={stride}, pad={pad})"
        case View():
            return f"view({names[0]})"
        case Concatenate(axis=axis):
            return f"concatenate({', '.join(names)}, axis={axis})"
        case Slice(axis=axis, start=start):
            return f"slice({names[0]}, axis={axis}, start={start})"
        case Draw(keep=keep, stream=stream):
            return f"draw(keep={keep}, stream={stream})"
        case Update(expressions=expressions):
            return ", ".join(ex.text(expression, names) for expression in expressions)
        case _:
            assert_never(operation)


def text(program: TensorProgram) -> str:
    """The whole program, one operation a line, aligned and stable."""
    lines = [f"tensor program {program.name}, batch {program.batch}"]
    lines += [f"  input      {value.name}: {_shape_text(value)}" for value in program.inputs]
    for parameter in program.parameters:
        state = "".join(f", {value.name}" for value in parameter.state)
        kind = "parameter" if parameter.trained else "kept"
        lines.append(f"  {kind:<10} {parameter.value.name}: {_shape_text(parameter.value)}{state}")
    for name, procedure in program.procedures:
        lines.append(f"{name}:")
        rows = [
            (
                operation.phase,
                ", ".join(value.name for value in results_of(operation)),
                _shape_text(results_of(operation)[0]),
                operation_text(operation),
            )
            for operation in procedure.operations
        ]
        widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
        lines += [f"  {a:<{widths[0]}}  {b:<{widths[1]}}  {c:<{widths[2]}}  = {d}".rstrip() for a, b, c, d in rows]
        lines += [f"  {result.kind:<10} {result.name} = {result.value.name}" for result in procedure.results]
        lines += [f"  output     {output.name} = {output.value.name}" for output in procedure.outputs]
    return "\n".join(lines) + "\n"
