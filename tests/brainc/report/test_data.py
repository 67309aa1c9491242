"""The facts of a plan, against numbers worked out by hand for LeNet on a 2 × 2 mesh."""

from __future__ import annotations

import json

import pytest

from brainc.report.data import alike, margin, report, report_json
from brainc.report.gradients import ReductionTime, ratio, tensor_name, tensors_by_scheme, times_of
from brainc.report.messages import WireTime, all_reduce_bytes, wire_times
from brainc.report.slices import holdings
from brainc.report.timeline import Deed, deeds, tracks
from brainrun.plan.schema import Interval, Slice
from tests.brainc.report.plans import lenet_plan

PLAN = lenet_plan(2, 2)


def test_a_rank_s_parameter_bytes_are_those_of_its_buffers() -> None:
    # Whole filters and biases, half of each dense layer's outputs, each in whole cache lines of 64 bytes.
    expected = 2048 + 128 + 100_032 + 256 + 800_000 + 1024 + 10_048 + 64
    assert [rank.parameter_bytes for rank in report(PLAN).ranks] == [expected] * 4


def test_momentum_holds_as_many_bytes_as_the_parameters() -> None:
    rank = report(PLAN).ranks[0]
    assert rank.state_bytes == rank.parameter_bytes


def test_the_bytes_a_rank_sends_are_those_of_its_messages() -> None:
    sent = {message.name: message.bytes_sent for message in report(PLAN).ranks[3].messages}
    assert sent == {
        "gather features": 32 * 800 * 4,  # its 32 samples to the one other model rank
        "sum logits.dense.weight": 10_048,  # 2 · 1/2 of the buffer
        "sum hidden.dense.weight": 800_000,
        "sum features.conv2.weight": 150_048,  # 2 · 3/4 of the buffer, among four
        "sum features.conv1.weight": 3072,
    }
    assert report(PLAN).ranks[3].bytes_sent == 102_400 + 10_048 + 800_000 + 150_048 + 3072


@pytest.mark.parametrize(("members", "sent"), [(1, 0), (2, 1000), (4, 1500), (8, 1750)])
def test_an_all_reduce_sends_twice_all_but_one_share(members: int, sent: int) -> None:
    assert all_reduce_bytes(1000, members) == sent


def test_a_rank_s_flops_are_those_of_its_calls() -> None:
    plan = lenet_plan(1, 1)
    # Three products a filter or weight (forward, and two gradients), and the elementwise layers, for 128 samples.
    products = 3 * 2 * (20 * 24 * 24 * 25 + 50 * 8 * 8 * 500 + 500 * 800 + 10 * 500)
    elementwise = 2 * (2 * 20 * 24 * 24 + 2 * 50 * 8 * 8 + 2 * 500) + 60
    updates = 4 * (500 + 25_000 + 400_000 + 5000)
    assert report(plan).ranks[0].flops == 128 * (products + elementwise) + updates


def test_a_message_is_hidden_where_its_rank_computes_meanwhile() -> None:
    intervals = (
        Interval(0, "compute", "a", 0.0, 2.0),
        Interval(0, "compute", "b", 2.0, 1.0),
        Interval(0, "wire", "sum", 1.0, 4.0),
        Interval(0, "compute", "c", 4.5, 1.0),
    )
    assert wire_times(intervals) == {"sum": WireTime(1.0, 4.0, 2.5)}


def test_a_reduction_is_on_the_wire_twice() -> None:
    intervals = (
        Interval(0, "encode", "sum", 0.0, 1.0),
        Interval(0, "wire", "sum", 1.0, 2.0),
        Interval(0, "compute", "a", 1.0, 5.0),
        Interval(0, "wire", "sum", 6.0, 2.0),
        Interval(0, "decode", "sum", 8.0, 3.0),
    )
    assert wire_times(intervals) == {"sum": WireTime(1.0, 4.0, 2.0)}
    assert times_of(intervals)["sum"] == ReductionTime(4.0, 4.0)


def test_a_reduction_stands_beside_what_sums_would_send() -> None:
    rank = report(lenet_plan(2, 2, scheme="onebit")).ranks[0]
    hidden = next(each for each in rank.reductions if each.name == "sum hidden.dense.weight")
    # 200,000 weights between two replicas: 2 · 1/2 of 4 bytes each as sums, and an eighth of that as it is.
    assert (hidden.members, hidden.dense_bytes, hidden.predicted_bytes) == (2, 800_000, 100_000)
    # Two messages of at most 16 bytes for each of 6250 columns, and a header of one length.
    assert hidden.bound_bytes == 2 * (4 + 16 * 6250)
    assert ratio([hidden]) == 8.0


