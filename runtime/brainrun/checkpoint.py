"""How are weights kept? As one safetensors file in PyTorch's names and layouts, whatever mesh they were trained on."""

from __future__ import annotations

import difflib
import hashlib
import math
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from brainrun.arena import Arena
from brainrun.errors import RunError
from brainrun.execute import Executor
from brainrun.mesh import World
from brainrun.philox import initial_values
from brainrun.plan.schema import Parameter, Plan, Slice


def initialise(executor: Executor, seed: int) -> None:
    """Give this rank's part of every parameter its first values."""
    for parameter, box in zip(executor.plan.parameters, executor.rank.parameter_slices, strict=True):
        executor.arena.put(parameter.buffer, initial_values(parameter, box, seed))


def whole_parameters(executor: Executor, world: World) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """On rank 0, each parameter by name, in the order of the names, put together from replica 0's slices.

    All ranks must go through it; the others get nothing.
    """
    plan = executor.plan
    for index, parameter in sorted(enumerate(plan.parameters), key=lambda pair: pair[1].name):
        mine = (
            _part(executor.arena, parameter, executor.rank.parameter_slices[index]) if executor.rank.data == 0 else None
        )
        parts = world.gather(mine)
        if world.rank == 0:
            whole = np.empty(parameter.shape, np.float32)
            for rank, part in zip(plan.ranks, parts, strict=True):
                if part is not None:
                    whole[_index(rank.parameter_slices[index])] = part
            yield parameter.name, whole


def parameters_sha256(executor: Executor, world: World) -> str:
    """SHA-256 over all parameters' bytes (float32, row-major), unsliced, in the order of their names; on rank 0."""
    digest = hashlib.sha256()
    for _, values in whole_parameters(executor, world):
        digest.update(np.ascontiguousarray(values, "<f4").data)
    return digest.hexdigest()


def save_weights(executor: Executor, world: World, path: Path) -> None:
    """Write all parameters to one safetensors file, on rank 0; whole or not at all, one parameter in memory at a time.

    RunError where it cannot be written.
    """
    parameters = whole_parameters(executor, world)
    temporary = path.with_name(f".{path.name}.part")
    try:
        if world.rank == 0:
            with temporary.open("wb") as file:
                file.write(_weights_header(executor.plan))
                for _, values in parameters:
                    file.write(np.ascontiguousarray(values, "<f4").data)
            os.replace(temporary, path)
    except OSError as error:
        raise RunError(f"cannot be written: {error.strerror}", where=str(path)) from None
    finally:
        if world.rank == 0:
            temporary.unlink(missing_ok=True)
        # All ranks must go through all parameters, also when the disk is full.
        for _ in parameters:
            pass


def _weights_header(plan: Plan) -> bytes:
    """How a safetensors file begins: a length of eight bytes, then JSON, padded with blanks to a multiple of eight."""
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for parameter in sorted(plan.parameters, key=lambda parameter: parameter.name):
        begin, end = end, end + 4 * math.prod(parameter.shape)
        entries[parameter.name] = {"dtype": "F32", "shape": parameter.shape, "data_offsets": (begin, end)}
    text = msgspec.json.encode(entries)
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def load_weights(executor: Executor, path: Path) -> None:
    """Set this rank's part of every parameter from a safetensors file, PyTorch's or ours.

    RunError: it cannot be read, a parameter is missing, or has another shape; tensors of other names are left alone.
    """
    from safetensors import SafetensorError, safe_open  # only what loads weights needs it, and a start should be short

    try:
        with safe_open(path, framework="numpy") as file:
            names = list(file.keys())
            for parameter, box in zip(executor.plan.parameters, executor.rank.parameter_slices, strict=True):
                _require(executor.plan, parameter, names, path)
                tensor = file.get_slice(parameter.name)
                _require_shape(parameter, tuple(tensor.get_shape()), path)
                values = tensor[_index(box)] if box else file.get_tensor(parameter.name)
                executor.arena.put(parameter.buffer, np.asarray(values, np.float32))
    except FileNotFoundError:
        raise RunError("there is no such file", where=str(path)) from None
    except OSError as error:
        raise RunError(f"cannot be read: {error.strerror or error}", where=str(path)) from None
    except SafetensorError as error:
        raise RunError(f"is not a safetensors file: {error}", where=str(path)) from None


def _require(plan: Plan, parameter: Parameter, names: list[str], path: Path) -> None:
    if parameter.name in names:
        return
    near = difflib.get_close_matches(parameter.name, names, n=1)
    remedy = f"its nearest name is {near[0]}" if near else f"it holds {', '.join(names[:8])}"
    raise RunError(f"has no tensor {parameter.name}, which {plan.name} needs", where=str(path), remedy=remedy)


def _require_shape(parameter: Parameter, shape: tuple[int, ...], path: Path) -> None:
    if shape != parameter.shape:
        raise RunError(
            f"has {parameter.name} of shape {list(shape)}, and the network's is {list(parameter.shape)}",
            where=str(path),
        )


def _part(arena: Arena, parameter: Parameter, box: tuple[Slice, ...]) -> NDArray[np.float32]:
    return arena.get(parameter.buffer, tuple(part.stop - part.start for part in box))


def _index(box: tuple[Slice, ...]) -> tuple[slice, ...]:
    return tuple(slice(part.start, part.stop) for part in box)
