"""What is a network input made from? A field of the source and steps on the way: `images | rescale(1/255)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from brainc.graph.arguments import Given, match_arguments
from brainc.ir.graph import Input
from brainc.operators.operator import Argument
from brainc.settings.reading import as_call, check_word, function_span, read_arguments, real, whole
from brainlang import program as language
from brainlang.diagnostics import Report, counted
from brainlang.fold import described
from brainlang.program import KINDS, Apply, ListOf, Name, Number, Piped, Text
from brainrun.plan.schema import (
    Cast,
    Field,
    Normalize,
    OneHot,
    RandomAffine,
    RandomCrop,
    RandomElastic,
    RandomFlip,
    Rescale,
    Standardize,
    Transform,
)

NUMBER_KINDS = tuple(kind for kind in KINDS if kind != "class")
ARGUMENTS: Mapping[str, tuple[Argument, ...]] = {
    "rescale": (Argument("factor", "number", "what every element is multiplied by"),),
    "normalize": (
        Argument("mean", "number", "what is subtracted: a number, or one a channel"),
        Argument("deviation", "number", "what is divided by: a number, or one a channel"),
    ),
    "standardize": (),
    "one_hot": (Argument("classes", "count", "classes; by default the input's elements", None),),
    "random_flip": (),
    "random_crop": (
        Argument("size", "count", "height and width of the window"),
        Argument("pad", "index", "zeros around the image", 0),
    ),
    "random_affine": (
        Argument("rotate", "magnitude", "degrees, at most, to either side", 0.0),
        Argument("shift", "magnitude", "pixels, at most, along either axis", 0.0),
        Argument("scale", "fraction", "what the factor 1 gains or loses at most", 0.0),
        Argument("shear", "magnitude", "degrees, at most, by which columns lean to either side", 0.0),
    ),
    "random_elastic": (
        Argument("shift", "magnitude", "pixels, at most, that a point of the grid moves along either axis"),
        Argument("grid", "count", "points of the grid along either axis", 4),
    ),
    "cast": (Argument("kind", "text", "a number type"),),
}


def read_field(report: Report, given: Input, value: language.Value) -> Field | None:
    """What feeds this input, or None where it is wrong, which is reported."""
    head, stages = (value.head, value.stages) if isinstance(value, Piped) else (value, ())
    match head:
        case Name(identifier=name) | Text(value=name):
            pass
        case _:
            message = f"'{given.name}' is made from a field of the source, and this is {described(head)}"
            report.add(
                head.span,
                message,
                f"write {given.name} = {'labels' if given.tensor.classes else 'images | rescale(1/255)'}",
            )
            return None
    transforms = [_transform(report, given, stage) for stage in stages]
    _check_labels(report, given, stages)
    sound = tuple(transform for transform in transforms if transform is not None)
    return Field(given.name, name, sound) if len(sound) == len(transforms) else None


def _check_labels(report: Report, given: Input, stages: Sequence[Apply]) -> None:
    """Labels stay as they are, or become numbers by `one_hot` before anything else."""
    for place, stage in enumerate(stages):
        earlier = [other.function for other in stages[:place] if other.function != "cast"]
        if given.tensor.classes and stage.function in ARGUMENTS and stage.function != "cast":
            message = f"'{given.name}' is {given.tensor.written}, a label, which {stage.function} cannot change"
            report.add(stage.span, message, f"leave it as it is, or declare input {given.name}: f32[…]")
        elif stage.function == "one_hot" and earlier:
            report.add(stage.span, f"one_hot takes labels, not what {earlier[-1]} makes", "put it first")


def _transform(report: Report, given: Input, stage: Apply) -> Transform | None:
    """One stage of a field's pipeline."""
    if not check_word(report, "step on data", stage.function, function_span(stage), (tuple(ARGUMENTS), ())):
        return None
    arguments = ARGUMENTS[stage.function]
    if stage.function in ("normalize", "cast"):
        values = match_arguments(report, stage.function, stage.span, (stage.positional, stage.named), arguments)
        if values is None:
            return None
        return _normalize(report, values) if stage.function == "normalize" else _cast(report, values["kind"])
    numbers = read_arguments(report, stage, arguments)
    if numbers is None:
        return None
    match stage.function:
        case "rescale":
            return Rescale(real(numbers["factor"]))
        case "standardize":
            return Standardize()
        case "one_hot":
            classes = numbers["classes"]
            return OneHot(given.tensor.elements if classes is None else whole(classes))
        case "random_flip":
            return RandomFlip()
        case "random_affine":
            return _affine(report, stage, RandomAffine(*(real(numbers[argument.name]) for argument in arguments)))
        case "random_elastic":
            return RandomElastic(real(numbers["shift"]), whole(numbers["grid"]))
        case _:
            return RandomCrop(whole(numbers["size"]), whole(numbers["pad"]))


def _affine(report: Report, stage: Apply, warp: RandomAffine) -> RandomAffine | None:
    if warp.shear >= 90:
        report.add(stage.span, f"columns cannot lean by {warp.shear:g} degrees", "give shear fewer than 90 degrees")
        return None
    return warp


def _cast(report: Report, kind: Given) -> Transform | None:
    call = Apply(kind.value.value, (), (), kind.span) if isinstance(kind.value, Text) else as_call(kind.value)
    if call is None:
        report.add(kind.span, f"cast needs a number type, and this is {described(kind.value)}", "write cast(f16)")
        return None
    sound = check_word(report, "number type", call.function, kind.span, (NUMBER_KINDS, ()))
    return Cast(call.function) if sound else None


def _normalize(report: Report, values: Mapping[str, Given]) -> Transform | None:
    mean, deviation = (_numbers(report, name, values[name]) for name in ("mean", "deviation"))
    if mean is None or deviation is None:
        return None
    if any(number <= 0 for number in deviation):
        report.add(values["deviation"].span, "a deviation must be above 0")
        return None
    if len(mean) != len(deviation):
        message = f"normalize has {counted(len(mean), 'mean')} and {counted(len(deviation), 'deviation')}"
        report.add(values["deviation"].span, message, "give as many of both, one a channel")
        return None
    return Normalize(mean, deviation)


def _numbers(report: Report, name: str, given: Given) -> tuple[float, ...] | None:
    """A number or a list of them."""
    items = given.value.items if isinstance(given.value, ListOf) else (given.value,)
    numbers = [float(item.value) for item in items if isinstance(item, Number)]
    if len(numbers) == len(items) and numbers:
        return tuple(numbers)
    message = f"{name} must be a number, or a list of one a channel, and this is {described(given.value)}"
    report.add(given.span, message)
    return None
