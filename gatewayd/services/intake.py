"""Intake: what arrives is checked, accepted durably, and answered; one message at a time, or a file's rows.

The order of the checks is the order in which a person would want to know: the purpose, the number, the text, then the
gate. One message from the CLI or the API is asked for consent and opt-out at once, so that its sender hears the
refusal. The rows of a file are accepted without that question, which is asked in the transaction that marks each
attempt in any case: a consent may still arrive, and a STOP certainly may.

A receipt is given after the commit; a fault before it means that nothing was accepted.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

import structlog
from sqlalchemy.engine import Connection

from gatewayd.clock import Clock
from gatewayd.domain import number, text
from gatewayd.domain.purpose import Purpose
from gatewayd.domain.template import Template
from gatewayd.errors import GatewaydError, NumberError, RefusedByRule, TextError, UsageError
from gatewayd.services.space import Space
from gatewayd.store.engine import Database
from gatewayd.store.outbox import NewMessage, Outbox
from gatewayd.store.people import People

log = structlog.get_logger(__name__)

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class NumberRules:
    """Where and to what kinds of numbers this organisation writes (`number.parse`)."""

    country: str
    allowed_countries: frozenset[str] = frozenset()
    allowed_kinds: frozenset[str] = frozenset()

    def parse(self, raw: str) -> str:
        return number.parse(
            raw, country=self.country, allowed_countries=self.allowed_countries, allowed_kinds=self.allowed_kinds
        )


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was accepted: the message's id, its number in E.164, and what its text costs."""

    message_id: int
    recipient: str
    alphabet: str
    parts: int


@dataclass(frozen=True, slots=True)
class Draft:
    """A number and a text, as they were given; in how long it may leave, and how long it may wait then, if that is
    said."""

    number: str
    text: str
    after: timedelta | None = None
    lives: timedelta | None = None


Also: TypeAlias = Callable[[Connection, Sequence[int]], None]


def _nothing_else(_connection: Connection, _ids: Sequence[int]) -> None:
    """A message alone."""


