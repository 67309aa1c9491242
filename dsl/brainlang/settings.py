"""What settings and constants say: the two kinds of evaluation that make no calls."""

from brainlang import syntax
from brainlang.diagnostics import nearest
from brainlang.fold import Evaluator, described
from brainlang.program import Apply, Argument, For, Name, Piped, TensorRef, Value
from brainlang.source import Span


class ConstantEvaluator(Evaluator):
    """Evaluates what must be a compile-time constant: a number, a text, true, false, none, or a list of these."""

    def constant(self, expression: syntax.Expression) -> Value | None:
        """The constant's value; a tensor or a bare name is reported."""
        value = self.value(expression)
        if isinstance(value, TensorRef | Name):
            self._refuse(expression.span, described(value))
            return None
        return value

    def reference(self, expression: syntax.Reference) -> None:
        """A name that is not in scope has no constant value."""
        remedy = nearest(expression.identifier, [name for name, value in self.scope.items() if _constant(value)])
        self.report.add(
            expression.span, f"'{expression.identifier}' is not a constant", remedy or "define it above with 'let'"
        )

    def invocation(self, expression: syntax.Invocation) -> None:
        """A call is no constant."""
        self._refuse(expression.span, f"the call {expression.function.text}(…)")

    def pipe(self, expression: syntax.Pipe) -> None:
        """A pipe is no constant."""
        self._refuse(expression.span, "a pipe")

    def for_item(self, expression: syntax.ForItem) -> None:
        """`value for layer` is no constant."""
        self._refuse(expression.span, "a value for a layer")

    def _refuse(self, span: Span, what: str) -> None:
        self.report.add(
            span,
            f"a compile-time constant is needed, and this is {what}",
            "use numbers, texts, true, false, none and lists of these",
        )


class SettingEvaluator(Evaluator):
    """Evaluates settings and named arguments: a free name stands for itself, calls and pipes stay as they are."""

    def reference(self, expression: syntax.Reference) -> Value | None:
        """A free name stands for itself; `tensor.field` for that result of the layer."""
        base, _, field = expression.identifier.rpartition(".")
        known = self.scope.get(base)
        if isinstance(known, TensorRef) and known.field is None:
            return TensorRef(known.tensor, field, expression.span)
        return Name(expression.identifier, expression.span)

    def invocation(self, expression: syntax.Invocation) -> Apply | None:
        """`function(…)`, its arguments evaluated."""
        positional = [self.value(argument) for argument in expression.positional]
        named = [(argument, self.value(argument.value)) for argument in expression.named]
        sound = tuple(value for value in positional if value is not None)
        sound_named = tuple(Argument(a.name.text, value, a.span) for a, value in named if value is not None)
        if len(sound) + len(sound_named) < len(positional) + len(named):
            return None
        return Apply(expression.function.text, sound, sound_named, expression.span)

    def pipe(self, expression: syntax.Pipe) -> Value | None:
        """`head | stage | …`, each repeated stage as often as it is repeated."""
        head = self.value(expression.head)
        stages: list[Apply] = []
        for stage in expression.stages:
            call = stage_call(self, stage.callee)
            applied = None if call is None else self.invocation(call)
            count = 1 if stage.count is None else self.count(stage.count)
            if applied is None or count is None:
                head = None
                continue
            self.budget.spend(count, stage.span)
            stages += [applied] * count
        return head and Piped(head, tuple(stages), expression.span)

    def for_item(self, expression: syntax.ForItem) -> Value | None:
        """`value for target`."""
        value = self.value(expression.value)
        return value and For(value, expression.target.text, expression.span)


def stage_call(evaluator: Evaluator, callee: syntax.Expression) -> syntax.Invocation | None:
    """The call that a pipe's stage makes, once a choice among several is decided."""
    while isinstance(callee, syntax.Choice):
        branch = evaluator.chosen(callee)
        if branch is None:
            return None
        callee = branch
    if isinstance(callee, syntax.Reference):
        return syntax.Invocation(syntax.Word(callee.identifier, callee.span), (), (), callee.span)
    if isinstance(callee, syntax.Invocation):
        return callee
    evaluator.report.add(callee.span, "after '|' comes a layer", "write x | relu, or x | conv(20, kernel=5)")
    return None


def _constant(value: Value | None) -> bool:
    return not isinstance(value, TensorRef | Name)
