"""What is in a plan for neurosynaptic cores? How samples become spikes, and spikes decisions; cores lie in a file.

`cores.bin` holds the core graph (`truenorth/file.py`), `decoder.safetensors` the matrix and what is added to its
product.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from brainrun.plan.schema import DataSection, File, InputFact, Value

CORES_FILE, DECODER_FILE = "cores.bin", "decoder.safetensors"


Code: TypeAlias = Literal["threshold", "given", "rate", "stochastic"]
"""How a number becomes spikes; see `truenorth/codes.py`."""


class EncoderFact(Value, frozen=True):
    """Spikes of an input's elements, by a code; the `threshold` is of the codes `threshold` and `given`."""

    name: str
    input: str
    code: Code
    threshold: float


class FeedFact(Value, frozen=True):
    """Pin p of an input port takes element `elements[p]` of an encoder, `tick` ticks after the encoder's spikes."""

    port: str
    encoder: str
    elements: tuple[int, ...]
    tick: int


class CoreLayer(Value, frozen=True):
    """One layer on cores, for reading."""

    name: str
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    fan_in: int
    cores: int
    splitters: int
    """Further cores that only pass its spikes on."""

    tick: int
    """When its units fire, counted from the spikes of the encoders that they tell of."""
    lasts: bool
    """Whether its potentials last from tick to tick: they start again in the tick in which a sample reaches it."""


class CorePlan(Value, frozen=True):
    """Everything it takes to run a network on neurosynaptic cores."""

    schema: int
    made_by: str
    target: Literal["truenorth"]
    name: str
    data: tuple[DataSection, ...]
    data_folder: str
    """Where relative data paths start: relative to the plan's own folder."""
    inputs: tuple[InputFact, ...]
    encoders: tuple[EncoderFact, ...]
    feeds: tuple[FeedFact, ...]
    scores: str
    """What the decoder's result is called: its largest element is the decision."""
    label: str
    """The input that holds the class, or empty where the network has none."""
    metric: str
    """What the share of right decisions is called."""
    latency: int
    """Ticks from an encoder's spikes to the output spikes that tell of them."""
    period: int
    """So many ticks in succession a sample is shown, before the next one is; its scores are the mean of theirs."""
    seed: int
    """What the spikes of stochastic encoders are drawn by."""
    layers: tuple[CoreLayer, ...]
    hops_in_order: float
    """Steps from core to core, one spike a neuron, if cores stood in the order of their numbers."""
    hops: float
    """The same where they stand."""
    multiply_adds: int
    """Of a sample in the network's layers as they were written, conv and dense, if they computed with numbers."""
    files: tuple[File, ...]
