"""/health, /v1/sims, /v1/metrics: how the gateway is. Figures have few labels, and no numbers of people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gatewayd.domain.message import MessageState
from gatewayd.interfaces.http import problems
from gatewayd.interfaces.http.here import Here, Reader, Services
from gatewayd.interfaces.http.models import Health, SimList
from gatewayd.interfaces.shapes import sim_json
from gatewayd.services.simlist import all_sims

router, health_router = APIRouter(tags=["gateway"]), APIRouter(tags=["gateway"])


@health_router.get("/health", response_model=Health, responses={503: {"model": Health, "description": "It does not."}})
async def health(here: Here) -> Response:
    """Whether all works: 200 or 503, for whoever asks; nothing else is told."""
    # In the loop: it waits for no writer, as all threads may that serve the other routes.
    well = here.well()
    body = b'{"status":"ok"}' if well else b'{"status":"unwell"}'
    return Response(body, 200 if well else 503, media_type="application/json")


@router.get("/v1/sims", response_model=SimList, responses=problems.responses())
def sims(here: Here, _caller: Reader) -> dict[str, Any]:
    """The SIMs, their limits and what is left of them; `state` is `ok`, `absent`, or what keeps it from sending."""
    states = {line.sim: line.why or "ok" for line in here.lines() if line.sim}
    return {"sims": [sim_json(one) for one in all_sims(here.database, here.house.sending, here.clock, states)]}


@router.get("/v1/metrics", response_class=PlainTextResponse, responses=problems.responses())
def metrics(here: Here, _caller: Reader) -> Response:
    """Figures for Prometheus."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(here))
    return Response(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")


class _Figures(Collector):
    def __init__(self, here: Services) -> None:
        self._here = here

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Each figure, as it is now."""
        counts = self._here.outbox.counts()
        messages = GaugeMetricFamily("gatewayd_messages", "Messages in each state.", labels=["state"])
        for state in MessageState:
            messages.add_metric([str(state)], counts.get(state, 0))
        yield messages
        lines = GaugeMetricFamily("gatewayd_line_ok", "Whether nothing keeps the SIM from sending.", labels=["sim"])
        for line in self._here.lines():
            lines.add_metric([line.sim or line.port], 0 if line.why else 1)
        yield lines
        pending = GaugeMetricFamily("gatewayd_webhook_pending", "What a webhook has still to be told.", labels=["name"])
        dead = GaugeMetricFamily("gatewayd_webhook_dead", "What a webhook did not take in three days.", labels=["name"])
        for name, left in self._here.untold().items():
            pending.add_metric([name], left.pending)
            dead.add_metric([name], left.dead)
        yield from (pending, dead)
        yield GaugeMetricFamily("gatewayd_well", "Whether all of it works.", value=1 if self._here.well() else 0)
