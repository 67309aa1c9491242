"""Which processor is this? Its name and features decide the machine code that suits it."""

from __future__ import annotations

from dataclasses import dataclass

import llvmlite.binding as llvm


@dataclass(frozen=True, slots=True)
class Processor:
    """A processor in LLVM's words: a name such as `znver4`, and features such as `+avx2,-avx512f`."""

    name: str
    features: str


def this_processor() -> Processor:
    """The processor this process runs on, allowed to use its widest vectors.

    LLVM prefers 256-bit vectors on the first AVX-512 processors, for fear of lower clocks; a kernel that does nothing
    but arithmetic on sixteen lanes gains from 512.
    """
    return Processor(llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten() + ",-prefer-256-bit")
