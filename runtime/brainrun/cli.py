"""`brainrun`: run a plan, or a `.brain` file, on as many ranks as it is for."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from brainrun.allocator import keep_freed_memory
from brainrun.errors import RunError
from brainrun.first_death import hold_pipe
from brainrun.kernels import cache_folder
from brainrun.launch import launch
from brainrun.mesh import AgreedFailure, World, launched
from brainrun.open_world import open_world
from brainrun.options import RunOptions
from brainrun.plan.store import read_plan, require_ranks, target_of
from brainrun.progress import Show
from brainrun.run import run
from brainrun.timeline import Steps
from brainrun.train import Length
from brainrun.truenorth.options import SUFFIX, CoreRun, add_core_options, core_run, refuse_core_options
from brainrun.truenorth.ranc.command import run_ranc, speaks_ranc

_EXAMPLES = """examples:
  brainrun net.plan                          train as the plan says, on the ranks it is for
  brainrun -n 4 net.brain --epochs 2         compile first, then train two epochs on four ranks
  mpiexec -n 8 brainrun net.plan             the same under a launcher of yours (or srun)
  brainrun net.plan --mode eval --from runs/net-1/weights.safetensors
  brainrun net.plan --mode predict --from weights.safetensors --run-dir out
  brainrun net.plan --mode bench --steps 500 --json speed.json
  brainrun model.json --spikes in.sfti --ticks 1000 --output out.csv
  brainrun -n 4 model.json --ticks 1000 --raster all.npy       the cores shared out over four ranks
  brainrun net.json --ranc config.json --ticks 1000 --output rows.txt       a network of RANC's (--ranc --help)

environment:
  BRAINC_CACHE    where compiled kernels are kept (default: ~/.cache/brainc)

