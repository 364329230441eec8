"""What requests about campaigns hold, and what answers tell of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field

from gatewayd.domain.campaign import Audience, CampaignState, Missed, Repeat
from gatewayd.domain.message import MessageState
from gatewayd.interfaces.http.models import MOMENT, MOST_AT_ONCE, NUMBER, Body, Moment, Number, Occasion, PurposeKey
from gatewayd.interfaces.http.people_models import Values

When = Annotated[AwareDatetime | None, Field(strict=False, examples=[MOMENT])]
Text = Annotated[str, Field(min_length=1, max_length=5000, examples=["Bonjour {{ prenom }}, réunion à 18 h."])]


class Recipient(Body):
    """A person of a list, with what the text says of him alone."""

    number: Number
    fields: Values = Field(default_factory=dict)


class NewCampaign(Body):
    """A draft: for a segment (its name, or a rule), or for a list of people; one of the two."""

    name: Annotated[str, Field(min_length=1, max_length=40, examples=["reunion-decembre"])]
    purpose: PurposeKey
    text: Text
    segment: Annotated[str, Field(max_length=2000, examples=['ville = "Lyon"'])] = ""
    recipients: Annotated[list[Recipient], Field(default_factory=list, max_length=MOST_AT_ONCE)]
    pool: Annotated[str, Field(max_length=40)] = ""
    priority: Annotated[int | None, Field(ge=0, le=9, description="0 goes first; else the purpose's.")] = None
    window: Annotated[str, Field(max_length=100, examples=["mon-fri 09:00-12:00"])] = ""
    start_at: When = None
    deadline: When = None
    repeat: Annotated[Repeat, Field(strict=False)] = Repeat.ONCE
    missed: Annotated[Missed, Field(strict=False)] = Missed.HELD


class Skip(Body):
    """Why it is not tested; the reason is kept."""

    reason: Annotated[str, Field(min_length=1, max_length=200)]


class Start(Body):
    """When it begins; else now, or when it was created for."""

    at: When = None


class Campaign(BaseModel):
    """A campaign, with the keys of `gatewayd campaigns list --json`."""

    name: str = Field(examples=["reunion-decembre"])
    purpose: str = Field(examples=["events"])
    template: str
    audience_kind: Audience
    audience: str = Field(examples=['ville = "Lyon"'])
    pool: str = Field(examples=["default"])
    priority: int
    window: str
    repeat: Repeat
    missed: Missed
    created_by: str = Field(examples=["token:adhesion"])
    state: CampaignState
    reason: str
    test_skipped: str
    run: int
    start_at: Occasion
    deadline: Occasion
    created_at: Moment
    test_begun_at: Occasion
    run_begun_at: Occasion
    next_run_at: Occasion
    ended_at: Occasion


class Campaigns(BaseModel):
    """A page of campaigns, the newest first; `next` is the cursor of the following one, null at the end."""

    campaigns: list[Campaign]
    next: int | None


class Remark(BaseModel):
    """What the text does not tell its reader, or a line may not carry."""

    about: str
    remark: str


class Linted(BaseModel):
    """What should be thought of before it goes; `refused`: why it may not go so, null where it may."""

    remarks: list[Remark]
    refused: Literal["lint", "line"] | None


class Segment(BaseModel):
    """A segment of the configuration, and how many contacts are in it now."""

    name: str = Field(examples=["lyon"])
    segment: str = Field(examples=['ville = "Lyon"'])
    contacts: int


class Segments(BaseModel):
    """The segments of the configuration."""

    segments: list[Segment]


class Selected(BaseModel):
    """How many contacts a rule selects, and the first of them."""

    segment: str = Field(examples=['ville = "Lyon" and not paye'])
    contacts: int
    numbers: list[str] = Field(examples=[[NUMBER]])


class Created(Campaign):
    """A draft, and what should be thought of before it goes on."""

    remarks: list[Remark]


class Approval(BaseModel):
    """Who agreed, and to how many recipients."""

    by: str
    at: Moment
    recipients: int


class TestedNumber(BaseModel):
    """A trusted number, and whether the test was received there."""

    number: str = Field(examples=[NUMBER])
    state: MessageState
    received: bool


class Test(BaseModel):
    """How the test stands."""

    numbers: list[TestedNumber]
    stop_and_start_tried: bool


class Shown(Campaign):
    """A campaign with who agreed to it and how its test stands (null: it was not tested)."""

    approvals: list[Approval]
    test: Test | None


class Sent(Campaign):
    """The test is on its way to these trusted numbers."""

    trusted: list[str]


class Approved(Campaign):
    """Agreed to; `missing`: how many people more must."""

    missing: int


class Share(BaseModel):
    """What falls to one SIM."""

    sim: str
    messages: int
    parts: int
    price: float | None
    new_recipients: int
    left: int | None
    left_after: int | None
    over_limit: int
    ends_at: Occasion
    by_deadline: int


class Sample(BaseModel):
    """A text as somebody would get it."""

    recipient: str = Field(examples=[NUMBER])
    text: str


class Explanation(BaseModel):
    """What it would do now; nothing is sent. Each person is under `/recipients`."""

    campaign: str
    people: int
    included: int
    reasons: dict[str, int] = Field(description="Who does not get it, by reason.", examples=[{"opt_out": 3}])
    parts: int
    alphabets: dict[str, int]
    forcing_ucs2: dict[str, int] = Field(description="Letters that halve an SMS, and in how many texts.")
    price: float | None
    approvals_needed: int
    opens_at: Occasion
    ends_at: Occasion
    expires_at: Occasion
    waits_for: dict[str, int] = Field(
        description="How many are kept back by what: `hours`, or a limit.", examples=[{"per_day": 40}]
    )
    late: int = Field(description="So many would expire before they may leave.")
    remarks: list[Remark]
    sims: list[Share]
    sample: list[Sample]


class Told(BaseModel):
    """What one person would get, or (`reason`) why not."""

    recipient: str = Field(examples=[NUMBER])
    reason: str | None
    alphabet: str | None
    parts: int


class Recipients(BaseModel):
    """A page of people; `next` is the cursor of the following one, null at the end."""

    recipients: list[Told]
    next: int | None


class SimFigures(BaseModel):
    """What one SIM did."""

    sim: str
    sent: int
    delivered: int
    failed: int
    parts: int
    cost: float | None


class Hour(BaseModel):
    """How many were sent in an hour."""

    hour: Moment
    sent: int


class Report(BaseModel):
    """What became of it, as it stands now."""

    campaign: str
    state: CampaignState
    accepted: int
    sent: int
    states: dict[MessageState, int]
    failed_by_cause: dict[str, int]
    blocked_by_reason: dict[str, int]
    left_out_by_reason: dict[str, int]
    optouts: int
    optout_percent: float
    replies: int
    parts: int
    cost: float | None
    sims: list[SimFigures]
    sent_by_hour: list[Hour]
    submissions: int
    messages_submitted: int
    messages_to_others: int
    texts_with_others_numbers: int
