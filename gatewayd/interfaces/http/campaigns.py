"""/v1/campaigns: look at them, agree to them, let them go and stop them. They are written with `gatewayd campaigns`.

A token is a person here: who agrees to a campaign is not who wrote it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path

from gatewayd.errors import UsageError
from gatewayd.interfaces.http.here import Admin, Here, Reader
from gatewayd.interfaces.http.models import problems
from gatewayd.interfaces.http.problems import NotFound
from gatewayd.interfaces.shapes import campaign_json

router = APIRouter(prefix="/v1/campaigns", tags=["campaigns"])
Name = Annotated[str, Path(min_length=1, max_length=100, description="The campaign's name.")]


@router.get("", responses=problems())
def list_(here: Here, _caller: Reader) -> dict[str, Any]:
    """List the campaigns, the newest first."""
    return {"campaigns": [campaign_json(one) for one in here.campaigns.list()]}


@router.get("/{name}", responses=problems(404))
def get(here: Here, _caller: Reader, name: Name) -> dict[str, Any]:
    """One campaign."""
    try:
        return campaign_json(here.campaigns.get(name))
    except UsageError as error:
        raise NotFound(str(error)) from None


@router.post("/{name}/{verb}", responses=problems(404, 409))
def change(
    here: Here, caller: Admin, name: Name, verb: Literal["approve", "start", "pause", "resume", "cancel"]
) -> dict[str, Any]:
    """Agree to a campaign, let it go now, stop it for now, let it go on, or end it."""
    found = get(here, caller, name)
    if verb == "approve":
        campaign, _ = here.desk.approve(found["name"], caller.by.split()[0])
    else:
        campaign = getattr(here.desk, verb)(found["name"], caller.by)
    here.changed()
    return campaign_json(campaign)
