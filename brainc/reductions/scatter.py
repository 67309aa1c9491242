"""How are numbers added to entries all over a matrix without waiting for memory at each of them?

They are put on a list first, and memory is asked for their places; when the list is full, the first places have come.
"""

from __future__ import annotations

from dataclasses import dataclass

from brainc.codegen.llvm.writer import Variable, Writer

_WAITING = 256


@dataclass(frozen=True, slots=True)
class Scatter:
    """The list of what is still to be added to `matrix`: places, as floats from its first, and amounts."""

    writer: Writer
    matrix: str
    count: Variable
    offsets: str
    amounts: str

    def add(self, offset: str, amount: str) -> None:
        """Add a float to the entry at this place, now or later."""
        writer = self.writer
        writer.prefetch(self.matrix, offset)
        place = self.count.get()
        writer.statement(f"store i64 {offset}, ptr {self._offset_at(place)}")
        writer.statement(f"store float {amount}, ptr {writer.at(self.amounts, place)}")
        self.count.add(1)
        with writer.when("full", writer.equal("full", self.count.get(), _WAITING)):
            self.finish()

    def finish(self) -> None:
        """Add all that is on the list."""
        writer = self.writer
        with writer.loop("each", 0, self.count.get()) as each:
            offset = writer.value("offset", f"load i64, ptr {self._offset_at(each.index)}")
            amount = writer.value("amount", f"load float, ptr {writer.at(self.amounts, each.index)}")
            at = writer.at(self.matrix, offset)
            before = writer.value("before", f"load float, ptr {at}, align 4")
            writer.statement(
                f"store float {writer.value('after', f'fadd float {before}, {amount}')}, ptr {at}, align 4"
            )
        self.count.set(0)

    def _offset_at(self, place: str) -> str:
        return self.writer.value("offset.at", f"getelementptr inbounds i64, ptr {self.offsets}, i64 {place}")


def scatter_into(writer: Writer, matrix: str) -> Scatter:
    """An empty list for this matrix; the loop that calls for it must end with `finish`."""
    count = writer.variable("waiting")
    offsets = writer.array("offsets", "i64", _WAITING)
    amounts = writer.array("amounts", "float", _WAITING)
    count.set(0)
    return Scatter(writer, matrix, count, offsets, amounts)
