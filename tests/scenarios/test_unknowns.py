"""The benchmark of unknown outcomes, in small: its oracle is the ledger."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks import bench_unknowns
from tests.scenarios import world as worlds


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", ["both-before", "both-after"])
def test_each_fault_once_is_settled_without_an_operator(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(worlds, "QUICK", replace(worlds.QUICK, submit=0.12))
    assert bench_unknowns.run(name, len(bench_unknowns.SCENARIOS[name].faults))


@pytest.mark.timeout(120)
def test_without_report_and_card_they_are_left_for_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worlds, "QUICK", replace(worlds.QUICK, submit=0.12))
    monkeypatch.setitem(bench_unknowns.SCENARIOS, "neither", replace(bench_unknowns.SCENARIOS["neither"], goal=0.99))
    assert not bench_unknowns.run("neither", 4), "the benchmark can fail"
