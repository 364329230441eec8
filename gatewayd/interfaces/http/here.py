"""What the routes work with: the services of one gateway, and who calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from gatewayd.clock import Clock
from gatewayd.domain.token import Scope
from gatewayd.errors import UnknownToken, UsageError
from gatewayd.services.campaigns import CampaignDesk
from gatewayd.services.consents import ConsentBook
from gatewayd.services.dispatcher import LineStatus
from gatewayd.services.intake import NumberRules
from gatewayd.services.submissions import Submissions
from gatewayd.services.tokens import Caller, Gatekeeper
from gatewayd.store.campaigns import Campaigns
from gatewayd.store.inbox import Inbox
from gatewayd.store.outbox import Outbox
from gatewayd.store.people import People, Wording
from gatewayd.store.sims import Sims


@dataclass(frozen=True)
class Services:
    """Of one gateway. `changed`: told when something may leave now; `well`: whether all of it works; `words`: what
    people read before they agree to a purpose."""

    clock: Clock
    gatekeeper: Gatekeeper
    submissions: Submissions
    outbox: Outbox
    people: People
    book: ConsentBook
    inbox: Inbox
    sims: Sims
    desk: CampaignDesk
    campaigns: Campaigns
    numbers: NumberRules
    lines: Callable[[], Sequence[LineStatus]]
    words: Callable[[str], Wording | None]
    changed: Callable[[], None]
    well: Callable[[], bool]


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
        await to_thread.run_sync(here.gatekeeper.note, caller)
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
            "request with the same key is answered as the first one was, and nothing is sent twice. Kept 30 days.",
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
