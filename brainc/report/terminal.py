"""What does a plan say, in plain text of at most a hundred columns?"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from textwrap import wrap

from brainc.report.data import RankFact, Report, alike, report
from brainc.report.gradients import ratio, saving_text, tensors_by_scheme, times_of
from brainc.report.measured import Measured, predicted_seconds
from brainc.report.messages import union, wire_times
from brainc.report.slices import Holding, holdings
from brainc.report.timeline import Stretch, tracks
from brainc.report.words import (
    bytes_text,
    flops_text,
    printable,
    ranks_text,
    ratio_text,
    seconds_text,
    shape_text,
    share_text,
    slices_text,
    three_digits,
)
from brainrun.plan.schema import Alternative, Call, Layer, Plan, Start, Step, Wait

COLUMNS = 100
BARS = 40
"""Columns of the longest memory bar."""
STRIP = 72
"""Columns of a step's timeline."""
ROLE_NAMES = {
    "parameter": "parameters",
    "state": "optimiser state",
    "error": "not sent yet",
    "input": "inputs",
    "activation": "activations",
    "gradient": "gradients",
    "message": "messages",
    "result": "results",
    "scalar": "scalars",
}
SHOWN = 12
"""Groups of ranks, and pieces of a tensor, that are listed one by one before the rest is counted."""


def terminal_report(plan: Plan, measured: Measured | None = None) -> str:
    """The plan for reading in a terminal: network, layers, ranks, memory, slices, messages, timeline, choice.

    Beside the prediction stands what a run has measured, where one is given.
    """
    facts = report(plan)
    sections = (
        _headline(plan, facts),
        _layers(facts.layers),
        _ranks(facts.ranks),
        _memory(plan, facts),
        _slices(holdings(plan)),
        _messages(plan, facts),
        _reductions(plan, facts),
        _timeline(plan),
        _measured(plan, measured) if measured else (),
        _choice(facts),
    )
    lines = (line for section in map(tuple, sections) if section for line in (*section, ""))
    return "\n".join(line.rstrip() for line in lines).rstrip()


def _headline(plan: Plan, facts: Report) -> Iterator[str]:
    mesh, training = facts.mesh, plan.training
    count = sum(layer.parameters for layer in facts.layers)
    fullest = max(facts.ranks, key=lambda rank: rank.arena_bytes)
    yield clip(
        f"{printable(plan.name)}   {ranks_count(len(facts.ranks))}, data {mesh.data} × model {mesh.model}"
        f"   batch {training.batch:,}   {count:,} parameters   {training.optimizer} at rate {training.rate:g}"
    )
    yield ""
    yield clip(
        f"  Predicted on {printable(facts.predicted.machine) or 'this machine'}: "
        f"{seconds_text(facts.predicted.step_seconds)} a step, "
        f"{three_digits(facts.predicted.samples_per_second)} samples/s."
    )
    yield f"  The fullest rank allocates {bytes_text(fullest.arena_bytes)}."


def _layers(layers: Sequence[Layer]) -> Iterator[str]:
    rows = [
        (
            printable(layer.name),
            printable(layer.operator),
            shape_text(layer.shape),
            f"{layer.parameters:,}" if layer.parameters else "·",
            layer.split,
            flops_text(layer.flops),
        )
        for layer in layers
    ]
    yield from table("LAYERS", ("", "operator", "output", "parameters", "split", "a step"), rows, "<<>><>")


def _ranks(ranks: Sequence[RankFact]) -> Iterator[str]:
    groups = alike(ranks)
    rows = [
        (
            ranks_text(rank.rank for rank in group),
            bytes_text(group[0].parameter_bytes),
            bytes_text(group[0].state_bytes),
            bytes_text(group[0].peak_bytes),
            bytes_text(group[0].arena_bytes),
            flops_text(group[0].flops),
            bytes_text(group[0].bytes_sent),
            str(len(group[0].messages)),
        )
        for group in groups[:SHOWN]
    ]
    header = ("", "parameters", "state", "peak", "arena", "computes", "sends", "messages")
    yield from table("RANKS", header, rows, "<>>>>>>>")
    yield from _and_more(len(groups), "groups of ranks")


