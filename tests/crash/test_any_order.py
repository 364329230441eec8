"""Any order of events, a hundred thousand steps of it in CI, a million in `make soak`: machine.py tells what happens.

The steps are counted: a run that made fewer fails. The seeds are fixed, so that a failure comes again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.crash.machine import AnyOrder

SHARDS = 4
LENGTH = 100
"""Steps of one example."""


@pytest.fixture
def _silence() -> Iterator[None]:
    """A line of log for each message costs as much as the message."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@pytest.mark.usefixtures("_silence")
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_order_of_events_breaks_a_promise(shard: int, steps: int) -> None:
    wanted = steps // SHARDS
    AnyOrder.tally.clear()
    before, turn = AnyOrder.steps, 0
    while (made := AnyOrder.steps - before) < wanted:
        machine = type("AnyOrder", (AnyOrder,), {"_hypothesis_internal_use_seed": shard * 1_000_003 + turn})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=max(10, min(100, (wanted - made) // (4 * LENGTH))),
                stateful_step_count=LENGTH,
                deadline=None,
                database=None,
                phases=[Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),
            ),
        )
        turn += 1
    tally = AnyOrder.tally
    print(f"{made} steps: {dict(tally)}")
    assert tally["sent"] > made // 100, "a machine that sends nothing proves nothing"
    if wanted >= 10_000:
        assert min(tally[what] for what in ("unknown", "blocked", "killed in the middle", "restored")) > 0, tally
