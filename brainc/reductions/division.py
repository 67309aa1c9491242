"""How are many numbers divided by the same one? By a multiplication each, which takes a fraction of a division's time.

With m = ⌊(2⁶⁴ − 1) / d⌋ + 1, the quotient of n by d > 1 is ⌊m · n / 2⁶⁴⌋ as long as n · d < 2⁶⁴ (Lemire, Kaser and Kurz
2019, faster remainder by direct computation, theorem 1).
"""

from __future__ import annotations

from dataclasses import dataclass

from brainc.codegen.llvm.writer import Writer


@dataclass(frozen=True, slots=True)
class Divisor:
    """The i64 `number`, above 0, with its m, and the i1 whether it is 1, which has none."""

    writer: Writer
    number: str
    factor: str
    is_one: str

    def quotient_and_rest(self, dividend: str) -> tuple[str, str]:
        """`dividend // number` and `dividend % number`, of a dividend from 0 and below 2⁶⁴ / number."""
        writer = self.writer
        wide = [writer.value("wide", f"zext i64 {each} to i128") for each in (self.factor, dividend)]
        product = writer.value("wide", f"mul i128 {wide[0]}, {wide[1]}")
        high = writer.value("high", f"trunc i128 {writer.value('wide', f'lshr i128 {product}, 64')} to i64")
        quotient = writer.value("quotient", f"select i1 {self.is_one}, i64 {dividend}, i64 {high}")
        whole = writer.integer("whole", "mul", quotient, self.number)
        return quotient, writer.integer("rest", "sub", dividend, whole)


def divisor(writer: Writer, number: str) -> Divisor:
    """Make it ready, by one division; of 0 nothing may be asked."""
    # Of 0, which a segment without rows has, any number will do.
    number = writer.greatest("divisor", number, 1)
    factor = writer.integer("factor", "add", writer.integer("factor", "udiv", -1, number), 1)
    return Divisor(writer, number, factor, writer.equal("one", number, 1))
