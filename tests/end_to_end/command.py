"""Running the two commands of this environment as a user does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(*words: str | Path, folder: Path, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """Run `brainc …` or `brainrun …` in a folder; its status and what it printed."""
    program, *arguments = map(str, words)
    return subprocess.run(
        [sys.executable, "-m", f"{program}.cli", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def printed(*words: str | Path, folder: Path, seconds: float = 120) -> str:
    """What the command prints, if it ends well."""
    done = run(*words, folder=folder, seconds=seconds)
    assert done.returncode == 0, done.stderr
    return done.stdout
