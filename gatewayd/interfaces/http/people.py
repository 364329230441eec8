"""/v1/consents, /v1/optouts, /v1/inbox: what people said. Who changes it stands in the audit trail."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from gatewayd.clock import rfc3339
from gatewayd.domain.consent import Method
from gatewayd.domain.field import plain_text
from gatewayd.domain.reading import Kind
from gatewayd.errors import NumberError
from gatewayd.interfaces.http import people_models as models
from gatewayd.interfaces.http import problems
from gatewayd.interfaces.http.bodies import Route
from gatewayd.interfaces.http.here import Admin, Here, Reader, Services
from gatewayd.interfaces.http.models import Cursor, Id, Inbox, Incoming, Limit, next_of
from gatewayd.interfaces.http.once import Once
from gatewayd.interfaces.http.people_models import Who, Whom
from gatewayd.interfaces.http.problems import NotFound
from gatewayd.interfaces.people_shapes import consent_plan_json, proof_json, rejected_json
from gatewayd.interfaces.shapes import consent_json, incoming_json, optout_json
from gatewayd.services.asking import Asked
from gatewayd.services.contacts import ListRow, Rejected
from gatewayd.services.proof import Held
from gatewayd.services.tokens import Caller
from gatewayd.store.people import NewConsent, Wording

router = APIRouter(prefix="/v1", tags=["people"], route_class=Route)
LISTS = ("/v1/consents/import", "/v1/optouts/import")
WRITING, CHANGING = problems.responses(409, body=True), problems.responses(404, 409, body=True)


@router.get("/consents", response_model=models.Consents, responses=problems.responses())
def consents(here: Here, _caller: Reader, recipient: Whom) -> dict[str, Any]:
    """What a person agreed to, in the order in which it was said."""
    number = here.any_number(recipient)
    return {"recipient": number, "consents": [consent_json(one) for one in here.people.consents(number)]}


@router.get("/consents/proof", response_model=models.Proof, responses=problems.responses())
def proof(here: Here, _caller: Reader, recipient: Whom) -> dict[str, Any]:
    """The proof of what a person agreed to, with all that was said since, and the entries of the audit trail."""
    return proof_json(Held.read(here.database, here.any_number(recipient)))


@router.post("/consents", status_code=201, response_model=models.Consent, responses=WRITING)
def record(here: Here, caller: Admin, once: Once, new: models.Agreement) -> Response:
    """Record that somebody agreed to a purpose, in the words that the configuration has for it, or in those given."""
    number = here.numbers.parse(new.recipient)

    def act() -> None:
        words, at = _words(here, new.purpose, new.wording, new.language), here.said(new.agreed_at)
        proof = new.evidence, new.evidence_sha256
        here.book.record([NewConsent(number, new.purpose, new.method, at, caller.by, True, words, *proof)])
        here.changed()

    return once(new, act, lambda _: consent_json(max(here.people.consents(number), key=lambda one: one.id)))


@router.post("/consents/withdraw", response_model=models.Withdrawn, responses=WRITING)
def withdraw(here: Here, caller: Admin, once: Once, new: models.Withdrawal) -> Response:
    """Record that somebody no longer agrees to one purpose; `withdrawn` is false where there was no agreement."""
    number = here.any_number(new.recipient)

    def act() -> bool:
        here.book.purpose(new.purpose)
        at = here.said(new.agreed_at)
        return here.book.withdraw(number, new.purpose, method=Method(new.method), said_at=at, by=caller.by)

    # False is said by the book, which then writes nothing.
    return once(new, act, lambda done: {"recipient": number, "withdrawn": done is not False})


@router.post("/consents/import", response_model=models.ConsentPlan, responses=WRITING)
def record_many(here: Here, caller: Admin, once: Once, new: models.ConsentList) -> Response:
    """Show what a list of agreements would record, and record it where `write` says so, the list their proof."""
    return once(new, lambda: _record_many(here, caller, new))


def _record_many(here: Services, caller: Caller, new: models.ConsentList) -> dict[str, Any]:
    listed = [one.model_dump() for one in new.consents]
    sha256 = hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()
    if new.purpose:
        here.book.purpose(new.purpose)
    at, place = here.said(new.agreed_at), plain_text(new.evidence, 200)
    each = NewConsent("", new.purpose, new.method, at, caller.by, True, None, place, sha256)
    rows = [ListRow(line, [one.pop("recipient")], one) for line, one in enumerate(listed, 1)]
    plan = here.book.plan(rows, each, dated=new.agreed_at is not None)
    words = {key: _words(here, key, new.wording, new.language) for key in {one.purpose for one in plan.new}}
    written = new.write and bool(plan.new)
    if written:
        here.book.record([replace(one, wording=words[one.purpose]) for one in plan.new])
        here.changed()
    return {"sha256": sha256, **consent_plan_json(plan), "written": written}


@router.post("/consents/ask", status_code=202, response_model=models.Asked, responses=WRITING)
def ask(here: Here, caller: Admin, once: Once, new: models.NewQuestion) -> Response:
    """Ask somebody by SMS, who asked for it elsewhere: OUI in time records the agreement, and nothing else does."""
    caller.is_for(new.purpose)

    def act() -> Asked:
        known = here.contacts.get(here.numbers.parse(new.recipient))
        language = new.language or (known.language if known is not None else "")
        asked = here.asking.ask(
            new.recipient, new.purpose, reason=new.reason, by=caller.by, days=new.days, language=language
        )
        here.changed()
        return asked

    return once(new, act, _asked_json)


def _asked_json(asked: Asked) -> dict[str, Any]:
    return {
        "recipient": asked.recipient,
        "message": asked.message_id,
        "parts": asked.parts,
        "deadline": rfc3339(asked.deadline),
    }


def _words(here: Services, purpose: str, given: str, language: str) -> Wording | None:
    """What was read or heard: as it is given, or as the purpose has it. UsageError: there is no such purpose."""
    own = here.words(purpose, language)
    return Wording(plain_text(given, 4000)) if given else own


@router.get("/optouts", response_model=models.OptOuts, responses=problems.responses())
def optouts(
    here: Here, _caller: Reader, recipient: Who = "", limit: Limit = 100, cursor: Cursor = None
) -> dict[str, Any]:
    """The opt-outs that hold, the newest first."""
    number = here.any_number(recipient) if recipient else ""
    found = here.people.optouts(recipient=number, limit=limit, before=cursor)
    return {"optouts": [optout_json(one) for one in found], "next": next_of([one.id for one in found], limit)}


@router.post("/optouts", status_code=201, response_model=models.OptedOut, responses=WRITING)
def opt_out(here: Here, caller: Admin, once: Once, new: models.Person) -> Response:
    """Record a "no more": in the same transaction all that waits for the number is canceled."""
    number = here.any_number(new.recipient)
    return once(
        new,
        lambda: here.people.add_optout(number, origin=new.origin, by=caller.by, at=here.clock.utc_now()),
        lambda canceled: {"recipient": number, "canceled": canceled},
    )


@router.post("/optouts/import", response_model=models.OptedOutMany, responses=WRITING)
def opt_out_many(here: Here, caller: Admin, once: Once, new: models.OptOutList) -> Response:
    """Record a list of "no more"; those that hold already stay as they are. May be given again."""
    return once(new, lambda: _opt_out_many(here, caller, new))


def _opt_out_many(here: Services, caller: Caller, new: models.OptOutList) -> dict[str, Any]:
    found: dict[str, None] = {}
    rejected = []
    for line, written in enumerate(new.recipients, 1):
        try:
            found[here.any_number(written)] = None
        except NumberError as error:
            rejected.append(Rejected(line, written, error.reason))
    listed = ((number, new.origin) for number in found)
    recorded, canceled = here.people.add_optouts(listed, origin=new.origin, by=caller.by, at=here.clock.utc_now())
    known = len(found) - recorded
    return {"new": recorded, "known": known, "canceled": canceled, "rejected": rejected_json(rejected)}


@router.post("/optouts/lift", response_model=models.Lifted, responses=WRITING)
def lift(here: Here, caller: Admin, once: Once, new: models.Person) -> Response:
    """End an opt-out, when the person asks for it; `lifted` is false where there was none."""
    number = here.any_number(new.recipient)
    return once(
        new,
        lambda: here.people.remove_optout(number, by=caller.by, at=here.clock.utc_now()),
        lambda lifted: {"recipient": number, "lifted": lifted},
    )


@router.get("/inbox", response_model=Inbox, responses=problems.responses())
def inbox(
    here: Here,
    _caller: Reader,
    *,
    kind: Annotated[Kind | None, Query(description="Only those read so.")] = None,
    sender: Who = "",
    to_review: Annotated[bool, Query(description="Only those that a person should look at.")] = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """What people wrote, the newest first."""
    number = here.any_number(sender) if sender else ""
    found = here.inbox.list(kind=kind or "", sender=number, to_review=to_review, limit=limit, before=cursor)
    return {"messages": [incoming_json(one) for one in found], "next": next_of([one.id for one in found], limit)}


@router.get("/inbox/{message_id}", response_model=Incoming, responses=problems.responses(404))
def wrote(here: Here, _caller: Reader, message_id: Id) -> dict[str, Any]:
    """One incoming message."""
    found = here.inbox.get(message_id)
    if found is None:
        raise NotFound(f"there is no incoming message {message_id}")
    return incoming_json(found)


@router.post("/inbox/{message_id}/review", response_model=models.Reviewed, responses=CHANGING)
def review(here: Here, caller: Admin, once: Once, message_id: Id, new: models.NewReview) -> Response:
    """Say of an opt-out that was not certain whether it was meant. What was canceled stays canceled."""
    wrote(here, caller, message_id)
    return once(
        new,
        lambda: here.reviews.decide(message_id, new.verdict, by=caller.by, at=here.clock.utc_now()),
        lambda done: {"number": done.number, "lifted": done.lifted, "stands": done.stands, "others": list(done.others)},
    )
