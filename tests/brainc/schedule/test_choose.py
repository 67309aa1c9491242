"""`reduce = auto` on links of known speed: what is gentle where it costs nothing, what is small where bytes count."""

from __future__ import annotations

from dataclasses import replace

import pytest

from brainc.ir.scheme import SUM, Scheme
from brainc.machine import cost
from brainc.machine.description import GENERIC, Machine
from brainc.reductions.table import METHODS
from brainc.schedule.choose import GENTLEST_FIRST, LOSSLESS_SLACK, SLACK, Gradient, Group, gentlest, step_seconds, work

GIGABIT = replace(GENERIC, link_latency=50e-6, link_bandwidth=125e6)
_, ADAPTIVE, GOLOMB = GENTLEST_FIRST
BIG, SMALL = (1024, 1024), (10, 1024)


def gradients(*shapes: tuple[int, ...], apart: float = 3e-3, update: float = 1e-4) -> list[Gradient]:
    """One every so many seconds of arithmetic."""
    return [Gradient(f"w{n}", shape, (n + 1) * apart, update, update, GENTLEST_FIRST) for n, shape in enumerate(shapes)]


def chosen(machine: Machine, *shapes: tuple[int, ...], apart: float) -> list[Scheme]:
    found = gentlest(gradients(*shapes, apart=apart), Group(2, 1, machine)).schemes
    return [found[f"w{n}"] for n in range(len(shapes))]


def seconds(schemes: list[Scheme], given: list[Gradient], group: Group) -> float:
    by_name = dict(zip((gradient.parameter for gradient in given), schemes, strict=True))
    return step_seconds(given, lambda gradient: work(gradient.shape, by_name[gradient.parameter], group), group)


def test_on_a_slow_link_large_gradients_are_made_small_and_small_ones_sent_whole() -> None:
    assert chosen(GIGABIT, SMALL, BIG, BIG, apart=80e-3) == [SUM, ADAPTIVE, ADAPTIVE]


def test_where_bytes_or_the_encoder_count_they_are_made_as_small_as_can_be() -> None:
    assert chosen(replace(GIGABIT, link_bandwidth=1e6), BIG, BIG, apart=20e-3) == [GOLOMB, GOLOMB]
    assert chosen(GIGABIT, BIG, BIG, apart=1e-3) == [GOLOMB, GOLOMB]


def test_an_update_without_its_velocity_takes_less() -> None:
    given = [replace(gradient, corrected=0.0) for gradient in gradients(BIG, update=1e-2)]
    group = Group(2, 1, GIGABIT)
    saved = seconds([GOLOMB], gradients(BIG, update=1e-2), group) - seconds([GOLOMB], given, group)
    assert saved == pytest.approx(1e-2)
    assert seconds([ADAPTIVE], given, group) == seconds([ADAPTIVE], gradients(BIG, update=1e-2), group)


@pytest.mark.parametrize("members", [2, 4, 16])
def test_a_fast_link_sums(members: int) -> None:
    fast = replace(GENERIC, link_bandwidth=1e11)
    found = gentlest(gradients(SMALL, BIG, BIG, apart=20e-3), Group(members, 1, fast))
    assert set(found.schemes.values()) == {SUM}
    assert found.why.endswith("sum is within 5 % of the fastest.")


def test_a_sum_that_hides_behind_arithmetic_is_worth_no_loss() -> None:
    # 4 MB are some 34 ms on this wire. Where 40 ms of arithmetic follow, there is nothing to gain.
    last = Gradient("last", (10, 10), 80e-3, 1e-4, 1e-4, GENTLEST_FIRST)
    group = Group(2, 1, GIGABIT)
    early, late = (Gradient("w", BIG, ready, 1e-4, 1e-4, GENTLEST_FIRST) for ready in (10e-3, 80e-3))
    assert gentlest([early, last], group).schemes["w"] == SUM
    assert gentlest([late, last], group).schemes["w"] != SUM


def test_what_is_chosen_takes_hardly_longer_than_the_fastest_candidate() -> None:
    given = gradients(SMALL, BIG, (50, 500), BIG, (784, 1024))
    for bandwidth in (1e6, 1e7, 1e8, 1e9, 1e10):
        group = Group(4, 1, replace(GIGABIT, link_bandwidth=bandwidth))
        found = gentlest(given, group).schemes
        fastest = min(seconds([scheme] * len(given), given, group) for scheme in GENTLEST_FIRST)
        slack = LOSSLESS_SLACK if set(found.values()) == {SUM} else SLACK
        assert seconds([found[gradient.parameter] for gradient in given], given, group) <= slack * fastest


def test_what_was_asked_for_is_kept() -> None:
    onebit = Scheme("onebit")
    given = [replace(gradients(BIG)[0], candidates=(onebit,)), *gradients(SMALL, BIG)[1:]]
    assert gentlest(given, Group(2, 1, GIGABIT)).schemes["w0"] == onebit


def test_every_candidate_is_a_scheme_of_the_language() -> None:
    for scheme in GENTLEST_FIRST:
        assert len(scheme.numbers) == len(METHODS[scheme.method].arguments)
    assert GENTLEST_FIRST[0] == SUM


def test_a_step_with_one_gradient_takes_what_its_stages_take() -> None:
    machine = replace(GENERIC, step_latency=0.0, call_latency=0.0, link_latency=0.0, link_bandwidth=1e6)
    group = Group(2, 1, machine)
    # One bit an entry and two means a column, half of which goes each way, twice: the wire alone.
    stages = cost.reduction(machine, 2, work(BIG, Scheme("onebit"), group).tensors, 139_264)
    assert seconds([Scheme("onebit")], gradients(BIG), group) == pytest.approx(3e-3 + stages.seconds + 1e-4)
    assert stages.scatter == stages.gather == 139_264 / 2 / 1e6


def test_small_gradients_share_the_latency_of_their_messages() -> None:
    machine = replace(GENERIC, step_latency=0.0, call_latency=0.0, memory_bandwidth=1e12, link_latency=1.0)
    given = gradients(SMALL, SMALL, SMALL, apart=0.0, update=0.0)
    assert seconds([SUM] * 3, given, Group(2, 1, machine)) == pytest.approx(2.0, abs=0.01)


def test_factors_are_made_in_three_passes_and_sent_as_they_are() -> None:
    machine = replace(GENERIC, flops=1e30, memory_bandwidth=1.0)
    factors = work(BIG, Scheme("lowrank", (2,)), Group(2, 1, machine))
    assert factors.bytes == factors.encoded == 4 * 2 * (1024 + 1024)
    assert factors.beside == (12 + 4 + 12) * 1024 * 1024
