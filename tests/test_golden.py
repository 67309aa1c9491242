"""LeNet on 2 × 2 ranks at every level, and one kernel in each language, as a reader sees them."""

from __future__ import annotations

from pathlib import Path

import pytest

from brainc.codegen import programs
from brainc.codegen.llvm.dense import DenseForward, write_dense
from brainc.codegen.llvm.epilogue import Epilogue
from brainc.codegen.llvm.registers import AVX2
from brainc.graph.build import build
from brainc.ir import expression as ex
from brainc.ir import graph, schedule, sharded, tensor
from brainlang import load_program
from tests.conftest import Golden
from tests.laws.spread import Spread, spread

FOLDER = Path(__file__).parent / "golden"
EXAMPLE = Path(__file__).parents[1] / "examples" / "lenet.brain"
LEVELS = ("graph", "tensor", "partition", "schedule")
MAX_POOL, DENSE = "max_pool_32x50x8x8.py", "dense_forward_5x3x1.ll"
GOLDEN = {*(f"lenet_2x2.{level}.txt" for level in LEVELS), MAX_POOL, DENSE}


@pytest.fixture(scope="module")
def lenet() -> Spread:
    """Convolutions as the search has them; the dense layers by outputs and then by inputs, as a pair is."""
    network = build(load_program(EXAMPLE))
    return spread(network, (2, 2), {"hidden.dense": "output", "logits.dense": "input"}, batch=128)


@pytest.fixture(scope="module")
def first_rank(lenet: Spread) -> programs.Built:
    """Rank 0's program, its kernels for a processor of sixteen vector registers."""
    return programs.build(lenet.sharded, 0, 0, AVX2)


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_reads_as_it_did(level: str, lenet: Spread, first_rank: programs.Built, golden: Golden) -> None:
    text = {
        "graph": lambda: graph.text(lenet.graph),
        "tensor": lambda: tensor.text(lenet.tensors),
        "partition": lambda: sharded.text(lenet.sharded),
        "schedule": lambda: schedule.text("rank 0", first_rank.schedules),
    }[level]()
    golden.check(FOLDER / f"lenet_2x2.{level}.txt", text)


def test_a_kernel_for_numba_reads_as_it_did(first_rank: programs.Built, golden: Golden) -> None:
    (pool,) = (text for text in first_rank.kernels if text.name.rpartition("_")[0] == Path(MAX_POOL).stem)
    assert pool.language == "numba"
    golden.check(FOLDER / MAX_POOL, pool.text)


def test_a_kernel_in_llvm_ir_reads_as_it_did(golden: Golden) -> None:
    """A product of 5 samples, 3 inputs and 1 output, with bias and relu."""
    relu = ex.maximum(ex.add(ex.Operand(0), ex.Operand(1)), ex.ZERO)
    kernel = DenseForward(5, 3, 1, Epilogue((relu,), ("row",)))
    golden.check(FOLDER / DENSE, write_dense(kernel, AVX2, Path(DENSE).stem).text)


def test_every_golden_file_is_checked() -> None:
    assert {path.name for path in FOLDER.iterdir()} == GOLDEN
