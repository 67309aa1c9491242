"""A network of spikes is trained, put onto cores and run there: every decision is the training graph's."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainc.ir import spiking
from brainc.pipeline import constrained, units_of
from brainc.settings.check import check_program
from brainc.settings.options import CompileOptions
from brainlang import load_program
from brainrun.plan.cores import EncoderFact
from brainrun.truenorth.codes import Window, spikes_of

from .command import ROOT, printed, run

EXAMPLE = ROOT / "examples" / "spikes.brain"
DATA = ("--data-dir", ROOT / "examples")
CORES = ("--target", "truenorth")
WEIGHTS = ("--from", "run/weights.safetensors")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the weights that the example's training leaves, its plan on cores and its plan for ranks."""
    folder = tmp_path_factory.mktemp("spikes")
    printed("brainrun", EXAMPLE, "--run-dir", "run", folder=folder)
    printed("brainc", "compile", EXAMPLE, *DATA, "-o", "ranks.plan", folder=folder)
    printed("brainc", "compile", EXAMPLE, *DATA, *CORES, *WEIGHTS, "-o", "cores.plan", folder=folder)
    return folder


def test_the_cores_decide_as_the_training_graph_does(trained: Path) -> None:
    printed("brainrun", "cores.plan", "--mode", "predict", "--run-dir", "cores", folder=trained)
    printed("brainrun", "ranks.plan", "--mode", "predict", *WEIGHTS, "--run-dir", "ranks", folder=trained)
    on_cores, on_ranks = (np.load(trained / folder / "logits.npy") for folder in ("cores", "ranks"))
    assert on_cores.shape == (500, 10)
    np.testing.assert_allclose(on_cores, on_ranks, rtol=0, atol=1e-5)
    assert np.array_equal(on_cores.argmax(axis=1), on_ranks.argmax(axis=1))


def test_an_evaluation_says_how_good_and_at_what_cost(trained: Path) -> None:
    said = printed("brainrun", "cores.plan", "--mode", "eval", "--json", "eval.json", folder=trained)
    facts = json.loads((trained / "eval.json").read_text())
    accuracy = facts["epochs"][0]["test"]["accuracy"]
    assert accuracy > 0.93
    assert f"accuracy {accuracy:.6g}" in said
    role = facts["roles"]["test"]
    assert role["samples"] == 500
    assert role["ticks"] == 500 - 1 + facts["latency_ticks"]
    assert 0 < role["spikes_per_sample"] < 256 * facts["cores"]
    least = facts["cores"] * 13e-12 * 256 * 128 * 20e-3
    assert role["joules_per_sample"] == pytest.approx(
        role["synaptic_events_per_sample"] * 13e-12 + least * role["ticks"] / 500, rel=1e-6
    )


def test_ranks_that_share_the_cores_decide_the_same(trained: Path) -> None:
    found = []
    for folder, ranks in (("alone", ()), ("shared", ("-n", 2))):
        printed("brainrun", *ranks, "cores.plan", "--mode", "predict", "--run-dir", folder, folder=trained)
        printed("brainrun", *ranks, "cores.plan", "--mode", "eval", "--run-dir", folder, folder=trained)
        left = sorted(path for path in (trained / folder).iterdir() if path.suffix in (".npy", ".json"))
        found.append({path.name: path.read_bytes() for path in left})
    assert len(found[0]) == 2
    assert found[0] == found[1]


def test_the_same_network_gives_the_same_plan(trained: Path) -> None:
    printed("brainc", "compile", EXAMPLE, *DATA, *CORES, *WEIGHTS, "-o", "again.plan", folder=trained)
    for path in (trained / "cores.plan").iterdir():
        assert path.read_bytes() == (trained / "again.plan" / path.name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cores.plan",), "is for neurosynaptic cores, which do not train: use --mode eval or predict"),
        (("cores.plan", "--mode", "eval", *WEIGHTS), "has its weights in its cores"),
    ],
)
def test_what_cores_do_not_do_is_refused(trained: Path, arguments: tuple[str, ...], message: str) -> None:
    done = run("brainrun", *arguments, folder=trained)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_plan_is_refused(trained: Path) -> None:
    printed("brainc", "compile", EXAMPLE, *CORES, "-o", "damaged.plan", folder=trained)
    cores = trained / "damaged.plan" / "cores.bin"
    cores.write_bytes(cores.read_bytes()[:-1] + b"\x55")
    done = run("brainrun", "damaged.plan", "--mode", "eval", folder=trained)
    assert done.returncode == 1
    assert "cores.bin: is not the file that was planned (its SHA-256 differs)" in done.stderr


