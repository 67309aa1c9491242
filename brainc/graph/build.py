"""Which layers does the program ask for? Its calls, checked one by one, as a layer graph.

A network input of any number type (`f32 f16 bf16 f64 i32 u8`) enters the graph as f32: the type says what the data
provides, and arithmetic is in float32 throughout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod

from brainc.graph.arguments import Given, bind_arguments, match_arguments, signature
from brainc.graph.names import find_layer, layer_list
from brainc.graph.sharing import Wish, read_wish, share_parameters
from brainc.ir.graph import ArgumentValue, Input, LayerGraph, Node, Output, Tensor, Term
from brainc.ir.origin import Origin
from brainc.operators.operator import Operator, Refusal, no_weights
from brainc.operators.table import OPERATORS, TO_COME
from brainlang import program as language
from brainlang.diagnostics import Report, counted, listed, nearest
from brainlang.fold import described
from brainlang.program import Call, Network, Number, Program, TensorRef
from brainlang.source import Span

LARGEST_TENSOR = 2**40
"""The most elements of a tensor (per sample) or of all parameters: four terabytes in float32."""
ARGUMENTS_TO_COME = ("l1", "l2")
SET_BY_THE_RUNTIME = ("context", "rate", "sample_weight", "step")
"""Names that the tensor program gives to what the runtime sets before each step."""


def build(program: Program) -> LayerGraph:
    """The network of the program with every argument bound and every shape known.

    Raises BrainError with all mistakes, in file order. A network without a loss is legal here; training needs one.
    """
    return GraphBuilder(program.network).graph()


class GraphBuilder:
    """Walks the calls of a network in order.

    State: the nodes made so far, the operator and type of every tensor (type None: faulty, and reported once), and the
    mistakes found.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.report = Report()
        self.inputs: list[Input] = []
        self.nodes: list[Node] = []
        self.node_of_name: dict[str, Node] = {}
        self.tensor_of_name: dict[str, Tensor | None] = {}
        self.operator_of_name: dict[str, Operator] = {}
        self.parameters = 0

    def graph(self) -> LayerGraph:
        """The whole graph. Raises BrainError."""
        for given in self.network.inputs:
            self._input(given)
        for call in self.network.calls:
            self.tensor_of_name[call.result] = None
            self._call(call)
        losses = [self._term("loss", loss, loss.weight) for loss in self.network.losses]
        metrics = [self._term("metric", metric, 0.0) for metric in self.network.metrics]
        outputs = [self._output(output) for output in self.network.outputs]
        self.report.settle()
        made = tuple(loss for loss in losses if loss is not None)
        return LayerGraph(
            self.network.name,
            tuple(self.inputs),
            tuple(self.nodes),
            made,
            tuple(metric for metric in metrics if metric is not None),
            tuple(output for output in outputs if output is not None) or self._default_output(made),
        )

    def _input(self, given: language.Input) -> None:
        if given.name in SET_BY_THE_RUNTIME:
            what = f"no input can be called '{given.name}': the runtime sets a number of that name"
            self.report.add(given.span, what, "choose another name, and use it in the data sections too")
        tensor = Tensor((), given.dims[0]) if given.kind == "class" else Tensor(given.dims)
        self.inputs.append(Input(given.name, tensor, given.kind, Origin(given.name, given.span)))
        self.tensor_of_name[given.name] = self._held(tensor, given.name, given.span)

    # Calls.

    def _call(self, call: Call) -> None:
        """Adds the layer that the call makes; whatever is wrong with it is reported, and then its type stays None."""
        operator = self._operator(call)
        if operator is None:
            return
        self.operator_of_name[call.result] = operator
        operands, constants = self._operands(call, operator)
        share = next((argument for argument in call.named if argument.name == "share"), None)
        wish = None if share is None else self._wish(share, operator)
        named = [argument for argument in call.named if argument.name != "share" and self._is_built(argument, operator)]
        given = match_arguments(self.report, operator.name, call.operator_span, (constants, named), operator.arguments)
        arguments = None if given is None else bind_arguments(self.report, operator.name, given, operator.arguments)
        if operands is None or given is None or arguments is None or (share is not None and wish is None):
            return
        types = [self.tensor_of_name[name] for name in operands]
        tensors = tuple(tensor for tensor in types if tensor is not None)
        if len(tensors) < len(types):
            return
        if operator.name == "subtract" and isinstance(call.positional[0], Number):
            operator, operands = OPERATORS["add"], self._negated(call, operands, tensors)
        node = self._node(call, operator, operands, tensors, arguments, given)
        if node is not None and share is not None and wish is not None:
            node = self._sharing(node, share, wish, given)
        if node is not None:
            self._add(node, call.operator_span)

    def _operator(self, call: Call) -> Operator | None:
        name = call.operator
        if name in OPERATORS:
            return OPERATORS[name]
        if name in TO_COME:
            self.report.add(call.operator_span, f"operator '{name}' is in the language but not built yet")
        else:
            remedy = nearest(name, [*OPERATORS, *TO_COME]) or f"the operators are {listed(list(OPERATORS), 'and')}"
            self.report.add(call.operator_span, f"there is no operator or block '{name}'", remedy)
        return None

    def _operands(self, call: Call, operator: Operator) -> tuple[tuple[str, ...] | None, Sequence[language.Value]]:
        """The names of the tensors the call reads (None where they are wrong), and its other positional values."""
        places = [place for place, value in enumerate(call.positional) if isinstance(value, TensorRef)]
        tensors = [value for value in call.positional if isinstance(value, TensorRef)]
        others = [value for value in call.positional if not isinstance(value, TensorRef)]
        sound = all([self._is_readable(value, operator) for value in tensors])
        least, most = operator.operands
        arithmetic = any(argument.name == "by" for argument in operator.arguments)
        if arithmetic:
            constant = len(others) + sum(argument.name == "by" for argument in call.named)
            least, most = (2 - constant if constant < 2 else 1), most - constant
        elif places != list(range(len(places))):
            self.report.add(
                others[0].span,
                f"{operator.name} takes its tensors first, and this is {described(others[0])}",
                f"write x | {signature(operator.name, operator.arguments)}",
            )
            return None, others
        if not max(least, 1) <= len(tensors) <= most:
            takes = counted(least, "tensor") if least == most else f"at least {counted(least, 'tensor')}"
            takes = f"at most {counted(most, 'tensor')}" if least < most < len(tensors) else takes
            given = f"{len(tensors) or 'none'} {'is' if len(tensors) == 1 else 'are'} given"
            message = f"{operator.name} takes {takes}, and {given}"
            self.report.add(call.operator_span, message, _operand_remedy(operator))
            sound = False
        return (tuple(value.tensor for value in tensors) if sound else None), others

    def _is_readable(self, value: TensorRef, operator: Operator) -> bool:
        """Whether a layer can read this tensor; a loss, a metric or a field that is not there is reported."""
        source = self.operator_of_name.get(value.tensor)
        if value.field is not None:
            remedy = f"{source.name} has one result: write the tensor's name alone" if source else ""
            self.report.add(value.span, f"'{value.tensor}' has no result called '{value.field}'", remedy)
            return False
        if source is None or source.role == "layer":
            return True
        remedy = "name each term: loss a = …, loss weight(0.3) b = …; terms add up" if source.role == "loss" else ""
        message = f"'{value.tensor}' is a {source.role}, one number a mini-batch, which {operator.name} cannot read"
        self.report.add(value.span, message, remedy)
        return False

    def _is_built(self, argument: language.Argument, operator: Operator) -> bool:
        if argument.name not in ARGUMENTS_TO_COME:
            return True
        message = f"{operator.name}: argument '{argument.name}' is in the language but not built yet"
        self.report.add(argument.span, message)
        return False

    def _negated(self, call: Call, operands: tuple[str, ...], tensors: tuple[Tensor, ...]) -> tuple[str, ...]:
        """Adds `x · −1`, so that `c − x` can be `(x · −1) + c`, which has the same bits."""
        name = f"{call.layer}.negated"
        while name in self.tensor_of_name:
            name += "_"
        origin = Origin(call.layer, call.span)
        negated = Node(name, "multiply", operands, (("by", -1),), tensors[0], (), name, False, origin)
        self._add(negated, call.operator_span)
        return (name,)

    def _node(
        self,
        call: Call,
        operator: Operator,
        operands: tuple[str, ...],
        tensors: tuple[Tensor, ...],
        arguments: tuple[tuple[str, ArgumentValue], ...],
        given: Mapping[str, Given],
    ) -> Node | None:
        """The layer with parameters of its own, or None where the operator refuses it, which is reported."""
        layer = call.layer
        try:
            tensor = operator.shape(tensors, dict(arguments))
            if self._held(tensor, layer, call.operator_span) is None:
                return None
            weights = operator.weights(tensors, dict(arguments), layer)
        except Refusal as refusal:
            span = given[refusal.about].span if refusal.about in given else call.operator_span
            self.report.add(span, f"{layer}: {refusal.message}", refusal.remedy)
            return None
        origin = Origin(layer, call.span)
        return Node(layer, operator.name, operands, arguments, tensor, weights, layer, False, origin)

    def _wish(self, share: language.Argument, operator: Operator) -> Wish | None:
        """The layer whose parameters are wanted, by its full name; None where there is none, which is reported."""
        if operator.weights is no_weights:
            self.report.add(share.span, f"{operator.name} has no parameters to share")
            return None
        layers = [name for name, known in self.operator_of_name.items() if known.weights is not no_weights]
        try:
            wish = read_wish(share.value)
            if wish.layer in self.operator_of_name and wish.layer not in layers[:-1]:
                raise Refusal(
                    f"'{wish.layer}' has no parameters to share",
                    remedy=f"the layers with parameters are {layer_list(layers[:-1])}" if layers[1:] else "",
                )
            return Wish(find_layer(wish.layer, layers[:-1], " before this one"), wish.transposed)
        except Refusal as refusal:
            self.report.add(share.value.span, refusal.message, refusal.remedy)
            return None

    def _sharing(self, node: Node, share: language.Argument, wish: Wish, given: Mapping[str, Given]) -> Node | None:
        """The layer, with another layer's parameters in place of its own; None where that is wrong or unknown."""
        if wish.layer not in self.node_of_name:
            return None
        try:
            shared = share_parameters(node, wish, self.node_of_name)
        except Refusal as refusal:
            self.report.add(share.value.span, f"{node.name}: {refusal.message}", refusal.remedy)
            return None
        if "init" in given and not shared.own:
            self.report.add(given["init"].span, f"{node.name}: init has no effect on shared parameters", "leave it out")
        return replace(node, weights=shared.own, shared=shared.layer, transposed=shared.transposed)

    def _add(self, node: Node, span: Span) -> None:
        """Adds a sound layer, unless its parameters cannot be held, which is reported."""
        before = self.parameters
        self.parameters += sum(prod(weight.shape) for weight in node.weights)
        if before <= LARGEST_TENSOR < self.parameters:
            message = (
                f"{node.name}: brings the network to {self.parameters:,} parameters, and {LARGEST_TENSOR:,} is the most"
            )
            self.report.add(span, message, "make the layer smaller, or put a smaller one before it")
        self.tensor_of_name[node.name] = node.tensor
        self.operator_of_name[node.name] = OPERATORS[node.operator]
        self.node_of_name[node.name] = node
        self.nodes.append(node)

    def _held(self, tensor: Tensor, layer: str, span: Span) -> Tensor | None:
        """The tensor, or None where it has too many elements, which is reported."""
        if tensor.elements <= LARGEST_TENSOR:
            return tensor
        message = f"{layer}: {tensor.written} is {tensor.elements:,} elements, and {LARGEST_TENSOR:,} is the most"
        self.report.add(span, message, "no machine can hold it: make it smaller")
        return None

    # What is asked of the network.

    def _term(self, what: str, term: language.Loss | language.Metric, weight: float) -> Term | None:
        """The loss or metric as a reading of the call that computes it; None where it is no such call."""
        name = term.value.tensor
        operator = self.operator_of_name.get(name)
        allowed = [known.name for known in OPERATORS.values() if known.role == what or known.role == "loss"]
        if self.tensor_of_name.get(name) is None:
            return None
        if operator is None or operator.name not in allowed:
            made = f"'{name}', made by {operator.name}," if operator else f"the input '{name}'"
            message = f"{what} '{term.name}': {made} is no {what}"
            self.report.add(
                term.value.span,
                message,
                f"write {what} {term.name} = {allowed[-1]}(…); there are {listed(allowed, 'and')}",
            )
            return None
        if term.value.field is not None:
            self.report.add(term.value.span, f"{operator.name} has no result called '{term.value.field}'")
        return Term(term.name, name, weight, Origin(name, term.span)) if name in self.node_of_name else None

    def _output(self, output: language.Output) -> Output | None:
        """What `predict` writes under this name; None where it is no tensor of numbers."""
        name = output.value.tensor
        operator, tensor = self.operator_of_name.get(name), self.tensor_of_name.get(name)
        if output.value.field is not None:
            self.report.add(output.value.span, f"'{name}' has no result called '{output.value.field}'")
        if tensor is None:
            return None
        if tensor.classes or (operator is not None and operator.role != "layer"):
            what = tensor.written if tensor.classes else f"a {operator.role if operator else ''}"
            message = f"output '{output.name}': '{name}' is {what}, and an output is a tensor of numbers"
            self.report.add(output.value.span, message, "name the layer whose result is wanted")
            return None
        return Output(output.name, name)

    def _default_output(self, losses: Sequence[Term]) -> tuple[Output, ...]:
        """Without an output: what the first loss judges, under the name of the statement that makes it."""
        for loss in losses[:1]:
            judged = self.node_of_name[loss.node].inputs[0]
            return (Output(judged.rpartition(".")[0] or judged, judged),)
        return ()


def _operand_remedy(operator: Operator) -> str:
    """How the operator is written with its tensors."""
    if operator.role != "layer":
        return f"write {operator.name}(prediction, target)"
    return (
        f"write {operator.name}(a, b)"
        if operator.operands[1] > 1
        else f"write x | {signature(operator.name, operator.arguments)}"
    )
