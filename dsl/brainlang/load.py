"""How a path becomes a Program: files read, `use` followed, constants settled, sections and network evaluated."""

import os
from collections.abc import Mapping
from pathlib import Path

from brainlang import syntax
from brainlang.body import Block, Module
from brainlang.diagnostics import BrainError, Diagnostic, Report, nearest
from brainlang.expand import NetworkExpander
from brainlang.fold import Budget
from brainlang.parse import parse, parse_expression
from brainlang.program import Network, Program, Value
from brainlang.sections import SectionReader
from brainlang.settings import ConstantEvaluator, SettingEvaluator
from brainlang.source import Source, Span

LARGEST_FILE = 4 * 2**20  # bytes
DEEPEST_USE = 32  # files that use one another in a row


def load_program(path: Path, settings: Mapping[str, str] | None = None) -> Program:
    """The program of a file, with the constants in `settings` (name → text of a constant) in place of the file's own.

    Raises BrainError with every mistake found, in file order.
    """
    return _program(read_source(path), settings or {})


def parse_program(text: str, path: str = "net.brain", settings: Mapping[str, str] | None = None) -> Program:
    """The program that a text says, as if it stood in a file at `path`. Raises BrainError."""
    return _program(Source(path, _with_plain_lines(text)), settings or {})


def parse_setting(flag: str, text: str) -> Value:
    """The value of a setting that is given on the command line, after `flag`, as a section would say it.

    Raises BrainError.
    """
    report = Report()
    expression, diagnostics = parse_expression(Source(flag, _with_plain_lines(text)))
    report.diagnostics += diagnostics
    value = None if expression is None else SettingEvaluator({}, report, Budget(report)).value(expression)
    report.settle()
    assert value is not None
    return value


def read_source(path: Path, said_at: Span | None = None) -> Source:
    """The text of a file: UTF-8, at most LARGEST_FILE bytes; a byte order mark and carriage returns are dropped.

    Raises BrainError, at `said_at` where another file names this one.
    """
    span = said_at or Span(Source(str(path), ""), 0, 0)

    def refused(message: str, remedy: str) -> BrainError:
        return BrainError([Diagnostic(span, message, remedy)])

    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise refused(f"there is no file '{path}'", _similar_file(path)) from None
    except IsADirectoryError:
        raise refused(f"'{path}' is a folder", "name the .brain file in it") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise refused(f"'{path}' cannot be read: {reason.lower()}", "") from None
    if len(content) > LARGEST_FILE:
        raise refused(f"'{path}' is larger than {LARGEST_FILE // 2**20} MiB", "is this a .brain file?")
    try:
        return Source(str(path), _with_plain_lines(content.decode("utf-8")))
    except UnicodeDecodeError as error:
        before = _with_plain_lines(content[: error.start].decode("utf-8"))
        place = Span(Source(str(path), before), len(before), len(before))
        message = f"the byte 0x{content[error.start]:02x} is not UTF-8"
        raise BrainError([Diagnostic(place, message, "save the file as UTF-8")]) from None


