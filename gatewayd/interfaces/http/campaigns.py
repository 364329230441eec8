"""/v1/campaigns: the whole way of a campaign, from the draft to the report, by the services of the command line.

A token is a person here: who agrees to a campaign is not who wrote it. What reads all people of a campaign is done one
at a time, for the others wait for their messages.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response

from gatewayd.domain.campaign import Audience, CampaignState
from gatewayd.domain.field import Value, in_cell
from gatewayd.domain.lint import with_footer
from gatewayd.errors import UsageError
from gatewayd.interfaces.campaign_shapes import explanation_json, remark_json, report_json, shown_json, told_json
from gatewayd.interfaces.http import campaign_models as models
from gatewayd.interfaces.http import problems
from gatewayd.interfaces.http.bodies import Route
from gatewayd.interfaces.http.here import Admin, Here, Reader, Services
from gatewayd.interfaces.http.models import Cursor, Limit, next_of
from gatewayd.interfaces.http.once import Once
from gatewayd.interfaces.http.problems import NotFound
from gatewayd.interfaces.shapes import campaign_json
from gatewayd.services.audience import AudienceReader, read_numbers
from gatewayd.services.explaining import explain, lint, refusal, told_of
from gatewayd.services.reporting import report
from gatewayd.services.tokens import Caller
from gatewayd.store.campaigns import AudienceRow, Campaign, NewCampaign

router = APIRouter(prefix="/v1/campaigns", tags=["campaigns"], route_class=Route)
CREATE = "/v1/campaigns"
Name = Annotated[str, Path(min_length=1, max_length=100, description="The campaign's name.")]
CHANGING = problems.responses(404, 409, body=True)


@router.get("", response_model=models.Campaigns, responses=problems.responses())
def list_(here: Here, _caller: Reader, limit: Limit = 100, cursor: Cursor = None) -> dict[str, Any]:
    """List the campaigns, the newest first."""
    found = here.campaigns.list(limit=limit, before=cursor)
    return {"campaigns": [campaign_json(one) for one in found], "next": next_of([one.id for one in found], limit)}


@router.post("", status_code=201, response_model=models.Created, responses=problems.responses(409, body=True))
def create(here: Here, caller: Admin, once: Once, new: models.NewCampaign) -> Response:
    """Create a draft, of which nothing is sent yet. A rule that forbids it is told at once."""
    caller.is_for(new.purpose)

    def told(_: object) -> dict[str, Any] | None:
        campaign = here.campaigns.get(new.name)
        return None if campaign.releasing else _created_json(here, campaign)

    return once(new, lambda: _create(here, caller, new), told)


def _created_json(here: Services, campaign: Campaign) -> dict[str, Any]:
    found = lint(here.house, campaign, with_footer(campaign.template, here.house.purpose(campaign.purpose).footer))
    return campaign_json(campaign) | {"remarks": [remark_json(one) for one in found]}


def _create(here: Services, caller: Caller, new: models.NewCampaign) -> None:
    kind, audience, rows = _audience(here, new)
    made = NewCampaign(
        name=new.name,
        purpose=new.purpose,
        template=new.text,
        audience_kind=kind,
        audience=audience,
        pool=new.pool,
        priority=here.house.purpose(new.purpose).priority if new.priority is None else new.priority,
        created_by=caller.person,
        window=new.window,
        start_at=new.start_at,
        deadline=new.deadline,
        repeat=new.repeat,
        missed=new.missed,
    )
    here.desk.create(made, rows)


def _audience(here: Services, new: models.NewCampaign) -> tuple[Audience, str, list[AudienceRow]]:
    if bool(new.segment) == bool(new.recipients):
        raise UsageError("say once whom it is for: `segment`, or `recipients`")
    if new.segment:
        return Audience.SEGMENT, here.house.segments.get(new.segment.strip(), new.segment), []
    listed = new.recipients
    judged = read_numbers(enumerate((one.number for one in listed), start=1), here.numbers)
    rows = []
    for place, (one, (number, reason)) in enumerate(zip(listed, judged, strict=True), start=1):
        fields, fault = _fields(here, one)
        rows.append(AudienceRow(place, number, fault or reason, fields))
    kind = Audience.FILE if any(one.fields for one in listed) else Audience.NUMBERS
    return kind, f"{len(rows)} numbers", rows


def _fields(here: Services, one: models.Recipient) -> tuple[dict[str, Value], str]:
    """What a person's row brings, that of declared fields read as such; and which cannot be."""
    found: dict[str, Value] = {}
    for name, value in one.fields.items():
        declared = here.house.fields.get(name)
        try:
            if value is not None:
                found[name] = value if declared is None else declared.read(in_cell(value))
        except UsageError:
            return {}, f"bad_field:{name}"
    return found, ""


