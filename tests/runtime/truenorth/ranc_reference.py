"""What does RANC's simulator print? A few equations over its own files, as plain as they come, to compare ours with.

Written from a reading of https://github.com/UA-RCL/RANC (simulator/) at commit 08ae4bd. The program built from it
prints the same rows for 1,200 of the random networks; `test_ranc.py` holds a few that it printed.

In every tick, of each neuron: V ← V + Σ_i A_i w_ij s_G(i) + λ; if V ≥ positive: a spike, and V ← R or V − positive;
else if V < negative (V ≤ negative where the reset is symmetric): V ← −R or V − negative. A spike of tick t with
destination_tick d reaches its axon in tick t + 1 + d, and a packet of tick t in tick t + d (ticks count from 0 here);
with d = max_tick_offset − 1 neither arrives. A row shows the bus before its tick: the spikes sent in the tick before.
"""

from __future__ import annotations

from collections import defaultdict
from random import Random
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]


def reference_rows(network: Json, config: Json, ticks: int) -> list[list[int]]:
    """`rows[tick][output]`."""
    bus = tuple(network["output_bus"]["coordinates"])
    lost = {config["max_tick_offset"] - 1, -1}
    cores = {tuple(core["coordinates"]): core for core in network["cores"]}
    cores.pop(bus, None)
    potentials = {
        (place, number): neuron["current_potential"]
        for place, core in cores.items()
        for number, neuron in enumerate(core["neurons"])
    }
    active: dict[tuple[int, tuple[int, ...]], set[int]] = defaultdict(set)
    shown: dict[int, set[int]] = defaultdict(set)
    for tick, packets in enumerate(network["packets"][:ticks]):
        for packet in packets:
            place, axon, offset = (
                tuple(packet["destination_core"]),
                packet["destination_axon"],
                packet["destination_tick"],
            )
            if place == bus:
                shown[tick].add(axon)
            elif offset not in lost:
                active[tick + offset, place].add(axon)
    for tick in range(ticks):
        for place, core in cores.items():
            for number, (neuron, row) in enumerate(zip(core["neurons"], core["connections"], strict=False)):
                potential, spikes = step(
                    potentials[place, number], neuron, row, core["axons"], active[tick, place], config
                )
                potentials[place, number] = potential
                if not spikes:
                    continue
                dx, dy = neuron["destination_core_offset"]
                target, offset = (place[0] + dx, place[1] + dy), neuron["destination_tick"]
                if target == bus:
                    shown[tick + 1].add(neuron["destination_axon"])
                elif offset not in lost:
                    active[tick + 1 + offset, target].add(neuron["destination_axon"])
    return [[int(pin in shown[tick]) for pin in range(network["output_bus"]["num_outputs"])] for tick in range(ticks)]


def step(v: int, neuron: Json, row: list[int], types: list[int], active: set[int], config: Json) -> tuple[int, bool]:
    """The potential after a tick, and whether the neuron spiked in it."""
    types = types + [0] * config["num_axons"]
    weights = neuron["weights"] + [0] * config["num_weights"]
    v += sum(weights[types[axon]] for axon in active if axon < len(row) and row[axon]) + neuron["leak"]
    positive, negative, linear = neuron["positive_threshold"], neuron["negative_threshold"], neuron["reset_mode"] == 1
    if v >= positive:
        return (v - positive if linear else neuron["reset_potential"]), True
    if v <= negative if config["neuron_reset_type"] == 1 else v < negative:
        return (v - negative if linear else -neuron["reset_potential"]), False
    return v, False


def random_files(random: Random, ticks: int) -> tuple[Json, Json]:
    """A network and its configuration with all that files may hold: odd sizes, short arrays, lost spikes, merges."""

    def whole(low: int, high: int) -> int:
        return low + int(random.random() * (high - low + 1))

    def now_and_then() -> bool:
        return random.random() < 0.2

    columns, rows = whole(1, 3), whole(1, 3)
    config = {
        "num_neurons": whole(1, 40),
        "num_axons": whole(1, 40),
        "num_cores_x": columns,
        "num_cores_y": rows,
        "num_weights": whole(1, 5),
        "max_tick_offset": whole(1, 17),
        "neuron_block_trace_verbosity": 0,
        "core_controller_trace_verbosity": 0,
        "scheduler_trace_verbosity": 0,
        "neuron_reset_type": whole(0, 1),
    }
    bus = [whole(0, columns - 1), whole(0, rows - 1)]
    outputs = whole(1, 12)

    def short(count: int, low: int, high: int) -> list[int]:
        if now_and_then():
            count = whole(0, count)
        return [whole(low, high) for _ in range(count)]

    def axon_of(place: list[int]) -> int:
        return whole(0, (min(outputs, config["num_axons"]) if place == bus else config["num_axons"]) - 1)

    def somewhere() -> list[int]:
        return bus if random.random() < 0.4 else [whole(0, columns - 1), whole(0, rows - 1)]

    def offset() -> int:
        return whole(-1 if now_and_then() else 0, config["max_tick_offset"] - 1 if now_and_then() else 0)

    def neuron(x: int, y: int) -> Json:
        target = somewhere()
        return {
            "reset_potential": whole(-5, 5),
            "weights": short(config["num_weights"], -4, 6),
            "leak": whole(-2, 2),
            "positive_threshold": whole(-1 if now_and_then() else 1, 12),
            "negative_threshold": whole(-12, 1 if now_and_then() else -1),
            "destination_core_offset": [target[0] - x, target[1] - y],
            "destination_axon": axon_of(target),
            "destination_tick": offset(),
            "current_potential": whole(-6, 6),
            "reset_mode": whole(0, 1),
        }

    def core(x: int, y: int) -> Json:
        count = whole(0, config["num_neurons"]) if now_and_then() else config["num_neurons"]
        more = whole(count, config["num_neurons"])
        return {
            "coordinates": [x, y],
            "axons": short(config["num_axons"], 0, config["num_weights"] - 1),
            "neurons": [neuron(x, y) for _ in range(count)],
            "connections": [short(config["num_axons"], 0, 1) for _ in range(more)],
        }

    def packet() -> Json:
        place = [whole(0, columns - 1), whole(0, rows - 1)]
        return {"destination_core": place, "destination_axon": axon_of(place), "destination_tick": offset()}

    network = {
        "packets": [[packet() for _ in range(whole(0, 8))] for _ in range(whole(0, ticks + 2))],
        "output_bus": {"coordinates": bus, "num_outputs": outputs},
        "cores": [core(x, y) for y in range(rows) for x in range(columns) if not now_and_then()],
    }
    if network["cores"] and now_and_then():
        network["cores"].append(core(*network["cores"][0]["coordinates"]))
    if now_and_then():
        _magnify(network, 10**5)
    return network, config


def _magnify(network: Json, factor: int) -> None:
    """Makes all that is added or compared so many times as large, which takes more than 16 bits."""
    for core in network["cores"]:
        for neuron in core["neurons"]:
            neuron["weights"] = [factor * weight for weight in neuron["weights"]]
            for name in ("leak", "positive_threshold", "negative_threshold", "reset_potential", "current_potential"):
                neuron[name] *= factor
