"""The command `brainc`: check, lay out, draw and compile `.brain` files, and read plans.

Each command imports what it needs when it runs: the compiler brings NumPy, networkx and LLVM, a second of start-up
that `brainc fmt` in an editor, or `--help`, must not wait for.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from brainc import __version__
from brainc.settings.options import LEVELS, TARGETS, TARGETS_TO_COME, CompileOptions, Extent
from brainlang.diagnostics import BrainError
from brainrun.errors import PlanError, RunError

FINE, AT_FAULT, INTERRUPTED = 0, 1, 130
"""Exit statuses; argparse itself ends with 2 where the command line is wrong."""

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
        return _fail(str(error))
    except RunError as error:
        return _fail(f"brainc: error: {error}")
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does. What is left in the buffer must not raise at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return AT_FAULT
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"brainc: error: {where}{error.strerror or error}")
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # one that nobody foresaw is told as a defect of ours
        return _fail(_defect(error, given.debug))


def _fail(message: str) -> int:
    print(message, file=sys.stderr)
    return AT_FAULT


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
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    check = _command(commands, "check", _check, "parse and check a file; every diagnostic")
    _add_source(check)
    layout = _command(commands, "fmt", _format, "put files in the one layout")
    layout.add_argument("files", metavar="FILE", type=Path, nargs="+")
    layout.add_argument("--check", action="store_true", help="change nothing; status 1 where a file has another layout")
    graph = _command(commands, "graph", _graph, "draw the layer graph")
    _add_source(graph)
    graph.add_argument("-o", dest="output", metavar="FILE", type=Path, help="the SVG file (NAME.svg)")
    _add_compile(commands)
    _add_export(commands)
    report = _command(commands, "report", _report, "what a plan will do, before it is done")
    report.add_argument("plan", metavar="PLAN", type=Path)
    report.add_argument("--html", metavar="FILE", type=Path, help="write it as a page to look around in")
    report.add_argument("--run", metavar="DIR", type=Path, help="a run's folder: what brainrun has measured")
    report.add_argument("--json", action="store_true", help="print it for programs")
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    summary: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
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


def _add_compile(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _command(commands, "compile", _compile, "compile a file to a plan")
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
    parser.add_argument("--from", dest="weights", metavar="FILE", type=Path, help="weights to put on cores (truenorth)")
    _add_drawing(parser)
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


def _add_export(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _command(commands, "export", _export, "write RANC's files from a plan, or a NIR graph from a .brain file")
    _add_source(parser, "a plan whose target is truenorth, or a .brain file")
    where = "the folder of RANC's files (NAME.ranc), or the NIR file (NAME.nir)"
    parser.add_argument("-o", dest="output", metavar="FILE", type=Path, help=where)
    parser.add_argument(
        "--format", choices=("ranc", "nir"), help="what to write (ranc for a plan, nir for a .brain file)"
    )
    parser.add_argument("--from", dest="weights", metavar="FILE", type=Path, help="trained weights (nir)")
    _add_drawing(parser)
    packets = "so many samples of the plan's data as packets, one a tick (ranc; none)"
    parser.add_argument("--samples", metavar="N", type=_count, default=0, help=packets)
    parser.add_argument("--data-dir", metavar="DIR", type=Path, help="where data files are (ranc; what the plan says)")


def _add_drawing(parser: argparse.ArgumentParser) -> None:
    drawn = "networks to draw from weights that are probabilities (what the file says)"
    parser.add_argument("--ensemble", metavar="N", type=_count, help=drawn)
    parser.add_argument("--seed", metavar="S", type=_whole, help="what they are drawn by (the seed of train)")


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


# ---- the commands ----------------------------------------------------------------------------------------------------


def _check(given: argparse.Namespace) -> int:
    # Imported here, like all below, for a quick start: see the head of this file.
    from brainc.settings.check import check_sections
    from brainlang.diagnostics import counted
    from brainlang.load import load_program

    program = load_program(given.source, dict(given.settings))
    graph = check_sections(program, CompileOptions(given.source))
    print(f"{given.source}: network {graph.name} is sound: {counted(len(graph.nodes), 'layer')}")
    return FINE


def _format(given: argparse.Namespace) -> int:
    from brainlang.format import format_source
    from brainlang.load import read_source

    status = FINE
    for path in given.files:
        formatted = format_source(read_source(path).text, str(path)).encode()
        if formatted == path.read_bytes():
            continue
        if given.check:
            status = _fail(f"{path}: not in the one layout\nhelp: run brainc fmt {path}")
        else:
            _replace(path, formatted)
    return status


def _replace(path: Path, content: bytes) -> None:
    """The file has the new content, and its old permissions, or is as it was."""
    real = path.resolve()
    handle, name = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, real.stat().st_mode)
        os.replace(name, real)
    except BaseException:
        os.unlink(name)
        raise


def _graph(given: argparse.Namespace) -> int:
    from brainc.graph.build import build
    from brainc.graph.draw import svg
    from brainlang.load import load_program

    graph = build(load_program(given.source, dict(given.settings)))
    output = given.output or Path(f"{given.source.stem}.svg")
    output.write_text(svg(graph), encoding="utf-8")
    print(output)
    return FINE


def _compile(given: argparse.Namespace) -> int:
    from brainc.pipeline import compile_file, compile_file_onto_cores

    if given.target in TARGETS_TO_COME:
        raise PlanError(f"the target {given.target} is not built yet", remedy=f"use --target {TARGETS[0]}")
    options = CompileOptions(
        source=given.source,
        output=given.output,
        data=given.data,
        model=given.model,
        ranks=given.ranks,
        reduce=given.reduce,
        target=given.target,
        machine=given.machine,
        weights=given.weights,
        ensemble=given.ensemble,
        seed=given.seed,
        settings=tuple(given.settings),
        data_dir=given.data_dir,
        show=tuple(given.show),
    )
    for level in options.show:
        if level not in LEVELS[options.target]:
            of_target = ", ".join(LEVELS[options.target])
            raise PlanError(f"the target {options.target} has no level {level}", remedy=f"it has {of_target}")
    if options.source.suffix == ".nir":
        return _compile_nir(options)
    if options.target == "truenorth":
        cores, onto = compile_file_onto_cores(options)
        for level, text in onto.texts:
            print(f"# {level}\n{text}")
        count = sum(layer.cores + layer.splitters for layer in cores.layers)
        untrained = "" if options.weights else ", with weights that nothing has trained"
        print(f"{options.plan}: {count} cores{untrained}; brainrun --mode eval {options.plan} runs them on the data")
        return FINE
    plan, compiled = compile_file(options)
    for level, text in compiled.texts:
        print(f"# {level}\n{text}")
    mesh = plan.mesh
    print(f"{options.plan}: data {mesh.data} × model {mesh.model}; brainc report {options.plan} tells what it does")
    return FINE


def _compile_nir(options: CompileOptions) -> int:
    from brainc.pipeline import compile_nir_file

    where = str(options.source)
    if options.target != "truenorth":
        raise PlanError("is a NIR graph, which goes onto cores alone", where=where, remedy="use --target truenorth")
    if options.weights is not None or options.settings or options.ensemble or options.seed is not None:
        remedy = "leave out --from, --set, --ensemble and --seed"
        raise PlanError("is a NIR graph with its own weights", where=where, remedy=remedy)
    if "graph" in options.show:
        raise PlanError("is a NIR graph, and has no level graph", where=where, remedy="it has units, cores")
    cores, onto = compile_nir_file(options)
    for level, text in onto.texts:
        print(f"# {level}\n{text}")
    count = sum(layer.cores + layer.splitters for layer in cores.layers)
    data = f"the arrays of {options.source.stem}.npz"
    print(f"{options.plan}: {count} cores; brainrun --mode predict {options.plan} runs them on {data}")
    return FINE


def _export(given: argparse.Namespace) -> int:
    is_plan = given.source.is_dir()
    wanted = given.format or ("ranc" if is_plan else "nir")
    if wanted == "nir" and is_plan:
        remedy = "give the .brain file, and its weights with --from"
        raise PlanError("is a plan, whose cores are layers no longer", where=str(given.source), remedy=remedy)
    if wanted == "ranc" and given.source.is_file():
        raise PlanError("is no plan", where=str(given.source), remedy="compile it with --target truenorth first")
    if given.source.suffix == ".nir":
        raise PlanError("is a NIR graph already", where=str(given.source), remedy="give a .brain file")
    return _export_to_nir(given) if wanted == "nir" else _export_to_ranc(given)


def _export_to_ranc(given: argparse.Namespace) -> int:
    from brainc.export import CONFIG_FILE, NETWORK_FILE, InRanc, RancOptions, export_to_ranc

    if given.weights is not None or given.settings or given.ensemble or given.seed is not None:
        remedy = "give --from, --set, --ensemble and --seed to brainc compile instead"
        raise PlanError("has its weights and settings in its cores", where=str(given.source), remedy=remedy)
    output = given.output or Path(f"{given.source.resolve().stem}.ranc")
    written = export_to_ranc(RancOptions(given.source, output, given.samples, given.data_dir))
    if not isinstance(written, InRanc):
        return _fail("\n".join(f"brainc: error: {given.source}: RANC cannot do it: {lack}" for lack in written))
    command = f"brainrun {output / NETWORK_FILE} --ranc {output / CONFIG_FILE} --ticks {written.rows} --output rows.txt"
    print(f"{output}: {written.cores} cores, decisions from row {written.first} on; {command} runs them")
    return FINE


def _export_to_nir(given: argparse.Namespace) -> int:
    from brainc.export import export_to_nir

    if given.samples or given.data_dir is not None:
        raise PlanError("a NIR graph holds no data", remedy="leave out --samples and --data-dir")
    output = given.output or Path(f"{given.source.stem}.nir")
    options = CompileOptions(
        given.source,
        weights=given.weights,
        ensemble=given.ensemble,
        seed=given.seed,
        settings=tuple(given.settings),
        target="truenorth",
    )
    checked = export_to_nir(options, output)
    untrained = "" if options.weights else ", with weights that nothing has trained"
    unchecked = "" if checked else "; read it with type_check=False, as nir takes all kernels for square"
    print(f"{output}: NIR graph{untrained}{unchecked}")
    return FINE


def _report(given: argparse.Namespace) -> int:
    from brainrun.plan.store import target_of

    page, data, terminal = _core_reports(given) if target_of(given.plan) == "truenorth" else _rank_reports(given)
    if given.html is not None:
        given.html.write_text(page(), encoding="utf-8")
    if given.json:
        print(data())
    elif given.html is None:
        print(terminal())
    return FINE


def _rank_reports(given: argparse.Namespace) -> tuple[Callable[[], str], Callable[[], str], Callable[[], str]]:
    """The page, JSON and text of a plan for ranks, each made when it is asked for."""
    from brainc.report.data import report_json
    from brainc.report.measured import read_measured
    from brainc.report.page import html_report
    from brainc.report.terminal import terminal_report
    from brainrun.plan.store import read_plan

    plan, _ = read_plan(given.plan)
    measured = None if given.run is None else read_measured(given.run, plan)
    return (
        lambda: html_report(plan, measured),
        lambda: report_json(plan, measured),
        lambda: terminal_report(plan, measured),
    )


def _core_reports(given: argparse.Namespace) -> tuple[Callable[[], str], Callable[[], str], Callable[[], str]]:
    """The same of a plan for neurosynaptic cores."""
    from brainc.report.cores.data import core_report_json
    from brainc.report.cores.facts import core_report
    from brainc.report.cores.page import core_html_report
    from brainc.report.cores.terminal import core_terminal_report
    from brainrun.plan.cores import CORES_FILE
    from brainrun.plan.store import read_core_plan
    from brainrun.truenorth.activity import read_activity
    from brainrun.truenorth.file import decoded

    plan, files = read_core_plan(given.plan)
    graph = decoded(files[CORES_FILE], f"{given.plan}/{CORES_FILE}")
    # Of several data sets, the test set comes last.
    run = None if given.run is None else read_activity(given.run, plan, len(graph.cores)).roles[-1]
    report = core_report(plan, graph, run)
    return (
        lambda: core_html_report(report, plan.made_by, run),
        lambda: core_report_json(report, run),
        lambda: core_terminal_report(report),
    )


if __name__ == "__main__":
    sys.exit(main())
