"""What each layer is called: by the statement that holds it and its place there.

The scheme, in the statement `features = …`:

* a call of an operator that occurs once in the statement is `features.conv`, one that occurs more often is
  `features.conv1`, `features.conv2`, … in the order of evaluation;
* a block puts what it calls under its own name, numbered in the same way: `features.residual.conv1`. The statements
  inside a block add no level of their own;
* a repeated stage puts repetition i under `features.i`, counting from 1 and on through further repeated stages of
  the statement: `blocks.3.conv1`. Numbering restarts in each repetition, and the block's own name adds no level;
* `name="c1"` is the whole name of a layer in the network, and the last part of the name inside a block or a
  repetition: `blocks.3.c1`;
* a later statement that gives the same name again is `features_2`, `features_3`, … whatever it calls.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from brainlang.program import Apply, Argument, Call, For, ListOf, Name, Piped, TensorRef, Text, Value


@dataclass(slots=True)
class Group:
    """What one statement, block or repetition calls, in the order of evaluation. State: grows while it is expanded."""

    members: list["Member"] = field(default_factory=list)

    def add_call(self, operator: str, override: Text | None, call: str) -> None:
        """A call, so far known as `call`."""
        self.members.append(Member(operator, override, call))

    def add_block(self, block: str, override: Text | None) -> "Group":
        """A group for what a block calls."""
        self.members.append(Member(block, override, group := Group()))
        return group

    def add_repetition(self) -> "Group":
        """A group for one repetition of a stage."""
        self.members.append(Member(None, None, group := Group()))
        return group


@dataclass(frozen=True, slots=True)
class Member:
    """One element of a group: its operator or block (None: a repetition), and the call or the group inside."""

    label: str | None
    override: Text | None
    content: str | Group


@dataclass(frozen=True, slots=True)
class Named:
    """The name for a call; `override` is the text that fixed it, if one did."""

    call: str
    layer: str
    override: Text | None


def layer_names(group: Group, prefix: str, *, whole_overrides: bool = True) -> Iterator[Named]:
    """The name of every call in the group. With `whole_overrides`, a `name=` is the entire name, else its last part."""
    occurrences = Counter(member.label for member in group.members if member.label and not member.override)
    place: Counter[str | None] = Counter()
    for member in group.members:
        if member.override is not None:
            name = member.override.value if whole_overrides else f"{prefix}.{member.override.value}"
        else:
            place[member.label] += 1
            number = "" if member.label and occurrences[member.label] == 1 else place[member.label]
            name = f"{prefix}.{member.label or ''}{number}"
        if isinstance(member.content, Group):
            yield from layer_names(member.content, name, whole_overrides=False)
        else:
            yield Named(member.content, name, member.override)


def unused_name(wanted: str, used: Collection[str]) -> str:
    """`wanted`, or the first of `wanted_2`, `wanted_3`, … that is not in use."""
    if wanted not in used:
        return wanted
    number = 2
    while f"{wanted}_{number}" in used:
        number += 1
    return f"{wanted}_{number}"


def is_legal_name(name: str) -> bool:
    """Whether a text can name a layer: names joined by dots, where parts after the first may be numbers."""
    first, *rest = name.split(".")
    return first.isidentifier() and all(part.isidentifier() or part.isdecimal() for part in rest)


def renamed_call(call: Call, layer_of_call: Mapping[str, str]) -> Call:
    """The call with the provisional names of calls replaced by their layers' names."""
    layer = layer_of_call[call.layer]
    positional = tuple(_renamed(value, layer_of_call) for value in call.positional)
    named = tuple(_renamed_arguments(call.named, layer_of_call))
    return Call(layer, call.operator, positional, named, layer, call.span, call.operator_span)


def _renamed_arguments(arguments: Sequence[Argument], layer_of_call: Mapping[str, str]) -> Iterator[Argument]:
    for argument in arguments:
        yield Argument(argument.name, _renamed(argument.value, layer_of_call), argument.span)


def _renamed(value: Value, layer_of_call: Mapping[str, str]) -> Value:
    """The value with the provisional names of calls replaced by their layers' names."""
    match value:
        case TensorRef():
            return replace(value, tensor=layer_of_call.get(value.tensor, value.tensor))
        case Name():
            return replace(value, identifier=layer_of_call.get(value.identifier, value.identifier))
        case ListOf():
            return replace(value, items=tuple(_renamed(item, layer_of_call) for item in value.items))
        case Apply():
            positional = tuple(_renamed(item, layer_of_call) for item in value.positional)
            return replace(value, positional=positional, named=tuple(_renamed_arguments(value.named, layer_of_call)))
        case Piped():
            renamed = [_renamed(stage, layer_of_call) for stage in value.stages]
            stages = tuple(stage for stage in renamed if isinstance(stage, Apply))
            return replace(value, head=_renamed(value.head, layer_of_call), stages=stages)
        case For():
            return replace(value, value=_renamed(value.value, layer_of_call))
        case _:
            return value