def _memory(plan: Plan, facts: Report) -> Iterator[str]:
    yield from heading("MEMORY AT THE FULLEST MOMENT")
    largest = max(rank.arena_bytes for rank in facts.ranks)
    for group in alike(facts.ranks)[:SHOWN]:
        program = plan.programs[plan.ranks[group[0].rank].program]
        memory = facts.memories[plan.ranks[group[0].rank].program]
        full, rest = (round(BARS * count / max(1, largest)) for count in (memory.peak_bytes, memory.arena_bytes))
        bar = "█" * full + "░" * (rest - full)
        label = yield from _label(ranks_text(rank.rank for rank in group), 20)
        yield f"  {label:<20} {bar:<{BARS}}  {bytes_text(memory.peak_bytes)} of {bytes_text(memory.arena_bytes)}"
        parts = (f"{ROLE_NAMES[role]} {bytes_text(count)}" for role, count in memory.held if role != "scalar")
        held = "  ".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in parts)
        doing = "".join(f", {step_text(step)}" for step in program.train.steps[memory.fullest : memory.fullest + 1])
        for line in wrap(f"at step {memory.fullest + 1} of {memory.steps}{doing}:  {held}", COLUMNS - 6):
            yield "    " + line.replace("\N{NO-BREAK SPACE}", " ")


def step_text(step: Step) -> str:
    """What a step does, in words."""
    match step:
        case Call(layer=layer, phase=phase):
            return printable(f"{phase} of {layer}" if layer else phase)
        case Start(transfer=name):
            return printable(f"start of {name}")
        case Wait(transfer=name):
            return printable(f"wait for {name}")


def _slices(held: Sequence[Holding]) -> Iterator[str]:
    rows = []
    for holding in held:
        names = (printable(holding.parameter.name), shape_text(holding.parameter.shape))
        for piece in holding.pieces[:SHOWN]:
            part = "whole" if len(holding.pieces) == 1 else slices_text(piece.slices)
            rows.append((*names, part, bytes_text(piece.bytes), ranks_text(piece.ranks)))
            names = ("", "")
        if len(holding.pieces) > SHOWN:
            rows.append(("", "", f"and {len(holding.pieces) - SHOWN} more", "", ""))
    yield from table("WHO HOLDS WHICH SLICE", ("", "shape", "slice", "bytes", "held by"), rows, "<<<><")


def _messages(plan: Plan, facts: Report) -> Iterator[str]:
    groups = [group for group in alike(facts.ranks) if group[0].messages]
    if not groups:
        yield from heading("MESSAGES OF A TRAINING STEP")
        yield "  None: no rank sends anything."
        return
    for group in groups[:SHOWN]:
        first = group[0]
        times = wire_times(each for each in plan.prediction.timeline if each.rank == first.rank)
        rows = []
        for message in first.messages:
            time = times.get(message.name)
            hidden = share_text(time.hidden_seconds / time.seconds) if time and time.seconds > 0 else "·"
            rows.append(
                (
                    printable(message.name),
                    message.kind.replace("_", "-"),
                    f"{message.group} ({message.members})",
                    bytes_text(message.bytes_sent),
                    seconds_text(time.start) if time else "·",
                    seconds_text(time.seconds) if time else "·",
                    hidden,
                )
            )
        title = f"MESSAGES OF A TRAINING STEP, {ranks_text(rank.rank for rank in group)}"
        yield from table(title, ("", "kind", "among", "sends", "begins", "takes", "hidden"), rows, "<<<>>>>")
        yield ""
    yield "  Hidden: the share of a message's time in which its rank computes."
    yield from _and_more(len(groups), "groups of ranks")


def _measured(plan: Plan, measured: Measured) -> Iterator[str]:
    predicted = dict(predicted_seconds(plan))
    rows = [
        (track, seconds_text(predicted[track]), seconds_text(seconds)) for track, seconds in measured.seconds_of_track
    ]
    rows.append(("step", seconds_text(plan.prediction.step_seconds), seconds_text(measured.step_seconds)))
    steps = "one step" if measured.steps == 1 else f"{measured.steps} steps"
    title = f"PREDICTED AND MEASURED, the mean over ranks and {steps}"
    yield from table(title, ("", "predicted", "measured"), rows, "<>>")


def _reductions(plan: Plan, facts: Report) -> Iterator[str]:
    groups = [group for group in alike(facts.ranks) if group[0].reductions]
    for place, group in enumerate(groups[:SHOWN]):
        if place:
            yield ""
        first = group[0]
        times = times_of(each for each in plan.prediction.timeline if each.rank == first.rank)
        rows = []
        for each in first.reductions:
            time = times.get(each.name)
            rows.append(
                (
                    printable(each.name),
                    bytes_text(each.dense_bytes),
                    bytes_text(each.predicted_bytes),
                    ratio_text(ratio([each])),
                    bytes_text(each.bound_bytes),
                    seconds_text(time.coding_seconds) if time else "·",
                    seconds_text(time.wire_seconds) if time else "·",
                )
            )
        header = ("", "as sums", "sends", "ratio", "at most", "coding", "on the wire")
        yield from table(f"GRADIENTS, {ranks_text(rank.rank for rank in group)}", header, rows, "<>>>>>>")
        for scheme, tensors in tensors_by_scheme(first.reductions).items():
            said = printable(f"{scheme}: {', '.join(tensors)}")
            yield from (f"    {line}" for line in wrap(said, COLUMNS - 6, subsequent_indent="  "))
        yield f"  {saving_text(first.reductions)}"
    yield from _and_more(len(groups), "groups of ranks")


