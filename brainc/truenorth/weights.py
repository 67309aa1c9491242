"""With which numbers does a network go onto cores? Those of a file, or, to see what it would take, the first ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from brainc.ir.graph import LayerGraph, Trinary, Weight
from brainrun.errors import RunError
from brainrun.philox import initial_values
from brainrun.plan.schema import Parameter, Slice


def first_weights(graph: LayerGraph, seed: int) -> dict[str, NDArray[np.float32]]:
    """Every weight as training would start it."""
    return {weight.name: _first(weight, seed) for weight in _weights(graph)}


def read_weights(graph: LayerGraph, path: Path) -> dict[str, NDArray[np.float32]]:
    """Every weight of the graph out of a safetensors file.

    RunError: it cannot be read, a tensor is missing, or one has another shape. Hidden copies are not needed.
    """
    found = {}
    try:
        with safe_open(path, framework="numpy") as file:
            names = set(file.keys())
            for weight in _weights(graph):
                if weight.name not in names:
                    remedy = f"train {graph.name}, and give the weights that its run leaves"
                    what = f"has no tensor {weight.name}, which {graph.name} needs"
                    raise RunError(what, where=str(path), remedy=remedy)
                values = np.asarray(file.get_tensor(weight.name), np.float32)
                if values.shape != weight.shape:
                    shapes = f"{list(values.shape)}, and the network's is {list(weight.shape)}"
                    raise RunError(f"has {weight.name} of shape {shapes}", where=str(path))
                found[weight.name] = values
    except FileNotFoundError:
        raise RunError("there is no such file", where=str(path)) from None
    except OSError as error:
        raise RunError(f"cannot be read: {error.strerror or error}", where=str(path)) from None
    except SafetensorError as error:
        raise RunError(f"is not a safetensors file: {error}", where=str(path)) from None
    return found


def _weights(graph: LayerGraph) -> tuple[Weight, ...]:
    """The weights that decide what the network computes: all but the hidden copies of trinary ones."""
    every = [weight for node in graph.nodes for weight in node.weights]
    hidden = {weight.constraint.hidden for weight in every if isinstance(weight.constraint, Trinary)}
    return tuple(weight for weight in every if weight.name not in hidden)


def _first(weight: Weight, seed: int) -> NDArray[np.float32]:
    whole = tuple(Slice(start=0, stop=length) for length in weight.shape)
    parameter = Parameter(weight.name, weight.shape, weight.initial, weight.trained, buffer="", state=())
    return initial_values(parameter, whole, seed)
