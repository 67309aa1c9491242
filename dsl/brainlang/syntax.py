"""What was written: the syntax tree, before any name is looked up."""

from dataclasses import dataclass

from brainlang.source import Span


@dataclass(frozen=True, slots=True)
class Word:
    """A name as written, with its place; dotted where the grammar allows it."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class NumberLiteral:
    """`7`, `0.05`, `1e-3`."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class TextLiteral:
    """`"…"`, escapes resolved."""

    value: str
    span: Span


@dataclass(frozen=True, slots=True)
class ConstantWord:
    """`true`, `false` or `none`."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Reference:
    """A name where a value is wanted."""

    identifier: str
    span: Span


@dataclass(frozen=True, slots=True)
class ListLiteral:
    """`[a, b, …]`."""

    items: tuple["Expression", ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ForItem:
    """`value for target`, in a list."""

    value: "Expression"
    target: Word
    span: Span


@dataclass(frozen=True, slots=True)
class NamedArgument:
    """`name=value`."""

    name: Word
    value: "Expression"
    span: Span


@dataclass(frozen=True, slots=True)
class Invocation:
    """`function(…)`, or a bare `function` as a pipe's stage."""

    function: Word
    positional: tuple["Expression", ...]
    named: tuple[NamedArgument, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a pipe: what it calls (a Choice where that is chosen by a constant), and how often (None: once)."""

    callee: "Expression"
    count: "Expression | None"
    span: Span


@dataclass(frozen=True, slots=True)
class Pipe:
    """`head | stage | …`."""

    head: "Expression"
    stages: tuple[Stage, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Unary:
    """`-x`, `+x`, `not x`."""

    sign: str
    operand: "Expression"
    span: Span


@dataclass(frozen=True, slots=True)
class Chain:
    """Operators of one rank applied from the left: `a + b - c` is a, (+, b), (-, c). Flat: long sums stay shallow."""

    first: "Expression"
    rest: tuple[tuple[Word, "Expression"], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Choice:
    """`then if condition else otherwise`."""

    then: "Expression"
    condition: "Expression"
    otherwise: "Expression"
    span: Span


Expression = (
    NumberLiteral
    | TextLiteral
    | ConstantWord
    | Reference
    | ListLiteral
    | ForItem
    | Invocation
    | Pipe
    | Unary
    | Chain
    | Choice
)


@dataclass(frozen=True, slots=True)
class Let:
    """`let name = value`."""

    name: Word
    value: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Use:
    """`use "file"`."""

    file: TextLiteral
    span: Span


@dataclass(frozen=True, slots=True)
class InputStatement:
    """`input name: kind[dims]`."""

    name: Word
    kind: Word
    dims: tuple[Expression, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Assign:
    """`name = value` in a network or a block."""

    name: Word
    value: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class LossStatement:
    """`loss name = value`, `loss weight(w) name = value` (`modifier` is the word before the parenthesis)."""

    modifier: Word | None
    weight: Expression | None
    name: Word
    value: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class MetricStatement:
    """`metric name = value`."""

    name: Word
    value: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class OutputStatement:
    """`output name = value`."""

    name: Word
    value: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Return:
    """`return value`."""

    value: Expression
    span: Span


BlockStatement = Let | Assign | Return
NetworkStatement = Let | InputStatement | Assign | LossStatement | MetricStatement | OutputStatement


@dataclass(frozen=True, slots=True)
class Parameter:
    """A block's parameter, with its default where it has one."""

    name: Word
    default: Expression | None
    span: Span


@dataclass(frozen=True, slots=True)
class BlockDefinition:
    """`block name(parameters) { … }`."""

    name: Word
    parameters: tuple[Parameter, ...]
    body: tuple[BlockStatement, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class NetworkDefinition:
    """`network name { … }`."""

    name: Word
    body: tuple[NetworkStatement, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class SettingStatement:
    """`key = value` of a section."""

    key: Word
    value: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class PlaceStatement:
    """`place layer = split`; `verb` is the first word as written."""

    verb: Word
    layer: Word
    value: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Section:
    """`data role { … }`, `train name { … }`, `parallel { … }`, `truenorth { … }`; `name` is None if none is written."""

    keyword: Word
    name: Word | None
    body: tuple[SettingStatement | PlaceStatement, ...]
    span: Span


TopStatement = Let | Use | BlockDefinition | NetworkDefinition | Section


@dataclass(frozen=True, slots=True)
class FileTree:
    """A whole file."""

    statements: tuple[TopStatement, ...]
    span: Span
