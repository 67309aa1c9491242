"""The account of a plan for neurosynaptic cores, for programs."""

from __future__ import annotations

import json
from typing import Any

from brainc.report.cores.facts import CoreReport, Totals
from brainrun.truenorth.activity import RoleActivity


def core_report_json(report: CoreReport, run: RoleActivity | None = None) -> str:
    """The account as one JSON object, the same text for the same plan and run.

    - `name`, `target` (`truenorth`), `chips` (columns and rows of the board), `latency_ticks` (from a sample to its
      decision), `period_ticks` (from a sample to the next), `samples_per_second` (at 1 kHz).
    - `totals`: `cores` that compute, `splitters` that pass spikes on, `axons`, `neurons` and `synapses` in use, and
      `density`, synapses a crossing of the axons and neurons in use, core by core.
    - `layers`: of each, `name`, `inputs`, `output_shape`, `fan_in`, `tick` (in which it fires, counted from the
      sample's first), `lasts` (whether its potentials do, through a sample's ticks), and the same as in `totals`.
    - `cores`: of each, in the order of their numbers, `x`, `y`, `layer`, `is_splitter`, `axons`, `neurons`, `synapses`,
      `targets` (pairs of a core and the number of neurons that send there), `outputs` (neurons that send off the
      board), and, of a run, `spikes` and `synaptic_events`, a sample.
    - `hops`: steps from core to core if every neuron fired once, `in_order` of the cores' numbers and as `placed`.
    - `energy`, in joules a sample by a model: `idle`; of a run `synaptic_events` and `total`; and `float`, the layers
      as they were written, of each machine `name`, `joules` and `source`, for `multiply_adds` products.
    - `run`, where one is given: `role`, `samples`, `right` (the share of right decisions, or null), and a sample's
      `ticks`, `spikes`, `synaptic_events` and `hops` (steps of these spikes, `in_order` and as `placed`).
    """
    energy: dict[str, Any] = {"idle": report.idle_joules}
    if report.activity is not None:
        energy |= {"synaptic_events": report.event_joules, "total": report.idle_joules + report.event_joules}
    energy["multiply_adds"] = report.multiply_adds
    energy["float"] = [{"name": cost.name, "joules": cost.joules, "source": cost.why} for cost in report.float_costs]
    document: dict[str, Any] = {
        "name": report.name,
        "target": "truenorth",
        "chips": list(report.chips),
        "latency_ticks": report.latency_ticks,
        "period_ticks": report.period_ticks,
        "samples_per_second": report.samples_per_second,
        "totals": _totals(report.totals),
        "layers": [
            {
                "name": layer.name,
                "inputs": list(layer.inputs),
                "output_shape": list(layer.shape),
                "fan_in": layer.fan_in,
                "tick": layer.tick,
                "lasts": layer.lasts,
                **_totals(part),
            }
            for layer, part in report.layers
        ],
        "cores": [_core(report, number, run) for number in range(len(report.cores))],
        "hops": {"in_order": report.hops_in_order, "placed": report.hops},
        "energy": energy,
    }
    if report.activity is not None:
        document["run"] = {
            "role": report.activity.role,
            "samples": report.activity.samples,
            "right": report.activity.right,
            "ticks": report.activity.ticks,
            "spikes": report.activity.spikes,
            "synaptic_events": report.activity.events,
            "hops": {"in_order": report.activity.hops_in_order, "placed": report.activity.hops},
        }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _totals(part: Totals) -> dict[str, float]:
    return {
        "cores": part.cores,
        "splitters": part.splitters,
        "axons": part.axons,
        "neurons": part.neurons,
        "synapses": part.synapses,
        "density": part.density,
    }


def _core(report: CoreReport, number: int, run: RoleActivity | None) -> dict[str, Any]:
    core = report.cores[number]
    found: dict[str, Any] = {
        "x": core.x,
        "y": core.y,
        "layer": report.layers[core.layer][0].name,
        "is_splitter": core.is_splitter,
        "axons": core.axons,
        "neurons": core.neurons,
        "synapses": core.synapses,
        "targets": [list(pair) for pair in core.targets],
        "outputs": core.outputs,
    }
    if run is not None:
        found["spikes"] = run.core_spikes[number] / run.samples
        found["synaptic_events"] = run.core_events[number] / run.samples
    return found
