"""What does each command of `brainc` do? It reads, compiles or writes, says what came of it, and gives a status.

Each imports what it needs when it runs: see `cli.py`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from brainc.settings.options import LEVELS, TARGETS, TARGETS_TO_COME, CompileOptions
from brainrun.errors import PlanError

FINE, AT_FAULT = 0, 1
"""Exit statuses."""

FOR_ONE_TARGET: Mapping[str, Mapping[str, str]] = {
    "cpu": {"--data": "data", "--model": "model", "--ranks": "ranks", "--reduce": "reduce", "--machine": "machine"},
    "truenorth": {"--from": "weights", "--ensemble": "ensemble", "--seed": "seed", "--ticks": "ticks", "--run": "run"},
}
"""What `brainc compile` can be told of one target only, and where `CompileOptions` has it."""


def fail(message: str) -> int:
    """Say what is at fault."""
    print(message, file=sys.stderr)
    return AT_FAULT


def check(given: argparse.Namespace) -> int:
    """Every mistake in a file."""
    # Imported here, like all below, for a quick start: see the head of this file.
    from brainc.settings.check import check_sections
    from brainlang.diagnostics import counted
    from brainlang.load import load_program

    program = load_program(given.source, dict(given.settings))
    graph = check_sections(program, CompileOptions(given.source))
    print(f"{given.source}: network {graph.name} is sound: {counted(len(graph.nodes), 'layer')}")
    return FINE


def lay_out(given: argparse.Namespace) -> int:
    """Files in the one layout, or which are not."""
    from brainlang.format import format_source
    from brainlang.load import read_source

    status = FINE
    for path in given.files:
        formatted = format_source(read_source(path).text, str(path)).encode()
        if formatted == path.read_bytes():
            continue
        if given.check:
            status = fail(f"{path}: not in the one layout\nhelp: run brainc fmt {path}")
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
    except BaseException:  # an interrupt, too, leaves no temporary file
        os.unlink(name)
        raise


def draw(given: argparse.Namespace) -> int:
    """The layer graph as a picture."""
    from brainc.graph.build import build
    from brainc.graph.draw import svg
    from brainlang.load import load_program

    graph = build(load_program(given.source, dict(given.settings)))
    output = given.output or Path(f"{given.source.stem}.svg")
    output.write_text(svg(graph), encoding="utf-8")
    print(output)
    return FINE


def compile_source(given: argparse.Namespace) -> int:
    """A file as a plan."""
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
        weights=tuple(given.weights),
        ensemble=given.ensemble,
        seed=given.seed,
        ticks=given.ticks,
        run=given.run,
        settings=tuple(given.settings),
        data_dir=given.data_dir,
        show=tuple(given.show),
    )
    _refuse_what_is_for_another(options)
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


def _refuse_what_is_for_another(options: CompileOptions) -> None:
    """What another target is told would be told in vain."""
    for target, words in FOR_ONE_TARGET.items():
        given = [word for word, name in words.items() if getattr(options, name) not in (None, ())]
        if target != options.target and given:
            what = f"{', '.join(given)}: for the target {target}, and this one is {options.target}"
            raise PlanError(what, remedy=f"leave it out, or use --target {target}")


def _compile_nir(options: CompileOptions) -> int:
    from brainc.pipeline import compile_nir_file

    where = str(options.source)
    if options.target != "truenorth":
        raise PlanError("is a NIR graph, which goes onto cores alone", where=where, remedy="use --target truenorth")
    if options.weights or options.settings or options.ensemble or options.seed is not None:
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


def export(given: argparse.Namespace) -> int:
    """A plan as RANC's files, or a network of spikes as a NIR graph."""
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

    if given.weights or given.settings or given.ensemble or given.seed is not None:
        remedy = "give --from, --set, --ensemble and --seed to brainc compile instead"
        raise PlanError("has its weights and settings in its cores", where=str(given.source), remedy=remedy)
    output = given.output or Path(f"{given.source.resolve().stem}.ranc")
    written = export_to_ranc(RancOptions(given.source, output, given.samples, given.data_dir))
    if not isinstance(written, InRanc):
        return fail("\n".join(f"brainc: error: {given.source}: RANC cannot do it: {lack}" for lack in written))
    command = f"brainrun {output / NETWORK_FILE} --ranc {output / CONFIG_FILE} --ticks {written.rows} --output rows.txt"
    each = f", {written.every} rows each" if written.every > 1 else ""
    print(f"{output}: {written.cores} cores, decisions from row {written.first} on{each}; {command} runs them")
    return FINE


def _export_to_nir(given: argparse.Namespace) -> int:
    from brainc.export import export_to_nir

    if given.samples or given.data_dir is not None:
        raise PlanError("a NIR graph holds no data", remedy="leave out --samples and --data-dir")
    output = given.output or Path(f"{given.source.stem}.nir")
    options = CompileOptions(
        given.source,
        weights=tuple(given.weights),
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


def report(given: argparse.Namespace) -> int:
    """What a plan will do."""
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
    run = None if given.run is None else read_activity(given.run, len(graph.cores), plan).roles[-1]
    report = core_report(plan, graph, run)
    return (
        lambda: core_html_report(report, plan.made_by, run),
        lambda: core_report_json(report, run),
        lambda: core_terminal_report(report),
    )
