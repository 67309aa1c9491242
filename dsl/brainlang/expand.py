"""How a network becomes inputs, named calls, losses, metrics and outputs."""

from dataclasses import replace

from brainlang import syntax
from brainlang.body import BodyEvaluator, Graph, Module
from brainlang.diagnostics import Report, listed, nearest
from brainlang.fold import Budget, described
from brainlang.layers import Group, layer_names, renamed_call, unused_name
from brainlang.program import (
    KINDS,
    Call,
    Input,
    Loss,
    Metric,
    Network,
    Number,
    Output,
    TensorRef,
)
from brainlang.settings import ConstantEvaluator

LARGEST_DIMENSION = 2**40


class NetworkExpander:
    """Expands the statements of a network one by one. State: what they have added so far."""

    def __init__(self, definition: syntax.NetworkDefinition, module: Module, report: Report, budget: Budget) -> None:
        self.definition = definition
        self.report = report
        self.graph = Graph(report, budget)
        self.body = BodyEvaluator(dict(module.constants), module, self.graph, Group())
        self.statement_names = {
            statement.name.text for statement in definition.body if not isinstance(statement, syntax.Let)
        }
        self.used_prefixes: set[str] = set()
        self.used_layers: set[str] = set()
        self.line_of_result: dict[str, int] = {}
        self.inputs: list[Input] = []
        self.calls: list[Call] = []
        self.losses: list[Loss] = []
        self.metrics: list[Metric] = []
        self.outputs: list[Output] = []

    def network(self) -> Network:
        """The network; its calls are named and in order. What is wrong has been reported."""
        for statement in self.definition.body:
            self._statement(statement)
        return Network(
            self.definition.name.text,
            tuple(self.inputs),
            tuple(self.calls),
            tuple(self.losses),
            tuple(self.metrics),
            tuple(self.outputs),
            self.definition.span,
        )

    def _statement(self, statement: syntax.NetworkStatement) -> None:
        match statement:
            case syntax.Let():
                self.body.define(statement)
            case syntax.InputStatement():
                self._input(statement)
            case syntax.Assign():
                self.body.bindings[statement.name.text] = self._named(statement)
            case syntax.LossStatement():
                self._loss(statement)
            case syntax.MetricStatement():
                value = self._named(statement)
                if self._first_result(statement.name, "metric") and value is not None:
                    self.metrics.append(Metric(statement.name.text, value, statement.span))
            case syntax.OutputStatement():
                value = self._named(statement)
                if self._first_result(statement.name, "output") and value is not None:
                    self.outputs.append(Output(statement.name.text, value, statement.span))

    def _input(self, statement: syntax.InputStatement) -> None:
        name, kind = statement.name.text, statement.kind
        dims = [self._dimension(dimension) for dimension in statement.dims]
        sound = tuple(dimension for dimension in dims if dimension is not None)
        self.body.bindings[name] = TensorRef(name, None, statement.name.span)
        if any(known.name == name for known in self.inputs):
            self.report.add(statement.name.span, f"the input '{name}' is given twice", "an input has one type")
        elif name in self.used_layers:
            self.report.add(statement.name.span, f"'{name}' is a layer's name already", "call the input otherwise")
        self.used_layers.add(name)
        if kind.text not in KINDS:
            remedy = nearest(kind.text, KINDS) or f"the types are {listed(KINDS, 'and')}"
            self.report.add(kind.span, f"'{kind.text}' is no type", remedy)
        elif kind.text == "class" and len(dims) != 1:
            self.report.add(statement.span, "'class' takes the number of classes only", "write class[10]")
        elif len(sound) == len(dims):
            self.inputs.append(Input(name, kind.text, sound, statement.span))

    def _dimension(self, expression: syntax.Expression) -> int | None:
        constants = ConstantEvaluator(self.body.scope, self.report, self.graph.budget)
        value = constants.constant(expression)
        if isinstance(value, Number) and isinstance(value.value, int) and 1 <= value.value <= LARGEST_DIMENSION:
            return value.value
        if value is not None:
            remedy = (
                "use '//' to divide whole numbers"
                if isinstance(value, Number) and isinstance(value.value, float)
                else ""
            )
            self.report.add(expression.span, f"a dimension is a whole number from 1 on, not {described(value)}", remedy)
        return None

    def _loss(self, statement: syntax.LossStatement) -> None:
        weight: float | None = 1.0
        if statement.weight is not None:
            value = ConstantEvaluator(self.body.scope, self.report, self.graph.budget).constant(statement.weight)
            weight = float(value.value) if isinstance(value, Number) else None
            if weight is None and value is not None:
                self.report.add(statement.weight.span, f"a weight is a number, not {described(value)}")
        tensor = self._named(statement)
        if self._first_result(statement.name, "loss") and tensor is not None and weight is not None:
            self.losses.append(Loss(statement.name.text, tensor, weight, statement.span))

    def _first_result(self, name: syntax.Word, what: str) -> bool:
        """Whether the name is new among losses and metrics, which are reported side by side, or among outputs."""
        key = f"output {name.text}" if what == "output" else name.text
        line = self.line_of_result.setdefault(key, name.span.line)
        if line != name.span.line:
            self.report.add(name.span, f"the {what} '{name.text}' is given twice", f"the name is taken on line {line}")
        return line == name.span.line

    def _named(
        self, statement: syntax.Assign | syntax.LossStatement | syntax.MetricStatement | syntax.OutputStatement
    ) -> TensorRef | None:
        """The statement's tensor, after its calls have got their layers' names."""
        first = len(self.graph.calls)
        self.body.group = Group()
        tensor = self.body.tensor(statement.name, statement.value)
        if len(self.graph.calls) == first:
            return tensor
        prefix = statement.name.text
        if prefix in self.used_prefixes:
            prefix = unused_name(prefix, self.used_prefixes | self.statement_names)
        self.used_prefixes.add(prefix)
        layer_of_call: dict[str, str] = {}
        for named in layer_names(self.body.group, prefix):
            if named.override is not None and named.layer in self.used_layers:
                self.report.add(
                    named.override.span, f"the layer name '{named.layer}' is given twice", "layers' names differ"
                )
            layer = unused_name(named.layer, self.used_layers)
            self.used_layers.add(layer)
            layer_of_call[named.call] = layer
        self.calls += (renamed_call(call, layer_of_call) for call in self.graph.calls[first:])
        for word, call in self.body.call_of_override.items():
            self.body.call_of_override[word] = layer_of_call.get(call, call)
        return tensor and replace(tensor, tensor=layer_of_call.get(tensor.tensor, tensor.tensor))
