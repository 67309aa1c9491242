"""`brainrun` on one rank, against float64."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from brainrun.cli import main
from brainrun.plan.store import read_plan, write_plan
from tests.runtime.small_data import COUNT, reference, write_small
from tests.runtime.small_plan import small_plan


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRAINC_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_small(tmp_path)


def brainrun(*arguments: object) -> dict[str, Any]:
    """Run it here, and read what it reports."""
    assert main([*map(str, arguments), "--json", "report.json", "--quiet"]) == 0
    found: dict[str, Any] = json.loads(Path("report.json").read_text())
    return found


@pytest.mark.parametrize("threads", [1, 2])
def test_training_follows_float64(plan: Path, threads: int) -> None:
    report = brainrun(plan, "--run-dir", "out", "--threads", threads)
    expected = reference(read_plan(plan)[0], plan)
    np.testing.assert_allclose(report["loss_by_step"], expected.losses, rtol=1e-5)
    weights = load_file("out/weights.safetensors")
    np.testing.assert_allclose(weights["line.weight"], expected.weight, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(weights["line.bias"], expected.bias, rtol=1e-4, atol=1e-6)
    assert report["epochs"][1]["test"]["objective"] == pytest.approx(expected.test, rel=1e-5)
    assert report["epochs"][1]["train"]["objective"] == pytest.approx(np.mean(expected.losses[3:]), rel=1e-5)


def test_the_report_says_what_ran(plan: Path) -> None:
    report = brainrun(plan, "--run-dir", "out")
    assert report["mesh"] == {"data": 1, "model": 1}
    assert (report["steps"], [epoch["epoch"] for epoch in report["epochs"]]) == (6, [1, 2])
    assert report["bytes_sent"] == [0]
    assert report["samples_per_second"] > 0
    assert {"kernels", "data", "parameters", "training", "saving"} == set(report["seconds"])
    assert report["predicted"] == {"machine": "this", "step_seconds": 1e-3, "samples_per_second": 2e4}
    lines = [json.loads(line) for line in Path("out/metrics.jsonl").read_text().splitlines()]
    assert [(line["epoch"], line["step"]) for line in lines] == [(1, 3), (2, 6)]
    assert lines[1]["test"] == report["epochs"][1]["test"]


def test_the_same_seed_gives_the_same_bits_whatever_the_threads(plan: Path) -> None:
    digests = [brainrun(plan, "--run-dir", f"out{n}", "--threads", n)["parameters_sha256"] for n in (1, 3)]
    assert digests[0] == digests[1]
    assert brainrun(plan, "--run-dir", "out", "--seed", 8)["parameters_sha256"] != digests[0]


def test_steps_and_the_order_of_samples_follow_the_command_line(plan: Path) -> None:
    report = brainrun(plan, "--run-dir", "out", "--steps", 4, "--no-shuffle", "--seed", 3)
    expected = reference(read_plan(plan)[0], plan, seed=3, shuffle=False)
    np.testing.assert_allclose(report["loss_by_step"], expected.losses[:4], rtol=1e-5)


def test_evaluation_from_a_checkpoint_gives_what_training_ended_with(plan: Path) -> None:
    trained = brainrun(plan, "--run-dir", "out")
    report = brainrun(plan, "--mode", "eval", "--from", "out/weights.safetensors")
    assert report["epochs"] == [{"epoch": 0, "test": trained["epochs"][1]["test"]}]
    assert report["parameters_sha256"] == trained["parameters_sha256"]


def test_predictions_are_one_row_a_sample_in_order(plan: Path) -> None:
    brainrun(plan, "--run-dir", "out")
    brainrun(plan, "--mode", "predict", "--from", "out/weights.safetensors", "--run-dir", "out")
    weights, x = load_file("out/weights.safetensors"), np.load(plan / "predict-x.npy")
    expected = x @ weights["line.weight"].T + weights["line.bias"]
    predicted = np.load("out/y.npy")
    assert predicted.shape == (COUNT["predict"], 4)
    np.testing.assert_allclose(predicted, expected, rtol=1e-5, atol=1e-6)


def test_bench_measures_without_a_run_folder(plan: Path) -> None:
    report = brainrun(plan, "--mode", "bench", "--steps", 30)
    assert report["samples_per_second"] > 0
    assert not Path("runs").exists()


def test_run_folders_are_numbered(plan: Path) -> None:
    assert main([str(plan), "--quiet"]) == main([str(plan), "--quiet"]) == 0
    assert sorted(path.name for path in Path("runs").iterdir()) == ["small-1", "small-2"]


def test_lines_tell_of_each_epoch(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(plan), "--run-dir", "out"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:24] for line in lines[:2]] == ["epoch 1  train objective", "epoch 2  train objective"]
    assert lines[2].endswith("samples/s measured, 20,000 predicted for this")
    assert lines[3:] == ["weights in out/weights.safetensors"]


def complaint(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main([*map(str, arguments), "--quiet"]) == 1
    return capsys.readouterr().err.strip()


def test_a_checkpoint_of_another_network_is_refused(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_file({"line.weights": np.zeros((4, 3), np.float32)}, "other.safetensors")
    assert complaint(capsys, plan, "--from", "other.safetensors") == (
        "brainrun: other.safetensors: has no tensor line.weight, which small needs: its nearest name is line.weights"
    )
    save_file({"line.weight": np.zeros((4, 5), np.float32)}, "other.safetensors")
    assert complaint(capsys, plan, "--from", "other.safetensors") == (
        "brainrun: other.safetensors: has line.weight of shape [4, 5], and the network's is [4, 3]"
    )
    Path("other.safetensors").write_text("not that")
    assert "other.safetensors: is not a safetensors file" in complaint(capsys, plan, "--from", "other.safetensors")
    assert "none: there is no such file" in complaint(capsys, plan, "--from", "none")


def test_missing_data_is_named_before_training(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (plan / "test-t.npy").unlink()
    said = complaint(capsys, plan, "--run-dir", "out")
    assert "test-t.npy" in said
    assert "Traceback" not in said
    assert not Path("out").exists()


def test_data_may_lie_elsewhere(plan: Path) -> None:
    Path("elsewhere").mkdir()
    for path in plan.glob("*.npy"):
        shutil.move(path, Path("elsewhere") / path.name)
    brainrun(plan, "--run-dir", "out", "--data-dir", "elsewhere")


def test_a_run_folder_that_cannot_be_made_is_said_before_training(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("file").write_text("in the way")
    said = complaint(capsys, plan, "--run-dir", "file/out")
    assert said == "brainrun: file/out: cannot be written: Not a directory: choose another with --run-dir"


def test_a_broken_rule_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found, files = small_plan()
    broken = {path: text.replace("f32[4, 4]", "f32[5, 5]") for path, text in files.items()}
    write_plan(tmp_path / "broken.plan", found, broken)
    said = complaint(capsys, tmp_path / "broken.plan")
    assert "broken.plan: breaks a rule of plans: P9: line gives backward_20_4 bucket of 64 bytes" in said


def test_a_wrong_number_of_ranks_is_told(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = complaint(capsys, plan, "-n", "3")
    assert said.endswith("is for 1 ranks (data 1 × model 1), but 3 were started: start 1, or compile again for 3")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--steps", "0"], "0 is not at least 1"),
        (["--timeline", "0-3"], "0 is not at least 1"),
        (["--timeline", "5-3"], "3 comes before 5"),
        (["--timeline", "soon"], "'soon' is not a whole number"),
        (["--timeline", "3", "--mode", "bench"], "--timeline records training, and the mode is bench"),
    ],
)
def test_wrong_usage_has_status_2(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["net.plan", *arguments])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_recorded_steps_are_in_a_trace(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(plan), "--run-dir", "out", "--timeline", "2-4"]) == 0
    assert "timeline in out/timeline.json" in capsys.readouterr().out
    trace = json.loads(Path("out/timeline.json").read_text())
    assert trace["otherData"]["steps"] == [2, 4]
    lasting = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    steps = [event for event in lasting if event["cat"] == "step"]
    kernels = [event["name"] for event in lasting if event["cat"] == "compute"]
    assert len(steps) == 3
    assert kernels == ["forward_20_4", "loss_20_4", "backward_20_4", "update_20_4"] * 3
    inside = [event for event in lasting if steps[0]["ts"] <= event["ts"] <= steps[0]["ts"] + steps[0]["dur"]]
    assert all(event["ts"] + event["dur"] <= steps[0]["ts"] + steps[0]["dur"] + 0.01 for event in inside)


def test_recording_does_not_change_bits(plan: Path) -> None:
    recorded = brainrun(plan, "--run-dir", "out", "--timeline", "1-6")
    assert recorded["parameters_sha256"] == brainrun(plan, "--run-dir", "out")["parameters_sha256"]


def test_steps_that_were_not_done_leave_an_empty_timeline(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(plan), "--run-dir", "out", "--timeline", "700"]) == 0
    assert "out/timeline.json is empty: no such step was done" in capsys.readouterr().out


def test_a_warm_start_is_short_and_imports_no_compiler(plan: Path) -> None:
    main([str(plan), "--quiet", "--run-dir", "out"])
    program = f"""
import sys
from brainrun.cli import main
main([{str(plan)!r}, "--quiet", "--run-dir", "out"])
sys.exit(any(name in sys.modules for name in ("numba", "mpi4py", "lark", "networkx", "brainc", "brainlang")))
"""
    began = time.perf_counter()
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
    assert time.perf_counter() - began < 3


def test_steady_training_does_not_grow(plan: Path) -> None:
    for name in "xt":
        np.save(plan / f"train-{name}.npy", np.resize(np.load(plan / f"train-{name}.npy"), (60_100, 3 + (name == "t"))))
    program = f"""
import resource, sys
from brainrun import train
from brainrun.cli import main

peaks = []
note = train._note
def noted(*arguments):
    note(*arguments)
    if len(arguments[2].loss_by_step) in (500, 3000):
        pages = int(open("/proc/self/statm").read().split()[1])
        peaks.append(pages * resource.getpagesize())
train._note = noted
main([{str(plan)!r}, "--quiet", "--run-dir", "out", "--steps", "3000"])
print(peaks[1] - peaks[0])
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(ended.stdout) < 256 * 1024