exit status: 0 fine, 1 the input is at fault, 2 wrong usage
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and run; the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    keep_freed_memory()
    if not launched(os.environ):
        # A batch system's SIGTERM ends us as Ctrl-C does, so that nothing is left behind; ranks are their launcher's.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return run_ranc(given) if speaks_ranc(given) else _run(given)
    except (RunError, AgreedFailure) as error:
        print(f"brainrun: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("brainrun: interrupted", file=sys.stderr)
        return 130


def _run(given: list[str]) -> int:
    """Whatever is not RANC's: a network of cores, a `.brain` file, or a plan."""
    parser = _parser()
    asked = parser.parse_args(given)
    if asked.plan.suffix == SUFFIX:
        return _start_cores(core_run(asked, parser), asked, given)
    refuse_core_options(asked, parser)
    if asked.timeline is not None and asked.mode != "train":
        parser.error(f"--timeline records training, and the mode is {asked.mode}")
    if asked.plan.suffix == ".brain":
        return _compile_and_run(asked, given)
    if asked.settings:
        parser.error(f"--set is for .brain files; {asked.plan} has been compiled already")
    return _start(asked, given)


def _start_cores(wanted: CoreRun, asked: argparse.Namespace, given: list[str]) -> int:
    """Run here if this is a rank or the only one; otherwise start the ranks."""
    from brainrun.truenorth.run import run_cores

    if _wants_ranks(asked):
        return launch(asked.ranks, given)
    return run_cores(wanted, _world(asked))


def _start_core_plan(asked: argparse.Namespace, given: list[str]) -> int:
    """The same for a plan for cores, which any number of ranks may share."""
    from brainrun.truenorth.run_plan import run_core_plan

    if _wants_ranks(asked):
        return launch(asked.ranks, given)
    return run_core_plan(_options(asked, asked.plan), _world(asked))


def _wants_ranks(asked: argparse.Namespace) -> bool:
    return not launched(os.environ) and asked.ranks is not None and asked.ranks > 1


def _world(asked: argparse.Namespace) -> World:
    world = open_world(with_mpi=launched(os.environ))
    if asked.pipes is not None:
        hold_pipe(asked.pipes, world.rank)
    return world


def _start(asked: argparse.Namespace, given: list[str]) -> int:
    """Run here if this is a rank or the only one; otherwise start the ranks."""
    under_mpi = launched(os.environ)
    if target_of(asked.plan) == "truenorth":
        return _start_core_plan(asked, given)
    if not under_mpi:
        plan, _ = read_plan(asked.plan)
        ranks = plan.mesh.data * plan.mesh.model
        if asked.ranks is not None:
            require_ranks(plan, asked.ranks, asked.plan)
        if ranks > 1:
            live = ["--show-live"] if _shown(asked) == "terminal" else []
            return launch(ranks, [*given, *live])
    return run(_options(asked, asked.plan), _world(asked))


def _compile_and_run(asked: argparse.Namespace, given: list[str]) -> int:
    """Compile in a process of its own, because a compute node's runtime knows nothing of the language."""
    with tempfile.TemporaryDirectory(prefix="brainrun-") as folder:
        plan = Path(folder) / f"{asked.plan.stem}.plan"
        if launched(os.environ):
            return _compile_on_rank_0(asked, plan)
        status = _compiled(asked.plan, plan, asked.ranks, asked.settings)
        if status:
            return status
        asked.data_dir = asked.data_dir or asked.plan.resolve().parent
        replaced = [str(plan) if Path(word) == asked.plan else word for word in _without_settings(given)]
        asked.plan = plan
        return _start(asked, [*replaced, "--data-dir", str(asked.data_dir)])


def _compile_on_rank_0(asked: argparse.Namespace, plan: Path) -> int:
    world = open_world(with_mpi=True)
    status = world.broadcast(_compiled(asked.plan, plan, world.size, asked.settings) if world.rank == 0 else None)
    if status:
        return status
    asked.data_dir = asked.data_dir or asked.plan.resolve().parent
    return run(_options(asked, plan), world)


def _without_settings(given: Sequence[str]) -> list[str]:
    """The words without `--set NAME=VALUE`, which the compiler has had."""
    pairs = zip(["", *given], given, strict=False)
    return [word for before, word in pairs if before != "--set" and word != "--set" and not word.startswith("--set=")]


def _compiled(source: Path, plan: Path, ranks: int | None, settings: Sequence[str]) -> int:
    """Compile a file into a plan, for so many ranks where that is given; the status of the compiler, which prints."""
    command = [sys.executable, "-m", "brainc.cli", "compile", str(source), "-o", str(plan)]
    command += [f"--set={setting}" for setting in settings]
    if ranks is not None:
        command += ["--ranks", str(ranks)]
    return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode


def _options(asked: argparse.Namespace, plan: Path) -> RunOptions:
    length = None
    if asked.steps is not None:
        length = Length(asked.steps, "steps")
    elif asked.epochs is not None:
        length = Length(asked.epochs, "epochs")
    return RunOptions(
        plan=plan,
        mode=asked.mode,
        length=length,
        seed=asked.seed,
        order="as they are" if asked.no_shuffle else "shuffled",
        run_folder=asked.run_dir,
        threads=asked.threads,
        data_folder=asked.data_dir,
        weights=getattr(asked, "from"),
        json=asked.json,
        timeline=asked.timeline,
        show=_shown(asked),
        cache=cache_folder(os.environ),
    )


def _shown(asked: argparse.Namespace) -> Show:
    if asked.quiet:
        return "nothing"
    return "terminal" if asked.show_live or sys.stdout.isatty() else "lines"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="brainrun",
        description="Run a compiled plan: train, evaluate, predict or measure. Or simulate a network of cores.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("plan", type=Path, metavar="net.plan|net.brain|model.json", help="a plan, a network to compile first, or cores")
    add("-n", dest="ranks", type=_positive, metavar="N", help="ranks to start (default: as many as the plan is for)")
    add("--mode", choices=("train", "eval", "predict", "bench"), default="train", help="what to do (default: train)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=_positive, metavar="N", help="train so many steps, whatever the plan says")
    length.add_argument("--epochs", type=_positive, metavar="N", help="train so many epochs, whatever the plan says")
    add(
        "--set",
        dest="settings",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="of a .brain file: replace the value of a 'let' at its top",
    )
    add(
        "--seed",
        type=_seed,
        metavar="S",
        help="seed of weights, dropout and sample order, and of stochastic spikes (default: the plan's)",
    )
    add("--no-shuffle", action="store_true", help="take the samples in the order of their file")
    add(
        "--run-dir",
        type=Path,
        metavar="DIR",
        help="where to leave weights and metrics (default: runs/NAME-1, …), or, of eval on cores, each core's work",
    )
    add("--threads", type=_positive, metavar="T", help="threads a rank (default: its share of the node's cores)")
    add("--data-dir", type=Path, metavar="DIR", help="where the data's paths start (default: as compiled)")
    add("--from", type=Path, metavar="CHECKPOINT", help="start from these weights (safetensors, PyTorch's or ours)")
    add("--json", type=Path, metavar="FILE", help="write what came of the run as one JSON object")
    add("--timeline", type=_steps, metavar="N[-M]", help="record what each rank does in step N (to M), for Perfetto")
    add("--quiet", action="store_true", help="print errors only")
    add_core_options(parser, _positive)
    add("--show-live", action="store_true", help=argparse.SUPPRESS)
    add("--pipes", type=Path, help=argparse.SUPPRESS)
    return parser


def _positive(text: str) -> int:
    value = _whole(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not at least 1")
    return value


def _steps(text: str) -> Steps:
    first, dash, last = text.partition("-")
    steps = Steps(_positive(first), _positive(last if dash else first))
    if steps.last < steps.first:
        raise argparse.ArgumentTypeError(f"{steps.last} comes before {steps.first}")
    return steps


def _seed(text: str) -> int:
    value = _whole(text)
    if not 0 <= value < 2**63:
        raise argparse.ArgumentTypeError(f"{value} is not in 0 … 2⁶³ − 1")
    return value


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number") from None


if __name__ == "__main__":
    sys.exit(main())