def test_networks_trained_apart_decide_together(trained: Path) -> None:
    printed("brainrun", EXAMPLE, "--run-dir", "other", "--seed", "8", "--epochs", "2", folder=trained)
    others = ("--from", "other/weights.safetensors")
    found = []
    for name, words in (("first", WEIGHTS), ("second", others), ("both", (*WEIGHTS, *others))):
        printed("brainc", "compile", EXAMPLE, *DATA, *CORES, *words, "-o", f"{name}.plan", folder=trained)
        printed("brainrun", f"{name}.plan", "--mode", "predict", "--run-dir", name, folder=trained)
        found.append(np.load(trained / name / "logits.npy"))
    assert not np.array_equal(found[0], found[1])
    np.testing.assert_allclose(found[2], (found[0] + found[1]) / 2, rtol=0, atol=1e-5)


# ---- networks that are drawn -----------------------------------------------------------------------------------------

DRAWN = ROOT / "examples" / "drawn_spikes.brain"
PROBABLE = ("--from", "drawn/weights.safetensors")


@pytest.fixture(scope="module")
def probable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the probabilities that the example's training leaves."""
    folder = tmp_path_factory.mktemp("drawn")
    printed("brainrun", DRAWN, "--run-dir", "drawn", folder=folder)
    return folder


def scores_of(folder: Path, name: str, *words: str) -> np.ndarray:
    """Of all test digits, from the cores of so compiled networks."""
    said = printed("brainc", "compile", DRAWN, *DATA, *CORES, *PROBABLE, *words, "-o", f"{name}.plan", folder=folder)
    assert "cores; brainrun" in said
    printed("brainrun", f"{name}.plan", "--mode", "predict", "--run-dir", name, folder=folder)
    return np.load(folder / name / "logits.npy")


