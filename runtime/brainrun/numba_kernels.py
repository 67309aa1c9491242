"""How does a generated Python kernel become LLVM IR? Numba types and lowers it; the operands' shapes become constants.

Numba does the front half only. The module it makes is taken before Numba optimises it, and gets a C entry point
`void NAME(ptr operands, i64 begin, i64 end)`; `native.object_code` does the rest, as for kernels written in LLVM IR.
Importing this module imports Numba, which takes most of a second: only what compiles does so.
"""

from __future__ import annotations

import ast
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import compiler, cpu, errors, types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target

from brainrun import kernel_prelude
from brainrun.kernel_prelude import constant_shape_array

_ELEMENTS = {"f32": types.float32, "i32": types.int32, "i64": types.int64, "u32": types.uint32, "f64": types.float64}
_WORD = ir.IntType(64)
_POINTER = ir.PointerType()


class KernelSourceError(Exception):
    """A kernel's source does not follow the convention of `kernel_prelude`."""


class _Unoptimised(JITCodeLibrary):  # type: ignore[misc]  # numba has no types
    """A library that leaves loops as they were written: rolled, so that the vectoriser sees sixteen lanes."""

    def _optimize_functions(self, module: Any) -> None:
        module.data_layout = self._codegen._data_layout


@global_compiler_lock  # type: ignore[untyped-decorator]  # numba has no types
def llvm_module(source: str, name: str, path: str) -> llvm.ModuleRef:
    """The kernel `name` of this Python source as an LLVM module with the C entry point `name`.

    Raises KernelSourceError with the reason; `path` is what it calls the file.
    """
    tree = ast.parse(source, path)
    function = _only_function(tree, name)
    operands = _operands(function)
    function.returns = None
    for argument in function.args.args:
        argument.annotation = None
    tree = ast.fix_missing_locations(_FloatLiterals().visit(tree))
    # Literals are wrapped in a name of our own, whatever the source imports.
    names: dict[str, Any] = {"__name__": name, _FLOAT32: kernel_prelude.f32}
    exec(compile(tree, path, "exec"), names)
    arguments = (*(types.Array(kind, len(shape), "C") for kind, shape in operands), types.int64, types.int64)
    context = cpu_target.target_context
    library = _Unoptimised(context.codegen(), name)
    try:
        result = compiler.compile_extra(
            cpu_target.typing_context, context, names[name], arguments, types.void, _flags(), {}, library=library
        )
    except errors.NumbaError as error:
        raise KernelSourceError(f"{path}: {error}") from error
    _refuse_double_precision(result.type_annotation.typemap, source, path)
    module = llvm.parse_assembly(str(library._final_module))
    for needed in library._linking_libraries:
        module.link_in(needed._get_module_for_linking(), preserve=True)
    for defined in module.functions:
        if not defined.is_declaration:
            defined.linkage = "linkonce_odr"
    module.link_in(llvm.parse_assembly(str(_entry_point(context, library, result.fndesc, name, operands))))
    return module


def _only_function(tree: ast.Module, name: str) -> ast.FunctionDef:
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    match functions:
        case [ast.FunctionDef(name=found) as function] if found == name:
            return function
    raise KernelSourceError(
        f"kernel file must define {name} and nothing else; it defines {[f.name for f in functions]}"
    )


def _operands(function: ast.FunctionDef) -> list[tuple[Any, tuple[int, ...]]]:
    """Element type and shape of each operand, from annotations such as `f32[8, 20, 16]`."""
    *arrays, begin, end = function.args.args
    if (begin.arg, end.arg) != ("begin", "end"):
        raise KernelSourceError(f"{function.name}: the last two arguments must be begin and end")
    found = []
    for argument in arrays:
        match argument.annotation:
            case ast.Subscript(value=ast.Name(id=kind), slice=lengths) if kind in _ELEMENTS:
                shape = ast.literal_eval(lengths)
                found.append((_ELEMENTS[kind], shape if isinstance(shape, tuple) else (shape,)))
            case _:
                raise KernelSourceError(f"{function.name}: operand {argument.arg} needs a type such as f32[8, 20, 16]")
    return found


_FLOAT32 = "__float32"


class _FloatLiterals(ast.NodeTransformer):
    """Makes float literals float32."""

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if not isinstance(node.value, float):
            return node
        return ast.Call(ast.Name(_FLOAT32, ast.Load()), [node], [])


def _flags() -> Any:
    flags = compiler.Flags()
    flags.no_compile = True
    flags.no_cpython_wrapper = True
    flags.no_cfunc_wrapper = True
    flags.enable_pyobject = False
    flags.nrt = False
    flags.boundscheck = False
    flags.error_model = "numpy"
    flags.noalias = True
    flags.forceinline = True
    # Not nnan, ninf: they must survive. Not arcp: x86 has a vector estimate of 1/x but no matching scalar one, and the
    # bits would depend on where a thread's part ends.
    flags.fastmath = cpu.FastMathOptions({"contract", "nsz", "reassoc"})
    return flags


def _refuse_double_precision(types_of_names: Any, source: str, path: str) -> None:
    if "f64" in source:
        return
    # A literal is float64 until f32(…) around it has made it float32.
    doubles = sorted(
        name for name, kind in types_of_names.items() if kind == types.float64 and not name.startswith("$const")
    )
    if doubles:
        named = [name.split(".")[0] for name in doubles if not name.startswith("$")] or ["an unnamed value"]
        raise KernelSourceError(
            f"{path}: {', '.join(dict.fromkeys(named))} became float64; write f32(…) around integers"
        )


def _entry_point(
    context: Any, library: Any, described: Any, name: str, operands: list[tuple[Any, tuple[int, ...]]]
) -> Any:
    """An LLVM module with `void name(ptr operands, i64 begin, i64 end)`, which calls Numba's function."""
    module = ir.Module(f"{name}.entry")
    module.triple = llvm.get_process_triple()
    module.data_layout = library._codegen._data_layout
    entry = ir.Function(module, ir.FunctionType(ir.VoidType(), [_POINTER, _WORD, _WORD]), name)
    pointers, begin, end = entry.args
    builder = ir.IRBuilder(entry.append_basic_block())
    assume = ir.Function(module, ir.FunctionType(ir.VoidType(), [ir.IntType(1)]), "llvm.assume")
    builder.call(assume, [builder.icmp_signed(">=", begin, _WORD(0))])
    arrays = []
    for place, (kind, shape) in enumerate(operands):
        slot = builder.gep(pointers, [_WORD(place)], source_etype=_POINTER)
        data = builder.load(slot, typ=_POINTER)
        array_type = types.Array(kind, len(shape), "C")
        arrays.append(constant_shape_array(context, builder, array_type, shape, data))
    convention = context.call_conv
    callee_type = convention.get_function_type(described.restype, described.argtypes)
    callee = ir.Function(module, callee_type, described.llvm_func_name)
    convention.call_function(builder, callee, described.restype, described.argtypes, [*arrays, begin, end])
    builder.ret_void()
    return module
