"""From the tensor program and a choice for every layer to the sharded program: who holds what, and what must move.

Every operation is asked which letter of it is split over `model`. From that letter follows, by the rule of its letters,
what layout each operand must have and what layout the result gets; where an operand lies otherwise, a redistribution is
put in between. The mini-batch's letter is split over `data` everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from brainc.ir import expression as ex
from brainc.ir import tensor as ts
from brainc.ir.origin import Origin
from brainc.ir.sharded import (
    Given,
    Layout,
    Operation,
    Partial,
    Procedure,
    Redistribute,
    ShardedProgram,
    Split,
    Spread,
    Whole,
    layout_text,
    operands_of,
    results_of,
)
from brainc.ir.tensor import Parameter, Phase, TensorProgram, Value
from brainc.partition.choices import Choice
from brainrun.plan.schema import Mesh

EVERYWHERE = Layout(Whole(), Whole())


def apply(program: TensorProgram, choices: Mapping[str, Choice], mesh: Mesh) -> ShardedProgram:
    """The program spread over the mesh as chosen, with every redistribution explicit."""
    parameters = tuple((parameter, _parameter_layout(parameter, choices)) for parameter in program.parameters)
    known = {value.name: EVERYWHERE for value in program.scalars}
    for parameter, layout in parameters:
        known |= {value.name: layout for value in (parameter.value, *parameter.state)}
    train, evaluate, predict = (
        _Spreading(program, choices, mesh, known).procedure(procedure) for _, procedure in program.procedures
    )
    return ShardedProgram(program.name, mesh, program.batch, program.scalars, parameters, train, evaluate, predict)


def _parameter_layout(parameter: Parameter, choices: Mapping[str, Choice]) -> Layout:
    """A dense weight `[outputs, inputs]` is cut as its layer's work is; a bias lies as its layer's result does."""
    choice = choices[parameter.origin.layer]
    is_matrix = len(parameter.value.shape) == 2
    match choice.split:
        case "output":
            return Layout(Whole(), Split(0))
        case "input" if is_matrix:
            return Layout(Whole(), Split(1))
        case "input" if choice.result == Split(1):
            return Layout(Whole(), Split(0))
    return EVERYWHERE


class _Spreading:
    """One procedure while its operations are being given layouts."""

    def __init__(
        self, program: TensorProgram, choices: Mapping[str, Choice], mesh: Mesh, known: Mapping[str, Layout]
    ) -> None:
        self.choices = choices
        self.mesh = mesh
        self.layouts = dict(known)
        self.inputs = {value.name: value.name for value in program.inputs}
        self.given: dict[tuple[str, tuple[int, ...], Layout], Value] = {}
        self.moved: dict[tuple[str, Layout], Value] = {}
        self.views: dict[str, ts.View] = {}
        self.operations: list[Operation] = []

    def procedure(self, procedure: ts.Procedure) -> Procedure:
        """All operations, then what the results and outputs need."""
        for operation in procedure.operations:
            self._spread(operation)
        results = tuple(
            ts.Result(result.name, result.kind, self._reported(result.value, EVERYWHERE, procedure))
            for result in procedure.results
        )
        outputs = tuple(
            ts.Output(output.name, self._reported(output.value, self._resting(output.value), procedure))
            for output in procedure.outputs
        )
        given = tuple(Given(value, name) for (name, _, _), value in self.given.items())
        return Procedure(given, self._without_idle_views(), results, outputs, tuple(self.layouts.items()))

    def _without_idle_views(self) -> tuple[Operation, ...]:
        """Views of partial tensors are left out where every reader took a view of the sum instead."""
        kept: list[Operation] = []
        read: set[str] = set()
        for operation in reversed(self.operations):
            name = results_of(operation)[0].name
            if name in self.views and name not in read:
                del self.layouts[name]
                continue
            kept.append(operation)
            read |= {value.name for value in operands_of(operation)}
        return tuple(reversed(kept))

    def _reported(self, value: Value, wanted: Layout, procedure: ts.Procedure) -> Value:
        """A result or output in its layout; a network input needs no operation, of which there may be none."""
        if value.name in self.inputs:
            return self._feed(value, wanted)
        return self._fetch(value, wanted, "metric", procedure.operations[-1].origin)

    def _resting(self, value: Value) -> Layout:
        """The layout in which an output is written: as it lies, but never partial."""
        if value.name in self.inputs:
            return Layout(Split(0), Whole())
        layout = self.layouts[value.name]
        return Layout(layout.data, Whole() if layout.model == Partial() else layout.model)

    def _spread(self, operation: ts.Operation) -> None:
        match operation:
            case ts.View(result=result, source=source) if source.name in self.inputs:
                # A feed is a flat copy: it can be given any shape at once.
                self.inputs[result.name] = self.inputs[source.name]
            case ts.View(result=result, source=source):
                self._view(operation, result, source)
            case ts.Map() if (layout := self._of_partials(operation)) is not None:
                self._append(operation, layout)
            case ts.Map() if _is_of_weights(operation):
                self._like_its_weight(operation)
            case ts.Contract() | ts.Map() | ts.Reduce():
                self._by_letters(operation)
            case ts.Update(targets=targets, operands=operands):
                layout = self.layouts[targets[0].name]
                wanted = [
                    self._fetch(value, layout if value.shape else EVERYWHERE, operation.phase, operation.origin)
                    for value in operands
                ]
                self.operations.append(
                    ts.Update(targets, tuple(wanted), operation.expressions, operation.phase, operation.origin)
                )
            case ts.Along() | ts.Pool() | ts.PoolGradient() | ts.Concatenate() | ts.Slice() | ts.Draw():
                self._like_its_layer(operation)
            case _:
                assert_never(operation)

    def _view(self, operation: ts.View, result: Value, source: Value) -> None:
        """A view leaves its source where it lies, so long as that is no split of features, whose extent it changes."""
        layout = self.layouts[source.name]
        if layout.model == Split(1):
            layout = Layout(layout.data, Whole())
            source = self._fetch(source, layout, operation.phase, operation.origin)
        view = ts.View(result, source, operation.phase, operation.origin)
        if Partial() in (layout.data, layout.model):
            self.views[result.name] = view
        self._append(view, layout)

    def _of_partials(self, operation: ts.Map) -> Layout | None:
        """The layout of partial operands in which this map is linear: it is done on each rank's terms, and they stay.

        A sum of two values may be of anything; products only of weights' gradients, which nothing else reads.
        """
        found = [self.layouts.get(value.name) for value in operation.operands]
        partial = frozenset(place for place, own in enumerate(found) if own is not None and _is_partial(own))
        layouts = {own for own in found if own is not None and _is_partial(own)}
        is_sum = len(partial) == 2 and operation.expression == ex.add(ex.Operand(0), ex.Operand(1))
        if len(layouts) != 1 or not (is_sum or _is_of_weights(operation)):
            return None
        if any(self._is_summed(operation.operands[place]) for place in partial):
            return None
        (layout,) = layouts
        others = [own for own in found if own is not None and own != layout]
        fits = all(self._settled(own) == self._summed(layout) for own in others)
        return layout if fits and ex.is_linear(operation.expression, partial) else None

    def _like_its_weight(self, operation: ts.Map) -> None:
        """Done where the weight lies."""
        lead = next(value for value in operation.operands if value.shape)
        layout = self._summed(self.layouts[lead.name])
        operands = tuple(
            self._fetch(value, layout if value.shape else EVERYWHERE, operation.phase, operation.origin)
            for value in operation.operands
        )
        self._append(ts.with_operands(operation, operands), layout)

    def _is_summed(self, value: Value) -> bool:
        """Whether a partial value has been summed: that is done in place, and the rank's own term is gone."""
        while value.name in self.views:
            value = self.views[value.name].source
        return (value.name, self._summed(self.layouts[value.name])) in self.moved

    def _summed(self, layout: Layout) -> Layout:
        over_data, over_model = (Whole() if spread == Partial() else spread for spread in (layout.data, layout.model))
        return self._settled(Layout(over_data, over_model))

    def _by_letters(self, operation: ts.Contract | ts.Map | ts.Reduce) -> None:
        letter = self._model_letter(operation)
        local = isinstance(operation, ts.Reduce) and operation.scope == "local"
        operands = tuple(
            self._fetch(value, self._wanted(own, letter), operation.phase, operation.origin)
            for value, own in zip(ts.operands_of(operation), operation.letters[1:], strict=True)
        )
        own, used = operation.letters[0], "".join(operation.letters[1:])
        over_data = self._result_spread("b", own, used)
        over_model = self._result_spread(letter, own, used)
        if local:
            over_data, over_model = (Whole() if spread == Partial() else spread for spread in (over_data, over_model))
        self._append(ts.with_operands(operation, operands), Layout(over_data, over_model))

    def _model_letter(self, operation: ts.Contract | ts.Map | ts.Reduce) -> str:
        """The letter whose axis is cut over `model`, or none."""
        choice = self.choices[operation.origin.layer]
        if isinstance(operation, ts.Contract):
            return {"sample": "b", "output": "o", "input": "i", "replicate": ""}[choice.split]
        match choice.result:
            case Split(axis=0):
                return "b"
            case Split(axis=1):
                return max(operation.letters, key=len)[1:2]
        return ""

    @staticmethod
    def _wanted(own: str, letter: str) -> Layout:
        over_data: Spread = Split(0) if own.startswith("b") else Whole()
        over_model: Spread = Split(own.index(letter)) if letter and letter in own else Whole()
        return Layout(over_data, over_model)

    @staticmethod
    def _result_spread(letter: str, own: str, used: str) -> Spread:
        if letter and letter in own:
            return Split(own.index(letter))
        return Partial() if letter and letter in used else Whole()

    def _like_its_layer(
        self, operation: ts.Along | ts.Pool | ts.PoolGradient | ts.Concatenate | ts.Slice | ts.Draw
    ) -> None:
        """These work on each sample (or element) by itself: operands and result lie as the layer's result does."""
        result = self.choices[operation.origin.layer].result
        layout = Layout(Split(0), result)
        operands = tuple(
            self._fetch(value, layout, operation.phase, operation.origin) for value in ts.operands_of(operation)
        )
        self._append(ts.with_operands(operation, operands), layout)

    def _append(self, operation: ts.Operation, layout: Layout) -> None:
        self.operations.append(operation)
        self.layouts[ts.results_of(operation)[0].name] = layout

    def _fetch(self, value: Value, wanted: Layout, phase: Phase, origin: Origin) -> Value:
        """The value in the wanted layout: fed so where it is an input, else redistributed, once for all readers."""
        wanted = self._settled(wanted)
        if value.name in self.inputs:
            return self._feed(value, wanted)
        before = self._settled(self.layouts[value.name])
        self.layouts[value.name] = before
        if before == wanted:
            return value
        if Partial() in (before.data, before.model) and (value.name in self.views or self._is_summed(value)):
            return self._fetch(self._sum(value, before, wanted, phase, origin), wanted, phase, origin)
        if before.data == Partial() and before.model != wanted.model and before.model != Partial():
            between = Layout(Whole(), before.model)
            return self._fetch(self._fetch(value, between, phase, origin), wanted, phase, origin)
        key = (value.name, wanted)
        if key not in self.moved:
            moved = Value(self._name(value, wanted), value.shape, value.samples, value.dtype)
            self.operations.append(Redistribute(moved, value, before, wanted, phase, origin))
            self.layouts[moved.name] = wanted
            self.moved[key] = moved
        return self.moved[key]

    def _sum(self, value: Value, before: Layout, wanted: Layout, phase: Phase, origin: Origin) -> Value:
        """A partial value as the sum there is already; a view of one as a view of its source's sum.

        So memory that several names stand for is summed once.
        """
        view = self.views.get(value.name)
        if view is None:
            return self.moved[value.name, self._summed(before)]
        by_samples = before.model == Partial() and wanted.model == Split(0) and value.samples
        layout = wanted if by_samples else self._summed(before)
        key = (value.name, layout)
        if key not in self.moved:
            source = self._fetch(view.source, layout, phase, origin)
            self.moved[key] = Value(self._name(value, layout), value.shape, value.samples, value.dtype)
            self._append(ts.View(self.moved[key], source, phase, origin), layout)
        return self.moved[key]

    @staticmethod
    def _name(value: Value, layout: Layout) -> str:
        return f"{value.name}@{layout_text(layout).replace('data:', '').replace(' model:', '/')}"

    def _settled(self, layout: Layout) -> Layout:
        """Over a dimension of one rank everything is whole, but for the sample axis, always split over `data`."""
        data = Whole() if self.mesh.data == 1 and layout.data == Partial() else layout.data
        return Layout(data, Whole() if self.mesh.model == 1 else layout.model)

    def _feed(self, value: Value, wanted: Layout) -> Value:
        key = (self.inputs[value.name], value.shape, wanted)
        if key not in self.given:
            # The first feed of an input keeps its name; another layout or shape of it says which.
            taken = {given.name for given in self.given.values()}
            name = key[0]
            if name in taken:
                name = self._name(Value(key[0], value.shape, True), wanted)
            while name in taken:
                name += "'"
            fed = Value(name, value.shape, True, value.dtype)
            self.given[key] = fed
            self.layouts[name] = wanted
        return self.given[key]


def _is_partial(layout: Layout) -> bool:
    return Partial() in (layout.data, layout.model)


def _is_of_weights(operation: ts.Map) -> bool:
    """Whether this is elementwise in a weight of several axes or its gradient, of which samples have no shares."""
    own, *others = operation.letters
    return len(own) > 1 and not operation.result.samples and set(others) <= {own, ""}
