"""How one body, of a network or of a block in use, becomes calls: pipes unrolled, stages repeated, blocks opened."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from brainlang import syntax
from brainlang.diagnostics import Report, counted, listed, nearest
from brainlang.fold import Budget, Evaluator, described
from brainlang.layers import Group, is_legal_name
from brainlang.parse import KEYWORDS
from brainlang.program import (
    Apply,
    Argument,
    Call,
    Name,
    Number,
    TensorRef,
    Text,
    Value,
)
from brainlang.settings import ConstantEvaluator, SettingEvaluator, stage_call
from brainlang.source import Span

OPERATOR_OF_SIGN = {"+": "add", "-": "subtract", "*": "multiply"}


@dataclass(slots=True)
class Module:
    """What one file defines at its top, with what it takes from others. State: grows while the file is read."""

    constants: dict[str, Value | None] = field(default_factory=dict)
    blocks: dict[str, "Block"] = field(default_factory=dict)
    span_of_name: dict[str, Span] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Block:
    """A block and the file whose constants and blocks its body sees."""

    definition: syntax.BlockDefinition
    module: Module


@dataclass(slots=True)
class Graph:
    """What all bodies of one network add to. State: the calls so far, under provisional names, and the open blocks."""

    report: Report
    budget: Budget
    calls: list[Call] = field(default_factory=list)
    open_blocks: list[str] = field(default_factory=list)


class BodyEvaluator(Evaluator):
    """Evaluates expressions inside a network or one use of a block: calls of operators are added to the graph."""

    def __init__(self, scope: dict[str, Value | None], module: Module, graph: Graph, group: Group) -> None:
        super().__init__(scope, graph.report, graph.budget)
        self.bindings = scope
        self.module = module
        self.graph = graph
        self.group = group
        self.call_of_override: dict[str, str] = {}  # name="c1" → the call, for share=c1

    # Names.

    def reference(self, expression: syntax.Reference) -> Value | None:
        """`tensor.field`; any other name that is not in scope is unknown here."""
        word = expression.identifier
        base, _, result = word.rpartition(".")
        if base in self.scope:
            known = self.scope[base]
            if isinstance(known, TensorRef) and known.field is None:
                return TensorRef(known.tensor, result, expression.span)
            if known is not None:
                self.report.add(expression.span, f"'{base}' is {described(known)} and has no fields")
            return None
        if word in self.module.blocks:
            self.report.add(expression.span, f"'{word}' is a block", f"use it in a pipe, or call it: {word}(…)")
            return None
        keyword = "a keyword, " if word in KEYWORDS else ""
        remedy = nearest(base or word, self.scope)
        self.report.add(expression.span, f"'{word}' is {keyword}no tensor and no constant", remedy)
        return None

    def for_item(self, expression: syntax.ForItem) -> None:
        """`value for layer` has no meaning among tensors."""
        self.report.add(expression.span, "'for' belongs in a list of settings", "")

    # Arithmetic on tensors.

    def signed(self, expression: syntax.Unary, operand: Value) -> Value | None:
        """`-x` of a tensor is `multiply(-1, x)`."""
        if not isinstance(operand, TensorRef) or expression.sign == "not":
            return super().signed(expression, operand)
        if expression.sign == "+":
            return operand
        sign_span = replace(expression.span, end=expression.span.start + 1)
        return self._add_call("multiply", (Number(-1, sign_span), operand), (), expression.span, sign_span, None)

    def combine(self, left: Value, sign: syntax.Word, right: Value) -> Value | None:
        """`+`, `-`, `*` on tensors and numbers, and a tensor divided by a number."""
        if not isinstance(left, TensorRef) and not isinstance(right, TensorRef):
            return super().combine(left, sign, right)
        if sign.text == "/" and isinstance(right, Number) and right.value != 0:
            right, sign = Number(1 / right.value, right.span), syntax.Word("*", sign.span)
        if sign.text not in OPERATOR_OF_SIGN:
            remedy = "tensors are combined by +, - and *, and divided by a constant other than 0"
            self.report.add(sign.span, f"'{sign.text}' does not work on tensors", remedy)
            return None
        for operand in (left, right):
            if not isinstance(operand, TensorRef | Number):
                self.report.add(
                    operand.span, f"'{sign.text}' needs tensors or numbers, and this is {described(operand)}"
                )
                return None
        span = left.span.to(right.span)
        return self._add_call(OPERATOR_OF_SIGN[sign.text], (left, right), (), span, sign.span, None)

    # Calls.

    def pipe(self, expression: syntax.Pipe) -> Value | None:
        """The head, handed through the stages."""
        value = self.value(expression.head)
        for stage in expression.stages:
            call = stage_call(self, stage.callee)
            count = 1 if stage.count is None else self.count(stage.count)
            if call is None or count is None:
                value = None
            elif stage.count is None:
                value = self._apply(call, (value,), stage.span)
            else:
                value = self._repeated(call, count, value, stage.span)
        return value

    def invocation(self, expression: syntax.Invocation) -> Value | None:
        """A block's result or an operator's."""
        return self._apply(expression, (), expression.span)

    def _repeated(self, call: syntax.Invocation, count: int, value: Value | None, span: Span) -> Value | None:
        outer = self.group
        self.budget.spend(count, span)
        for _ in range(count):
            self.group = outer.add_repetition()
            value = self._apply(call, (value,), span, repeated=True)
            if value is None:
                break
        self.group = outer
        return value

    def _apply(
        self, call: syntax.Invocation, piped: tuple[Value | None, ...], span: Span, *, repeated: bool = False
    ) -> Value | None:
        """The call, with what a pipe brings as its first argument."""
        known = self.scope.get(call.function.text)
        callee = known.identifier if isinstance(known, Name) else call.function.text
        block = self.module.blocks.get(callee)
        positional = (*piped, *(self.value(argument) for argument in call.positional))
        override = self._override(call, block)
        named = self._named_arguments(call, block)
        if None in positional or named is None:
            return None
        arguments = tuple(value for value in positional if value is not None)
        if block is None:
            return self._add_call(callee, arguments, named, span, call.function.span, override)
        if callee in self.graph.open_blocks:
            self.report.add(
                call.function.span, f"the block '{callee}' uses itself", "a block may use other blocks only"
            )
            return None
        group = self.group if repeated and override is None else self.group.add_block(callee, override)
        return self._open(block, call, arguments, named, group)

    def _add_call(
        self,
        operator: str,
        positional: tuple[Value, ...],
        named: tuple[Argument, ...],
        span: Span,
        operator_span: Span,
        override: Text | None,
    ) -> TensorRef:
        self.budget.spend(1, span)
        # A blank begins no name of the user's, so provisional names meet no others.
        provisional = f" {len(self.graph.calls)}"
        self.graph.calls.append(Call(provisional, operator, positional, named, provisional, span, operator_span))
        self.group.add_call(operator, override, provisional)
        if override is not None:
            self.call_of_override[override.value] = provisional
        return TensorRef(provisional, None, span)

    def _override(self, call: syntax.Invocation, block: Block | None) -> Text | None:
        """The layer's name, where `name=` gives one."""
        if block is not None and "name" in _parameter_names(block):
            return None
        for argument in call.named:
            if argument.name.text != "name":
                continue
            value = ConstantEvaluator(self.scope, self.report, self.budget).constant(argument.value)
            if isinstance(value, Text) and is_legal_name(value.value):
                return value
            if value is not None:
                shown = f'"{value.value}"' if isinstance(value, Text) else described(value)
                remedy = "a layer's name is a text of letters, digits and '_': name=\"c1\""
                self.report.add(argument.value.span, f"a layer cannot be called {shown}", remedy)
        return None

    def _named_arguments(self, call: syntax.Invocation, block: Block | None) -> tuple[Argument, ...] | None:
        """All named arguments but the layer's name; None where one is wrong."""
        settings = SettingEvaluator(self.scope, self.report, self.budget)
        arguments: list[Argument] = []
        sound = True
        for argument in call.named:
            key = argument.name.text
            if key == "name" and (block is None or "name" not in _parameter_names(block)):
                continue
            bare = isinstance(argument.value, syntax.Reference)
            value = settings.value(argument.value) if block is None or bare else self.value(argument.value)
            if value is not None and key == "share" and block is None:
                value = self._shared_layer(argument.value, value)
            if value is None:
                sound = False
            else:
                arguments.append(Argument(key, value, argument.span))
        return tuple(arguments) if sound else None

    def _shared_layer(self, written: syntax.Expression, value: Value) -> Value:
        """What `share=` means: a layer's name, also where a tensor is named: then the layer that computes it."""
        match written, value:
            case syntax.Reference(), _ if written.identifier in self.call_of_override:
                return Name(self.call_of_override[written.identifier], value.span)
            case syntax.Reference(), TensorRef() if "." in written.identifier:
                return Name(written.identifier, value.span)
            case _, TensorRef():
                return Name(value.tensor, value.span)
            case syntax.Invocation(), Apply() if len(written.positional) == len(value.positional):
                pairs = zip(written.positional, value.positional, strict=True)
                return replace(value, positional=tuple(self._shared_layer(w, v) for w, v in pairs))
        return value

    # Blocks.

    def _open(
        self,
        block: Block,
        call: syntax.Invocation,
        positional: Sequence[Value],
        named: Sequence[Argument],
        group: Group,
    ) -> Value | None:
        """The result of a block's body, its parameters bound to the arguments."""
        name = block.definition.name.text
        self.budget.spend(1, call.span)
        self.budget.enter(call.span)
        self.graph.open_blocks.append(name)
        scope = dict(block.module.constants)
        body = BodyEvaluator(scope, block.module, self.graph, group)
        result = None
        if self._bind(block, call, positional, named, body):
            result = body.run_block(block.definition)
        self.graph.open_blocks.pop()
        self.budget.leave()
        return result and replace(result, span=call.span)

    def _bind(
        self,
        block: Block,
        call: syntax.Invocation,
        positional: Sequence[Value],
        named: Sequence[Argument],
        body: "BodyEvaluator",
    ) -> bool:
        """Binds the parameters in the body's scope; False, and reported, where the arguments do not fit."""
        name, parameters = block.definition.name.text, block.definition.parameters
        names = _parameter_names(block)
        if len(positional) > len(names):
            message = f"the block '{name}' takes {counted(len(names), 'argument')}, and {len(positional)} are given"
            self.report.add(call.span, message, f"its parameters are {listed(names, 'and')}")
            return False
        given: dict[str, Value] = dict(zip(names, positional, strict=False))
        sound = True
        for argument in named:
            if argument.name not in names or argument.name in given:
                twice = argument.name in given
                problem = "is given twice" if twice else f"is no parameter of the block '{name}'"
                close = "" if twice else nearest(argument.name, names)
                remedy = close or f"its parameters are {listed(names, 'and')}"
                self.report.add(argument.span, f"'{argument.name}' {problem}", remedy)
                sound = False
            given[argument.name] = argument.value
        for parameter in parameters:
            key = parameter.name.text
            if key in given:
                body.bindings[key] = given[key]
            elif parameter.default is not None:
                body.bindings[key] = ConstantEvaluator(body.scope, self.report, self.budget).constant(parameter.default)
            else:
                self.report.add(call.span, f"the block '{name}' needs '{key}'", f"write {name}(…, {key}=…)")
                sound = False
        return sound

    def run_block(self, definition: syntax.BlockDefinition) -> Value | None:
        """Evaluates a block's statements; what it returns must be a tensor."""
        for statement in definition.body:
            self.budget.spend(1, statement.span)
            match statement:
                case syntax.Let():
                    self.define(statement)
                case syntax.Assign():
                    self.bindings[statement.name.text] = self.tensor(statement.name, statement.value)
                case syntax.Return():
                    result = self.value(statement.value)
                    if result is not None and not isinstance(result, TensorRef):
                        self.report.add(statement.value.span, f"a block returns a tensor, not {described(result)}")
                        return None
                    return result
        return None

    def define(self, statement: syntax.Let) -> None:
        """`let` in a body."""
        value = ConstantEvaluator(self.scope, self.report, self.budget).constant(statement.value)
        self.bindings[statement.name.text] = value

    def tensor(self, name: syntax.Word, expression: syntax.Expression) -> TensorRef | None:
        """The tensor that a statement computes; a constant is reported."""
        value = self.value(expression)
        if value is None or isinstance(value, TensorRef):
            return value
        remedy = f"a constant is written let {name.text} = …"
        self.report.add(expression.span, f"'{name.text}' must be a tensor, and this is {described(value)}", remedy)
        return None


def _parameter_names(block: Block) -> list[str]:
    return [parameter.name.text for parameter in block.definition.parameters]
