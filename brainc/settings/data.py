"""What data does each role read? The sections `data ROLE`, checked against the network's inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import networkx

from brainc.ir.graph import ArgumentValue, LayerGraph, as_networkx
from brainc.operators.operator import Argument, Refusal, Required
from brainc.settings.fields import read_field
from brainc.settings.reading import known_settings, read_value
from brainc.settings.sources import fields_of_source, read_source
from brainlang import program as language
from brainlang.diagnostics import Report, listed, nearest
from brainlang.program import Piped, Program, Setting
from brainrun.plan.schema import DataSection, Field, InputFact, PartSource, Source, SyntheticSource

KEYS = ("source", "shuffle", "cache", "workers")
SHUFFLE = Argument("shuffle", "truth", "whether each epoch has an order of its own")
CACHE = Argument("cache", "text", "a folder on the node where files are staged", "")
WORKERS = Argument("workers", "count", "threads that read ahead", 1)
Role: TypeAlias = Literal["train", "validate", "test", "predict"]
ROLES: tuple[Role, ...] = get_args(Role)
InputKind: TypeAlias = Literal["f32", "f16", "bf16", "f64", "i32", "u8", "class"]
INPUT_KINDS: tuple[InputKind, ...] = get_args(InputKind)


@dataclass(frozen=True, slots=True)
class Said:
    """What one section says by itself, before it is seen beside the others; `source` None: wrong, and reported."""

    section: language.DataSection
    settings: Mapping[str, Setting]
    source: Source | None
    fields: Mapping[str, Field | None]


def input_facts(graph: LayerGraph) -> tuple[InputFact, ...]:
    """What the network expects of the data, in the plan's words; `kind` is the type as the file declares it."""
    return tuple(
        InputFact(given.name, kind, given.tensor.shape, given.tensor.classes)
        for given in graph.inputs
        for kind in INPUT_KINDS
        if kind == given.kind
    )


def data_sections(program: Program, graph: LayerGraph) -> tuple[DataSection, ...]:
    """Every `data` section, with one field for each input of the network: its own, or that of the role it is a part of.

    A role `predict` need only feed the inputs that the outputs are computed from. Raises BrainError with all mistakes.
    """
    report = Report()
    said_of_role = {section.role: _said(report, section, graph) for section in program.data}
    sections = []
    for said in said_of_role.values():
        owner = _owner(report, said, said_of_role)
        fields = _fields(report, said, owner, graph)
        shuffle = _read(report, SHUFFLE, said) if "shuffle" in said.settings else said.section.role == "train"
        cache, workers = _read(report, CACHE, said), _read(report, WORKERS, said)
        role = next((role for role in ROLES if role == said.section.role), None)
        if said.source is not None and role is not None and isinstance(cache, str) and isinstance(workers, int):
            sections.append(DataSection(role, said.source, fields, shuffle is True, cache, workers))
    report.settle()
    return tuple(sections)


def _said(report: Report, section: language.DataSection, graph: LayerGraph) -> Said:
    inputs = {given.name: given for given in graph.inputs}
    where = f"data {section.role}"
    settings = known_settings(report, f"input or key of {where}", section.settings, (*KEYS, *inputs), ())
    source = read_source(report, settings["source"].value) if "source" in settings else None
    if "source" not in settings:
        report.add(section.span, f"{where} has no source", 'write source = npz("data.npz"), or another')
    fields = {
        name: read_field(report, given, settings[name].value)
        for name, given in inputs.items()
        if name in settings and name not in KEYS
    }
    return Said(section, settings, source, fields)


def _read(report: Report, argument: Argument, said: Said) -> ArgumentValue | Refusal | Required:
    """The setting of this argument, or its default; a Refusal, already reported, where it is of another kind."""
    given = said.settings.get(argument.name)
    return argument.default if given is None else read_value(report, argument, given.value)


def _owner(report: Report, said: Said, said_of_role: Mapping[str, Said]) -> Said | None:
    """The section whose source holds this one's samples; None where that is unknown, which is reported."""
    seen = [said.section.role]
    while isinstance(said.source, PartSource):
        role, span = said.source.role, said.settings["source"].value.span
        if role not in said_of_role:
            report.add(span, f"there is no section 'data {role}' to take a part of", f"add data {role} {{ … }}")
            return None
        if role in seen:
            report.add(span, f"data {seen[0]} is a part of itself", "give one of them a source of its own")
            return None
        seen.append(role)
        said = said_of_role[role]
    return said if said.source is not None else None


def _fields(report: Report, said: Said, owner: Said | None, graph: LayerGraph) -> tuple[Field, ...]:
    """A field for each input: the section's own, else that of the role it is a part of, else, if synthetic, its own."""
    if owner is None or owner.source is None:
        return ()
    section, names = said.section, fields_of_source(owner.source, graph)
    fields: list[Field] = []
    for given in graph.inputs:
        name = given.name
        holder = said if name in said.fields else owner
        field = holder.fields.get(name)
        if field is not None:
            fields.append(field)
            _check_name(report, field, holder.settings[name].value, names)
        elif name not in holder.fields and isinstance(owner.source, SyntheticSource):
            fields.append(Field(name, name, ()))
        elif name not in holder.fields and (section.role != "predict" or name in _needed_for_outputs(graph)):
            _report_missing(report, said, name, names)
    return tuple(fields)


def _report_missing(report: Report, said: Said, name: str, names: Sequence[str] | None) -> None:
    """An input that gets nothing, unless a misspelt key of the section was meant for it, which is reported already."""
    section = said.section
    misspelt = [setting.key for setting in section.settings if setting.key not in said.settings]
    if name in KEYS:
        message = f"data {section.role} gives nothing to input '{name}', whose name is taken by the key '{name}'"
        report.add(section.span, message, "call the input otherwise")
    elif not any(nearest(key, (name,)) for key in misspelt):
        remedy = f"fields are {listed(names, 'and')}" if names else "name a field of the source"
        report.add(section.span, f"data {section.role} gives nothing to input '{name}'", f"add {name} = …; {remedy}")


def _check_name(report: Report, field: Field, value: language.Value, names: Sequence[str] | None) -> None:
    """The field must be one of the source's, where those are known."""
    if names is None or field.field in names:
        return
    span = value.head.span if isinstance(value, Piped) else value.span
    remedy = nearest(field.field, names) or f"its fields are {listed(names, 'and')}"
    report.add(span, f"the source has no field '{field.field}'", remedy)


def _needed_for_outputs(graph: LayerGraph) -> frozenset[str]:
    """The inputs that some output is computed from."""
    drawn = as_networkx(graph)
    outputs = {output.tensor_name for output in graph.outputs}
    return frozenset(outputs.union(*(networkx.ancestors(drawn, output) for output in outputs)))
