"""What does a plan for neurosynaptic cores say, in plain text of at most a hundred columns?"""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from brainc.report.cores.facts import CoreReport, Totals, units_of
from brainc.report.terminal import COLUMNS, clip, table
from brainc.report.words import counted, joules_text, printable, ratio_text, share_text, three_digits
from brainrun.truenorth.energy import CORE_TICK_JOULES, EVENT_JOULES
from brainrun.truenorth.limits import AXONS, CHIP_SIDE, NEURONS


def core_terminal_report(report: CoreReport) -> str:
    """The account for reading in a terminal: the whole, the layers, the placement, the energy, and a run."""
    sections = (_headline(report), _layers(report), _placement(report), _run(report), _energy(report))
    lines = (line for section in map(tuple, sections) if section for line in (*section, ""))
    return "\n".join(line.rstrip() for line in lines).rstrip()


def chips_text(report: CoreReport) -> str:
    """How many chips the board has: `1 chip`, `2 × 2 chips`."""
    columns, rows = report.chips
    return "1 chip" if columns * rows == 1 else f"{columns} × {rows} chips"


def ticks_text(ticks: float) -> str:
    """How many ticks, which as a mean may be no whole number."""
    return counted(int(ticks), "tick") if ticks == int(ticks) else f"{three_digits(ticks)} ticks"


def energy_remark(report: CoreReport) -> str:
    """What the numbers of energy are, and what they are not."""
    return (
        "A model, not a measurement: 26 pJ an event, everything included (Merolla et al. 2014), of which silent cores "
        f"draw half in any case. Float: {report.multiply_adds:,} multiply-adds of 32 bits, those of the layers as they "
        "were written, at the least that they can cost: memory and waiting come on top."
    )


def _headline(report: CoreReport) -> Iterator[str]:
    whole = report.totals
    cores = len(report.cores)
    places = report.chips[0] * report.chips[1] * CHIP_SIDE**2
    yield clip(
        f"{printable(report.name)}   {cores:,} of the {places:,} cores of {chips_text(report)}"
        f"   {counted(whole.neurons, 'neuron')}   {counted(whole.synapses, 'synapse')}"
    )
    yield ""
    period = "every tick" if report.period_ticks == 1 else f"every {report.period_ticks} ticks"
    yield (
        f"  A sample {period}, {three_digits(report.samples_per_second)} samples/s at 1 kHz; "
        f"its decision leaves {counted(report.latency_ticks, 'tick')} after it came."
    )


def _layers(report: CoreReport) -> Iterator[str]:
    rows = [
        (
            printable(layer.name),
            f"{units_of(layer):,}",
            f"{layer.fan_in:,}",
            str(layer.tick),
            f"{part.cores:,}",
            f"{part.splitters:,}" if part.splitters else "·",
            *_fullness(part),
        )
        for layer, part in report.layers
    ]
    whole = report.totals
    rows.append(("all", "", "", "", f"{whole.cores:,}", f"{whole.splitters:,}", *_fullness(whole)))
    header = ("", "units", "fan-in", "tick", "cores", "splitters", "axons", "neurons", "density")
    yield from table("LAYERS", header, rows, "<>>>>>>>>")
    yield f"  Axons and neurons: the mean over the cores, of {AXONS} and {NEURONS}. Density: synapses a crossing of the"
    yield "  axons and neurons in use. Splitters pass the spikes of their layer on to more axons."
    lasting = [printable(layer.name) for layer, _ in report.layers if layer.lasts]
    if lasting:
        for line in wrap(f"Potentials last through a sample's ticks in {', '.join(lasting)}.", COLUMNS - 4):
            yield f"  {line}"


def _fullness(part: Totals) -> tuple[str, str, str]:
    cores = max(1, part.cores + part.splitters)
    return f"{part.axons / cores:.0f}", f"{part.neurons / cores:.0f}", share_text(part.density)


def _placement(report: CoreReport) -> Iterator[str]:
    fewer = f"{ratio_text(report.nearer)} fewer" if report.nearer > 1.005 else ""
    rows = [
        ("in the order of their numbers", f"{report.hops_in_order:,.0f}", ""),
        ("where the cores stand", f"{report.hops:,.0f}", fewer),
    ]
    yield from table("STEPS FROM CORE TO CORE, IF EVERY NEURON FIRED ONCE", ("", "steps", ""), rows, "<><")


def _run(report: CoreReport) -> Iterator[str]:
    run = report.activity
    if run is None:
        return
    right = "" if run.right is None else f", {100 * run.right:.1f} % of the decisions right"
    rows = [
        ("spikes", three_digits(run.spikes), f"{three_digits(run.spikes / run.ticks)} a tick"),
        ("synaptic events", three_digits(run.events), f"{three_digits(run.events / max(1.0, run.spikes))} a spike"),
        ("steps from core to core", three_digits(run.hops), _fewer(run.hops_in_order, run.hops)),
        ("share of neurons", share_text(run.spikes / run.ticks / max(1, report.totals.neurons)), "that fire in a tick"),
    ]
    title = f"A RUN: {printable(run.role)}, {counted(run.samples, 'sample')}{right}"
    yield from table(title, ("", "a sample", ""), rows, "<><")


def _fewer(in_order: float, placed: float) -> str:
    """How many steps the placement saves."""
    if in_order <= placed:
        return f"{three_digits(in_order)} in the order of the cores' numbers"
    return f"{three_digits(in_order)} in the order of the cores' numbers, {ratio_text(in_order / placed)} as many"


def _energy(report: CoreReport) -> Iterator[str]:
    cores = len(report.cores)
    ticks = report.activity.ticks if report.activity else float(report.period_ticks)
    idle = f"{counted(cores, 'core')} · {ticks_text(ticks)} · {joules_text(CORE_TICK_JOULES)}"
    rows = [("cores, idle", joules_text(report.idle_joules), idle)]
    if report.activity is not None:
        events = f"{three_digits(report.activity.events)} synaptic events · {joules_text(EVENT_JOULES)}"
        rows.append(("cores, synaptic events", joules_text(report.event_joules), events))
        rows.append(("cores", joules_text(report.idle_joules + report.event_joules), "both"))
    rows += [(f"float, {cost.name}", joules_text(cost.joules), cost.why) for cost in report.float_costs]
    yield from table("ENERGY OF A SAMPLE, BY A MODEL", ("", "joules", ""), rows, "<><")
    for line in wrap(energy_remark(report), COLUMNS - 4):
        yield f"  {line}"
    if report.activity is None:
        yield "  Synaptic events are those of a run: brainrun --mode eval PLAN --run-dir DIR, and here --run DIR."
