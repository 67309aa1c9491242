"""Are the entries beyond a threshold sent as the threshold?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainc.ir.scheme import Scheme
from brainc.reductions.table import METHODS, scheme_text
from tests.reductions.calling import encode, like, panels, plain
from tests.reductions.sparse_reference import passing, threshold_entries

METHOD = METHODS["threshold"]


@given(
    rows=st.integers(1, 70),
    columns=st.integers(1, 40),
    tau=st.sampled_from([1.5, 2.0, 3.0]),
    seed=st.integers(0, 2**63 - 1),
)
@settings(max_examples=60, deadline=None)
def test_exactly_the_entries_that_reach_tau_are_sent(rows: int, columns: int, tau: float, seed: int) -> None:
    v = np.random.default_rng(0).standard_normal((rows, columns)).astype(np.float32)
    for storage in (panels, plain):
        gradient = storage(v)
        sent = encode(METHOD, gradient, like(gradient, 0.0), numbers=(tau,), seed=seed)
        entries = threshold_entries(sent.payload, gradient, (0, columns), tau)
        wanted, most = passing(v, np.float32(tau)), -(-rows * columns // 4)
        assert set(entries) == wanted if len(wanted) <= most else set(entries) < wanted and len(entries) == most


@pytest.mark.parametrize(("tau", "value"), [(1e-60, 0.0), (1.0, 0.9), (1e60, 1e30)])
def test_what_does_not_reach_tau_is_not_sent(tau: float, value: float) -> None:
    gradient = panels(np.full((40, 9), value, np.float32))
    error = like(gradient, 0.0)
    assert encode(METHOD, gradient, error, numbers=(tau,)).payload == b""
    np.testing.assert_array_equal(error.values, gradient.values)


def test_a_message_takes_a_quarter_of_the_floats_at_most() -> None:
    gradient = panels(np.full((100, 37), 5.0, np.float32))
    sent = encode(METHOD, gradient, like(gradient, 0.0), numbers=(1.0,))
    assert len(sent.payload) == METHOD.bound(gradient.matrix, 37, (1.0,)) == 100 * 37


def test_it_is_written_with_its_tau() -> None:
    assert scheme_text(Scheme("threshold", (0.5,))) == "threshold(tau=0.5)"
