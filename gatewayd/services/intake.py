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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from gatewayd.clock import Clock
from gatewayd.domain import number, text
from gatewayd.domain.purpose import Purpose
from gatewayd.domain.template import Template
from gatewayd.errors import NumberError, RefusedByRule, TextError, UsageError
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


class Intake:
    """Accepts single messages (`gatewayd send`, the API)."""

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
        purpose = self._purpose(purpose_key)
        recipient = self._numbers.parse(raw_number)
        planned = plan_text(raw_text, purpose)
        with self._database.read() as connection:
            refusal = self._people.refusal(connection, purpose, recipient, self._clock.utc_now())
        if refusal is not None:
            log.info("intake.refused", recipient=recipient, purpose=purpose.key, reason=refusal)
            raise RefusedByRule(refusal, _REFUSALS.get(refusal, refusal))
        if self._space is not None:
            self._space.require()
        message = message_of(purpose, recipient, planned, feed=feed, now=self._clock.utc_now())
        message_id = self._outbox.accept(None, [message], by=by or feed)[0]
        log.info("intake.accepted", recipient=recipient, purpose=purpose.key, message=message_id, parts=message.parts)
        return Receipt(message_id, recipient, str(message.alphabet), message.parts)

    def _purpose(self, key: str) -> Purpose:
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
        raise TextError("there is no text")
    if _CONTROLS.search(composed):
        raise TextError("the text has control characters in it")
    planned = text.render(composed, purpose.encoding)
    if len(planned.parts) > purpose.max_parts:
        raise RefusedByRule(
            f"too_many_parts:{len(planned.parts)}/{purpose.max_parts}",
            f"the text takes {len(planned.parts)} SMS; {purpose.key} allows {purpose.max_parts}",
        )
    return planned


def message_of(purpose: Purpose, recipient: str, planned: text.TextPlan, *, feed: str, now: datetime) -> NewMessage:
    """A message of a purpose, with this text."""
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
        expires_at=now + purpose.time_to_live,
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
        except RefusedByRule as error:
            return Judged(row.line, recipient, error.reason)
        except TextError as error:
            return Judged(row.line, recipient, f"bad_text:{error}")
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
