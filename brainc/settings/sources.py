"""Where do a role's samples come from? The `source` of a data section."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from brainc.graph.arguments import match_arguments
from brainc.ir.graph import LayerGraph
from brainc.operators.operator import Argument, Refusal
from brainc.settings.reading import choose, read_arguments, read_value, whole, word_of
from brainlang import program as language
from brainlang.diagnostics import Report, nearest
from brainlang.fold import described
from brainlang.program import ROLES, Apply, ListOf, Name, Number, Text
from brainrun.plan.schema import CsvSource, IdxSource, NpySource, NpzSource, PartSource, Source, SyntheticSource

TO_COME = ("parquet", "hdf5", "images")
IDX = (Argument("images", "text", "the file of the images"), Argument("labels", "text", "the file of the labels"))
NPZ = (Argument("file", "text", "the archive"),)
CSV = (
    Argument("file", "text", "the table"),
    Argument("features", "text", "columns, or first:last ranges of them; all but the label by default", None),
    Argument("label", "text", "the label's column", ""),
    Argument("delimiter", "text", "what parts the columns; told by the file's name or header by default", ""),
)
SYNTHETIC = (Argument("count", "count", "samples"), Argument("seed", "index", "what they are drawn from", 0))
PART = (Argument("role", "text", "whose samples"), Argument("share", "fraction", "the part of them"))


def read_source(report: Report, value: language.Value) -> Source | None:
    """The source, or None where it is wrong, which is reported."""
    call = choose(report, "source", value, (tuple(READERS), TO_COME))
    return None if call is None else READERS[call.function](report, call)


def fields_of_source(source: Source, graph: LayerGraph) -> tuple[str, ...] | None:
    """The names of its fields, or None where only the files can tell."""
    match source:
        case IdxSource():
            return ("images", "labels")
        case NpySource(files=files):
            return tuple(name for name, _ in files)
        case SyntheticSource():
            return tuple(given.name for given in graph.inputs)
        case _:
            return None


def _idx(report: Report, call: Apply) -> Source | None:
    files = read_arguments(report, call, IDX)
    return None if files is None else IdxSource(word_of(files["images"]), word_of(files["labels"]))


def _npy(report: Report, call: Apply) -> Source | None:
    files: dict[str, str] = {}
    found_before = len(report.diagnostics)
    for value in call.positional:
        report.add(value.span, "npy needs a name for each file", 'write npy(images="images.npy", labels="labels.npy")')
    if not call.positional and not call.named:
        report.add(call.span, "npy needs a file", 'write npy(images="images.npy", labels="labels.npy")')
    for argument in call.named:
        file = read_value(report, Argument(argument.name, "text", "a file"), argument.value)
        files[argument.name] = file if isinstance(file, str) else ""
    return NpySource(tuple(files.items())) if len(report.diagnostics) == found_before else None


def _npz(report: Report, call: Apply) -> Source | None:
    file = read_arguments(report, call, NPZ)
    return None if file is None else NpzSource(word_of(file["file"]))


def _csv(report: Report, call: Apply) -> Source | None:
    given = match_arguments(report, call.function, call.span, (call.positional, call.named), CSV)
    if given is None:
        return None
    features = _texts(report, given["features"].value) if "features" in given else ()
    words: dict[str, str] = {}
    for argument in CSV:
        if argument.name != "features" and argument.name in given:
            word = read_value(report, argument, given[argument.name].value)
            if isinstance(word, Refusal):
                features = None
            words[argument.name] = str(word)
    delimiter = words.get("delimiter", "")
    if len(delimiter) > 1:
        report.add(given["delimiter"].span, "a delimiter is one character", 'write "," or "\\t"')
        return None
    return None if features is None else CsvSource(words["file"], features, words.get("label", ""), delimiter)


def _texts(report: Report, value: language.Value) -> tuple[str, ...] | None:
    """A text or a list of them."""
    texts: list[str] = []
    for item in value.items if isinstance(value, ListOf) else (value,):
        if not isinstance(item, Text):
            remedy = 'write features=["age", "weight"] or features="first:last"'
            report.add(item.span, f"features are columns' names, and this is {described(item)}", remedy)
            return None
        texts.append(item.value)
    return tuple(texts)


def _synthetic(report: Report, call: Apply) -> Source | None:
    numbers = read_arguments(report, call, SYNTHETIC)
    return None if numbers is None else SyntheticSource(whole(numbers["count"]), whole(numbers["seed"]))


def _part(report: Report, call: Apply) -> Source | None:
    """`part(train, 1/12)`: a role, as a bare word, and a share between 0 and 1."""
    given = match_arguments(report, call.function, call.span, (call.positional, call.named), PART)
    if given is None:
        return None
    role, share = given["role"], given["share"]
    match role.value, share.value:
        case Name(identifier=word), Number(value=number) if word in ROLES and 0 < number < 1:
            return PartSource(word, float(number))
        case Name(identifier=word), Number() if word in ROLES:
            report.add(share.span, f"a share is more than 0 and less than 1, and this is {described(share.value)}")
        case Name(identifier=word), _ if word in ROLES:
            report.add(share.span, f"a share is a number, and this is {described(share.value)}", "write 1/12 or 0.1")
        case Name(identifier=word), _:
            remedy = nearest(word, ROLES) or "write part(train, 1/12)"
            report.add(role.span, f"'{word}' is no role of data", remedy)
        case _:
            report.add(role.span, f"a role is a word, and this is {described(role.value)}", "write part(train, 1/12)")
    return None


READERS: Mapping[str, Callable[[Report, Apply], Source | None]] = {
    "idx": _idx,
    "npy": _npy,
    "npz": _npz,
    "csv": _csv,
    "synthetic": _synthetic,
    "part": _part,
}
