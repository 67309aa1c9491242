"""How is the network trained? The section `train`, checked, with its defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from brainc.ir.graph import ArgumentValue
from brainc.operators.operator import Argument
from brainc.operators.optimizer import OPTIMIZERS, OPTIMIZERS_TO_COME
from brainc.settings.reading import choose, known_settings, read_arguments, read_value, real, whole
from brainlang import program as language
from brainlang.diagnostics import Report
from brainlang.program import ListOf, Program, Setting
from brainrun.plan.schema import (
    ConstantSchedule,
    CosineSchedule,
    ExponentialSchedule,
    Schedule,
    StepSchedule,
    Training,
    WarmupSchedule,
)

KEYS = ("batch", "epochs", "steps", "seed", "optimizer", "schedule", "precision", "algorithm")
KEYS_TO_COME = ("clip", "l1", "l2", "checkpoint", "callbacks")
COUNTS: Mapping[str, Argument] = {
    argument.name: argument
    for argument in (
        Argument("batch", "count", "samples of a mini-batch, over all ranks", 128),
        Argument("epochs", "count", "passes over the training data", 0),
        Argument("steps", "count", "mini-batches", 0),
        Argument("seed", "index", "what all random numbers are drawn from", 0),
    )
}
LARGEST_BATCH = 2**24
SCHEDULES: Mapping[str, tuple[Argument, ...]] = {
    "constant": (),
    "step": (Argument("every", "count", "epochs"), Argument("factor", "magnitude", "what the rate is multiplied by")),
    "exponential": (Argument("factor", "magnitude", "what the rate is multiplied by after each epoch"),),
    "cosine": (Argument("least", "fraction", "the share of the rate that is left at the end", 0.0),),
    "warmup": (Argument("steps", "count", "in how many the rate rises"),),
}
PRECISIONS, PRECISIONS_TO_COME = ("f32",), ("bf16",)
ALGORITHMS, ALGORITHMS_TO_COME = ("backprop",), ("greedy_autoencoder",)
DEFAULT_OPTIMIZER, DEFAULT_RATE = "sgd", 0.01


class TrainSettings(NamedTuple):
    """The plan's record of training, the optimiser's name, and every number of the optimiser, its rate included."""

    training: Training
    optimizer: str
    settings: Mapping[str, float]


def training(program: Program) -> TrainSettings:
    """What the `train` section says; without one, an epoch of `sgd(rate=0.01)` in mini-batches of 128 with seed 0.

    Raises BrainError with all mistakes, one of which is that the network has no loss.
    """
    report = Report()
    network = program.network
    if not network.losses:
        message = f"network {network.name} has no loss, and training needs one"
        report.add(network.span, message, "add loss objective = cross_entropy(…) or another")
    for stage in program.train[1:]:
        report.add(stage.span, "several stages of training are in the language but not built yet", "keep one 'train'")
    given = program.train[0].settings if program.train else ()
    settings = known_settings(report, "key of train", given, KEYS, KEYS_TO_COME)
    counts = {name: _count(report, argument, settings) for name, argument in COUNTS.items()}
    if "epochs" in settings and "steps" in settings:
        report.add(settings["steps"].key_span, "both 'epochs' and 'steps' are given", "leave one of the two out")
    if counts["batch"] > LARGEST_BATCH:
        report.add(settings["batch"].value.span, f"batch is at most {LARGEST_BATCH:,}", "take a smaller mini-batch")
    _only_built(report, settings)
    optimizer, numbers = _optimizer(report, settings)
    schedules = _schedules(report, settings["schedule"].value) if "schedule" in settings else (ConstantSchedule(),)
    report.settle()
    return TrainSettings(
        Training(
            batch=counts["batch"],
            epochs=counts["epochs"] or (0 if counts["steps"] else 1),
            steps=counts["steps"],
            seed=counts["seed"],
            optimizer=optimizer,
            rate=numbers["rate"],
            schedules=schedules,
        ),
        optimizer,
        numbers,
    )


def _count(report: Report, argument: Argument, settings: Mapping[str, Setting]) -> int:
    """The number given, or the default; 0 where what is given is none, which is reported."""
    given = settings.get(argument.name)
    value = argument.default if given is None else read_value(report, argument, given.value)
    return value if isinstance(value, int) else 0


def _only_built(report: Report, settings: Mapping[str, Setting]) -> None:
    """`precision` and `algorithm` have one value each so far."""
    for key, words in (
        ("precision", (PRECISIONS, PRECISIONS_TO_COME)),
        ("algorithm", (ALGORITHMS, ALGORITHMS_TO_COME)),
    ):
        if key in settings and (call := choose(report, key, settings[key].value, words)):
            read_arguments(report, call, ())


def _optimizer(report: Report, settings: Mapping[str, Setting]) -> tuple[str, Mapping[str, float]]:
    if "optimizer" not in settings:
        return DEFAULT_OPTIMIZER, {"rate": DEFAULT_RATE}
    call = choose(report, "optimizer", settings["optimizer"].value, (tuple(OPTIMIZERS), sorted(OPTIMIZERS_TO_COME)))
    numbers = None if call is None else read_arguments(report, call, OPTIMIZERS[call.function].arguments)
    if call is None or numbers is None:
        return "", {}
    return call.function, {name: real(value) for name, value in numbers.items()}


def _schedules(report: Report, value: language.Value) -> tuple[Schedule, ...]:
    """One schedule, or those of a list, whose factors multiply."""
    items = value.items if isinstance(value, ListOf) else (value,)
    schedules: list[Schedule] = []
    for item in items:
        call = choose(report, "schedule", item, (tuple(SCHEDULES), ()))
        arguments = None if call is None else read_arguments(report, call, SCHEDULES[call.function])
        if call is not None and arguments is not None:
            schedules.append(_schedule(call.function, arguments))
    return tuple(schedules) or (ConstantSchedule(),)


def _schedule(name: str, arguments: Mapping[str, ArgumentValue]) -> Schedule:
    match name:
        case "step":
            return StepSchedule(whole(arguments["every"]), real(arguments["factor"]))
        case "exponential":
            return ExponentialSchedule(real(arguments["factor"]))
        case "cosine":
            return CosineSchedule(real(arguments["least"]))
        case "warmup":
            return WarmupSchedule(whole(arguments["steps"]))
        case _:
            return ConstantSchedule()
