"""`reduce = auto` on links of known speed, with schemes whose bytes are known: `sum`, and one bit an entry."""

from __future__ import annotations

from dataclasses import replace

import pytest

from brainc.ir.scheme import SUM, Scheme
from brainc.machine.description import GENERIC
from brainc.reductions import choose, table
from brainc.reductions.choose import cheapest, seconds
from brainc.reductions.scheme import Method, Numbers
from brainrun.plan.schema import Matrix, Panels, Plain, Storage

GIGABIT = replace(GENERIC, link_latency=50e-6, link_bandwidth=125e6)
BIG, TINY = Panels(1024, 1024), Plain((10,))
BIT, HALF = Scheme("bit"), Scheme("half", (0.5,))


def _method(name: str, bits: float) -> Method:
    def size(matrix: Matrix, columns: int, _numbers: Numbers) -> int:
        return round(bits * matrix.rows * columns / 8)

    def text(_name: str) -> str:
        return ""

    return Method(name, "", "", (), True, True, size, size, lambda _matrix, _numbers: 0, text, text)


@pytest.fixture(autouse=True)
def _schemes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(table.METHODS, "bit", _method("bit", 1))
    monkeypatch.setitem(table.METHODS, "half", _method("half", 16))


def test_a_large_tensor_on_a_slow_link_is_sent_in_the_fewest_bits() -> None:
    assert cheapest(BIG, 4, GIGABIT, (SUM, HALF, BIT)) == BIT


def test_a_tiny_tensor_is_summed_on_any_link() -> None:
    assert cheapest(TINY, 4, GIGABIT, (SUM, HALF, BIT)) == SUM


@pytest.mark.parametrize("members", [2, 4, 16, 64])
def test_a_fast_link_sums(members: int) -> None:
    assert cheapest(BIG, members, GENERIC, (SUM, BIT)) == SUM


def test_a_scheme_that_saves_less_than_half_the_time_is_not_worth_its_loss() -> None:
    assert seconds(HALF, BIG, 4, GIGABIT) < seconds(SUM, BIG, 4, GIGABIT)
    assert cheapest(BIG, 4, GIGABIT, (SUM, HALF)) == SUM


def test_where_there_is_nothing_but_sum_it_is_chosen() -> None:
    assert cheapest(BIG, 4, GIGABIT, (SUM,)) == SUM


def test_every_candidate_is_a_scheme_of_the_language() -> None:
    for scheme in choose.CANDIDATES:
        assert len(scheme.numbers) == len(table.METHODS[scheme.method].arguments)
    assert choose.CANDIDATES[0] == SUM


@pytest.mark.parametrize(("storage", "best"), [(BIG, "adaptive"), (TINY, "sum")])
def test_auto_takes_the_scheme_that_suits_the_tensor(storage: Storage, best: str) -> None:
    assert cheapest(storage, 2, GIGABIT).method == best


def test_one_bit_an_entry_takes_what_its_stages_take() -> None:
    # 2^20 entries among two members: each encodes half at 12 bytes an entry, sends 2^16 bytes twice, adds and decodes.
    machine = replace(GENERIC, call_latency=0.0, link_latency=0.0, memory_bandwidth=1.0, link_bandwidth=1.0)
    entries, encoded = 2**20, 2**17
    by_hand = 12 * entries / 2 + encoded / 2 + (encoded + 8 * entries) / 2 + 12 * entries / 2
    by_hand += encoded / 2 + encoded + 4 * entries
    assert seconds(BIT, BIG, 2, machine) == by_hand
