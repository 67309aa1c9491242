"""Memory that is freed is kept, so that the system need not zero it again for the next array."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

COUNT_FAULTS = """
import resource, sys
import numpy as np
from brainrun.allocator import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
def work():
    for _ in range(50):
        several = [np.ones(200_000, np.float32) for _ in range(4)]
        del several
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left as they are")
def test_arrays_of_a_batch_come_from_memory_that_is_there() -> None:
    faults = {
        how: int(subprocess.run([sys.executable, "-c", COUNT_FAULTS, how], capture_output=True, check=True).stdout)
        for how in ("kept", "given_back")
    }
    assert faults["kept"] < 100 < 10_000 < faults["given_back"]
