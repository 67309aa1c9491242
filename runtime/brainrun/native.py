"""How does LLVM IR become machine code that can be called? Optimise, emit an object, load it, ask for an address."""

from __future__ import annotations

from functools import cache

import llvmlite.binding as llvm

from brainrun.processor import Processor


def object_code(module: llvm.ModuleRef, processor: Processor) -> bytes:
    """The module, optimised for the processor, as a relocatable object file.

    Loops are first vectorised as they stand and only then unrolled: unrolling first would take the sixteen lanes apart,
    after which LLVM gathers and scatters over the next loop outward.
    """
    machine = _target().create_target_machine(
        cpu=processor.name, features=processor.features, opt=3, reloc="pic", codemodel="small"
    )
    for unroll in (False, True):
        options = llvm.create_pipeline_tuning_options(speed_level=3)
        options.loop_vectorization = True
        options.slp_vectorization = True
        options.loop_unrolling = unroll
        passes = llvm.create_pass_builder(machine, options)
        passes.getModulePassManager().run(module, passes)
    return bytes(machine.emit_object(module))


def parse(text: str) -> llvm.ModuleRef:
    """The module with this LLVM IR, verified; RuntimeError says what is wrong with it."""
    target = _target()
    module = llvm.parse_assembly(text)
    module.triple = target.triple
    module.data_layout = str(target.create_target_machine().target_data)
    module.verify()
    return module


class Loader:
    """Holds loaded objects; their functions live as long as it does."""

    def __init__(self) -> None:
        _target()
        self._compiler = llvm.create_lljit_compiler(use_jit_link=True)
        self._libraries: list[llvm.ResourceTracker] = []

    def address(self, object_file: bytes, function: str) -> int:
        """Load an object; the address of one of its functions. RuntimeError: damaged, or it needs what is not here."""
        name = f"{function}.{len(self._libraries)}"
        builder = llvm.JITLibraryBuilder().add_object_img(object_file).export_symbol(function)
        library = builder.add_current_process().link(self._compiler, name)
        self._libraries.append(library)
        return int(library[function])


@cache
def _target() -> llvm.Target:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.initialize_native_asmparser()
    return llvm.Target.from_default_triple()
