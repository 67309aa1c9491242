"""How many vectors of sixteen floats does the processor hold? Tiles are sized by this and by nothing else of it."""

from __future__ import annotations

from dataclasses import dataclass

from brainc.codegen.llvm.writer import LANES


@dataclass(frozen=True, slots=True)
class RegisterFile:
    """The vector registers that tiles are sized for; a kernel's text is legal on every processor all the same."""

    registers: int
    floats: int

    @property
    def vectors(self) -> int:
        """How many vectors of sixteen floats fit."""
        return self.registers * self.floats // LANES

    @property
    def sums_in_flight(self) -> int:
        """Fewer vectors of sums wait for each other: a multiply-add takes four cycles, and two start in each."""
        return max(1, 8 * self.floats // LANES)


AVX512 = RegisterFile(registers=32, floats=16)
AVX2 = RegisterFile(registers=16, floats=8)
NEON = RegisterFile(registers=32, floats=4)
SSE = RegisterFile(registers=16, floats=4)


def parts_of(total: int, size: int) -> list[tuple[int, int]]:
    """The sizes of the whole tiles and of the one left over, each with how many there are."""
    return [part for part in ((size, total // size), (total % size, 1)) if part[0] and part[1]]


def register_file(features: str) -> RegisterFile:
    """The registers of a processor by its features in LLVM's words, such as `+avx2,-avx512f`."""
    present = {feature[1:] for feature in features.split(",") if feature.startswith("+")}
    if "avx512f" in present:
        return AVX512
    if "avx2" in present:
        return AVX2
    return NEON if "neon" in present else SSE
