"""Where the examples' paths point: they use `blocks.brain` beside them."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


@pytest.fixture
def example_path() -> str:
    """The path that the examples pretend to have."""
    return str(FOLDER / "net.brain")
