"""/v1/segments: whom a rule over contacts selects, before anything is sent to them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from gatewayd.interfaces.http import problems
from gatewayd.interfaces.http.campaign_models import Segments, Selected
from gatewayd.interfaces.http.here import Here, Reader
from gatewayd.store.audiences import Audiences

router = APIRouter(prefix="/v1/segments", tags=["campaigns"])


@router.get("", response_model=Segments, responses=problems.responses())
def list_(here: Here, _caller: Reader) -> dict[str, Any]:
    """List the segments of the configuration, with how many contacts are in each now."""
    house, audiences = here.house, Audiences(here.database)
    moment = house.moment(here.clock.utc_now())
    with here.at_length():
        counted = [
            (name, words, audiences.count(house.segment(name), moment)) for name, words in house.segments.items()
        ]
    return {"segments": [{"name": name, "segment": words, "contacts": count} for name, words, count in counted]}


@router.get("/preview", response_model=Selected, responses=problems.responses())
def preview(
    here: Here,
    _caller: Reader,
    segment: Annotated[
        str,
        Query(min_length=1, max_length=2000, description="A name of the configuration, or a rule.", examples=["lyon"]),
    ],
    limit: Annotated[int, Query(ge=0, le=1000, description="Show at most so many of them.")] = 10,
) -> dict[str, Any]:
    """Say how many contacts a rule selects, and show some."""
    audiences, moment = Audiences(here.database), here.house.moment(here.clock.utc_now())
    rule = here.house.segment(segment, [one.name for one in here.campaigns.list()])
    with here.at_length():
        count, found = audiences.count(rule, moment), audiences.members(rule, moment, limit)
    return {"segment": segment, "contacts": count, "numbers": [number for number, _ in found]}
