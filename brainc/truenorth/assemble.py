"""From placed cores to the plan: what the runtime needs, and what the report will say."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import prod

from safetensors.numpy import save

from brainc.ir.graph import LayerGraph
from brainc.ir.spiking import SpikingGraph
from brainc.truenorth.cores import Mapped, splitter_of
from brainc.truenorth.decoder import scored
from brainrun.plan.cores import CORES_FILE, DECODER_FILE, CoreLayer, CorePlan, EncoderFact, FeedFact
from brainrun.plan.schema import VERSION, DataSection, InputFact
from brainrun.truenorth.file import encoded


@dataclass(frozen=True, slots=True)
class Facts:
    """What a plan says beside its cores."""

    made_by: str
    data: tuple[DataSection, ...]
    data_folder: str
    inputs: tuple[InputFact, ...]
    scores: str
    metric: str
    multiply_adds: int
    hops_in_order: float
    hops: float
    period: int
    seed: int


def assemble(units: SpikingGraph, mapped: Mapped, facts: Facts) -> tuple[CorePlan, dict[str, bytes]]:
    """The plan and its files."""
    origins = Counter(core.origin for core in mapped.graph.cores)
    labels = [given.name for given in facts.inputs if given.classes]
    plan = CorePlan(
        schema=VERSION,
        made_by=facts.made_by,
        target="truenorth",
        name=units.name,
        data=facts.data,
        data_folder=facts.data_folder,
        inputs=facts.inputs,
        encoders=tuple(EncoderFact(one.name, one.input, one.code, one.threshold) for one in units.encoders),
        feeds=tuple(
            FeedFact(port.name, feed.encoder, feed.elements, feed.tick)
            for port, feed in zip(mapped.graph.inputs, mapped.feeds, strict=True)
        ),
        scores=facts.scores,
        label=labels[0] if labels else "",
        metric=facts.metric,
        latency=mapped.latency,
        period=facts.period,
        seed=facts.seed,
        layers=tuple(
            CoreLayer(
                layer.name,
                layer.inputs,
                layer.shape,
                layer.fan_in,
                origins[layer.name],
                origins[splitter_of(layer.name)],
                mapped.ticks[number],
                layer.potentials is not None,
            )
            for number, layer in enumerate(units.layers)
        ),
        hops_in_order=facts.hops_in_order,
        hops=facts.hops,
        multiply_adds=facts.multiply_adds,
        files=(),
    )
    decoder = {"matrix": units.decoder.matrix, "offset": units.decoder.offset}
    return plan, {CORES_FILE: encoded(mapped.graph), DECODER_FILE: save(decoder)}


def multiply_adds(graph: LayerGraph) -> int:
    """How many products a sample takes in floating point: at each place of a conv or dense layer, all its weights."""
    sizes = {weight.name: prod(weight.shape) for node in graph.nodes for weight in node.weights}
    return sum(
        sizes[f"{node.shared}.weight"] * node.tensor.elements // node.tensor.shape[0]
        for node in graph.nodes
        if node.operator in ("conv", "dense")
    )


def products(units: SpikingGraph) -> int:
    """The same of units: at each place of a layer, all its weights."""
    return sum(prod(layer.shape) * layer.fan_in for layer in units.layers)


def scores_of(graph: LayerGraph) -> str:
    """What the network's output is called that its decision is read off, or else the layer."""
    names = [output.name for output in graph.outputs if output.tensor_name == scored(graph)]
    return names[0] if names else scored(graph)
