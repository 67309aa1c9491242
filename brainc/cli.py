"""The command `brainc`: check, lay out, draw and compile `.brain` files, and read plans.

Each command imports what it needs when it runs: the compiler brings NumPy, networkx and LLVM, a second of start-up
that `brainc fmt` in an editor, or `--help`, must not wait for.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from brainc import __version__, commands
from brainc.settings.options import LEVELS, TARGETS, TARGETS_TO_COME, Extent
from brainlang.diagnostics import BrainError
from brainrun.errors import RunError

INTERRUPTED = 130
"""An exit status beside those of the commands; argparse itself ends with 2 where the command line is wrong."""

EXAMPLES = """
examples:
  brainc check lenet.brain                         every mistake in the file
  brainc fmt lenet.brain                           put it in the one layout
  brainc graph lenet.brain -o lenet.svg            draw the layers
  brainc compile lenet.brain --data 2 --model 2    a plan for four ranks, lenet.plan
  brainc compile lenet.brain --set rate=0.1 --show graph --show partition
  brainc export cores.plan --samples 10            a plan for cores as RANC's files, in cores.ranc
  brainc export spikes.brain --from weights.safetensors
                                                   a network of spikes as a NIR graph, spikes.nir
  brainc compile spikes.nir --target truenorth     … and a NIR graph onto cores
  brainc report lenet.plan                         what each rank holds, sends and waits for
  brainc report lenet.plan --html report.html
  brainc report lenet.plan --run runs/lenet-1      … and beside it what a recorded run has measured

exit status: 0 fine, 1 the input is at fault, 2 wrong usage
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status. Messages go to stderr, and nothing that a user does ends in a traceback."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that cannot show × or Σ still gets the rest of the text.
        sys.stdout.reconfigure(errors="replace")
    given = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = given.command
    try:
        status = command(given)
        sys.stdout.flush()
        return status
    except BrainError as error:
        return commands.fail(str(error))
    except RunError as error:
        return commands.fail(f"brainc: error: {error}")
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does. What is left in the buffer must not raise at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return commands.AT_FAULT
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return commands.fail(f"brainc: error: {where}{error.strerror or error}")
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # one that nobody foresaw is told as a defect of ours
        return commands.fail(_defect(error, given.debug))


def _defect(error: Exception, debug: bool) -> str:
    """What to say of an exception that nobody foresaw: that it is ours, what it is, and where it came from."""
    if debug:
        return "".join(traceback.format_exception(error)).rstrip()
    last = traceback.extract_tb(error.__traceback__)[-1]
    said = f": {error}" if str(error) else ""
    return (
        f"brainc: this is a defect in brainc, not in your file: {type(error).__name__}{said}\n"
        f"  in {last.name}, {Path(last.filename).name}:{last.lineno}\n"
        "help: run it again with --debug for the whole traceback, and report both with the file"
    )


