"""How the grammar's rules become the syntax tree: one function for each rule of grammar.lark."""

from collections.abc import Sequence
from itertools import pairwise

from lark import Token
from lark.visitors import Transformer_NonRecursive

from brainlang import syntax
from brainlang.diagnostics import Diagnostic
from brainlang.source import Source, Span
from brainlang.tokens import unescaped

Part = object  # a Token or a node of the syntax tree


class TreeBuilder(Transformer_NonRecursive[Token, syntax.FileTree]):
    """Turns lark's tree of one source into ours, without recursion. State: the list of diagnostics it has found."""

    def __init__(self, source: Source, diagnostics: list[Diagnostic]) -> None:
        super().__init__()
        self.source = source
        self.diagnostics = diagnostics

    # Where things are.

    def _span_of(self, part: Part) -> Span:
        if isinstance(part, Token):
            return Span(self.source, part.start_pos or 0, part.end_pos or 0)
        span = getattr(part, "span", None)
        assert isinstance(span, Span)
        return span

    def _span(self, parts: Sequence[Part]) -> Span:
        return self._span_of(parts[0]).to(self._span_of(parts[-1]))

    def _word(self, part: Part) -> syntax.Word:
        assert isinstance(part, Token)
        return syntax.Word(str(part), self._span_of(part))

    def _words(self, parts: Sequence[Part]) -> list[syntax.Word]:
        return [self._word(part) for part in parts if isinstance(part, Token) and part.type in ("NAME", "DOTTED")]

    # Statements.

    def start(self, parts: list[Part]) -> syntax.FileTree:
        """A file."""
        statements = tuple(part for part in parts if isinstance(part, syntax.TopStatement))
        return syntax.FileTree(statements, Span(self.source, 0, 0))

    def let(self, parts: list[Part]) -> syntax.Let:
        """`let name = value`."""
        return syntax.Let(self._word(parts[1]), _expression(parts[3]), self._span(parts))

    def use(self, parts: list[Part]) -> syntax.Use:
        """`use "file"`."""
        return syntax.Use(self.text(parts[1:]), self._span(parts))

    def block(self, parts: list[Part]) -> syntax.BlockDefinition:
        """`block name(parameters) { … }`."""
        parameters = tuple(part for part in parts if isinstance(part, syntax.Parameter))
        body = tuple(part for part in parts if isinstance(part, syntax.BlockStatement))
        return syntax.BlockDefinition(self._word(parts[1]), parameters, body, self._span(parts))

    def parameter(self, parts: list[Part]) -> syntax.Parameter:
        """`name` or `name=default`."""
        default = _expression(parts[2]) if len(parts) == 3 else None
        return syntax.Parameter(self._word(parts[0]), default, self._span(parts))

    def network(self, parts: list[Part]) -> syntax.NetworkDefinition:
        """`network name { … }`."""
        body = tuple(part for part in parts if isinstance(part, syntax.NetworkStatement))
        return syntax.NetworkDefinition(self._word(parts[1]), body, self._span(parts))

    def input(self, parts: list[Part]) -> syntax.InputStatement:
        """`input name: kind[dims]`."""
        dims = _expressions(parts)
        return syntax.InputStatement(self._word(parts[1]), self._word(parts[3]), dims, self._span(parts))

    def assign(self, parts: list[Part]) -> syntax.Assign:
        """`name = value`."""
        return syntax.Assign(self._word(parts[0]), _expression(parts[2]), self._span(parts))

    def loss(self, parts: list[Part]) -> syntax.LossStatement:
        """`loss name = value`, with a weight or without."""
        value = _expression(parts[-1])
        if len(parts) == 4:
            return syntax.LossStatement(None, None, self._word(parts[1]), value, self._span(parts))
        modifier, weight = self._word(parts[1]), _expression(parts[3])
        if modifier.text != "weight":
            self._report(modifier.span, f"'{modifier.text}' does not belong here", "write loss weight(0.3) name = …")
        return syntax.LossStatement(modifier, weight, self._word(parts[5]), value, self._span(parts))

    def metric(self, parts: list[Part]) -> syntax.MetricStatement:
        """`metric name = value`."""
        return syntax.MetricStatement(self._word(parts[1]), _expression(parts[3]), self._span(parts))

    def output(self, parts: list[Part]) -> syntax.OutputStatement:
        """`output name = value`."""
        return syntax.OutputStatement(self._word(parts[1]), _expression(parts[3]), self._span(parts))

    def returned(self, parts: list[Part]) -> syntax.Return:
        """`return value`."""
        return syntax.Return(_expression(parts[1]), self._span(parts))

    def _section(self, parts: list[Part]) -> syntax.Section:
        keyword, name = self._word(parts[0]), self._words(parts)
        body = tuple(part for part in parts if isinstance(part, syntax.SettingStatement | syntax.PlaceStatement))
        return syntax.Section(keyword, name[0] if name else None, body, self._span(parts))

    data = train = parallel = truenorth = _section

    def setting(self, parts: list[Part]) -> syntax.SettingStatement:
        """`key = value`."""
        return syntax.SettingStatement(self._word(parts[0]), _expression(parts[2]), self._span(parts))

    def place(self, parts: list[Part]) -> syntax.PlaceStatement:
        """`place layer = split`."""
        verb, layer = self._word(parts[0]), self._word(parts[1])
        if verb.text != "place":
            self._report(
                verb.span, f"'{verb.text}' begins no statement of a section", "a setting is written key = value"
            )
        return syntax.PlaceStatement(verb, layer, _expression(parts[3]), self._span(parts))

    # Expressions.

    def choice(self, parts: list[Part]) -> syntax.Choice:
        """`then if condition else otherwise`."""
        then, condition, otherwise = map(_expression, parts[::2])
        return syntax.Choice(then, condition, otherwise, self._span(parts))

    def pipe(self, parts: list[Part]) -> syntax.Pipe:
        """`head | stage | …`."""
        stages = tuple(part for part in parts if isinstance(part, syntax.Stage))
        return syntax.Pipe(_expression(parts[0]), stages, self._span(parts))

    def stage(self, parts: list[Part]) -> syntax.Stage:
        """`call`, `call * count`; a bare word is a call without arguments."""
        callee = _expression(parts[0])
        if isinstance(callee, syntax.Reference):
            callee = syntax.Invocation(syntax.Word(callee.identifier, callee.span), (), (), callee.span)
        count = _expression(parts[2]) if len(parts) == 3 else None
        return syntax.Stage(callee, count, self._span(parts))

    def _chain(self, parts: list[Part]) -> syntax.Chain:
        rest = tuple(
            (self._word(sign), _expression(right)) for sign, right in zip(parts[1::2], parts[2::2], strict=True)
        )
        return syntax.Chain(_expression(parts[0]), rest, self._span(parts))

    any_of = all_of = comparison = sum = term = power = _chain

    def _unary(self, parts: list[Part]) -> syntax.Unary:
        return syntax.Unary(self._word(parts[0]).text, _expression(parts[1]), self._span(parts))

    negation = sign = _unary

    def number(self, parts: list[Part]) -> syntax.NumberLiteral:
        """A number, as written."""
        return syntax.NumberLiteral(str(parts[0]), self._span(parts))

    def text(self, parts: list[Part]) -> syntax.TextLiteral:
        """A quoted text."""
        return syntax.TextLiteral(unescaped(str(parts[0])), self._span(parts))

    def constant(self, parts: list[Part]) -> syntax.ConstantWord:
        """`true`, `false`, `none`."""
        return syntax.ConstantWord(str(parts[0]), self._span(parts))

    def name(self, parts: list[Part]) -> syntax.Reference:
        """A word where a value is wanted."""
        return syntax.Reference(str(parts[0]), self._span(parts))

    def group(self, parts: list[Part]) -> syntax.Expression:
        """`(expression)`: the expression itself."""
        return _expression(parts[1])

    def call(self, parts: list[Part]) -> syntax.Invocation:
        """`function(arguments)`."""
        arguments = [part for part in parts[2:-1] if not isinstance(part, Token)]
        for before, after in pairwise(arguments):
            if isinstance(before, syntax.NamedArgument) and not isinstance(after, syntax.NamedArgument):
                self._report(
                    self._span_of(after),
                    f"a positional argument follows '{before.name.text}='",
                    "positional arguments come before named ones",
                )
        named = tuple(part for part in arguments if isinstance(part, syntax.NamedArgument))
        self._refuse_repeated(named)
        positional = _expressions(arguments)
        return syntax.Invocation(self._word(parts[0]), positional, named, self._span(parts))

    def named(self, parts: list[Part]) -> syntax.NamedArgument:
        """`name=value`."""
        return syntax.NamedArgument(self._word(parts[0]), _expression(parts[2]), self._span(parts))

    def listing(self, parts: list[Part]) -> syntax.ListLiteral:
        """`[a, b, …]`."""
        return syntax.ListLiteral(_expressions(parts), self._span(parts))

    def for_item(self, parts: list[Part]) -> syntax.ForItem:
        """`value for target`."""
        return syntax.ForItem(_expression(parts[0]), self._word(parts[2]), self._span(parts))

    # Mistakes that the grammar cannot see.

    def _report(self, span: Span, message: str, remedy: str) -> None:
        self.diagnostics.append(Diagnostic(span, message, remedy))

    def _refuse_repeated(self, arguments: Sequence[syntax.NamedArgument]) -> None:
        seen: set[str] = set()
        for argument in arguments:
            if argument.name.text in seen:
                self._report(argument.name.span, f"'{argument.name.text}' is given twice", "keep one of them")
            seen.add(argument.name.text)


def _expressions(parts: Sequence[Part]) -> tuple[syntax.Expression, ...]:
    return tuple(part for part in parts if isinstance(part, syntax.Expression))


def _expression(part: Part) -> syntax.Expression:
    assert isinstance(part, syntax.Expression)
    return part
