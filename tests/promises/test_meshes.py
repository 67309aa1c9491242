"""The same numbers on every mesh, and the same bits every time. benchmarks/meshes.py does it with larger networks."""

from __future__ import annotations

from pathlib import Path

import pytest

from .running import LENET, MLP, NETWORK, Trained, assert_close, compiled, trained

ODD = {
    "odd sizes and dropout": (
        NETWORK.format(shape="20", layers="image | dense(33) | relu | dropout(0.5) | dense(17) | tanh", batch=50),
        [(3, 2), (1, 8), (8, 1)],
    ),
    "batchnorm": (
        NETWORK.format(
            shape="3, 9, 9",
            layers="image | conv(8, kernel=3) | batchnorm | relu | maxpool(2) | dense(24) | relu",
            batch=50,
        ),
        [(3, 2), (8, 1)],
    ),
}


@pytest.fixture(scope="module", params=["mlp", "lenet"])
def alone(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Trained]:
    """A network, and its training by one rank."""
    text = {"mlp": MLP, "lenet": LENET}[request.param]
    plan = compiled(text, tmp_path_factory.mktemp(request.param), 1, 1)
    return text, trained(plan, "--steps", 50)


@pytest.mark.parametrize(("data", "model"), [(2, 1), (1, 2), (2, 2), (4, 1), (1, 3)])
def test_every_mesh_trains_to_the_same_numbers(
    alone: tuple[str, Trained], data: int, model: int, tmp_path: Path
) -> None:
    text, expected = alone
    assert expected.losses[-1] < expected.losses[0]
    assert_close(trained(compiled(text, tmp_path, data, model), "--steps", 50), expected)


@pytest.mark.parametrize("name", ODD)
def test_odd_networks_train_alike_on_odd_meshes(name: str, tmp_path: Path) -> None:
    text, meshes = ODD[name]
    expected = trained(compiled(text, tmp_path, 1, 1), "--steps", 6)
    for data, model in meshes:
        found = trained(compiled(text, tmp_path, data, model), "--steps", 6)
        assert_close(found, expected)
        assert found.report["epochs"][0]["test"]["objective"] == pytest.approx(
            expected.report["epochs"][0]["test"]["objective"], rel=1e-4
        )


def test_the_same_mesh_trains_to_the_same_bits(tmp_path: Path) -> None:
    plan = compiled(MLP, tmp_path, 2, 2)
    assert trained(plan, "--steps", 50).same_bits(trained(plan, "--steps", 50))


@pytest.mark.parametrize(("data", "model"), [(1, 1), (1, 2)])
def test_threads_do_not_change_a_bit(data: int, model: int, tmp_path: Path) -> None:
    plan = compiled(LENET, tmp_path, data, model)
    one, two = (trained(plan, "--steps", 5, "--threads", threads) for threads in (1, 2))
    assert one.same_bits(two)
