"""What requests about people hold, and what answers tell of them."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query
from pydantic import AwareDatetime, BaseModel, Field

from gatewayd.interfaces.http.models import (
    MOMENT,
    MOST_AT_ONCE,
    NUMBER,
    Body,
    Incoming,
    Message,
    Moment,
    Number,
    Occasion,
    PurposeKey,
)
from gatewayd.services.reviews import Verdict

Whom = Annotated[str, Query(min_length=1, max_length=40, description="The number.", examples=[NUMBER])]
Who = Annotated[str, Query(max_length=40, description="Only this number.", examples=[NUMBER])]
Note = Annotated[str, Field(max_length=200)]
Language = Annotated[Literal["", "fr", "en"], Field(description="Of the purpose's wording; else the organisation's.")]
Sha256 = Annotated[str, Field(pattern="^([0-9a-f]{64})?$", description="SHA-256 of the proof, a scan or an e-mail.")]
AgreedAt = Annotated[
    AwareDatetime | None, Field(strict=False, description="When it was said; now, if not given.", examples=[MOMENT])
]
Given = Annotated[
    Literal["paper", "web_form", "phone", "import"],
    Field(description="How it was said; by SMS people agree themselves.", examples=["web_form"]),
]
Value = Annotated[str, Field(max_length=1000)] | bool | Annotated[int | float, Field(allow_inf_nan=False)] | None
Values = Annotated[
    dict[Annotated[str, Field(min_length=1, max_length=40)], Value],
    Field(max_length=100, description="Declared fields; null takes a value away.", examples=[{"ville": "Lyon"}]),
]
Name = Annotated[str | None, Field(max_length=100, description="Null takes it away.")]


class NewContact(Body):
    """What is to be kept of somebody. What is not named stays as it is; null takes a value away."""

    number: Number
    given_name: Name = ""
    family_name: Name = ""
    language: Annotated[str | None, Field(max_length=40, examples=["fr"])] = ""
    fields: Values = Field(default_factory=dict)


class ListConsent(Body):
    """What all people of a list agreed to, with the list as its proof."""

    purpose: PurposeKey
    agreed_at: Annotated[AwareDatetime, Field(strict=False, examples=[MOMENT])]
    method: Given = "import"
    wording: Annotated[str, Field(max_length=4000)] = ""
    language: Language = ""
    evidence: Note = ""


class ContactList(Body):
    """Many contacts. Nothing is written unless `write` says so: the answer tells what would change."""

    contacts: Annotated[list[NewContact], Field(min_length=1, max_length=MOST_AT_ONCE)]
    source: Annotated[str, Field(max_length=200, description="Where the list comes from.")] = "api"
    consent: ListConsent | None = None
    write: bool = False


class Agreement(Body):
    """An agreement: to which words, how, when (now, if it is not said), and where the proof is."""

    recipient: Number
    purpose: PurposeKey
    method: Given = "web_form"
    agreed_at: AgreedAt = None
    wording: Annotated[
        str, Field(max_length=4000, description="What they read; else the wording of the purpose as it is now.")
    ] = ""
    language: Language = ""
    evidence: Note = ""
    evidence_sha256: Sha256 = ""


class Withdrawal(Body):
    """An agreement that holds no more: how it was said, and when (now, if it is not said)."""

    recipient: Number
    purpose: PurposeKey
    method: Given = "web_form"
    agreed_at: AgreedAt = None


class ListedAgreement(Body):
    """One of many."""

    recipient: Number
    purpose: Annotated[str, Field(max_length=40)] = ""
    method: Annotated[str, Field(max_length=40, examples=["paper"])] = ""
    agreed_at: Annotated[str, Field(max_length=40, examples=["31/01/2026"])] = ""


class ConsentList(Body):
    """Many agreements, the list their proof; what a row does not say is said here. Nothing is written unless `write`
    says so."""

    consents: Annotated[list[ListedAgreement], Field(min_length=1, max_length=MOST_AT_ONCE)]
    purpose: Annotated[str, Field(max_length=40)] = ""
    method: Given = "import"
    agreed_at: AgreedAt = None
    wording: Annotated[str, Field(max_length=4000)] = ""
    language: Language = ""
    evidence: Annotated[str, Field(max_length=200, description="Where the list is kept.")] = "api"
    write: bool = False


class NewQuestion(Body):
    """A question by SMS to somebody who asked for it elsewhere: OUI in time records the consent."""

    recipient: Number
    purpose: PurposeKey
    reason: Annotated[str, Field(min_length=1, max_length=200, examples=["formulaire du site, 24/11"])]
    days: Annotated[int, Field(ge=1, le=30, description="Until when an answer counts.")] = 7
    language: Language = ""


class Person(Body):
    """Who opts out; `origin`: how it was said."""

    recipient: Number
    origin: Note = "api"


class OptOutList(Body):
    """Many who opted out."""

    recipients: Annotated[list[Number], Field(min_length=1, max_length=MOST_AT_ONCE)]
    origin: Note = "import"


class NewReview(Body):
    """A person's word on an opt-out that was not certain: `keep`, it was meant; `lift`, it was not, and ends."""

    verdict: Annotated[Verdict, Field(strict=False)]


# -- answers


class PersonData(BaseModel):
    """What is kept of a person."""

    number: str = Field(examples=[NUMBER])
    given_name: str | None = Field(examples=["Camille"])
    family_name: str | None
    language: str | None = Field(examples=["fr"])
    fields: dict[str, str | bool | int | float] = Field(examples=[{"ville": "Lyon"}])


