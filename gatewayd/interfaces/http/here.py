"""What the routes work with: the services of one gateway, and who calls."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from gatewayd.clock import Clock
from gatewayd.domain.field import check_year, read_moment
from gatewayd.domain.sender import any_number
from gatewayd.domain.token import Scope
from gatewayd.domain.wordings import Who
from gatewayd.errors import NumberError, TooOften, UnknownToken, UsageError
from gatewayd.interfaces.http.places import Notes
from gatewayd.services.asking import Asking
from gatewayd.services.audience import House
from gatewayd.services.campaigns import CampaignDesk
from gatewayd.services.consents import SLIP, ConsentBook, present_wording
from gatewayd.services.contacts import ContactLists
from gatewayd.services.dispatcher import LineStatus
from gatewayd.services.intake import Intake
from gatewayd.services.keys import Keys
from gatewayd.services.reviews import Reviews
from gatewayd.services.space import Space
from gatewayd.services.streaming import Streams
from gatewayd.services.submissions import Submissions
from gatewayd.services.tokens import Caller, Gatekeeper
from gatewayd.store.campaigns import Campaigns
from gatewayd.store.contacts import Contacts
from gatewayd.store.engine import Database
from gatewayd.store.inbox import Inbox
from gatewayd.store.outbox import Outbox
from gatewayd.store.people import People, Wording
from gatewayd.store.webhooks import Counts


class Services:
    """Of one gateway. `changed`: told when something may leave now; `well`: whether all of it works; `untold`:
    what each webhook has still to be told; `events`: whether what happens is recorded for who listens."""

    def __init__(
        self,
        database: Database,
        house: House,
        clock: Clock,
        *,
        space: Space | None,
        lines: Callable[[], Sequence[LineStatus]],
        changed: Callable[[], None],
        well: Callable[[], bool],
        untold: Callable[[], Mapping[str, Counts]] = dict,
        events: bool = False,
    ) -> None:
        self.database, self.house, self.clock = database, house, clock
        self.lines, self.changed, self.well, self.untold = lines, changed, well, untold
        self.outbox, self.people, self.inbox = Outbox(database), People(database), Inbox(database)
        self.contacts, self.campaigns = Contacts(database), Campaigns(database)
        self.numbers, purposes, one = house.numbers, house.purposes, house.sender
        self.who, self.language = Who(one.name, one.privacy_contact, one.privacy_notice), one.language
        about: dict[str, Any] = {"numbers": self.numbers, "clock": clock}
        intake = Intake(database, self.outbox, self.people, purposes=purposes, space=space, **about)
        self.gatekeeper = Gatekeeper(database, clock)
        self.keys = Keys(database, clock)
        self.submissions = Submissions(intake, self.keys, queued=changed, spend=self.gatekeeper.spend)
        self.desk = CampaignDesk(database, house, clock)
        self.lists = ContactLists(database, fields=house.fields, **about)
        self.book = ConsentBook(
            database, purposes=purposes, moment=lambda said: read_moment(said, house.sending.tz), **about
        )
        self.asking = Asking(database, purposes=purposes, who=self.who, language=self.language, **about)
        self.reviews = Reviews(database, self.numbers.country)
        self.streams = Streams(database, clock, on=events)
        self.notes, self._at_length = Notes(), threading.Lock()

    def words(self, purpose: str, language: str = "") -> Wording | None:
        """What people read before they agree to a purpose. UsageError: there is no such purpose."""
        return present_wording(self.book.purpose(purpose), self.who, language or self.language, self.language)

    def any_number(self, written: str) -> str:
        """A number of whatever kind: an opt-out holds for all. NumberError."""
        found = any_number(written, self.numbers.country)
        if found is None:
            raise NumberError("invalid", "this is no phone number")
        return found

    def said(self, at: datetime | None) -> datetime:
        """When something was said: now, if nobody says. UsageError: it is yet to come, or no calendar has it."""
        if at is not None:
            check_year(at.year)
        now = self.clock.utc_now()
        if at is not None and at > now + SLIP:
            raise UsageError(f"{at.isoformat()} is yet to come")
        return at or now

    @contextmanager
    def at_length(self) -> Iterator[None]:
        """Around what reads all people of a campaign: one at a time, for messages are taken meanwhile. TooOften."""
        if not self._at_length.acquire(blocking=False):
            raise TooOften(2, "another campaign is being read: one at a time")
        try:
            yield
        finally:
            self._at_length.release()


async def _services(request: Request) -> Services:
    found: Services = request.app.state.services
    return found


_bearer = HTTPBearer(auto_error=False, description="A token of `gatewayd tokens create`.")
Here = Annotated[Services, Depends(_services)]
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def peer(request: Request) -> str:
    """Where a request comes from: `uid:1000` on the Unix socket, an address elsewhere."""
    return request.client.host if request.client is not None else ""


async def _caller(request: Request, here: Here, bearer: Bearer) -> Caller:
    """Judged in the loop: a look-up takes a tenth of a millisecond, and waits for no writer; a thread costs more."""
    if bearer is None:
        raise UnknownToken
    caller = here.gatekeeper.admit(bearer.credentials, peer(request))
    if here.gatekeeper.due(caller):
        here.notes.soon(partial(here.gatekeeper.note, caller))
    return caller


def _with(*scopes: Scope) -> Any:
    async def caller(found: Annotated[Caller, Depends(_caller)]) -> Caller:
        found.needs(*scopes)
        return found

    return Depends(caller)


Anyone = Annotated[Caller, Depends(_caller)]
Reader = Annotated[Caller, _with(Scope.READ)]
Admin = Annotated[Caller, _with(Scope.ADMIN)]

_KEY = re.compile(r"[\x21-\x7e]{1,200}")


async def _key(
    idempotency_key: Annotated[
        str,
        Header(
            description="Any word of yours, another one for each new request: where an answer was lost, the same "
            "request with the same key is answered as the first one was, and nothing is done twice. Kept 30 days.",
            examples=["8e03978e-40d5-43dd-bc93-6894a57f9324"],
        ),
    ] = "",
) -> str:
    """The key, with or without the quotes that the draft wants. UsageError."""
    word = idempotency_key
    if len(word) > 2 and word[0] == word[-1] == '"':
        word = word[1:-1]
    if word and not _KEY.fullmatch(word):
        raise UsageError("Idempotency-Key is one word of at most 200 visible ASCII characters")
    return word


Key = Annotated[str, Depends(_key)]
