"""Do calls fit the kernels they call? A Python kernel's annotations say what it takes; an LLVM kernel is believed."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from math import prod

from brainrun.plan.procedures import procedures
from brainrun.plan.schema import Buffer, Call, Part, Plan, Procedure, Reduction

Operand = tuple[str, int]
"""Element type, and number of elements."""

_BYTES = {"f32": 4, "i32": 4, "u32": 4, "i64": 8, "f64": 8}


def mismatches(plan: Plan, contents: Mapping[str, str]) -> Iterator[str]:
    """P9: calls and reductions name kernels that exist, and calls give as many operands and bytes as theirs take."""
    names = [kernel.name for kernel in plan.kernels]
    yield from (f"kernel {name} is described twice" for name in sorted(set(names)) if names.count(name) > 1)
    signatures: dict[str, list[Operand] | None] = {}
    for kernel in plan.kernels:
        text = contents.get(kernel.file, "")
        signatures[kernel.name] = signature(text, kernel.name) if kernel.language == "numba" else None
    for program in plan.programs:
        buffers = {buffer.name: buffer for buffer in program.buffers}
        for _, procedure in procedures(program):
            for step in procedure.steps:
                if not isinstance(step, Call):
                    continue
                if step.kernel not in signatures:
                    yield f"program {program.name} calls {step.kernel}, which is no kernel of the plan"
                elif (taken := signatures[step.kernel]) is not None:
                    yield from _unfit(step, taken, buffers)
            yield from _broken_chains(procedure.steps)
            yield from (
                f"program {program.name} makes {part.gradient} small by {kernel}, which is no kernel of the plan"
                for part in _parts(procedure)
                for kernel in (part.encode, part.decode)
                if kernel not in signatures
            )


def signature(text: str, name: str) -> list[Operand]:
    """The operands of a Python kernel, from annotations such as `f32[8, 20, 16]`; empty where it cannot be read."""
    try:
        functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef) and node.name == name]
    except SyntaxError:
        return []
    found = []
    for argument in functions[0].args.args if functions else ():
        match argument.annotation:
            case ast.Subscript(value=ast.Name(id=kind), slice=lengths):
                shape = ast.literal_eval(lengths)
                found.append((kind, prod(shape) if isinstance(shape, tuple) else int(shape)))
            case _:
                pass
    return found


def _unfit(call: Call, taken: list[Operand], buffers: Mapping[str, Buffer]) -> Iterator[str]:
    where = f"{call.layer} gives {call.kernel}"
    given = len(call.operands) + (1 if call.integers else 0)
    if given != len(taken):
        yield f"{call.layer} calls {call.kernel} with {given} operands, and it takes {len(taken)}"
        return
    for name, (kind, elements) in zip(call.operands, taken, strict=False):
        if (buffer := buffers.get(name)) is None:
            continue  # P4 names it
        if buffer.dtype != kind:
            yield f"{where} the {buffer.dtype} buffer {name} where it takes {kind}"
        elif elements * _BYTES[kind] > buffer.bytes:
            yield f"{where} {name} of {buffer.bytes} bytes, and it takes {elements * _BYTES[kind]}"
    if call.integers and taken[-1] != ("i64", len(call.integers)):
        yield f"{where} {len(call.integers)} integers, and it takes {taken[-1][1]} {taken[-1][0]}"


def _parts(procedure: Procedure) -> Iterator[Part]:
    for transfer in procedure.transfers:
        if isinstance(transfer, Reduction):
            yield from transfer.parts


def _broken_chains(steps: tuple[object, ...]) -> Iterator[str]:
    for step, after in zip(steps, (*steps, None)[1:], strict=True):
        if isinstance(step, Call) and step.chained and not (isinstance(after, Call) and after.extent == step.extent):
            yield f"{step.layer}: {step.kernel} is chained, and no call of extent {step.extent} follows"
