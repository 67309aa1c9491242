"""What a run recorded, against a trace written by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from brainc.report.data import report_json
from brainc.report.measured import Measured, predicted_seconds, read_measured
from brainc.report.terminal import COLUMNS, terminal_report
from brainrun.errors import RunError
from tests.brainc.report.plans import lenet_plan

PLAN = lenet_plan(2, 1, scheme="onebit")
TRACKS = ("step", "compute", "encode", "wire: sum logits.dense.weight", "wire: other", "decode", "wait")


def event(rank: int, track: str, begin: float, length: float, name: str = "work", **args: str) -> dict[str, Any]:
    tid, category = TRACKS.index(track), track.partition(":")[0]
    return {"ph": "X", "name": name, "cat": category, "pid": rank, "tid": tid, "ts": begin, "dur": length, "args": args}


def trace(*events: dict[str, Any]) -> dict[str, Any]:
    names = [
        {"ph": "M", "name": "thread_name", "pid": rank, "tid": tid, "args": {"name": track}}
        for rank in (0, 1)
        for tid, track in enumerate(TRACKS)
    ]
    return {"traceEvents": [*names, *events], "displayTimeUnit": "ms", "otherData": {"steps": [1, 2]}}


def two_ranks(*of_each: tuple[Any, ...]) -> dict[str, Any]:
    return trace(*(event(rank, *each) for rank in (0, 1) for each in of_each))


def measured(content: object, folder: Path) -> Measured:
    (folder / "timeline.json").write_text(json.dumps(content))
    return read_measured(folder, PLAN)


def test_totals_are_the_mean_over_steps_and_ranks(tmp_path: Path) -> None:
    found = measured(
        trace(
            event(0, "step", 0, 100),
            event(0, "step", 200, 140),
            event(1, "step", 0, 100),
            event(1, "step", 200, 100),
            event(0, "compute", 10, 40),
            event(0, "compute", 210, 40),
            event(1, "compute", 10, 20),
        ),
        tmp_path,
    )
    assert found.steps == 2
    assert found.step_seconds == pytest.approx(110e-6)
    assert dict(found.seconds_of_track)["compute"] == pytest.approx(25e-6)
    assert dict(found.seconds_of_track)["decode"] == 0.0


def test_messages_on_the_wire_together_count_once(tmp_path: Path) -> None:
    found = measured(
        two_ranks(("step", 0, 100), ("wire: other", 10, 20), ("wire: sum logits.dense.weight", 20, 30)), tmp_path
    )
    assert dict(found.seconds_of_track)["wire"] == pytest.approx(40e-6)


def test_the_step_drawn_is_the_median_one_from_its_beginning(tmp_path: Path) -> None:
    steps = [("step", 0, 100), ("step", 1000, 300), ("step", 2000, 200)]
    work = [("compute", begin + 50, 10, f"at {begin}") for begin in (0, 1000, 2000)]
    drawn = measured(two_ranks(*steps, *work), tmp_path).tracks
    assert [track.ranks for track in drawn] == [(0,), (1,)]
    ((name, start, seconds),) = drawn[0].compute
    assert (name, start, seconds) == ("at 2000", pytest.approx(50e-6), pytest.approx(10e-6))


def test_what_is_on_the_wire_has_its_transfer_s_name(tmp_path: Path) -> None:
    found = measured(two_ranks(("step", 0, 100), ("wire: other", 10, 20, "reduce-scatter")), tmp_path)
    assert [name for name, _, _ in found.tracks[0].wire] == ["other"]


def test_encoding_and_decoding_share_a_lane(tmp_path: Path) -> None:
    found = measured(two_ranks(("step", 0, 100), ("encode", 0, 1, "sum"), ("decode", 5, 1, "sum")), tmp_path)
    assert len(found.tracks[0].coding) == 2


def test_a_trace_that_tells_no_steps_is_one_step(tmp_path: Path) -> None:
    found = measured(two_ranks(("compute", 5, 10), ("compute", 30, 20)), tmp_path)
    assert (found.steps, found.step_seconds) == (1, pytest.approx(45e-6))


def test_a_call_has_the_name_that_it_has_in_the_prediction(tmp_path: Path) -> None:
    told = {"layer": "hidden.relu"}
    names = "hidden.relu.forward", "hidden.relu.backward + another", "another"
    did = (event(rank, "compute", 0, 1, name, **told) for rank in (0, 1) for name in names)
    found = measured(trace(*did), tmp_path)
    assert [name for name, _, _ in found.tracks[0].compute] == [
        "hidden.relu another",
        "hidden.relu backward",
        "hidden.relu forward",
    ]


def test_a_rank_that_decodes_does_not_wait_meanwhile(tmp_path: Path) -> None:
    found = measured(two_ranks(("step", 0, 100), ("wait", 10, 50), ("decode", 20, 15), ("decode", 55, 15)), tmp_path)
    assert dict(found.seconds_of_track)["wait"] == pytest.approx(30e-6)


def test_a_layer_is_the_one_that_the_run_told(tmp_path: Path) -> None:
    told = trace(*(event(rank, "compute", 0, 1, "forward", layer="hidden.dense") for rank in (0, 1)))
    assert measured(told, tmp_path).layers == {"hidden.dense forward": "hidden.dense"}


def test_a_folder_without_a_timeline_is_told_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="--timeline"):
        read_measured(tmp_path, PLAN)


@pytest.mark.parametrize("content", [{}, {"traceEvents": 3}, [1]])
def test_a_file_that_is_no_trace_is_told(content: object, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is no timeline"):
        measured(content, tmp_path)


def test_a_timeline_of_other_ranks_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"of the ranks \[0\], and the plan has 2"):
        measured(trace(event(0, "compute", 0, 1)), tmp_path)


def test_a_predicted_rank_waits_when_its_core_has_nothing_to_do() -> None:
    found = dict(predicted_seconds(PLAN))
    busy = found["compute"] + found["encode"] + found["decode"]
    assert found["encode"] == pytest.approx(4 * 2e-6)  # four weights, in the plan made by hand
    assert found["wait"] == pytest.approx(PLAN.prediction.step_seconds - busy)


def test_the_json_has_what_was_measured(tmp_path: Path) -> None:
    found = measured(two_ranks(("step", 0, 4000), ("compute", 5, 3210)), tmp_path)
    said = json.loads(report_json(PLAN, found))["measured"]
    assert (said["steps"], said["tracks"]["compute"]) == (1, pytest.approx(3210e-6))
    assert "measured" not in json.loads(report_json(PLAN))


def test_the_plain_report_sets_the_measured_beside_the_predicted(tmp_path: Path) -> None:
    found = measured(two_ranks(("step", 0, 4000), ("compute", 5, 3210)), tmp_path)
    lines = terminal_report(PLAN, found).splitlines()
    at = lines.index("PREDICTED AND MEASURED, the mean over ranks and one step")
    assert lines[at + 2].split() == ["predicted", "measured"]
    assert lines[at + 3].split()[-2:] == ["3.21", "ms"]
    assert lines[at + 8].split()[-2:] == ["4.00", "ms"]
    assert max(map(len, lines)) <= COLUMNS