@router.get("/{name}", response_model=models.Shown, responses=problems.responses(404))
def get(here: Here, _caller: Reader, name: Name) -> dict[str, Any]:
    """One campaign: who agreed to it, how its test stands."""
    campaign, tested = _found(here, name), None
    if campaign.test_begun_at is not None:
        campaign, tested = here.desk.look_at_test(campaign)
    return shown_json(campaign, here.campaigns.approvals(campaign.id), tested)


@router.get("/{name}/explain", response_model=models.Explanation, responses=problems.responses(404))
def explain_(
    here: Here,
    _caller: Reader,
    name: Name,
    sample: Annotated[int, Query(ge=0, le=100, description="So many texts.")] = 3,
) -> dict[str, Any]:
    """Say what it would do now: who gets it and who not and why, its texts, its price, its end. Nothing is sent."""
    with here.at_length():
        return explanation_json(explain(here.database, here.house, _found(here, name), here.clock, sample=sample))


@router.get("/{name}/lint", response_model=models.Linted, responses=problems.responses(404))
def lint_(here: Here, _caller: Reader, name: Name) -> dict[str, Any]:
    """Say what the text does not tell its reader, and whether it may be sent so."""
    campaign = _found(here, name)
    purpose = here.house.purpose(campaign.purpose)
    found = lint(here.house, campaign, with_footer(campaign.template, purpose.footer))
    return {"remarks": [remark_json(one) for one in found], "refused": refusal(purpose, found)}


@router.get("/{name}/recipients", response_model=models.Recipients, responses=problems.responses(404))
def recipients(here: Here, _caller: Reader, name: Name, limit: Limit = 100, cursor: Cursor = None) -> dict[str, Any]:
    """Each person of its audience as it is now: what he would get, or why not."""
    with here.at_length():
        reader = AudienceReader(here.database, here.house, _found(here, name), here.clock)
        page = reader.page(cursor or 0, limit)
    following = page[-1].place if len(page) == limit else None
    return {"recipients": [told_json(told_of(one)) for one in page], "next": following}


@router.get("/{name}/report", response_model=models.Report, responses=problems.responses(404))
def report_(here: Here, _caller: Reader, name: Name) -> dict[str, Any]:
    """Say what became of it: who got it, what failed, who left, what it cost."""
    with here.at_length():
        return report_json(report(here.database, here.house, _found(here, name)))


@router.post("/{name}/test", response_model=models.Sent, responses=CHANGING)
def test(here: Here, caller: Admin, once: Once, name: Name) -> Response:
    """Send it to the trusted numbers, marked as a test."""

    def act() -> None:
        here.desk.test(_of(caller, here, name).name, caller.by)
        here.changed()

    return once(None, act, lambda campaign: campaign_json(campaign) | {"trusted": here.desk.trusted()})


@router.post("/{name}/skip-test", response_model=models.Campaign, responses=CHANGING)
def skip_test(here: Here, caller: Admin, once: Once, name: Name, skip: models.Skip) -> Response:
    """Go on without a test, for a reason that is kept."""
    return once(
        skip, lambda: here.desk.skip_test(_of(caller, here, name).name, caller.person, skip.reason), campaign_json
    )


@router.post("/{name}/approve", response_model=models.Approved, responses=CHANGING)
def approve(here: Here, caller: Admin, once: Once, name: Name) -> Response:
    """Agree to a campaign that somebody else wrote; `missing`: how many people more must."""

    def act() -> None:
        with here.at_length():
            here.desk.approve(_of(caller, here, name).name, caller.person)

    return once(None, act, lambda missing: campaign_json(here.campaigns.get(name)) | {"missing": missing})


@router.post("/{name}/start", response_model=models.Campaign, responses=CHANGING)
def start(here: Here, caller: Admin, once: Once, name: Name, start: models.Start | None = None) -> Response:
    """Let an approved campaign go, now or at a time."""

    def act() -> None:
        here.desk.start(_of(caller, here, name).name, caller.by, start.at if start is not None else None)
        here.changed()

    def told(campaign: Campaign) -> dict[str, Any] | None:
        return campaign_json(campaign) if campaign.state is CampaignState.SCHEDULED else None

    return once(start, act, told)


@router.post("/{name}/{verb}", response_model=models.Campaign, responses=CHANGING)
def change(here: Here, caller: Admin, once: Once, name: Name, verb: Literal["pause", "resume", "cancel"]) -> Response:
    """Stop a campaign for now, let it go on, or end it: from the commit on nothing more of it starts."""
    step = {"pause": here.desk.pause, "resume": here.desk.resume, "cancel": here.desk.cancel}[verb]

    def act() -> None:
        step(_of(caller, here, name).name, caller.by)
        here.changed()

    return once(None, act, campaign_json)


def _of(caller: Caller, here: Services, name: str) -> Campaign:
    """A campaign that the caller may change. OutOfScope: its purpose is none of the token's."""
    campaign = _found(here, name)
    caller.is_for(campaign.purpose)
    return campaign


def _found(here: Services, name: str) -> Campaign:
    try:
        return here.campaigns.get(name)
    except UsageError:
        raise NotFound(f"there is no campaign {name!r}") from None