def accuracy(scores: np.ndarray) -> float:
    with gzip.open(ROOT / "examples/data/digits/test-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read()[8:], np.uint8)
    return float((scores.argmax(axis=1) == labels).mean())


def test_what_many_drawn_networks_say_comes_near_the_trained_chances(probable: Path) -> None:
    printed("brainc", "compile", DRAWN, *DATA, "-o", "ranks.plan", folder=probable)
    printed("brainrun", "ranks.plan", "--mode", "predict", *PROBABLE, "--run-dir", "ranks", folder=probable)
    expected = np.load(probable / "ranks" / "logits.npy")
    one, many = scores_of(probable, "one", "--ensemble", "1"), scores_of(probable, "many", "--ensemble", "32")
    assert accuracy(expected) > 0.93
    assert accuracy(one) > 0.9
    assert accuracy(many) > 0.93
    distances = [float(np.abs(found - expected).mean()) for found in (one, many)]
    assert distances[1] < distances[0] / 2


def test_the_file_says_how_many_are_drawn_and_the_command_line_by_which_seed(probable: Path) -> None:
    found = [scores_of(probable, *case) for case in (("file",), ("seed", "--seed", "7"), ("other", "--seed", "8"))]
    cores = [
        json.loads(printed("brainc", "report", f"{name}.plan", "--json", folder=probable)) for name in ("file", "one")
    ]
    assert [each["totals"]["cores"] for each in cores] == [32, 2]
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


@pytest.mark.parametrize("words", [("--ensemble", "4"), ("--seed", "3")])
def test_nothing_is_drawn_of_weights_that_are_certain(trained: Path, words: tuple[str, str]) -> None:
    for command in (("compile", EXAMPLE, *CORES), ("export", EXAMPLE)):
        done = run("brainc", *command, *WEIGHTS, *words, "-o", "certain.plan", folder=trained)
        assert done.returncode == 1
        assert "nothing is drawn: weights are certain" in done.stderr
    done = run("brainc", "export", "cores.plan", *words, "-o", "certain.ranc", folder=trained)
    assert done.returncode == 1
    assert "has its weights and settings in its cores" in done.stderr


# ---- several ticks a sample ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn network on grey values by chance, trained for a few epochs."""
    folder = tmp_path_factory.mktemp("coded")
    text = DRAWN.read_text().replace('"data/', f'"{ROOT}/examples/data/').replace("epochs    = 20", "epochs    = 8")
    codes = "    grey  = image | spike(threshold=0.25)\n    black = image | spike(threshold=0.6)\n"
    assert codes in text
    for code in ("rate", "stochastic"):
        other = text.replace(codes, f"    grey = image | {code}\n").replace("concat(grey, black)", "grey")
        (folder / f"{code}.brain").write_text(other)
    printed("brainrun", "stochastic.brain", "--run-dir", "run", folder=folder)
    return folder


def evaluated(folder: Path, code: str, ticks: int, *more: str) -> dict[str, Any]:
    """What the cores make of the test digits."""
    words = (*CORES, *WEIGHTS, "--ticks", str(ticks), "-o", "coded.plan")
    printed("brainc", "compile", f"{code}.brain", *words, folder=folder)
    printed("brainrun", "coded.plan", "--mode", "eval", "--json", "eval.json", *more, folder=folder)
    found: dict[str, Any] = json.loads((folder / "eval.json").read_text())
    return found


@pytest.mark.parametrize("code", ["rate", "stochastic"])
def test_a_code_of_many_ticks_tells_more_than_one_of_one(coded: Path, code: str) -> None:
    one, many = evaluated(coded, code, 1), evaluated(coded, code, 16)
    accuracies = [facts["epochs"][0]["test"]["accuracy"] for facts in (one, many)]
    assert accuracies[0] < accuracies[1]
    assert accuracies[1] > 0.9
    assert (one["period_ticks"], many["period_ticks"]) == (1, 16)
    assert many["latency_ticks"] == one["latency_ticks"] + 15
    assert many["roles"]["test"]["ticks"] == 500 * 16 + many["latency_ticks"] - 16
    report = json.loads(printed("brainc", "report", "coded.plan", "--json", folder=coded))
    assert (report["period_ticks"], report["samples_per_second"]) == (16, 62.5)


def test_the_spikes_of_all_ticks_are_those_of_the_units_one_tick_after_the_other(coded: Path) -> None:
    """Scores beside the spiking graph's, evaluated tick by tick on the spikes of the code."""
    evaluated(coded, "stochastic", 5, "--seed", "11")
    printed("brainrun", "coded.plan", "--mode", "predict", "--seed", "11", "--run-dir", "cores", folder=coded)
    options = CompileOptions(
        coded / "stochastic.brain", weights=(coded / "run/weights.safetensors",), target="truenorth"
    )
    checked = constrained(check_program(load_program(options.source, {}), options))
    units = units_of(checked, options)
    with gzip.open(ROOT / "examples/data/digits/test-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read()[16:], np.uint8).reshape(-1, 64).astype(np.float32) / np.float32(16)
    (encoder,) = units.encoders
    fact = EncoderFact(encoder.name, encoder.input, encoder.code, encoder.threshold)
    expected = np.zeros((len(images), 10))
    for tick in range(5):
        spikes = spikes_of(fact, images, np.arange(len(images)), tick, Window(5, 11))
        fired = spiking.evaluate(units, {encoder.name: spikes})
        expected += spiking.scores(units.decoder, fired[units.decoder.layer]) / 5
    np.testing.assert_allclose(np.load(coded / "cores" / "logits.npy"), expected, atol=1e-5)


def test_ranks_draw_the_same_spikes(coded: Path) -> None:
    found = [evaluated(coded, "stochastic", 4, *words)["epochs"] for words in ((), ("-n", "2"), ("--seed", "99"))]
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_ticks_that_would_be_alike_are_refused(trained: Path) -> None:
    done = run("brainc", "compile", EXAMPLE, *CORES, "--ticks", "4", "-o", "alike.plan", folder=trained)
    assert done.returncode == 1
    assert "4 ticks of a sample would be alike: no input has the code rate or stochastic" in done.stderr


def test_codes_that_are_chances_are_for_networks_that_are_drawn(coded: Path) -> None:
    text = (coded / "rate.brain").read_text()
    certain = text.replace("probabilistic", "trinary").replace("    ensemble = 16\n", "")
    (coded / "certain.brain").write_text(certain)
    done = run("brainc", "check", "certain.brain", folder=coded)
    assert done.returncode == 1
    assert "grey.rate gives chances of spikes, and trinary weights are trained with spikes" in done.stderr