def _with_plain_lines(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _similar_file(path: Path) -> str:
    try:
        return nearest(path.name, sorted(entry.name for entry in path.parent.iterdir()))
    except OSError:
        return f"there is no folder '{path.parent}' either"


def _program(source: Source, settings: Mapping[str, str]) -> Program:
    report = Report()
    budget = Budget(report)
    reader = _FileReader(report, budget, settings)
    tree, module = reader.read(source)
    reader.refuse_unknown_settings(source)
    beginning = Span(source, 0, 0)
    sections = SectionReader(module.constants, report, budget, beginning)
    for statement in tree.statements:
        if isinstance(statement, syntax.Section):
            sections.read(statement)
    network = _network(tree, module, report, budget)
    if network is None:
        report.settle()
        report.stop(beginning, "there is no network in this file", "write network name { … }")
    report.settle()
    return Program(
        source.path,
        network,
        tuple(sections.data),
        tuple(sections.train),
        sections.parallel,
        sections.truenorth,
        beginning,
    )


def _network(tree: syntax.FileTree, module: Module, report: Report, budget: Budget) -> Network | None:
    definitions = [statement for statement in tree.statements if isinstance(statement, syntax.NetworkDefinition)]
    for second in definitions[1:]:
        report.add(second.name.span, "a file has one network", f"the first begins on line {definitions[0].span.line}")
    networks = [NetworkExpander(definition, module, report, budget).network() for definition in definitions]
    return networks[0] if networks else None


class _FileReader:
    """Reads a file and the files it uses, each once. State: the modules read, and the chain of files being read."""

    def __init__(self, report: Report, budget: Budget, settings: Mapping[str, str]) -> None:
        self.report = report
        self.budget = budget
        self.settings = settings
        self.known_settings: set[str] = set()
        self.module_of_file: dict[str, Module] = {}
        self.open_files: list[str] = []

    def read(self, source: Source) -> tuple[syntax.FileTree, Module]:
        """The file's tree, and what it defines at its top. Raises BrainError where the form is wrong."""
        tree, diagnostics = parse(source)
        if diagnostics:
            raise BrainError([*self.report.diagnostics, *diagnostics])
        self.open_files.append(os.path.realpath(source.path))
        module = Module()
        for statement in tree.statements:
            match statement:
                case syntax.Let():
                    self._define(statement, module)
                case syntax.Use():
                    self._use(statement, source, module)
                case syntax.BlockDefinition():
                    self._check_block(statement)
                    if self._is_new(statement.name.text, statement.name.span, module):
                        module.blocks[statement.name.text] = Block(statement, module)
        self.module_of_file[self.open_files.pop()] = module
        return tree, module

    def refuse_unknown_settings(self, source: Source) -> None:
        """Reports each `--set name=…` that no file read has a `let` for."""
        for name in self.settings:
            if name not in self.known_settings:
                remedy = nearest(name, self.known_settings) or f"'{source.path}' has no such 'let' at its top"
                self.report.add(_setting_span(name, name), f"there is no constant '{name}' to set", remedy)

    def _define(self, statement: syntax.Let, module: Module) -> None:
        name = statement.name.text
        expression = statement.value
        self.known_settings.add(name)
        own = ConstantEvaluator(module.constants, self.report, self.budget).constant(expression)
        if name in self.settings:
            own = self._set_value(name, self.settings[name])
        if self._is_new(name, statement.name.span, module):
            module.constants[name] = own

    def _set_value(self, name: str, text: str) -> Value | None:
        source = Source(f"--set {name}", _with_plain_lines(text))
        expression, diagnostics = parse_expression(source)
        self.report.diagnostics += diagnostics
        if expression is None:
            return None
        return ConstantEvaluator({}, self.report, self.budget).constant(expression)

    def _use(self, statement: syntax.Use, source: Source, module: Module) -> None:
        span = statement.file.span
        path = Path(source.path).parent / statement.file.value
        real = os.path.realpath(path) if "\0" not in statement.file.value else ""
        if real in self.open_files:
            self.report.add(
                span, f"'{statement.file.value}' uses this file in turn", "files cannot use one another in a circle"
            )
            return
        if len(self.open_files) >= DEEPEST_USE:
            self.report.stop(span, f"more than {DEEPEST_USE} files use one another in a row", "use them from one file")
        if real not in self.module_of_file:
            try:
                self.read(read_source(path, span))
            except BrainError as error:
                # What is wrong in that file leaves its definitions unknown here: no more can be found.
                raise BrainError([*self.report.diagnostics, *error.diagnostics]) from None
        taken = self.module_of_file[real]
        for name, defined_at in taken.span_of_name.items():
            if not self._is_new(name, defined_at, module, span):
                continue
            if name in taken.blocks:
                module.blocks[name] = taken.blocks[name]
            else:
                module.constants[name] = taken.constants[name]

    def _is_new(self, name: str, defined_at: Span, module: Module, said_at: Span | None = None) -> bool:
        """Whether a name is free at the top of the file, and takes it. The same definition may come twice."""
        known = module.span_of_name.setdefault(name, defined_at)
        if known == defined_at:
            return True
        remedy = f"it is defined in {known.path}, line {known.line}"
        self.report.add(said_at or defined_at, f"'{name}' is defined already", remedy)
        return False

    def _check_block(self, block: syntax.BlockDefinition) -> None:
        name, body = block.name.text, block.body
        names = [parameter.name.text for parameter in block.parameters]
        for place, parameter in enumerate(block.parameters):
            if parameter.name.text in names[:place]:
                message = f"the parameter '{parameter.name.text}' is given twice"
                self.report.add(parameter.span, message, "parameters' names differ")
        for before, after in zip(block.parameters, block.parameters[1:], strict=False):
            if before.default is not None and after.default is None:
                message = f"'{after.name.text}' has no default, and '{before.name.text}' before it has one"
                self.report.add(after.span, message, "parameters with defaults come last")
        returns = [place for place, statement in enumerate(body) if isinstance(statement, syntax.Return)]
        if not returns:
            self.report.add(block.name.span, f"the block '{name}' returns nothing", "end it with return …")
        elif returns[0] < len(body) - 1:
            self.report.add(body[returns[0] + 1].span, "this stands after the block's 'return'", "'return' comes last")


def _setting_span(name: str, text: str) -> Span:
    return Span(Source(f"--set {name}", text), 0, len(text))
