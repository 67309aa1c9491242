"""What does a plan for neurosynaptic cores look like, as one page that a browser opens without a network?"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from brainc.report.cores.facts import CoreReport, units_of
from brainc.report.cores.terminal import core_terminal_report, energy_remark
from brainc.report.shell import PACKAGE, Page, written
from brainrun.truenorth.activity import RoleActivity
from brainrun.truenorth.limits import AXONS, CHIP_SIDE, NEURONS

HERE = "brainc.report.cores"
SCRIPTS = ("account.js", "paint.js", "map.js", "core.js", "raster.js", "cores.js")
"""The page's own scripts in the order in which they run."""


def core_html_report(report: CoreReport, made_by: str, run: RoleActivity | None = None) -> str:
    """The account as one self-contained page: it loads nothing, and stands as a file of its own."""
    return written(
        Page(
            title=report.name,
            kind="cores",
            styles=((PACKAGE, "page.css"), (HERE, "cores.css")),
            sections=(HERE, "cores.html"),
            scripts=((PACKAGE, "elements.js"), *((HERE, name) for name in SCRIPTS)),
            facts=core_page_facts(report, made_by, run),
            plain=core_terminal_report(report),
        )
    )


def core_page_facts(report: CoreReport, made_by: str, run: RoleActivity | None = None) -> dict[str, Any]:
    """What the page's scripts draw.

    Cores are [x, y, layer, whether it is a splitter, axons, neurons, synapses, neurons that send off the board,
    [target, neurons, target, neurons …]].
    """
    return {
        "name": report.name,
        "madeBy": made_by,
        "chips": list(report.chips),
        "chipSide": CHIP_SIDE,
        "limits": [AXONS, NEURONS],
        "latency": report.latency_ticks,
        "period": report.period_ticks,
        "samplesPerSecond": report.samples_per_second,
        "hops": [report.hops_in_order, report.hops],
        "totals": {
            "neurons": report.totals.neurons,
            "synapses": report.totals.synapses,
            "density": report.totals.density,
        },
        "layers": [
            {
                "name": layer.name,
                "inputs": list(layer.inputs),
                "shape": list(layer.shape),
                "units": units_of(layer),
                "fanIn": layer.fan_in,
                "tick": layer.tick,
                "lasts": layer.lasts,
                "cores": part.cores,
                "splitters": part.splitters,
                "axons": part.axons,
                "neurons": part.neurons,
                "density": part.density,
            }
            for layer, part in report.layers
        ],
        "cores": [
            [
                core.x,
                core.y,
                core.layer,
                int(core.is_splitter),
                core.axons,
                core.neurons,
                core.synapses,
                core.outputs,
                [number for pair in core.targets for number in pair],
            ]
            for core in report.cores
        ],
        "energy": _energy(report),
        "energyRemark": energy_remark(report),
        "run": _run(report, run) if run is not None else None,
    }


def _energy(report: CoreReport) -> dict[str, Any]:
    """Float costs are [machine, joules, source]."""
    return {
        "idle": report.idle_joules,
        "events": report.event_joules if report.activity else None,
        "float": [[cost.name, cost.joules, cost.why] for cost in report.float_costs],
    }


def _run(report: CoreReport, run: RoleActivity) -> dict[str, Any] | None:
    """Spikes of the recording are a bit each, `[ticks, cores, neurons / 8]`, in base64."""
    activity = report.activity
    if activity is None:
        return None
    recording = run.recording
    return {
        "role": activity.role,
        "samples": activity.samples,
        "right": activity.right,
        "ticks": activity.ticks,
        "spikes": activity.spikes,
        "events": activity.events,
        "hops": [activity.hops_in_order, activity.hops],
        "coreSpikes": [float(f"{count / run.ticks:.4g}") for count in run.core_spikes],
        "coreEvents": [float(f"{count / run.ticks:.4g}") for count in run.core_events],
        "recording": {
            "ticks": recording.ticks,
            "labels": list(recording.labels),
            "decisions": list(recording.decisions),
            "spikes": b64encode(recording.spikes).decode(),
        },
    }