# ---- the command line ------------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="brainc",
        description="Compile neural networks for machines with many ranks.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"brainc {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    check = _command(subparsers, "check", commands.check, "parse and check a file; every diagnostic")
    _add_source(check)
    layout = _command(subparsers, "fmt", commands.lay_out, "put files in the one layout")
    layout.add_argument("files", metavar="FILE", type=Path, nargs="+")
    layout.add_argument("--check", action="store_true", help="change nothing; status 1 where a file has another layout")
    graph = _command(subparsers, "graph", commands.draw, "draw the layer graph")
    _add_source(graph)
    graph.add_argument("-o", dest="output", metavar="FILE", type=Path, help="the SVG file (NAME.svg)")
    _add_compile(subparsers)
    _add_export(subparsers)
    report = _command(subparsers, "report", commands.report, "what a plan will do, before it is done")
    report.add_argument("plan", metavar="PLAN", type=Path)
    report.add_argument("--html", metavar="FILE", type=Path, help="write it as a page to look around in")
    report.add_argument("--run", metavar="DIR", type=Path, help="a run's folder: what brainrun has measured")
    report.add_argument("--json", action="store_true", help="print it for programs")
    return parser


def _command(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    summary: str,
) -> argparse.ArgumentParser:
    parser = subparsers.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    parser.add_argument("--debug", action="store_true", help="print the traceback of a defect in brainc")
    parser.set_defaults(command=run)
    return parser


def _add_source(parser: argparse.ArgumentParser, what: str = "a .brain file") -> None:
    parser.add_argument("source", metavar="FILE", type=Path, help=what)
    parser.add_argument(
        "--set",
        dest="settings",
        metavar="NAME=VALUE",
        type=_setting,
        action="append",
        default=[],
        help="replace the value of a 'let' at the top of the file",
    )


def _add_weights(parser: argparse.ArgumentParser, target: str) -> None:
    text = f"trained weights ({target}); of several, --from A --from B, so many networks that decide together"
    parser.add_argument("--from", dest="weights", metavar="FILE", type=Path, action="append", default=[], help=text)


def _add_compile(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _command(subparsers, "compile", commands.compile_source, "compile a file to a plan")
    _add_source(parser, "a .brain file, or a .nir file for truenorth")
    parser.add_argument("-o", dest="output", metavar="PLAN", type=Path, help="the plan's folder (NAME.plan)")
    parser.add_argument("--data", metavar="D", type=_extent, help="replicas of the model, or auto")
    parser.add_argument("--model", metavar="M", type=_extent, help="ranks that share one model, or auto")
    parser.add_argument("--ranks", metavar="N", type=_count, help="how many ranks, where data or model is auto")
    reductions = 'how gradients are summed over replicas: sum, auto, "[onebit for dense, sum]", …'
    parser.add_argument("--reduce", metavar="S", help=reductions)
    targets = (*TARGETS, *TARGETS_TO_COME)
    parser.add_argument("--target", choices=targets, default=TARGETS[0], help="what the plan runs on (cpu)")
    parser.add_argument("--machine", metavar="FILE", type=Path, help="a machine's description, for predictions")
    _add_weights(parser, "truenorth")
    _add_drawing(parser)
    shown = "ticks in which a sample is shown to the cores (what the file says)"
    parser.add_argument("--ticks", metavar="T", type=_count, help=shown)
    left = "place cores by the spikes that a run of them left: brainrun --mode eval PLAN --run-dir RUN (all fire alike)"
    parser.add_argument("--run", metavar="RUN", type=Path, help=left)
    parser.add_argument("--data-dir", metavar="DIR", type=Path, help="where data files are (the source's folder)")
    levels = list(dict.fromkeys(level for of_target in LEVELS.values() for level in of_target))
    parser.add_argument(
        "--show",
        metavar="LEVEL",
        choices=levels,
        action="append",
        default=[],
        help=f"print a level of the compilation: {', '.join(levels)}",
    )


def _add_export(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _command(
        subparsers, "export", commands.export, "write RANC's files from a plan, or a NIR graph from a .brain file"
    )
    _add_source(parser, "a plan whose target is truenorth, or a .brain file")
    where = "the folder of RANC's files (NAME.ranc), or the NIR file (NAME.nir)"
    parser.add_argument("-o", dest="output", metavar="FILE", type=Path, help=where)
    parser.add_argument(
        "--format", choices=("ranc", "nir"), help="what to write (ranc for a plan, nir for a .brain file)"
    )
    _add_weights(parser, "nir")
    _add_drawing(parser)
    packets = "so many samples of the plan's data as packets, one a tick (ranc; none)"
    parser.add_argument("--samples", metavar="N", type=_count, default=0, help=packets)
    parser.add_argument("--data-dir", metavar="DIR", type=Path, help="where data files are (ranc; what the plan says)")


def _add_drawing(parser: argparse.ArgumentParser) -> None:
    drawn = "networks to draw from weights that are probabilities (what the file says)"
    parser.add_argument("--ensemble", metavar="N", type=_count, help=drawn)
    parser.add_argument("--seed", metavar="S", type=_whole, help="what is drawn by: networks, and stochastic spikes")


def _setting(text: str) -> tuple[str, str]:
    name, equal, value = text.partition("=")
    if not equal or not name.strip() or not value.strip():
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=VALUE")
    return name.strip(), value.strip()


def _extent(text: str) -> Extent:
    return "auto" if text == "auto" else _count(text)


def _whole(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 0 on")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 9 or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above 0")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
