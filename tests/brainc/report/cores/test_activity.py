"""What a run leaves of each core is what the network's layers compute, and adds up to what the run says."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from brainc.ir import spiking
from brainrun import cli
from brainrun.errors import RunError
from brainrun.truenorth.activity import ACTIVITY_FILE, MOST_BYTES, read_activity, samples_to_record, spikes_of
from brainrun.truenorth.graph import NO_NEURON, output_pin

from .conftest import SAMPLES, Small


def test_cores_add_up_to_what_the_run_says(small: Small) -> None:
    assert sum(small.run.core_spikes) / SAMPLES == small.said["spikes_per_sample"]
    assert sum(small.run.core_events) / SAMPLES == small.said["synaptic_events_per_sample"]
    assert (small.run.samples, small.run.ticks) == (SAMPLES, small.said["ticks"])


def test_recorded_output_spikes_are_those_of_the_layers(small: Small) -> None:
    expected = spiking.evaluate(small.units, {"image": small.images})["wide.spike"].reshape(SAMPLES, -1)
    recorded = spikes_of(small.run.recording, len(small.graph.cores))
    for sample in range(len(small.run.recording.decisions)):
        found = np.zeros(expected.shape[1], bool)
        for number, core in enumerate(small.graph.cores):
            for neuron in np.flatnonzero(core.target_cores < -1):
                pin = output_pin(int(core.target_cores[neuron]), int(core.target_axons[neuron]))
                found[pin] = recorded[small.plan.latency + sample * small.plan.period, number, neuron]
        assert np.array_equal(found, expected[sample])


def test_a_core_s_events_are_its_axons_spikes_times_their_rows(small: Small) -> None:
    """Of the first layer's core, which encoders feed: counted from the images."""
    port = small.graph.inputs[0]
    feed = small.plan.feeds[0]
    spikes = (small.images >= 0.5)[:, list(feed.elements)].sum(axis=0)
    expected = [0] * len(small.graph.cores)
    for pin, (core, axon) in enumerate(zip(port.cores, port.axons, strict=True)):
        expected[core] += int(spikes[pin]) * int(small.graph.cores[core].synapses()[axon].sum())
    fed = [number for number, core in enumerate(small.graph.cores) if core.origin == "first.spike"]
    assert [small.run.core_events[number] for number in fed] == [expected[number] for number in fed]


def test_neurons_that_are_not_there_never_fire(small: Small) -> None:
    recorded = spikes_of(small.run.recording, len(small.graph.cores)).any(axis=0)
    there = np.array([core.kinds != NO_NEURON for core in small.graph.cores])
    assert not (recorded & ~there).any()
    assert recorded.any()


def test_recorded_labels_and_decisions_are_those_of_the_first_samples(small: Small) -> None:
    scores = spiking.scores(
        small.units.decoder, spiking.evaluate(small.units, {"image": small.images})["wide.spike"]
    ).argmax(axis=1)
    recording = small.run.recording
    assert list(recording.labels) == small.labels[: len(recording.labels)].tolist()
    assert list(recording.decisions) == scores[: len(recording.decisions)].tolist()
    assert small.run.right == int((scores == small.labels).sum())


@pytest.mark.parametrize(("cores", "samples"), [(1, 32), (1000, 30), (4096, 6), (200_000, 1)])
def test_large_networks_record_fewer_samples(cores: int, samples: int, small: Small) -> None:
    assert samples_to_record(small.plan, cores) == samples
    assert samples == 1 or (samples + small.plan.latency) * cores * 32 <= MOST_BYTES


def test_a_folder_without_a_run_is_a_message(small: Small, tmp_path) -> None:
    with pytest.raises(RunError, match="make it with brainrun --mode eval PLAN --run-dir"):
        read_activity(tmp_path, len(small.graph.cores), small.plan)


def test_a_run_of_other_cores_is_a_message(small: Small, tmp_path) -> None:
    activity = read_activity(small.run_folder, len(small.graph.cores), small.plan)
    other = msgspec.structs.replace(activity, cores_sha256="0")
    (tmp_path / ACTIVITY_FILE).write_bytes(msgspec.json.encode(other))
    with pytest.raises(RunError, match=r"is of other cores than those of the plan \(small\)"):
        read_activity(tmp_path, len(small.graph.cores), small.plan)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"format": 1}'])
def test_nonsense_is_a_message(small: Small, tmp_path, content: bytes) -> None:
    (tmp_path / ACTIVITY_FILE).write_bytes(content)
    with pytest.raises(RunError, match="is damaged"):
        read_activity(tmp_path, len(small.graph.cores), small.plan)


def test_numbers_for_other_cores_are_a_message(small: Small, tmp_path) -> None:
    activity = read_activity(small.run_folder, len(small.graph.cores), small.plan)
    shorter = msgspec.structs.replace(activity.roles[0], core_spikes=activity.roles[0].core_spikes[1:])
    (tmp_path / ACTIVITY_FILE).write_bytes(msgspec.json.encode(msgspec.structs.replace(activity, roles=(shorter,))))
    with pytest.raises(RunError, match="is damaged, or not of 8 cores"):
        read_activity(tmp_path, len(small.graph.cores), small.plan)


def test_an_evaluation_without_a_folder_leaves_nothing(small: Small, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main([str(small.plan_folder), "--mode", "eval", "--quiet"]) == 0
    assert list(tmp_path.iterdir()) == []
