"""What the sections `data`, `train`, `parallel` and `truenorth` set."""

from collections.abc import Mapping, Sequence

from brainlang import syntax
from brainlang.diagnostics import Report, listed, nearest
from brainlang.fold import Budget
from brainlang.program import ROLES, DataSection, Parallel, Placement, Setting, TrainStage, Value
from brainlang.settings import SettingEvaluator
from brainlang.source import Span


class SectionReader:
    """Reads the sections of one file. State: what it has read."""

    def __init__(self, constants: Mapping[str, Value | None], report: Report, budget: Budget, beginning: Span) -> None:
        self.report = report
        self.settings = SettingEvaluator(constants, report, budget)
        self.data: list[DataSection] = []
        self.train: list[TrainStage] = []
        self.parallel = Parallel((), (), beginning)
        self.truenorth: tuple[Setting, ...] | None = None
        self.line_of_section: dict[tuple[str, str], int] = {}

    def read(self, section: syntax.Section) -> None:
        """Adds what one section says; what is wrong with it is reported."""
        name = section.name.text if section.name else section.keyword.text
        self._refuse_second(section, name)
        settings = self._settings(section)
        if section.keyword.text != "parallel":
            for statement in _place_statements(section.body):
                self.report.add(statement.verb.span, "'place' belongs inside 'parallel { … }'", "move it there")
        match section.keyword.text:
            case "data":
                if section.name and name not in ROLES:
                    remedy = nearest(name, ROLES) or f"the roles are {listed(ROLES, 'and')}"
                    self.report.add(section.name.span, f"'{name}' is no role of data", remedy)
                self.data.append(DataSection(name, settings, section.span))
            case "train":
                self.train.append(TrainStage(name, settings, section.span))
            case "parallel":
                self.parallel = Parallel(settings, self._placements(section), section.span)
            case _:
                self.truenorth = settings

    def _refuse_second(self, section: syntax.Section, name: str) -> None:
        keyword = section.keyword.text
        line = self.line_of_section.setdefault((keyword, name), section.span.line)
        if line != section.span.line:
            shown = keyword if name == keyword else f"{keyword} {name}"
            remedy = "join the two" if keyword != "train" else "give the stages names: train pretrain { … }"
            span = section.keyword.span.to(section.name.span if section.name else section.keyword.span)
            self.report.add(span, f"'{shown}' is given on line {line} already", remedy)

    def _settings(self, section: syntax.Section) -> tuple[Setting, ...]:
        settings: list[Setting] = []
        line_of_key: dict[str, int] = {}
        for statement in section.body:
            if not isinstance(statement, syntax.SettingStatement):
                continue
            key = statement.key
            if key.text in line_of_key:
                remedy = f"it is set on line {line_of_key[key.text]}"
                self.report.add(key.span, f"'{key.text}' is set already", remedy)
            line_of_key.setdefault(key.text, key.span.line)
            value = self.settings.value(statement.value)
            if value is not None:
                settings.append(Setting(key.text, value, statement.span, key.span))
        return tuple(settings)

    def _placements(self, section: syntax.Section) -> tuple[Placement, ...]:
        placed: dict[str, int] = {}
        placements: list[Placement] = []
        for statement in _place_statements(section.body):
            layer = statement.layer
            if layer.text in placed:
                self.report.add(
                    layer.span, f"'{layer.text}' is placed already", f"it is placed on line {placed[layer.text]}"
                )
            placed.setdefault(layer.text, layer.span.line)
            split = self.settings.value(statement.value)
            if split is not None:
                placements.append(Placement(layer.text, split, statement.span))
        return tuple(placements)


def _place_statements(
    body: Sequence[syntax.SettingStatement | syntax.PlaceStatement],
) -> list[syntax.PlaceStatement]:
    return [statement for statement in body if isinstance(statement, syntax.PlaceStatement)]
