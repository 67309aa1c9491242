"""One cache of kernels for all tests of promises, empty at first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def kernel_cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where these tests keep their kernels."""
    return str(tmp_path_factory.mktemp("kernels"))


@pytest.fixture(autouse=True, scope="module")
def _cache(kernel_cache: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRAINC_CACHE", kernel_cache)
        yield