class Intake:
    """Accepts messages that are sent one by one, or many in a call (`gatewayd send`, the API)."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        people: People,
        *,
        purposes: Mapping[str, Purpose],
        numbers: NumberRules,
        clock: Clock,
        space: Space | None = None,
    ) -> None:
        self._database, self._outbox, self._people = database, outbox, people
        self._purposes, self._numbers, self._clock, self._space = purposes, numbers, clock, space

    def accept(self, purpose_key: str, raw_number: str, raw_text: str, *, feed: str = "cli", by: str = "") -> Receipt:
        """One message, on stable storage when this returns; `by`: who sends it, where that is a person.

        Raises UsageError (no such purpose), NumberError, TextError, RefusedByRule(`opt_out`, `no_consent`,
        `too_many_parts`), StorageUnavailable (DiskNearlyFull among them).
        """
        message = self.check(purpose_key, Draft(raw_number, raw_text), feed=feed)
        message_id = self.keep([message], by=by or feed)[0]
        return Receipt(message_id, message.recipient, str(message.alphabet), message.parts)

    def check(self, purpose_key: str, draft: Draft, *, feed: str) -> NewMessage:
        """The message that would be accepted. Raises what `accept` raises, but for the storage."""
        purpose = self.purpose(purpose_key)
        with self._database.read() as connection:
            return self._judged(connection, purpose, draft, feed, self._clock.utc_now())

    def check_all(self, purpose_key: str, drafts: Sequence[Draft], *, feed: str) -> list[NewMessage | GatewaydError]:
        """Each message, or why it is refused (NumberError, TextError, RefusedByRule). UsageError: no such purpose."""
        purpose, now = self.purpose(purpose_key), self._clock.utc_now()
        with self._database.read() as connection:
            return [self._judged_or_not(connection, purpose, draft, feed, now) for draft in drafts]

    def keep(self, new: Sequence[NewMessage], *, by: str, also: Also = _nothing_else) -> list[int]:
        """Messages that were checked, all or none, on stable storage when this returns; `also` is done in the same
        transaction, and is given their ids. StorageUnavailable (DiskNearlyFull among them)."""
        if self._space is not None:
            self._space.require()

        def both(connection: Connection) -> list[int]:
            ids = self._outbox.accept(connection, new, by=by)
            also(connection, ids)
            return ids

        ids = self._database.write(both)
        if len(new) == 1:
            one = new[0]
            log.info("intake.accepted", recipient=one.recipient, purpose=one.purpose, message=ids[0], parts=one.parts)
        else:
            log.info("intake.list_accepted", purpose=new[0].purpose, feed=new[0].feed, first=ids[0], count=len(ids))
        return ids

    def _judged_or_not(
        self, connection: Connection, purpose: Purpose, draft: Draft, feed: str, now: datetime
    ) -> NewMessage | GatewaydError:
        try:
            return self._judged(connection, purpose, draft, feed, now)
        except (NumberError, TextError, RefusedByRule) as error:
            return error

    def _judged(self, connection: Connection, purpose: Purpose, draft: Draft, feed: str, now: datetime) -> NewMessage:
        recipient = self._numbers.parse(draft.number)
        planned = plan_text(draft.text, purpose)
        refusal = self._people.refusal(connection, purpose, recipient, now)
        if refusal is not None:
            log.info("intake.refused", recipient=recipient, purpose=purpose.key, reason=refusal)
            raise RefusedByRule(refusal, _REFUSALS.get(refusal, refusal))
        begins = now + draft.after if draft.after is not None else None
        return message_of(purpose, recipient, planned, feed=feed, now=now, begins=begins, lives=draft.lives)

    def purpose(self, key: str) -> Purpose:
        """The purpose of this key. UsageError names those there are."""
        try:
            return self._purposes[key]
        except KeyError:
            known = ", ".join(sorted(self._purposes)) or "none"
            raise UsageError(f"there is no purpose {key!r}; the configuration has: {known}") from None


_REFUSALS = {
    "opt_out": "this person said STOP: nothing is sent to this number",
    "no_consent": "no consent to this purpose is recorded for this number; `gatewayd consents record` records one",
    "consent_expired": "this person's consent is older than the purpose keeps data: ask again before you write",
}


def plan_text(raw: str, purpose: Purpose) -> text.TextPlan:
    """The text in its parts, as this purpose sends it. Raises TextError, or RefusedByRule(`too_many_parts:11/4`)."""
    composed = unicodedata.normalize("NFC", raw.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if not composed:
        raise TextError("there is no text", reason="no_text")
    if _CONTROLS.search(composed):
        raise TextError("the text has control characters in it", reason="control_characters")
    planned = text.render(composed, purpose.encoding)
    if len(planned.parts) > purpose.max_parts:
        raise RefusedByRule(
            f"too_many_parts:{len(planned.parts)}/{purpose.max_parts}",
            f"the text takes {len(planned.parts)} SMS; {purpose.key} allows {purpose.max_parts}",
        )
    return planned


def message_of(
    purpose: Purpose,
    recipient: str,
    planned: text.TextPlan,
    *,
    feed: str,
    now: datetime,
    begins: datetime | None = None,
    lives: timedelta | None = None,
) -> NewMessage:
    """A message of a purpose, with this text; `begins`: when it may leave, `lives`: how long it may wait then, but
    not longer than the purpose says."""
    waits = purpose.time_to_live if lives is None else min(lives, purpose.time_to_live)
    return NewMessage(
        recipient=recipient,
        purpose=purpose.key,
        feed=feed,
        pool=purpose.pool,
        priority=purpose.priority,
        text=planned.text,
        alphabet=str(planned.alphabet),
        parts=len(planned.parts),
        created_at=now,
        not_before=begins,
        expires_at=(begins or now) + waits,
    )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row of a file: the cells that may hold its number, the best first; its text, or the fields for a template."""

    line: int
    numbers: Sequence[str]
    text: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judged:
    """A row with its fate: `reason` is empty for a good row, whose `recipient` is E.164 and whose `plan` is there."""

    line: int
    recipient: str
    reason: str = ""
    plan: text.TextPlan | None = None


class RowJudge:
    """Judges the rows of one file; remembers its numbers, for a number that comes twice is a duplicate.

    The first row of a number wins, even when the texts differ: a file is one message per person. A row that was refused
    does not make a later one a duplicate.
    """

    def __init__(self, purpose: Purpose, numbers: NumberRules, template: Template | None) -> None:
        self._purpose, self._numbers, self._template = purpose, numbers, template
        self._never_empty = sorted(template.required - template.asked) if template is not None else []
        self._lines: dict[str, int] = {}

    def judge(self, row: Candidate) -> Judged:
        raw = next((cell for cell in row.numbers if cell), "")
        try:
            recipient = self._numbers.parse(number.repair_excel(raw))
        except NumberError as error:
            return Judged(row.line, raw, error.reason)
        first = self._lines.get(recipient)
        if first is not None:
            return Judged(row.line, recipient, f"duplicate:{first}")
        try:
            planned = plan_text(self._text(row), self._purpose)
        except (RefusedByRule, TextError) as error:
            return Judged(row.line, recipient, error.reason)
        self._lines[recipient] = row.line
        return Judged(row.line, recipient, "", planned)

    def _text(self, row: Candidate) -> str:
        if self._template is None:
            if not row.text:
                raise RefusedByRule("no_text")
            return row.text
        for name in self._never_empty:
            if not row.fields.get(name):
                raise RefusedByRule(f"empty_field:{name}")
        return self._template.render(row.fields)