class Contact(PersonData):
    """A contact, with the keys of `gatewayd contacts list --json`."""

    id: int = Field(examples=[3])
    source: str = Field(description="Where the data come from.", examples=["membres.csv"])
    created_at: Moment
    updated_at: Moment


class Contacts(BaseModel):
    """A page of contacts, the newest first; `next` is the cursor of the following one, null at the end."""

    contacts: list[Contact]
    next: int | None


class Consent(BaseModel):
    """A recorded agreement (`given`), or its withdrawal."""

    purpose: str = Field(examples=["events"])
    given: bool
    method: str = Field(examples=["web_form"])
    wording: str | None = Field(description="What they read or heard.")
    wording_version: str | None
    wording_language: str | None
    wording_sha256: str | None
    evidence: str | None
    evidence_sha256: str | None
    agreed_at: Moment
    recorded_by: str = Field(examples=["token:site"])
    recorded_at: Moment


class Consents(BaseModel):
    """What a person agreed to, in the order in which it was said."""

    recipient: str = Field(examples=[NUMBER])
    consents: list[Consent]


class OptOut(BaseModel):
    """An opt-out that holds."""

    recipient: str = Field(examples=[NUMBER])
    origin: str = Field(examples=["sms"])
    recorded_by: str
    recorded_at: Moment


class OptOuts(BaseModel):
    """A page of opt-outs, the newest first; `next` is the cursor of the following one, null at the end."""

    optouts: list[OptOut]
    next: int | None


class OptOutRecord(BaseModel):
    """An opt-out that holds, or held."""

    origin: str
    recorded_by: str
    recorded_at: Moment
    lifted_at: Occasion
    lifted_by: str | None


class Question(BaseModel):
    """A question by SMS, and what became of it."""

    purpose: str
    reason: str
    asked_by: str
    asked_at: Moment
    deadline: Moment
    message: int | None
    answer: str | None
    answered_at: Occasion


class Held(BaseModel):
    """Everything that is held about a number: `contact` is null where only messages or what was said are known."""

    number: str = Field(examples=[NUMBER])
    contact: Contact | None
    consents: list[Consent]
    opt_outs: list[OptOutRecord]
    questions: list[Question]
    messages: list[Message]
    incoming: list[Incoming]


class Difference(BaseModel):
    """What would change of a field."""

    field: str
    old: str | bool | int | float | None
    new: str | bool | int | float | None


class Changed(BaseModel):
    """A contact who would be another."""

    number: str = Field(examples=[NUMBER])
    differences: list[Difference]


class Rejected(BaseModel):
    """A row that cannot be used; `line` is its place in the list, from 1."""

    line: int
    number: str
    reason: str | None = Field(description="A stable word, where there is one.", examples=["landline"])
    words: str


class ContactPlan(BaseModel):
    """What the list changes, or (`written` false) would change."""

    sha256: str = Field(description="Of the list: the proof of its agreements.")
    new: list[PersonData]
    changed: list[Changed]
    unchanged: int
    rejected: list[Rejected]
    opted_out: list[str] = Field(description="Who opted out, and stays so: no agreement is recorded.")
    consents: int = Field(description="Agreements to record.")
    written: bool


class PlannedConsent(BaseModel):
    """An agreement to record."""

    number: str = Field(examples=[NUMBER])
    purpose: str
    method: str
    agreed_at: Moment


class ConsentPlan(BaseModel):
    """What the list records, or (`written` false) would record; `known`: recorded before from this list."""

    sha256: str
    new: list[PlannedConsent]
    known: int
    opted_out: list[str]
    rejected: list[Rejected]
    written: bool


class Entry(BaseModel):
    """An entry of the audit trail."""

    seq: int
    at: str
    hash: str


class Seal(Entry):
    """The entry that was written with a record."""

    sealed: bool = Field(description="Whether the record is still the one that the entry seals; else it was changed.")


class ProvenConsent(Consent):
    """A record with the entry that fixes its date."""

    audit: Seal | None


class NamedEntry(Entry):
    """An entry with what it is about."""

    event: str = Field(examples=["consent.recorded"])


class Proof(BaseModel):
    """The proof of what a person agreed to, with all that was said since."""

    recipient: str = Field(examples=[NUMBER])
    opted_out_at: Occasion
    heard_at: str | None = Field(description="When this person last wrote to us.", examples=[MOMENT])
    consents: list[ProvenConsent]
    questions: list[Question]
    opt_outs: list[OptOutRecord]
    audit: list[NamedEntry]


class Withdrawn(BaseModel):
    """`withdrawn` is false where there was no agreement."""

    recipient: str = Field(examples=[NUMBER])
    withdrawn: bool


class Asked(BaseModel):
    """A question that was accepted: an answer counts until `deadline`."""

    recipient: str = Field(examples=[NUMBER])
    message: int
    parts: int
    deadline: Moment


class OptedOut(BaseModel):
    """`canceled`: how many messages that waited for this number."""

    recipient: str = Field(examples=[NUMBER])
    canceled: int


class OptedOutMany(BaseModel):
    """What became of a list: `new` were recorded, `known` held already; `rejected` are no phone numbers."""

    new: int
    known: int
    canceled: int
    rejected: list[Rejected]


class Lifted(BaseModel):
    """`lifted` is false where there was no opt-out."""

    recipient: str = Field(examples=[NUMBER])
    lifted: bool


class Reviewed(BaseModel):
    """`lifted`: the opt-out has ended. `stands`: it was to end, and holds all the same, for the incoming messages
    `others` ask for it too (none: it was recorded otherwise)."""

    number: str = Field(examples=[NUMBER])
    lifted: bool
    stands: bool
    others: list[int]
