"""The process that compiles kernels: `python -m brainrun.compile_kernels`, told what to do on its standard input."""

from __future__ import annotations

import sys
from pathlib import Path

import llvmlite.binding as llvm
import msgspec

from brainrun.kernels import Cache, CompileOrder, CompileReply, KernelSource
from brainrun.native import Loader, object_code, parse
from brainrun.processor import Processor


def main() -> None:
    """Read a CompileOrder, put the objects into its cache, write a CompileReply."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=CompileOrder)
    processor = Processor(order.processor_name, order.processor_features)
    cache = Cache(Path(order.cache))
    failures = []
    for key, source in order.kernels:
        try:
            object_file = object_code(_module(source), processor)
            # An object that cannot be loaded (it allocates, it raises) must not reach the cache.
            Loader().address(object_file, source.name)
            cache.write(key, object_file)
        except Exception as error:  # whatever the source made LLVM or Numba raise is the kernel's own failure
            failures.append((source.path, f"{type(error).__name__}: {error}"))
    sys.stdout.buffer.write(msgspec.json.encode(CompileReply(tuple(failures))))


def _module(source: KernelSource) -> llvm.ModuleRef:
    match source.language:
        case "llvm":
            return parse(source.text)
        case "numba":
            # Numba takes most of a second to import, and kernels in LLVM IR do without it.
            from brainrun.numba_kernels import llvm_module

            return llvm_module(source.text, source.name, source.path)


if __name__ == "__main__":
    main()
