"""What holds for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.security import dropping
from tests.serving import Serving


@pytest.fixture(autouse=True)
def _offices_close_in_the_evening() -> Iterator[None]:
    yield
    dropping.close_all()


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Serving]:
    """The HTTP API of a gateway without modems."""
    serving = Serving(tmp_path)
    yield serving
    serving.close()
