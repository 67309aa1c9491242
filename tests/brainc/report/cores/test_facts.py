"""The account of cores, against counts made bit by bit."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from brainc.pipeline import compile_file_onto_cores
from brainc.report.cores.data import core_report_json
from brainc.report.cores.facts import core_report
from brainc.settings.options import CompileOptions
from brainc.truenorth.assemble import multiply_adds
from brainrun.errors import PlanError, RunError
from brainrun.plan.cores import CORES_FILE
from brainrun.plan.store import read_core_plan
from brainrun.truenorth.activity import spikes_of
from brainrun.truenorth.file import decoded
from brainrun.truenorth.graph import NO_NEURON, Core, used_neurons
from brainrun.truenorth.limits import NEURONS

from .conftest import SAMPLES, Small


def rows(core: Core) -> list[int]:
    """The crossbar's rows, a number of 256 bits each."""
    return [int.from_bytes(core.crossbar_bytes[at : at + 32], "little") for at in range(0, 8192, 32)]


def test_a_core_s_numbers_are_those_of_its_bits(small: Small) -> None:
    for fact, core in zip(small.report(with_run=False).cores, small.graph.cores, strict=True):
        assert fact.axons == sum(row != 0 for row in rows(core))
        assert fact.synapses == sum(row.bit_count() for row in rows(core))
        assert fact.neurons == sum(kind != NO_NEURON for kind in core.kinds.tolist())
        assert (fact.x, fact.y) == (core.x, core.y)


def test_targets_are_the_neurons_that_send_there(small: Small) -> None:
    for fact, core in zip(small.report(with_run=False).cores, small.graph.cores, strict=True):
        counts = Counter(core.target_cores[core.kinds != NO_NEURON].tolist())
        assert dict(fact.targets) == {target: count for target, count in counts.items() if target >= 0}
        assert fact.outputs == sum(count for target, count in counts.items() if target < -1)


def test_the_whole_is_the_sum_of_its_layers(small: Small) -> None:
    report = small.report(with_run=False)
    parts = [part for _, part in report.layers]
    assert report.totals.cores + report.totals.splitters == len(small.graph.cores)
    assert report.totals.neurons == used_neurons(small.graph.cores) == sum(part.neurons for part in parts)
    assert report.totals.axons == sum(part.axons for part in parts)
    assert report.totals.synapses == sum(part.synapses for part in parts)


def test_a_layer_has_the_cores_that_the_plan_says(small: Small) -> None:
    for layer, part in small.report(with_run=False).layers:
        assert (part.cores, part.splitters) == (layer.cores, layer.splitters)
    first = small.report(with_run=False).layers[0][1]
    assert first.splitters > 0


def test_hops_of_a_run_are_the_steps_of_its_spikes_one_by_one(small: Small) -> None:
    run, cores = small.run, small.graph.cores
    taken, in_order, recorded = 0, 0, 0
    for _, core, neuron in np.argwhere(spikes_of(run.recording, len(cores))).tolist():
        target = int(cores[core].target_cores[neuron])
        recorded += 1
        if target >= 0:
            taken += abs(cores[core].x - cores[target].x) + abs(cores[core].y - cores[target].y)
            in_order += abs(core - target)  # eight cores, all in the first row of the chip
    activity = small.report(with_run=True).activity
    assert activity is not None
    spikes = sum(run.core_spikes) / run.samples
    assert activity.hops == pytest.approx(taken / recorded * spikes)
    assert activity.hops_in_order == pytest.approx(in_order / recorded * spikes)
    document = json.loads(core_report_json(small.report(with_run=True), run))
    assert document["run"]["hops"] == {"in_order": activity.hops_in_order, "placed": activity.hops}


