"""How does a run leave a file that it was asked for? With one message where it cannot be written."""

from __future__ import annotations

from pathlib import Path

from brainrun.errors import RunError


def write_whole(path: Path, content: bytes) -> None:
    """Write the file. RunError where that cannot be done."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise RunError(f"cannot be written: {error.strerror}", where=str(path)) from None
