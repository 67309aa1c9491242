"""What does one rank do from beginning to end? Read the plan, get ready, do the work, report.

Whatever may fail for reasons outside the program fails in an agreed block: all ranks learn of it and end alike.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import assert_never

from brainrun.bench import DEFAULT_STEPS, bench
from brainrun.checkpoint import initialise, load_weights, parameters_sha256, save_weights
from brainrun.errors import DataError, PlanError, RunError
from brainrun.evaluate import Evaluation
from brainrun.execute import Executor
from brainrun.kernels import KernelSource, compile_missing, load, open_cache
from brainrun.mesh import AgreedFailure, World, agreed
from brainrun.native import Loader
from brainrun.options import Mode, RunOptions
from brainrun.plan.cores import CorePlan
from brainrun.plan.rules import broken_rules
from brainrun.plan.schema import DataSection, PartSource, Plan
from brainrun.plan.store import read_plan, require_ranks
from brainrun.pool import Pool, pool_source
from brainrun.predict import predict
from brainrun.processor import this_processor
from brainrun.progress import Watch, open_watch
from brainrun.readers.dataset import Dataset, open_datasets
from brainrun.report import Report
from brainrun.run_folder import WEIGHTS, note_epoch, open_run_folder
from brainrun.timeline import TIMELINE, Timeline, write_timeline
from brainrun.train import Epoch, Length, train

_SECONDS_AFTER_THE_RANK_BEFORE, _MOST_SECONDS_OF_SILENCE = 0.2, 2.0

_SECONDS_FOR_THE_CAUSE = 1.0
"""A rank that dies makes MPI fail on others. What ended it is for the launcher to say, which then ends these, too."""

_SECONDS_TO_BE_HEARD = 0.1
"""A launcher that is told to end all ranks drops what it has not read from them yet."""


def run(options: RunOptions, world: World) -> int:
    """Run the plan on this rank; its exit status. Rank 0 alone prints."""
    return ended(world, lambda: _run(options, world))


def ended(world: World, work: Callable[[], None]) -> int:
    """Do a rank's work; the exit status, after what went wrong has been said and the other ranks were ended, too."""
    try:
        work()
    except AgreedFailure as failure:
        if world.rank == 0:
            print(f"brainrun: {failure}", file=sys.stderr, flush=True)
        return 1
    except RunError as error:
        # What one rank meets in a step, many may: the first to speak ends the others, so let it be the lowest.
        sleep(min(world.rank * _SECONDS_AFTER_THE_RANK_BEFORE, _MOST_SECONDS_OF_SILENCE))
        _say_and_abort(f"brainrun: {error}\n", world)
        return 1
    except KeyboardInterrupt:
        if world.size == 1:
            print("brainrun: interrupted", file=sys.stderr)
        world.abort()
        return 130
    except Exception as error:  # a rank's main: a defect must end the other ranks too
        if world.is_of_mpi(error):
            sleep(_SECONDS_FOR_THE_CAUSE)
        _say_and_abort(traceback.format_exc(), world)
        return 1
    finally:
        world.close()
    return 0


def _say_and_abort(words: str, world: World) -> None:
    """Say why, in one piece, and end all ranks once that has been heard."""
    sys.stderr.write(words)
    sys.stderr.flush()
    if world.size > 1:
        sleep(_SECONDS_TO_BE_HEARD)
    world.abort()


_MEETINGS = 11
"""How often ranks meet to set their clocks: the first times are slower than what follows."""

_SWITCH_SECONDS = 5e-4
"""How long the thread that prepares batches may hold Python's lock while the step wants it back; the usual 5 ms are
longer than many a step."""


def _run(options: RunOptions, world: World) -> None:
    sys.setswitchinterval(_SWITCH_SECONDS)
    clock = _Clock()
    plan, texts = _plan(options, world)
    world.form(plan.mesh)
    watch = open_watch(options.show if world.rank == 0 else "nothing")
    loader = Loader()
    addresses = _kernels(plan, texts, options, world, watch, loader)
    clock.lap("kernels")
    cores = world.cores()
    threads = options.threads or len(cores)
    with Pool(addresses[pool_source().name], threads, cores=cores if threads == len(cores) else ()) as pool:
        with agreed(world):
            datasets = wanted_datasets(plan, options.mode, options.data_folder or options.plan / plan.data_folder)
        clock.lap("data")
        with agreed(world):
            executor = Executor(plan, addresses, pool, world)
            if options.weights is None:
                initialise(executor, _seed(plan, options))
                if options.mode in ("eval", "predict"):
                    watch.say("without --from, these are weights that nothing has trained")
            else:
                load_weights(executor, options.weights)
        clock.lap("parameters")
        _Work(options, world, executor, datasets, watch, clock).do()


