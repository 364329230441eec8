"""/v1/consents, /v1/optouts, /v1/inbox: what people said. Who changes it stands in the audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, Field

from gatewayd.domain.consent import Method
from gatewayd.domain.sender import any_number as as_people_write
from gatewayd.errors import NumberError, UsageError
from gatewayd.interfaces.http.here import Admin, Here, Reader, Services
from gatewayd.interfaces.http.models import Body, Limit, Number, PurposeKey, problems
from gatewayd.interfaces.shapes import consent_json, incoming_json, optout_json
from gatewayd.services.consents import LIST_METHODS
from gatewayd.store.people import NewConsent

router = APIRouter(prefix="/v1", tags=["people"])
Whom = Annotated[str, Query(min_length=1, max_length=40, description="The number.")]
Note = Annotated[str, Field(max_length=200)]


class Agreement(Body):
    """An agreement, or its withdrawal: how, when (now, if it is not said), and where the proof is."""

    recipient: Number
    purpose: PurposeKey
    method: Annotated[Method, Field(strict=False, description=f"One of {', '.join(LIST_METHODS)}.")] = Method.WEB_FORM
    agreed_at: Annotated[AwareDatetime | None, Field(strict=False, examples=["2026-11-24T08:00:00Z"])] = None
    evidence: Note = ""


class Person(Body):
    """Who opts out; `origin`: how it was said."""

    recipient: Number
    origin: Note = "api"


def any_number(here: Services, written: str) -> str:
    """A number of whatever kind: an opt-out holds for all. NumberError."""
    found = as_people_write(written, here.numbers.country)
    if found is None:
        raise NumberError("invalid", "this is no phone number")
    return found


@router.get("/consents", responses=problems())
def consents(here: Here, _caller: Reader, recipient: Whom) -> dict[str, Any]:
    """What a person agreed to, in the order in which it was said."""
    number = any_number(here, recipient)
    return {"recipient": number, "consents": [consent_json(one) for one in here.people.consents(number)]}


@router.post("/consents", status_code=201, responses=problems(400, 413, 415))
def record(here: Here, caller: Admin, new: Agreement) -> dict[str, Any]:
    """Record that somebody agreed to a purpose, in the words that the configuration has for it."""
    if new.method not in LIST_METHODS:
        raise UsageError(f"by {new.method} people agree themselves; expected one of {', '.join(LIST_METHODS)}")
    number, at = here.numbers.parse(new.recipient), _said(here, new.agreed_at)
    here.book.purpose(new.purpose)
    words = here.words(new.purpose)
    here.book.record([NewConsent(number, new.purpose, new.method, at, caller.by, True, words, new.evidence)])
    return consent_json(here.people.consents(number)[-1])


@router.post("/consents/withdraw", responses=problems(400, 413, 415))
def withdraw(here: Here, caller: Admin, new: Agreement) -> dict[str, Any]:
    """Record that somebody no longer agrees to one purpose; `withdrawn` is false where there was no agreement."""
    number, at = any_number(here, new.recipient), _said(here, new.agreed_at)
    here.book.purpose(new.purpose)
    done = here.book.withdraw(number, new.purpose, method=new.method, said_at=at, by=caller.by)
    return {"recipient": number, "withdrawn": done}


def _said(here: Services, at: datetime | None) -> datetime:
    now = here.clock.utc_now()
    if at is not None and at > now:
        raise UsageError("agreed_at is yet to come")
    return at or now


@router.get("/optouts", responses=problems())
def optouts(
    here: Here, _caller: Reader, recipient: Annotated[str, Query(max_length=40)] = "", limit: Limit = 100
) -> dict[str, Any]:
    """The opt-outs that hold, the newest first."""
    number = any_number(here, recipient) if recipient else ""
    return {"optouts": [optout_json(one) for one in here.people.optouts(recipient=number, limit=limit)]}


@router.post("/optouts", status_code=201, responses=problems(400, 413, 415))
def opt_out(here: Here, caller: Admin, new: Person) -> dict[str, Any]:
    """Record a "no more": in the same transaction all that waits for the number is canceled."""
    number = any_number(here, new.recipient)
    canceled = here.people.add_optout(number, origin=new.origin, by=caller.by, at=here.clock.utc_now())
    return {"recipient": number, "canceled": canceled}


@router.post("/optouts/lift", responses=problems(400, 413, 415))
def lift(here: Here, caller: Admin, new: Person) -> dict[str, Any]:
    """End an opt-out, when the person asks for it; `lifted` is false where there was none."""
    number = any_number(here, new.recipient)
    return {"recipient": number, "lifted": here.people.remove_optout(number, by=caller.by, at=here.clock.utc_now())}


@router.get("/inbox", responses=problems())
def inbox(
    here: Here, _caller: Reader, sender: Annotated[str, Query(max_length=40)] = "", limit: Limit = 100
) -> dict[str, Any]:
    """What people wrote, the newest first."""
    number = any_number(here, sender) if sender else ""
    return {"messages": [incoming_json(one) for one in here.inbox.list(sender=number, limit=limit)]}