def _timeline(plan: Plan) -> Iterator[str]:
    end = max((each.start + each.seconds for each in plan.prediction.timeline), default=0.0)
    drawn = tracks(plan)
    if not drawn or end <= 0:
        return
    yield from heading(f"A TRAINING STEP, {seconds_text(end)} FROM LEFT TO RIGHT")
    for track in drawn[:SHOWN]:
        label = yield from _label(ranks_text(track.ranks), 15)
        yield f"  {label:<15} compute {strip(track.compute, end)}"
        if track.coding:
            yield f"  {'':<15} coding  {strip(track.coding, end)}"
        yield f"  {'':<15} wire    {strip(track.wire, end)}"
    yield from _and_more(len(drawn), "groups of ranks")


def strip(stretches: Iterable[Stretch], end: float) -> str:
    """`STRIP` columns for the time up to `end`: █ busy for more than half of the column, ▌ for less, · idle."""
    busy = union([(start, start + seconds) for _, start, seconds in stretches])
    columns = [0.0] * STRIP
    for start, stop in busy:
        begins, ends = STRIP * start / end, STRIP * stop / end
        for column in range(int(begins), min(STRIP, int(ends) + 1)):
            columns[column] += max(0.0, min(ends, column + 1) - max(begins, column))
    return "".join("█" if column > 0.5 else "▌" if column > 0 else "·" for column in columns)


def _choice(facts: Report) -> Iterator[str]:
    yield from heading("THE CHOICE")
    choice = facts.choice
    yield from _alternative("chosen", choice.chosen, [pair for pair in choice.chosen.splits if pair[1] != "-"], "")
    for other in choice.runner_up:
        slower = f", {share_text(facts.margin)} longer" if facts.margin is not None else ""
        differing = [pair for pair in other.splits if pair not in choice.chosen.splits]
        yield from _alternative("runner-up", other, differing, slower)
    yield from (f"  {line}" for line in wrap(printable(choice.why), COLUMNS - 4))
    scheduled = facts.predicted.step_seconds
    if abs(choice.chosen.step_seconds - scheduled) > 0.01 * scheduled:
        yield "  Splits are compared by a quicker estimate; the schedule made for the chosen one is predicted to"
        yield f"  take {seconds_text(scheduled)}."


def _alternative(title: str, made: Alternative, splits: Sequence[tuple[str, str]], slower: str) -> Iterator[str]:
    mesh = f"data {made.mesh.data} × model {made.mesh.model}"
    yield clip(f"  {title:<10} {mesh}   {seconds_text(made.step_seconds)} a step{slower}")
    for split in sorted({split for _, split in splits}):
        layers = ", ".join(printable(layer) for layer, of_layer in splits if of_layer == split)
        yield from (f"    {line}" for line in wrap(f"{split}: {layers}", COLUMNS - 6, subsequent_indent="  "))


def heading(title: str) -> Iterator[str]:
    """A section's title and the rule under it."""
    yield clip(title)
    yield "─" * COLUMNS


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], sides: str) -> Iterator[str]:
    """A titled table, columns two blanks apart; the first gives way where the row would be too wide."""
    widths = [max(len(row[place]) for row in (header, *rows)) for place in range(len(header))]
    widths[0] = max(12, min(widths[0], COLUMNS - 2 - sum(width + 2 for width in widths[1:])))
    yield from heading(title)
    for row in (header, *rows):
        cells = (clip(cell, width) for cell, width in zip(row, widths, strict=True))
        line = "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(cells, sides, widths, strict=True))
        yield clip("  " + line)


def clip(text: str, columns: int = COLUMNS) -> str:
    """The text, cut with an ellipsis where it is wider."""
    return text if len(text) <= columns else text[: columns - 1] + "…"


def ranks_count(count: int) -> str:
    """How many ranks, in words that agree."""
    return "1 rank" if count == 1 else f"{count} ranks"


def _label(text: str, columns: int) -> Generator[str, None, str]:
    """What stands before a drawing: the text, or nothing where it is too long, and then it has a line of its own."""
    if len(text) <= columns:
        return text
    yield clip(f"  {text}")
    return ""


def _and_more(count: int, what: str) -> Iterator[str]:
    if count > SHOWN:
        yield f"    and {count - SHOWN} more {what}"
