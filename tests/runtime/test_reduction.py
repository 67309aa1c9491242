"""Reductions on pretended ranks: what each scheme must keep, whatever the number of ranks and the order of messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from brainc.ir.scheme import SUM, Scheme
from brainc.reductions.parts import PIECE_ENTRIES
from brainrun.errors import RunError
from brainrun.kernels import compile_missing, load, open_cache
from brainrun.native import Loader
from brainrun.plan import segments as words
from brainrun.plan.messages import bound_bytes
from brainrun.plan.schema import Panels, Plain, Reduction, Slice
from brainrun.pool import Pool
from brainrun.processor import this_processor
from brainrun.reduction.segments import Segment, Segments
from brainrun.timeline import Steps, Timeline
from tests.runtime.pretended_ranks import SCHEMES, TENSORS, Ranks, kernel_sources, reduction_of

STEPS = 20
EPSILON = float(np.finfo(np.float32).eps)

Gradients = list[dict[str, NDArray[np.float32]]]


@pytest.fixture(scope="module")
def loader() -> Loader:
    return Loader()


@pytest.fixture(scope="module")
def kernels(loader: Loader, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    cache, _ = open_cache(tmp_path_factory.mktemp("cache"))
    sources = kernel_sources(list(SCHEMES.values()))
    compile_missing(sources, this_processor(), cache, member=0, members=1, processes=1)
    return load(sources, this_processor(), cache, loader)


@pytest.fixture(scope="module")
def pool(kernels: dict[str, int]) -> Iterator[Pool]:
    with Pool(kernels["brainrun_pool"], 1) as pool:
        yield pool


def alike(scheme: Scheme) -> dict[str, Scheme]:
    return dict.fromkeys(TENSORS, scheme)


def random_gradients(reduction: Reduction, members: int, *, seed: int) -> Gradients:
    """Numbers of about 1, of another size in each column."""
    random = np.random.default_rng(seed)
    return [
        {
            part.gradient: (
                random.standard_normal((part.matrix.rows, part.matrix.columns)) * random.random(part.matrix.columns)
            ).astype(np.float32)
            for part in reduction.parts
        }
        for _ in range(members)
    ]


def ranks(
    kernels: Mapping[str, int],
    pool: Pool,
    schemes: Mapping[str, Scheme],
    members: int,
    *,
    node: int = 1,
    luck: int = 0,
    piece: int = PIECE_ENTRIES,
) -> Ranks:
    """`luck` is the seed of the messages' delays, and `piece` how many entries what a member owns is cut into."""
    random = np.random.default_rng(luck)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("brainc.reductions.parts.PIECE_ENTRIES", piece)
        reduction = reduction_of(TENSORS, schemes, members, node)
    assert (max(part.pieces for part in reduction.parts) > 1) == (piece < PIECE_ENTRIES)
    return Ranks(reduction, TENSORS, members, kernels, pool, lambda: bool(random.random() < 0.4))


every_scheme = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
every_size = pytest.mark.parametrize(
    ("members", "node"), [(2, 1), (3, 1), (4, 1), (7, 1), (8, 1), (4, 2), (6, 3), (8, 2), (8, 4)]
)
whole_and_in_pieces = pytest.mark.parametrize("piece", [PIECE_ENTRIES, 100], ids=["whole", "in pieces"])


@every_scheme
@every_size
@whole_and_in_pieces
def test_replicas_agree_and_no_gradient_is_lost(
    kernels: dict[str, int], pool: Pool, scheme: Scheme, members: int, node: int, piece: int
) -> None:
    group = ranks(kernels, pool, alike(scheme), members, node=node, piece=piece)
    for step in range(STEPS):
        given = random_gradients(group.reduction, members, seed=step)
        before = [{p.gradient: t.error(p).copy() for p in group.reduction.parts} for t in group.tensors]
        group.step(given, step=step)
        for part in group.reduction.parts:
            results = [tensors.gradient(part) for tensors in group.tensors]
            for rank in range(1, members):
                np.testing.assert_array_equal(results[rank], results[0], f"{part.gradient} on rank {rank}")
            after = [tensors.error(part) for tensors in group.tensors]
            terms = [g[part.gradient] for g in given] + [e[part.gradient] for e in before]
            kept = [results[0], *after]
            # Each term was rounded when it was added to its error, each sent entry when it was added to the sum.
            size = sum(np.abs(x).astype(np.float64) for x in terms + kept)
            difference = np.abs(sum(x.astype(np.float64) for x in terms) - sum(x.astype(np.float64) for x in kept))
            assert np.all(difference <= 2 * EPSILON * size), (part.gradient, step)