def test_the_bytes_a_rank_sends_are_those_of_its_reductions() -> None:
    rank = report(lenet_plan(2, 2, scheme="onebit")).ranks[0]
    gathered = next(message for message in rank.messages if message.kind == "all_gather").bytes_sent
    assert rank.bytes_sent - gathered == sum(each.predicted_bytes for each in rank.reductions)
    assert rank.error_bytes == 2048 + 100_032 + 800_000 + 10_048  # as the gradients of the weights


def test_tensors_are_told_by_scheme_and_under_their_own_names() -> None:
    rank = report(lenet_plan(2, 1, scheme="onebit")).ranks[0]
    assert list(tensors_by_scheme(rank.reductions)) == ["onebit"]
    assert tensor_name("train:hidden.dense1.weight.grad") == "hidden.dense1.weight"


def test_nothing_sent_is_no_less_than_nothing() -> None:
    assert ratio([]) == 1.0


def test_a_split_weight_has_one_piece_a_model_rank_held_by_every_replica() -> None:
    weight = next(holding for holding in holdings(PLAN) if holding.parameter.name == "hidden.dense.weight")
    assert [(piece.slices, piece.ranks, piece.bytes) for piece in weight.pieces] == [
        ((Slice(0, 250), Slice(0, 800)), (0, 2), 800_000),
        ((Slice(250, 500), Slice(0, 800)), (1, 3), 800_000),
    ]


def test_a_filter_is_whole_on_every_rank() -> None:
    assert [piece.ranks for piece in holdings(PLAN)[0].pieces] == [(0, 1, 2, 3)]


def test_ranks_that_hold_and_send_the_same_are_alike() -> None:
    assert [[rank.rank for rank in group] for group in alike(report(PLAN).ranks)] == [[0, 1, 2, 3]]


def test_ranks_with_slices_of_other_sizes_are_not_alike() -> None:
    groups = alike(report(lenet_plan(1, 3)).ranks)
    assert [[rank.rank for rank in group] for group in groups] == [[0], [1], [2]]


def test_ranks_predicted_alike_share_a_track() -> None:
    assert [track.ranks for track in tracks(PLAN)] == [(0, 1, 2, 3)]
    assert [track.ranks for track in tracks(lenet_plan(2, 2, stagger=1e-6))] == [(0,), (1,), (2,), (3,)]


def test_an_interval_belongs_to_its_layer() -> None:
    found = deeds(PLAN)
    assert found["features.conv2 backward"] == Deed("features.conv2", "backward")
    assert found["gather features"] == Deed("hidden.dense", "message")


def test_the_margin_is_what_the_runner_up_takes_longer() -> None:
    assert margin(PLAN.choice) == pytest.approx(0.25)
    assert margin(lenet_plan(1, 1).choice) is None


def test_the_json_has_the_keys_that_the_language_promises() -> None:
    facts = json.loads(report_json(PLAN))
    assert list(facts) == ["mesh", "layers", "ranks", "predicted", "choice"]
    assert facts["mesh"] == {"data": 2, "model": 2}
    assert facts["layers"][6] == {
        "name": "hidden.dense",
        "operator": "dense",
        "output_shape": [500],
        "parameters": 400_500,
        "split": "output",
    }
    assert [rank["rank"] for rank in facts["ranks"]] == [0, 1, 2, 3]
    assert {"parameter_bytes", "arena_bytes", "flops", "bytes_sent"} <= set(facts["ranks"][0])
    assert facts["predicted"]["step_seconds"] == PLAN.prediction.step_seconds
    assert facts["predicted"]["samples_per_second"] == PLAN.prediction.samples_per_second
    assert list(facts["choice"]) == ["split", "runner_up", "margin", "why"]
    assert facts["choice"]["runner_up"]["mesh"] == {"data": 4, "model": 1}


def test_the_same_plan_gives_the_same_json() -> None:
    assert report_json(lenet_plan(2, 2)) == report_json(lenet_plan(2, 2))


def test_one_rank_has_neither_messages_nor_runner_up() -> None:
    facts = json.loads(report_json(lenet_plan(1, 1)))
    assert (facts["ranks"][0]["messages"], facts["ranks"][0]["bytes_sent"]) == ([], 0)
    assert (facts["choice"]["runner_up"], facts["choice"]["margin"]) == (None, None)
