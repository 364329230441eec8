"""/v1/messages: send one or many, look, cancel. Accepted means: on stable storage, in the same queue as all others."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from gatewayd.domain.message import MessageState
from gatewayd.domain.token import Scope
from gatewayd.interfaces.http import problems
from gatewayd.interfaces.http.bodies import Route
from gatewayd.interfaces.http.here import Admin, Anyone, Here, Key, Reader, Services
from gatewayd.interfaces.http.models import (
    Accepted,
    AcceptedMany,
    Cursor,
    Id,
    Limit,
    Message,
    Messages,
    NewMessage,
    NewMessages,
    Resolve,
    next_of,
)
from gatewayd.interfaces.http.once import Once, answered
from gatewayd.interfaces.http.problems import NotFound
from gatewayd.interfaces.shapes import message_json
from gatewayd.services import intake
from gatewayd.services.keys import Request
from gatewayd.services.tokens import Caller
from gatewayd.store.outbox import MessageRecord

router = APIRouter(prefix="/v1/messages", tags=["messages"], route_class=Route)
MANY = "/v1/messages/many"
CHANGING = problems.responses(404, 409, body=True)


@router.post("", status_code=202, response_model=Accepted, responses=problems.responses(409, 507, body=True))
def send(here: Here, caller: Anyone, key: Key, new: NewMessage) -> Response:
    """Send one message. 202: it is on stable storage; a rule that forbids it is told at once."""
    request = Request(caller.token_id, key, b"one " + new.model_dump_json().encode())
    return answered(here.submissions.send(caller, new.purpose, intake.Draft(new.recipient, new.text), request))


@router.post("/many", status_code=202, response_model=AcceptedMany, responses=problems.responses(409, 507, body=True))
def send_many(here: Here, caller: Anyone, key: Key, new: NewMessages) -> Response:
    """Send up to 10,000 messages of one purpose. The good ones are accepted, the others told with a reason."""
    request = Request(caller.token_id, key, b"many " + new.model_dump_json().encode())
    drafts = [intake.Draft(one.recipient, one.text) for one in new.messages]
    return answered(here.submissions.send_all(caller, new.purpose, drafts, request))


@router.get("", response_model=Messages, responses=problems.responses())
def list_(
    here: Here,
    _caller: Reader,
    *,
    state: Annotated[list[MessageState] | None, Query(description="Only in this state; repeatable.")] = None,
    recipient: Annotated[str, Query(max_length=40, description="Only to this number.")] = "",
    purpose: Annotated[str, Query(max_length=40, description="Only for this purpose.")] = "",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """List messages, the newest first."""
    number = here.numbers.parse(recipient) if recipient else ""
    found = here.outbox.list(states=state or (), recipient=number, purpose=purpose, limit=limit, before=cursor)
    return {
        "messages": [message_json(one) for one in found],
        "next": next_of([one.id for one in found], limit),
    }


@router.get("/{message_id}", response_model=Message, responses=problems.responses(404))
def get(here: Here, caller: Anyone, message_id: Id) -> dict[str, Any]:
    """One message: any with the scope read, those of its own feed with the scope submit."""
    return message_json(_found(here, caller, message_id, Scope.READ))


@router.post("/{message_id}/cancel", response_model=Message, responses=CHANGING)
def cancel(here: Here, caller: Anyone, once: Once, message_id: Id) -> Response:
    """Cancel a message that waits: any with the scope admin, those of its own feed with the scope submit."""

    def act() -> None:
        _found(here, caller, message_id, Scope.ADMIN)
        here.outbox.cancel(message_id, here.clock.utc_now(), by=caller.by)
        here.changed()

    return once(None, act, lambda _: message_json(_found(here, caller, message_id, Scope.ADMIN)))


@router.post("/{message_id}/resolve", response_model=Message, responses=CHANGING)
def resolve(here: Here, caller: Admin, once: Once, message_id: Id, new: Resolve) -> Response:
    """Say of a message that may have gone out (`unknown`): it did, or send it again, even if it may arrive twice."""

    def act() -> None:
        caller.is_for(_found(here, caller, message_id, Scope.ADMIN).purpose)
        here.outbox.resolve(message_id, new.outcome, here.clock.utc_now(), by=caller.by)
        here.changed()

    return once(new, act, lambda _: message_json(_found(here, caller, message_id, Scope.ADMIN)))


@router.post("/{message_id}/{verb}", response_model=Message, responses=CHANGING)
def change(here: Here, caller: Admin, once: Once, message_id: Id, verb: Literal["hold", "release"]) -> Response:
    """Keep a message that waits until it is released, or let it go on when its turn comes."""

    def act() -> None:
        caller.is_for(_found(here, caller, message_id, Scope.ADMIN).purpose)
        step = {"hold": here.outbox.hold, "release": here.outbox.unhold}[verb]
        step(message_id, here.clock.utc_now(), by=caller.by)
        here.changed()

    return once(None, act, lambda _: message_json(_found(here, caller, message_id, Scope.ADMIN)))


def _found(here: Services, caller: Caller, message_id: int, scope: Scope) -> MessageRecord:
    """A message that the caller may see. What another feed sent is no more there for him than what never was."""
    caller.needs(Scope.SUBMIT, scope)
    found = here.outbox.get(message_id)
    if found is None or (scope not in caller.scopes and found.feed != caller.feed):
        raise NotFound(f"there is no message {message_id}")
    return found
