"""What all tests share: golden files, rewritten by `pytest --update-golden`."""

from pathlib import Path

import pytest


class Golden:
    """Compares a text with the file that holds what was expected; with `--update-golden`, writes the file instead."""

    def __init__(self, *, update: bool) -> None:
        self.update = update

    def check(self, path: Path, actual: str) -> None:
        """Fails where the file at `path` says otherwise."""
        if self.update:
            path.write_text(actual, encoding="utf-8")
            return
        assert path.exists(), f"{path} is missing: run pytest --update-golden, and read what it wrote"
        assert actual == path.read_text(encoding="utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--update-golden`."""
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files with what is produced now")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """The golden files' door."""
    return Golden(update=bool(request.config.getoption("--update-golden")))
