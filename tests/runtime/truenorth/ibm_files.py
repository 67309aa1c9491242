"""Small files in the forms of IBM's Corelet toolchain, written by another hand than the one that reads them."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from brainrun.truenorth.graph import FIRST_OUTPUT, NO_NEURON, Core, CoreGraph, Neuron

EMPTY_ROW = " ".join(["00"] * 32)


def runs(values: Sequence[int]) -> list[Any]:
    """The values in the toolchain's short form: numbers, ranges, ranges in steps, and repetitions."""
    entries: list[Any] = []
    place = 0
    while place < len(values):
        step = values[place + 1] - values[place] if place + 1 < len(values) else 0
        end = place + 1
        while end < len(values) and values[end] - values[end - 1] == step:
            end += 1
        if end - place == 2 and step not in (0, 1):
            end = place + 1
        first, last, count = values[place], values[end - 1], end - place
        if count == 1:
            entries.append(first)
        elif step == 0:
            entries.append(f"{first}x{count}")
        elif step == 1:
            entries.append(f"{first}:{last}")
        else:
            entries.append(f"{first}:{step}:{last}")
        place = end
    return entries


def neuron_type(number: int, neuron: Neuron) -> dict[str, Any]:
    """The entry of `neuronTypes`."""
    exponent = (abs(neuron.reset_potential) + 1).bit_length() - 1
    return {
        "name": f"N{number:08X}",
        "class": "NeuronGeneral",
        **{f"sigma{g}": -1 if weight < 0 else 1 for g, weight in enumerate(neuron.weights)},
        **{f"s{g}": abs(weight) for g, weight in enumerate(neuron.weights)},
        **{f"b{g}": drawn for g, drawn in enumerate(neuron.stochastic_weights)},
        "sigma_lambda": -1 if neuron.leak < 0 else 1,
        "lambda": abs(neuron.leak),
        "c_lambda": neuron.stochastic_leak,
        "epsilon": neuron.leak_reversal,
        "alpha": neuron.threshold,
        "beta": neuron.floor,
        "TM": neuron.threshold_bits,
        "gamma": int(neuron.reset),
        "kappa": neuron.saturates_at_floor,
        "sigma_VR": -1 if neuron.reset_potential < 0 else 1,
        "VR": exponent,
        "V": neuron.potential,
    }


def crossbar_text(core: Core) -> str:
    """An inline crossbar; neuron 0 is the first bit of a row."""
    rows = [
        f'\t\t {{"type":"S{kind}","synapses":"{np.packbits(row).tobytes().hex(" ").upper()}"}}'
        for kind, row in zip(core.axon_types, core.synapses(), strict=True)
    ]
    return '{\n\t\t/* Row parameters */\n\t\t"rows":[\n' + ",\n".join(rows) + "\n\t\t]\n\t}"


def core_text(number: int, core: Core, crossbar: str) -> str:
    """A member `core`; absent neurons have type 0."""
    there = core.kinds != NO_NEURON
    cores = np.where(core.target_cores <= FIRST_OUTPUT, core.target_cores - FIRST_OUTPUT - 32, core.target_cores)
    lists = {
        "dendrites": list(range(256)),
        "types": np.where(there, core.kinds + np.int64(1), 0).tolist(),
        "destCores": cores.tolist(),
        "destAxons": core.target_axons.tolist(),
        "destDelays": core.delays.tolist(),
    }
    neurons = ",\n".join(f'\t\t"{name}":{json.dumps(runs(values))}' for name, values in lists.items())
    return (
        f'\t/* Core parameters */\n\t"core":{{\n\t"metadata":{{"coreletClass":"a /* corelet"}},\n\t"id":{number},\n'
        f'\t"timeScaleExponent":0,\n\t"rngSeed":4294967295,\n\t"neurons":{{\n{neurons}\n\t}},\n'
        f'\t"crossbar":{crossbar}\n\t}}'
    )


def model_text(graph: CoreGraph) -> str:
    """The network as a model file; the crossbar of core 0 is in the library, the others are their cores' own."""
    members = [
        '\t/* General model parameters */\n\t"model":'
        + json.dumps({"coreCount": len(graph.cores), "neuronclass": "NeuronGeneral", "crossbarSize": 256}),
        '\t"crossbarTypes":[{"name":"coreProt0000001","crossbar":' + crossbar_text(graph.cores[0]) + "}]",
        '\t"neuronTypes":[\n'
        + ",\n".join(json.dumps(neuron_type(number, each)) for number, each in enumerate(graph.neurons, start=1))
        + "\n\t]",
        core_text(0, graph.cores[0], '{"name":"coreProt0000001"}'),
    ]
    members += [core_text(number, core, crossbar_text(core)) for number, core in enumerate(graph.cores) if number]
    return "{\n" + ",\n".join(members) + "\n}\n"


def map_bytes(direction: int, connectors: Iterable[tuple[str, Sequence[int], Sequence[int]]], first: int = 26) -> bytes:
    """A map file of connectors: name, cores and places of the pins."""
    content = b""
    for number, (name, cores, places) in enumerate(connectors, start=first):
        count = len(cores)
        content += struct.pack("<7i", number, direction, count, count, 1, 1, len(name)) + name.encode("utf-16-le")
        content += struct.pack(f"<{count}i", *cores) + struct.pack(f"<{count}H", *places)
    return content


def spikes_text(spikes: Iterable[tuple[int, int, int]], delay: int = 1) -> str:
    """A text file of spikes: tick, core, axon."""
    lines = [
        '{"class":"SpikeWriter","encoding":"TEXT","nscsVersion":"1.4.0"}',
        f'{{"version":"sfti1.0","defaultDestinationDelay":{delay}}}',
    ]
    lines += [f'{{"spike":{{"srcTime":{tick},"destCore":{core},"destAxon":{axon}}}}}' for tick, core, axon in spikes]
    return "\n".join(lines)


def pin_bytes(
    connectors: Sequence[Mapping[str, Any]],
    blocks: Mapping[int, Sequence[tuple[int, Sequence[int], Sequence[int]]]],
    map_file: str = "",
) -> bytes:
    """A binary file of spikes: by tick, records of a connector's ID, its pins, and their delays where it has such."""
    by_number = {row["ID"]: row for row in connectors}
    header = {"maxBlockSize": 1024, "ioMapFile": map_file, "connectors": list(connectors)}
    content = b'{"class":"SpikeWriter", "encoding":"CONNPIN", "nscsVersion":"1.4.0"}\n'
    content += json.dumps(header, indent=1).encode() + b"\n\xff"
    for tick, records in (*blocks.items(), (0xFFFFFFFF, ())):
        content += b"\xfe\xfc\xfe\xfc" + struct.pack(">I8x", tick)
        for number, pins, delays in records:
            code = {8: "B", 16: "H", 32: "I"}[by_number[number]["bpp"]]
            content += struct.pack(f">HH{len(pins)}{code}", number, len(pins), *pins) + bytes(delays)
    return content


def write(path: Path, content: str | bytes) -> Path:
    """Write a file; its path."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path