@every_scheme
@every_size
@whole_and_in_pieces
def test_bytes_counted_are_those_carried_and_within_their_bounds(
    kernels: dict[str, int], pool: Pool, scheme: Scheme, members: int, node: int, piece: int
) -> None:
    group = ranks(kernels, pool, alike(scheme), members, node=node, piece=piece)
    reduction = group.reduction
    for step in range(3):
        group.step(random_gradients(reduction, members, seed=step), step=step)
    for rank, bound in enumerate(group.bound):
        assert bound.bytes_sent == sum(
            len(message)
            for source, target, _, message in group.post.carried
            if source == rank and source // node != target // node
        )
    parts = [part for part in reduction.parts for _ in range(part.pieces)]
    header = 4 * len(parts)
    for source, target, tag, message in group.post.carried:
        owner = target if tag == 3 else tag - 4
        assert source == owner or tag == 3 or source // node == target // node
        assert len(message) <= bound_bytes(reduction, owner)
        lengths = message[:header].view(np.uint32)
        assert len(message) == header + int(lengths.sum())
        assert all(lengths[place] <= part.bounds[owner] for place, part in enumerate(parts))


@every_scheme
@pytest.mark.parametrize("members", [2, 5])
@whole_and_in_pieces
def test_any_order_of_messages_gives_the_same_bits(
    kernels: dict[str, int], pool: Pool, scheme: Scheme, members: int, piece: int
) -> None:
    groups = [ranks(kernels, pool, alike(scheme), members, luck=luck, piece=piece) for luck in (1, 2, 3)]
    for step in range(5):
        given = random_gradients(groups[0].reduction, members, seed=step)
        for group in groups:
            group.step(given, step=step)
    for part in groups[0].reduction.parts:
        for group in groups[1:]:
            for tensors, expected in zip(group.tensors, groups[0].tensors, strict=True):
                np.testing.assert_array_equal(tensors.gradient(part), expected.gradient(part))
                np.testing.assert_array_equal(tensors.error(part), expected.error(part))


@whole_and_in_pieces
def test_threads_do_not_change_bits(kernels: dict[str, int], pool: Pool, piece: int) -> None:
    with Pool(kernels["brainrun_pool"], 3) as three:
        for scheme in SCHEMES.values():
            one_by_one, together = (ranks(kernels, each, alike(scheme), 3, piece=piece) for each in (pool, three))
            for step in range(3):
                given = random_gradients(one_by_one.reduction, 3, seed=step)
                one_by_one.step(given, step=step)
                together.step(given, step=step)
            for part in together.reduction.parts:
                np.testing.assert_array_equal(together.tensors[1].gradient(part), one_by_one.tensors[1].gradient(part))
                np.testing.assert_array_equal(together.tensors[1].error(part), one_by_one.tensors[1].error(part))


@every_size
def test_tensors_of_one_reduction_may_have_different_schemes(
    kernels: dict[str, int], pool: Pool, members: int, node: int
) -> None:
    schemes = list(SCHEMES.values())
    mixed = {name: schemes[place % len(schemes)] for place, name in enumerate(TENSORS)}
    group = ranks(kernels, pool, mixed, members, node=node)
    for step in range(3):
        given = random_gradients(group.reduction, members, seed=step)
        group.step(given, step=step)
        for part in group.reduction.parts:
            for tensors in group.tensors[1:]:
                np.testing.assert_array_equal(tensors.gradient(part), group.tensors[0].gradient(part))


@pytest.mark.parametrize("members", [2, 3, 8])
def test_a_plain_sum_is_the_sum(kernels: dict[str, int], pool: Pool, members: int) -> None:
    group = ranks(kernels, pool, alike(SUM), members)
    given = random_gradients(group.reduction, members, seed=1)
    group.step(given, step=0)
    for part in group.reduction.parts:
        expected = sum(of_rank[part.gradient].astype(np.float64) for of_rank in given)
        np.testing.assert_allclose(group.tensors[0].gradient(part), expected, rtol=1e-5, atol=1e-6)


