"""Errors of a run read as one message: who, where, what, remedy."""

from __future__ import annotations

import pytest

from brainrun.errors import DataError, PlanError, RunError


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RunError("the loss is not finite"), "the loss is not finite"),
        (DataError("is empty", where="a.csv"), "a.csv: is empty"),
        (
            PlanError("is for 4 ranks, not 2", where="net.plan", remedy="use -n 4"),
            "net.plan: is for 4 ranks, not 2: use -n 4",
        ),
        (
            RunError("the loss is not finite", rank=3, step=12, layer="hidden.dense"),
            "[rank 3, step 12, hidden.dense] the loss is not finite",
        ),
        (RunError("is lost", where="m.npy", rank=0), "[rank 0] m.npy: is lost"),
    ],
)
def test_a_message_says_what_is_known(error, expected):
    assert str(error) == expected


def test_a_rank_that_is_learnt_later_is_in_the_message():
    error = DataError("is empty", where="a.csv")
    error.rank = 2
    assert str(error) == "[rank 2] a.csv: is empty"