def test_cores_can_be_placed_by_a_run(small: Small, tmp_path: Path) -> None:
    source, plan = small.folder / "small.brain", tmp_path / "by_run.plan"
    options = CompileOptions(source, output=plan, target="truenorth", run=small.run_folder)
    compile_file_onto_cores(options)
    again, files = read_core_plan(plan)
    graph = decoded(files[CORES_FILE], "by_run.plan")
    assert [core.origin for core in graph.cores] == [core.origin for core in small.graph.cores]
    before, after = (core_report(small.plan, one, small.run).activity for one in (small.graph, graph))
    assert before is not None
    assert after is not None
    assert after.hops <= before.hops
    assert again.hops >= small.plan.hops
    with pytest.raises(RunError, match="is damaged, or not of 2 cores"):
        compile_file_onto_cores(replace(options, source=_smaller(small, tmp_path)))


def _smaller(small: Small, folder: Path) -> Path:
    """The same network with fewer units."""
    path = folder / "smaller.brain"
    path.write_text(
        (small.folder / "small.brain")
        .read_text()
        .replace("1024", "256")
        .replace("16, 16", "8, 8")
        .replace("pool(16", "pool(8")
    )
    for name in ("images.npy", "labels.npy"):
        (folder / name).write_bytes((small.folder / name).read_bytes())
    return path


def test_density_is_synapses_a_crossing(small: Small) -> None:
    wide = small.report(with_run=False).layers[1][1]
    crossings = sum(core.axons * core.neurons for core in small.report(with_run=False).cores if core.layer == 1)
    assert wide.density == wide.synapses / crossings


def test_products_are_those_of_the_layers(small: Small) -> None:
    assert multiply_adds(small.layers) == 60 * 100 + 100 * 1024
    assert small.plan.multiply_adds == 60 * 100 + 100 * 1024


def test_silent_cores_cost_what_the_model_says(small: Small) -> None:
    """26 pJ an event, 256 neurons of 128 synapses at 20 Hz, half of it; a sample comes every tick."""
    core_tick = 0.5 * 26e-12 * NEURONS * 128 * 20 * 1e-3
    report = small.report(with_run=False)
    assert report.idle_joules == pytest.approx(len(small.graph.cores) * core_tick)
    assert (report.activity, report.event_joules) == (None, 0.0)


def test_a_run_costs_what_it_said_itself(small: Small) -> None:
    report = small.report(with_run=True)
    assert report.idle_joules + report.event_joules == pytest.approx(small.said["joules_per_sample"])
    assert report.event_joules == pytest.approx(13e-12 * sum(small.run.core_events) / SAMPLES)


def test_arithmetic_costs_a_product_and_a_sum_of_the_source(small: Small) -> None:
    costs = {cost.name: cost.joules for cost in small.report(with_run=False).float_costs}
    assert costs["arithmetic alone"] == pytest.approx(108_400 * 4.6e-12)
    assert costs["GPU at its peak"] == pytest.approx(108_400 * 2 * 400 / 19.5e12)
    assert costs["CPU at its peak"] == pytest.approx(108_400 * 2 * 205 / 4.48e12)


def test_json_holds_the_account(small: Small) -> None:
    report = small.report(with_run=True)
    found = json.loads(core_report_json(report, small.run))
    assert found["totals"]["neurons"] == report.totals.neurons
    assert [layer["splitters"] for layer in found["layers"]] == [layer.splitters for layer in small.plan.layers]
    assert found["hops"] == {"in_order": small.plan.hops_in_order, "placed": small.plan.hops}
    assert (found["latency_ticks"], found["period_ticks"], found["samples_per_second"]) == (3, 1, 1000)
    assert found["energy"]["total"] == pytest.approx(small.said["joules_per_sample"])
    assert sum(core["spikes"] for core in found["cores"]) == pytest.approx(small.said["spikes_per_sample"])
    assert found["run"]["right"] == small.run.right / SAMPLES


def test_json_without_a_run_says_nothing_of_one(small: Small) -> None:
    found = json.loads(core_report_json(small.report(with_run=False)))
    assert "run" not in found
    assert set(found["energy"]) == {"idle", "multiply_adds", "float"}
    assert all("spikes" not in core for core in found["cores"])


def test_a_core_of_no_layer_is_a_message(small: Small) -> None:
    renamed = msgspec.structs.replace(small.plan, layers=small.plan.layers[:1])
    with pytest.raises(PlanError, match=r"has a core of wide\.spike, and no such layer"):
        core_report(renamed, small.graph)