@dataclass(frozen=True, slots=True)
class _Work:
    """A rank that is ready, and what it is to do."""

    options: RunOptions
    world: World
    executor: Executor
    datasets: Mapping[str, Dataset]
    watch: Watch
    clock: _Clock

    def do(self) -> None:
        """Do what the mode says, and report."""
        match self.options.mode:
            case "train":
                self._finish(self._train())
            case "eval":
                self._finish(self._evaluate())
            case "predict":
                self._finish(self._predict())
            case "bench":
                self._finish(self._bench())
            case _:
                assert_never(self.options.mode)

    def _train(self) -> Report:
        plan, world = self.executor.plan, self.world
        folder = self._folder()

        def on_epoch(epoch: Epoch) -> None:
            if world.rank == 0:
                note_epoch(folder, epoch, self.clock.seconds())

        timeline = self._timeline()
        history = train(
            self.executor,
            self.datasets,
            self.options.length or _length(plan),
            seed=_seed(plan, self.options),
            order=self.options.order,
            watch=self.watch,
            timeline=timeline,
            on_epoch=on_epoch,
        )
        self.clock.lap("training")
        with agreed(world):
            save_weights(self.executor, world, folder / WEIGHTS)
        if timeline is not None:
            self._write(timeline, folder / TIMELINE)
        self.clock.lap("saving")
        self.watch.say(_compared(history.samples_per_second, plan))
        self.watch.say(f"weights in {folder / WEIGHTS}")
        return Report(
            steps=history.steps,
            epochs=tuple({"epoch": epoch.epoch, **epoch.numbers} for epoch in history.epochs),
            loss_by_step=tuple(history.loss_by_step),
            samples_per_second=history.samples_per_second,
            bytes_sent=self.executor.train.bytes_sent(),
        )

    def _timeline(self) -> Timeline | None:
        """An empty one, if steps are to be recorded, that begins now for all ranks."""
        if self.options.timeline is None:
            return None
        seconds = []
        for _ in range(_MEETINGS):
            began = perf_counter()
            self.world.meet()
            seconds.append(perf_counter() - began)
        return Timeline(self.options.timeline, perf_counter(), median(seconds))

    def _write(self, timeline: Timeline, path: Path) -> None:
        ranks = self.world.gather(timeline)
        with agreed(self.world):
            if self.world.rank == 0:
                write_timeline(path, ranks)
        self.watch.say(f"timeline in {path}" if timeline.intervals else f"{path} is empty: no such step was done")

    def _evaluate(self) -> Report:
        roles = [role for role in ("validate", "test") if role in self.datasets] or ["train"]
        numbers = {role: Evaluation(self.executor, self.datasets[role]).run() for role in roles}
        self.clock.lap("evaluating")
        for role, of_role in numbers.items():
            self.watch.say(f"{role}  " + "  ".join(f"{name} {value:.6g}" for name, value in of_role.items()))
        return Report(epochs=({"epoch": 0, **numbers},))

    def _predict(self) -> Report:
        dataset = self.datasets["predict" if "predict" in self.datasets else "test"]
        paths = predict(self.executor, dataset, self.world, self._folder())
        self.clock.lap("predicting")
        for path in paths:
            self.watch.say(f"{dataset.count} predictions in {path}")
        return Report()

    def _bench(self) -> Report:
        plan = self.executor.plan
        length = self.options.length or Length(DEFAULT_STEPS, "steps")
        if length.unit == "epochs":
            length = Length(length.count * max(1, self.datasets["train"].count // plan.training.batch), "steps")
        result = bench(self.executor, self.datasets["train"], length.count, seed=_seed(plan, self.options))
        self.clock.lap("training")
        self.watch.say(_compared(result.samples_per_second, plan))
        self.watch.say(
            f"reading one batch takes a rank {result.reading_seconds_a_batch * 1e3:.2f} ms, beside the training"
        )
        return Report(
            steps=length.count,
            loss_by_step=result.loss_by_step,
            samples_per_second=result.samples_per_second,
            bytes_sent=result.bytes_sent,
        )

    def _folder(self) -> Path:
        folder: Path | None = None
        with agreed(self.world):
            if self.world.rank == 0:
                folder = open_run_folder(self.options.run_folder, self.executor.plan.name)
        return self.world.broadcast(folder)

    def _finish(self, report: Report) -> None:
        """Write the report where one is wanted."""
        if not self.world.broadcast(self.options.json is not None):
            return
        sent = self.world.gather(report.bytes_sent)
        digest = parameters_sha256(self.executor, self.world)
        with agreed(self.world):
            if self.world.rank == 0 and self.options.json is not None:
                report.write(self.options.json, self.executor.plan, sent, self.clock.laps, digest)


class _Clock:
    """Seconds by phase."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._began = self._last = perf_counter()

    def lap(self, phase: str) -> None:
        now = perf_counter()
        self.laps[phase] = now - self._last
        self._last = now

    def seconds(self) -> float:
        return perf_counter() - self._began


def _plan(options: RunOptions, world: World) -> tuple[Plan, dict[str, str]]:
    """The plan, read and checked by rank 0 alone, so that hundreds of ranks do not ask the file system at once."""
    found: tuple[Plan, dict[str, str]] | None = None
    with agreed(world):
        if world.rank == 0:
            plan, texts = read_plan(options.plan)
            require_ranks(plan, world.size, options.plan)
            for broken in broken_rules(plan, texts):
                raise PlanError(f"breaks a rule of plans: {broken}", where=str(options.plan), remedy="compile it again")
            found = plan, texts
    return world.broadcast(found)


def _kernels(
    plan: Plan, texts: Mapping[str, str], options: RunOptions, world: World, watch: Watch, loader: Loader
) -> dict[str, int]:
    """The addresses of all kernels: no more ranks than cores compile what is missing, then each loads all."""
    processor = this_processor()
    sources = [pool_source()]
    sources += [
        KernelSource(kernel.name, kernel.language, texts[kernel.file], str(options.plan / kernel.file))
        for kernel in plan.kernels
    ]
    with agreed(world):
        cache, warning = open_cache(options.cache)
        compile_missing(
            sources,
            processor,
            cache,
            member=world.local_rank,
            members=min(world.local_size, world.cores_of_node()),
            processes=len(world.cores()),
        )
    if warning:
        watch.say(warning)
    with agreed(world):
        return load(sources, processor, cache, loader)


def wanted_datasets(plan: Plan | CorePlan, mode: Mode, folder: Path) -> Mapping[str, Dataset]:
    """The data that the mode asks for, opened. DataError: it is not there, or not what the network expects."""
    by_role = {section.role: section for section in plan.data}
    match mode:
        case "train":
            wanted = ["train", *(role for role in ("validate", "test") if role in by_role)]
        case "bench":
            wanted = ["train"]
        case "eval":
            wanted = [role for role in ("validate", "test") if role in by_role] or ["train"]
        case "predict":
            wanted = ["predict" if "predict" in by_role else "test"]
        case _:
            assert_never(mode)
    for role in wanted:
        if role not in by_role:
            raise DataError(f"{mode} needs data, and the plan has none for {role}", remedy=f"add data {role} {{ … }}")
    opened = open_datasets(_with_parts(plan.data, set(wanted)), folder, plan.inputs)
    return {role: opened[role] for role in wanted}


def _with_parts(sections: tuple[DataSection, ...], wanted: set[str]) -> tuple[DataSection, ...]:
    """The sections wanted, and those that they are parts of or that are parts of them: they decide who has which."""
    while True:
        pairs = [(section.role, section.source.role) for section in sections if isinstance(section.source, PartSource)]
        more = wanted | {name for pair in pairs if set(pair) & wanted for name in pair}
        if more == wanted:
            return tuple(section for section in sections if section.role in wanted)
        wanted = more


def _compared(measured: float, plan: Plan) -> str:
    """What was measured beside what was predicted."""
    predicted = plan.prediction
    return f"{measured:,.0f} samples/s measured, {predicted.samples_per_second:,.0f} predicted for {predicted.machine}"


def _length(plan: Plan) -> Length:
    training = plan.training
    return Length(training.epochs, "epochs") if training.epochs else Length(training.steps, "steps")


def _seed(plan: Plan, options: RunOptions) -> int:
    return plan.training.seed if options.seed is None else options.seed
