"""/v1/contacts: whom data is held about. One at a time, or a list, which is shown what it would change before."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from gatewayd.domain.field import in_cell
from gatewayd.errors import NumberError, UsageError
from gatewayd.interfaces.dropfolder.names import safe_name
from gatewayd.interfaces.http import problems
from gatewayd.interfaces.http.bodies import Route
from gatewayd.interfaces.http.here import Admin, Here, Reader, Services
from gatewayd.interfaces.http.models import NUMBER, Cursor, Limit, next_of
from gatewayd.interfaces.http.once import Once
from gatewayd.interfaces.http.people_models import Contact, ContactList, ContactPlan, Contacts, Held, NewContact
from gatewayd.interfaces.http.problems import NotFound
from gatewayd.interfaces.people_shapes import contact_json, contact_plan_json, holdings_json
from gatewayd.services.contacts import ListRow, Plan
from gatewayd.services.holdings import Holdings
from gatewayd.services.tokens import Caller
from gatewayd.store.people import NewConsent, Wording

router = APIRouter(prefix="/v1/contacts", tags=["people"], route_class=Route)
IMPORT = "/v1/contacts/import"
WRITING = problems.responses(409, body=True)


@router.get("", response_model=Contacts, responses=problems.responses())
def list_(here: Here, _caller: Reader, limit: Limit = 100, cursor: Cursor = None) -> dict[str, Any]:
    """List contacts, the newest first."""
    found = here.contacts.list(limit, cursor)
    return {"contacts": [contact_json(one) for one in found], "next": next_of([one.id for one in found], limit)}


@router.get("/{number}", response_model=Held, responses=problems.responses(404))
def get(
    here: Here,
    _caller: Reader,
    number: Annotated[str, Path(min_length=1, max_length=40, description="The number.", examples=[NUMBER])],
) -> dict[str, Any]:
    """Everything that is held about a number: the contact, what was said, the last ten messages of each direction."""
    held = Holdings.of(here.database, here.any_number(number))
    if not held:
        raise NotFound(f"nothing is held about {held.number}")
    return holdings_json(held)


@router.post("", response_model=Contact, responses={**WRITING, 201: {"model": Contact, "description": "A new one."}})
def put(here: Here, caller: Admin, once: Once, new: NewContact) -> Response:
    """Keep a contact, new (201) or known (200); what is not named stays as it is, null takes a value away."""
    plan = Plan()

    def act() -> None:
        nonlocal plan
        plan = here.lists.plan([_row(1, new)])
        for one in plan.rejected:
            raise NumberError(one.reason) if one.reason else UsageError(one.words)
        if plan.writes:
            here.lists.carry_out(plan, caller.person, by=caller.by, sha256=_sha256([new]))

    def told(_: object) -> dict[str, Any]:
        found = here.contacts.get(here.numbers.parse(new.number))
        if found is None:
            raise NotFound("it was erased in this moment")
        return contact_json(found)

    return once(new, act, told, status=lambda: 201 if plan.new else 200)


@router.post("/import", response_model=ContactPlan, responses=WRITING)
def import_(here: Here, caller: Admin, once: Once, new: ContactList) -> Response:
    """Show what a list would change, and write it where `write` says so: all of it, or nothing. Agreements follow."""

    def act() -> dict[str, Any]:
        sha256, source = _sha256(new.contacts), safe_name(new.source)
        rows = [_row(line, one) for line, one in enumerate(new.contacts, 1)]
        plan = here.lists.plan(rows, _consent(here, caller, new, sha256))
        written = new.write and plan.writes
        if written:
            here.lists.carry_out(plan, source, by=caller.by, sha256=sha256)
            here.changed()
        return {"sha256": sha256, **contact_plan_json(plan), "written": written}

    return once(new, act)


def _consent(here: Services, caller: Caller, new: ContactList, sha256: str) -> NewConsent | None:
    """What each of the list agreed to, whose number it lacks."""
    one = new.consent
    if one is None:
        return None
    own = here.words(one.purpose, one.language)
    words = Wording(one.wording) if one.wording else own
    at, place = here.said(one.agreed_at), one.evidence or safe_name(new.source)
    return NewConsent("", one.purpose, one.method, at, caller.by, True, words, place, sha256)


def _row(line: int, one: NewContact) -> ListRow:
    own = {"given_name": one.given_name, "family_name": one.family_name, "language": one.language}
    cells = {name: None if value is None else in_cell(value) for name, value in one.fields.items()}
    return ListRow(line, [one.number], own | cells)


def _sha256(contacts: list[NewContact]) -> str:
    told = json.dumps([one.model_dump() for one in contacts], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()