def test_the_first_epochs_have_their_own_numbers(kernels: dict[str, int], pool: Pool) -> None:
    reduction = reduction_of(TENSORS, alike(Scheme("threshold", (0.5,))), 3)
    parts = tuple(msgspec.structs.replace(part, warmup=((0.125,), (0.25,))) for part in reduction.parts)
    group = Ranks(msgspec.structs.replace(reduction, parts=parts), TENSORS, 3, kernels, pool, lambda: True)
    for step, (epoch, tau) in enumerate([(0, 0.125), (0, 0.125), (1, 0.25), (2, 0.5), (9, 0.5)]):
        group.moment.epoch = epoch
        group.step(random_gradients(reduction, 3, seed=step), step=step)
        sent = np.abs(group.tensors[2].gradient(parts[0]))
        assert set(np.unique(sent)) == {np.float32(0), np.float32(tau)}


def test_segments_begin_at_their_first_column_in_every_buffer() -> None:
    (part,) = reduction_of({"wide.weight": Panels(37, 100)}, {"wide.weight": Scheme("onebit")}, 4).parts
    assert part.owned[2] == Slice(19, 28)
    row = Segment(1, part, 2, 0, gradient=1 << 20, error=1 << 21, velocity=1 << 22, payload=640, scratch=64).row()
    begin = 4 * 19 * 16
    assert [row[word] - begin for word in (words.GRADIENT, words.ERROR, words.VELOCITY)] == [1 << 20, 1 << 21, 1 << 22]
    assert [row[word] for word in (words.PAYLOAD, words.SCRATCH, words.COLUMNS, words.ROWS)] == [640, 64, 9, 100]
    row = Segment(1, part, 2, 0, gradient=1 << 20).row()
    assert [row[word] for word in (words.ERROR, words.VELOCITY)] == [0, 0]


def test_segments_are_dealt_to_threads_by_their_size() -> None:
    tensors = {f"{n}.weight": Panels(n, 32) for n in (40, 8, 16)}
    tensors |= {"c.weight": Panels(8, 32), "d.weight": Panels(8, 32)}
    parts = reduction_of(tensors, dict.fromkeys(tensors, Scheme("onebit")), 2).parts
    segments = Segments([Segment(1, part, 0, 0, gradient=0) for part in parts], threads=2)
    columns = segments.table[:, words.COLUMNS]
    half = len(columns) // 2
    assert columns[:half].sum() == columns[half:].sum() == 20
    assert [int(columns[place]) for place in segments.place] == [part.owned[0].stop for part in parts]


@every_scheme
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", [0, 36])
def test_what_is_not_finite_is_reported_where_it_is_met(
    kernels: dict[str, int], pool: Pool, scheme: Scheme, value: float, column: int
) -> None:
    """Column 36 is rank 1's own, which meets it in the sum; column 0 it encodes for rank 0."""
    schemes = alike(SUM) | {"wide.weight": scheme}
    group = ranks(kernels, pool, schemes, 2)
    given = random_gradients(group.reduction, 2, seed=0)
    gradient = given[1]["train:wide.weight.grad"]
    gradient[3, -1 if column else 0] = value
    with pytest.raises(RunError) as caught:
        group.step(given, step=16)
    what = "summed gradient" if column else "gradient"
    assert str(caught.value) == (
        f"[rank 1, step 17, wide] the {what} of wide.weight is not finite: lower the learning rate, or look at the data"
    )


def test_members_that_own_nothing_send_and_get_what_they_must(kernels: dict[str, int], pool: Pool) -> None:
    tensors: dict[str, Panels | Plain] = {"one.weight": Panels(2, 20)}
    for scheme in SCHEMES.values():
        reduction = reduction_of(tensors, {"one.weight": scheme}, 5)
        group = Ranks(reduction, tensors, 5, kernels, pool, lambda: True)
        group.step(random_gradients(reduction, 5, seed=0), step=0)
        (part,) = reduction.parts
        for rank in range(1, 5):
            np.testing.assert_array_equal(group.tensors[rank].gradient(part), group.tensors[0].gradient(part))
        owners = sum(1 for owned in part.owned if owned.stop > owned.start)
        assert len(group.post.carried) == 2 * owners * 4


def test_a_recorded_step_tells_of_coding_and_of_the_wire(kernels: dict[str, int], pool: Pool) -> None:
    group = ranks(kernels, pool, alike(SUM), 2)
    timeline = group.moment.timeline = Timeline(Steps(1, 1), 0.0, 0.0)
    group.step(random_gradients(group.reduction, 2, seed=0), step=0)
    told = [(interval.track, interval.name) for interval in timeline.intervals]
    assert sorted(told) == sorted(
        2
        * [
            *[("encode", "gradients")] * 2,
            *[("decode", "gradients")] * 3,
            ("wire: gradients", "terms"),
            ("wire: gradients", "sums"),
        ]
    )
    assert all(interval.end >= interval.begin for interval in timeline.intervals)
