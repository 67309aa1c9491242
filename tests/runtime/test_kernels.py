"""Compiling kernels into the cache, and loading them from it."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from brainrun.errors import PlanError
from brainrun.kernels import Cache, KernelSource, cache_folder, compile_missing, key, load, open_cache
from brainrun.native import Loader
from brainrun.processor import Processor, this_processor

HALVE = KernelSource(
    "halve",
    "llvm",
    """
define void @halve(ptr %operands, i64 %begin, i64 %end) {
entry:
  %x = load ptr, ptr %operands
  br label %loop
loop:
  %i = phi i64 [ %begin, %entry ], [ %next, %body ]
  %more = icmp slt i64 %i, %end
  br i1 %more, label %body, label %done
body:
  %place = getelementptr float, ptr %x, i64 %i
  %value = load float, ptr %place
  %half = fmul float %value, 5.0e-1
  store float %half, ptr %place
  %next = add i64 %i, 1
  br label %loop
done:
  ret void
}
""",
    "kernels/halve.ll",
)
DOUBLE = KernelSource(
    "double",
    "numba",
    """from __future__ import annotations

from brainrun.kernel_prelude import f32


def double(x: f32[40], begin, end):
    for i in range(begin, end):
        x[i] = x[i] * 2.0
""",
    "kernels/double.py",
)


def run(address: int, x: np.ndarray, begin: int, end: int) -> None:
    pointers = np.array([x.ctypes.data], np.int64)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)(pointers.ctypes.data, begin, end)


def compile_all(sources: list[KernelSource], cache: Cache) -> None:
    compile_missing(sources, this_processor(), cache, member=0, members=1, processes=1)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    cache = Cache(tmp_path_factory.mktemp("cache"))
    compile_all([HALVE, DOUBLE], cache)
    return cache


def test_kernels_of_both_languages_do_their_part_of_the_extent(filled: Cache) -> None:
    loader = Loader()
    addresses = load([HALVE, DOUBLE], this_processor(), filled, loader)
    x = np.ones(40, np.float32)
    run(addresses["halve"], x, 0, 10)
    run(addresses["double"], x, 10, 40)
    np.testing.assert_array_equal(x, np.repeat(np.array([0.5, 2.0], np.float32), [10, 30]))


def test_loading_cached_kernels_does_not_import_numba(filled: Cache) -> None:
    program = f"""
import sys
from pathlib import Path
from brainrun.kernels import Cache, KernelSource, load
from brainrun.native import Loader
from brainrun.processor import this_processor
load([KernelSource(*{(DOUBLE.name, DOUBLE.language, DOUBLE.text, DOUBLE.path)!r})], this_processor(),
     Cache(Path({str(filled.folder)!r})), Loader())
sys.exit("numba" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_damaged_cache_entry_is_compiled_again(filled: Cache) -> None:
    path = filled.path(key(HALVE, this_processor()))
    whole = path.read_bytes()
    path.write_bytes(whole[:-7] + b"\0" * 7)
    compile_all([HALVE], filled)
    assert path.read_bytes() == whole


def test_members_of_a_node_compile_every_kernel_once_between_them(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    sources = [
        KernelSource(f"halve{i}", "llvm", HALVE.text.replace("@halve", f"@halve{i}"), f"halve{i}.ll") for i in range(5)
    ]
    compile_missing(sources, this_processor(), cache, member=1, members=2, processes=1)
    assert len(list(tmp_path.iterdir())) == 2
    compile_missing(sources, this_processor(), cache, member=0, members=2, processes=1)
    compile_missing(sources, this_processor(), cache, member=0, members=1, processes=1)
    assert len(list(tmp_path.iterdir())) == 5


def test_a_member_that_comes_late_does_its_own_share(tmp_path: Path) -> None:
    sources = [
        KernelSource(f"halve{i}", "llvm", HALVE.text.replace("@halve", f"@halve{i}"), f"halve{i}.ll") for i in range(5)
    ]
    for member in (0, 1, 2):  # each after the one before is through
        compile_missing(sources, this_processor(), Cache(tmp_path), member=member, members=3, processes=1)
    assert len(load(sources, this_processor(), Cache(tmp_path), Loader())) == 5


def test_a_cache_of_its_own_is_filled_by_each_member(tmp_path: Path) -> None:
    cache = Cache(tmp_path, shared=False)
    compile_missing([HALVE], this_processor(), cache, member=1, members=2, processes=1)
    assert len(list(tmp_path.iterdir())) == 1


def test_another_text_or_processor_or_language_has_another_key() -> None:
    here, other = Processor("znver4", "+avx2"), Processor("znver4", "+avx")
    changed = KernelSource("halve", "llvm", HALVE.text + "\n", "kernels/halve.ll")
    assert len({key(HALVE, here), key(HALVE, other), key(changed, here), key(DOUBLE, here)}) == 4


def test_the_path_a_kernel_is_called_by_does_not_change_its_key() -> None:
    here = this_processor()
    moved = KernelSource(HALVE.name, HALVE.language, HALVE.text, "elsewhere/halve.ll")
    assert key(HALVE, here) == key(moved, here)


def test_a_kernel_that_does_not_compile_is_named(tmp_path: Path) -> None:
    broken = KernelSource("broken", "llvm", "define void @broken(", "kernels/broken.ll")
    with pytest.raises(PlanError, match=r"kernels/broken\.ll: cannot be compiled: RuntimeError"):
        compile_all([broken], Cache(tmp_path))


def test_a_kernel_that_allocates_is_refused(tmp_path: Path) -> None:
    source = KernelSource(
        "greedy",
        "numba",
        "import numpy as np\nfrom brainrun.kernel_prelude import f32\n"
        "def greedy(x: f32[4], begin, end):\n    x[0] = np.zeros(4, f32)[0]\n",
        "kernels/greedy.py",
    )
    with pytest.raises(PlanError, match=r"kernels/greedy\.py: cannot be compiled"):
        compile_all([source], Cache(tmp_path))


def test_numba_settings_of_the_environment_do_not_reach_the_compiler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    compile_all([DOUBLE], Cache(tmp_path))
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_a_cache_that_cannot_be_written_is_replaced_by_a_temporary_one(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    cache, warning = open_cache(file / "cache")
    assert warning.startswith(f"kernel cache {file / 'cache'} cannot be written (Not a directory): using ")
    cache.write("ab" * 32, b"object")
    assert cache.read("ab" * 32) == b"object"
    cache.path("ab" * 32).unlink()


def test_the_cache_is_where_the_environment_says() -> None:
    assert cache_folder({"BRAINC_CACHE": "/scratch/cache", "HOME": "/home/ada"}) == Path("/scratch/cache")
    assert cache_folder({"HOME": "/home/ada"}) == Path("/home/ada/.cache/brainc")
