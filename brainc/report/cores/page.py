"""What does a plan for neurosynaptic cores look like, as one page that a browser opens without a network?

Made as the page of `brainc/report/page.py` is, with its style and its elements: text from the plan reaches the page
escaped, or in the JSON, from which the scripts set it as text.
"""

from __future__ import annotations

import json
from base64 import b64encode
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from brainc.report.cores.facts import CoreReport, units_of
from brainc.report.cores.terminal import core_terminal_report, energy_remark
from brainc.report.page import script_safe
from brainrun.truenorth.activity import RoleActivity
from brainrun.truenorth.limits import AXONS, CHIP_SIDE, NEURONS

SHARED = "brainc.report"
STYLES = ((SHARED, "page.css"), (f"{SHARED}.cores", "cores.css"))
SCRIPTS = (
    (SHARED, "elements.js"),
    (f"{SHARED}.cores", "account.js"),
    (f"{SHARED}.cores", "paint.js"),
    (f"{SHARED}.cores", "map.js"),
    (f"{SHARED}.cores", "core.js"),
    (f"{SHARED}.cores", "raster.js"),
    (f"{SHARED}.cores", "cores.js"),
)
"""The page's scripts in the order in which they run."""


def core_html_report(report: CoreReport, made_by: str, run: RoleActivity | None = None) -> str:
    """The account as one self-contained page: it loads nothing, and stands as a file of its own."""
    facts = json.dumps(core_page_facts(report, made_by, run), ensure_ascii=False, separators=(",", ":"))
    return Template(_text(f"{SHARED}.cores", "cores.html")).substitute(
        title=escape(report.name),
        style="\n".join(_text(*each) for each in STYLES),
        script="\n".join(_text(*each) for each in SCRIPTS),
        facts=script_safe(facts),
        plain=escape(core_terminal_report(report)),
    )


def _text(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")


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
