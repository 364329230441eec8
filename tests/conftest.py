"""What holds for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.security import dropping


@pytest.fixture(autouse=True)
def _offices_close_in_the_evening() -> Iterator[None]:
    yield
    dropping.close_all()
