"""The register of SIMs: one row for an ICCID, wherever it is plugged in."""

from __future__ import annotations

from datetime import timedelta

from gatewayd.store.engine import Database
from gatewayd.store.sims import Sims
from tests.store.conftest import NOW


def remember(sims: Sims, iccid: str = "8933", port: str = "p1") -> int:
    return sims.remember(iccid=iccid, imsi="208", name="s", pool="default", imei="35", port=port, now=NOW)


def test_a_sim_keeps_its_id_in_another_port(database: Database) -> None:
    sims = Sims(database)
    assert remember(sims) == remember(sims, port="p2")
    [found] = sims.list()
    assert (found.port, found.seen_at) == ("p2", NOW)
    assert remember(sims, iccid="8934") != found.id


def test_a_rest_has_a_reason_and_an_end(database: Database) -> None:
    sims, until = Sims(database), NOW + timedelta(hours=1)
    sim_id = remember(sims)
    assert sims.suspended_until(sim_id) is None
    sims.suspend(sim_id, until, "cms:8", NOW)
    assert sims.suspended_until(sim_id) == until
    assert sims.list()[0].suspended_reason == "cms:8"
    sims.suspend(sim_id, None, "", NOW)
    assert sims.suspended_until(sim_id) is None
