"""Messages that programs submit: checked by the same rules as `gatewayd send`, and answered once for each key.

The receipt (`keys.py`) is in the transaction of the messages, so a crash leaves both or neither, and the request may
come again.

Of many messages `STEP` are accepted in a transaction, for a STOP must not wait for ten thousand. Each of these keeps
the receipt that is true if it is the last: a crash, or a disk that fills up, leaves an answer which says from which
message on nothing was accepted (`interrupted_at`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import structlog
from sqlalchemy.engine import Connection

from gatewayd.clock import rfc3339
from gatewayd.errors import GatewaydError, NothingAccepted, NumberError, RefusedByRule, StoreError, TextError
from gatewayd.services.intake import Draft, Intake
from gatewayd.services.keys import Answer, Keys, Request
from gatewayd.services.tokens import Caller
from gatewayd.store.work import NewMessage

log = structlog.get_logger(__name__)

STEP = 200
"""Messages of one transaction."""


class Submissions:
    """Used from any thread. `queued`: told after each acceptance; `spend`: asked whether a token may send so many now
    (TooOften)."""

    def __init__(
        self, intake: Intake, keys: Keys, *, queued: Callable[[], None], spend: Callable[[Caller, int], None]
    ) -> None:
        self._intake, self._keys, self._queued, self._spend = intake, keys, queued, spend

    def send(self, caller: Caller, purpose: str, draft: Draft, request: Request) -> Answer:
        """One message. Raises what `Intake.accept` raises, OutOfScope, TooOften, KeyReused, KeyBusy."""
        caller.may_send_for(purpose)

        def accept() -> Answer:
            self._spend(caller, 1)
            new = self._intake.check(purpose, draft, feed=caller.feed)
            answer, _ = self._keep(caller, request, [new], lambda ids: _as_json(new, ids[0]))
            return answer

        return self._keys.once(request, accept)

    def send_all(self, caller: Caller, purpose: str, drafts: Sequence[Draft], request: Request) -> Answer:
        """Many: the good ones are accepted `STEP` by `STEP`, the others are told with their reasons. Nothing is
        accepted: NothingAccepted. What keeps the first step from being kept is raised; later, the answer tells it."""
        caller.may_send_for(purpose)

        def accept() -> Answer:
            self._spend(caller, len(drafts))
            judged = self._intake.check_all(purpose, drafts, feed=caller.feed)
            new = [(place, one) for place, one in enumerate(judged) if isinstance(one, NewMessage)]
            refused = [
                {"index": place, **refusal(one)} for place, one in enumerate(judged) if isinstance(one, GatewaydError)
            ]
            if not new:
                raise NothingAccepted(refused)
            return self._in_steps(caller, request, new, refused)

        return self._keys.once(request, accept)

    def _in_steps(
        self, caller: Caller, request: Request, new: Sequence[tuple[int, NewMessage]], refused: Sequence[Any]
    ) -> Answer:
        accepted: list[dict[str, int]] = []
        answer = Answer(b"")
        for begin in range(0, len(new), STEP):
            step, behind = new[begin : begin + STEP], new[begin + STEP :]
            told = partial(_of_many, accepted, step, refused, behind[0][0] if behind else None)
            try:
                answer, ids = self._keep(caller, request, [one for _, one in step], told)
            except StoreError as error:
                if not accepted:
                    raise
                log.warning("intake.interrupted", accepted=len(accepted), left=len(new) - begin, error=str(error))
                break
            accepted += _numbered(step, ids)
        return answer

    def _keep(
        self,
        caller: Caller,
        request: Request,
        new: Sequence[NewMessage],
        told: Callable[[Sequence[int]], dict[str, Any]],
    ) -> tuple[Answer, Sequence[int]]:
        answer = Answer(b"")

        def also(connection: Connection, ids: Sequence[int]) -> None:
            nonlocal answer
            answer = Answer(json.dumps(told(ids), ensure_ascii=False, separators=(",", ":")).encode())
            self._keys.keep(connection, request, answer)

        ids = self._intake.keep(new, by=caller.by, also=also)
        self._queued()
        return answer, ids


def _numbered(step: Sequence[tuple[int, NewMessage]], ids: Sequence[int]) -> list[dict[str, int]]:
    return [{"index": place, "id": id_, "parts": one.parts} for (place, one), id_ in zip(step, ids, strict=True)]


def _of_many(
    before: Sequence[Any],
    step: Sequence[tuple[int, NewMessage]],
    refused: Sequence[Any],
    interrupted_at: int | None,
    ids: Sequence[int],
) -> dict[str, Any]:
    """What is told when this step is the last that was accepted."""
    accepted = [*before, *_numbered(step, ids)]
    found = {"accepted": len(accepted), "refused": len(refused), "messages": accepted, "refusals": refused}
    return found if interrupted_at is None else {**found, "interrupted_at": interrupted_at}


def refusal(error: GatewaydError) -> dict[str, Any]:
    """Why a message is refused, for programs and for people."""
    reason = error.reason if isinstance(error, NumberError | RefusedByRule | TextError) else "bad_text"
    return {"reason": reason, "detail": str(error)}


def _as_json(new: NewMessage, message_id: int) -> dict[str, Any]:
    """A message that was just accepted; without number and text, for it may be kept as a receipt."""
    return {
        "id": message_id,
        "purpose": new.purpose,
        "feed": new.feed,
        "state": str(new.state),
        "parts": new.parts,
        "alphabet": new.alphabet,
        "created_at": rfc3339(new.created_at),
    }
