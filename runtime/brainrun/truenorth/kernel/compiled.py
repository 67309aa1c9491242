"""Where do a simulator's native functions come from? Compiled for its shape, or from the cache, and loaded."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from brainrun.kernels import KernelSource, cache_folder, compile_missing, load, open_cache
from brainrun.native import Loader
from brainrun.pool import pool_source
from brainrun.processor import this_processor
from brainrun.truenorth.kernel.deliver import TAKE, take_source
from brainrun.truenorth.kernel.shape import Shape
from brainrun.truenorth.kernel.tick import KERNEL, tick_source

_TRACE = "truenorth_trace"


@dataclass(frozen=True, slots=True)
class Functions:
    """Addresses of native functions; they live as long as their loader."""

    tick: int
    take: int
    trace: int
    pool: int


def functions(shape: Shape, folder: Path | None, loader: Loader) -> Functions:
    """What a simulator of this shape calls; `folder` is the cache of kernels, where it is not the usual one."""
    pool = pool_source()
    path = Path(__file__).with_name("trace.ll")
    sources = (
        KernelSource(KERNEL, "llvm", tick_source(shape), f"{KERNEL}.ll"),
        KernelSource(TAKE, "llvm", take_source(shape), f"{TAKE}.ll"),
        KernelSource(_TRACE, "llvm", path.read_text(encoding="utf-8"), path.name),
        pool,
    )
    processor = this_processor()
    cache, _ = open_cache(folder or cache_folder(os.environ))
    compile_missing(sources, processor, cache, member=0, members=1, processes=1)
    addresses = load(sources, processor, cache, loader)
    return Functions(addresses[KERNEL], addresses[TAKE], addresses[_TRACE], addresses[pool.name])
