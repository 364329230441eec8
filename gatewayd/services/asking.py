"""Double opt-in: a question by SMS to somebody who asked for it elsewhere, and OUI as the agreement.

A question is a message of the purpose it asks about: its class, hours, line and limits hold for it. The gate lets it
pass without a consent because it names its question, and a question is made here only: for a reason that is recorded
(the form that the person filled in), never to who opted out, once in `PAUSE` for a person and a purpose, one at a time.

`hear` reads an answer in the transaction of its message. OUI before the deadline records the consent, with both
messages as its proof; NON ends the question; whatever else, and silence, is no consent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy.engine import Connection

from gatewayd.clock import Clock
from gatewayd.domain import agreement, wordings
from gatewayd.domain.audit import Event
from gatewayd.domain.consent import Method
from gatewayd.domain.field import plain_text
from gatewayd.domain.purpose import Basis, Purpose
from gatewayd.errors import RefusedByRule, UsageError
from gatewayd.services.intake import NumberRules, message_of, plan_text
from gatewayd.store import audit, people, questions
from gatewayd.store.engine import Database
from gatewayd.store.outbox import NewMessage, Outbox
from gatewayd.store.people import NewConsent, Wording
from gatewayd.store.questions import NEVER_LEFT, Question

log = structlog.get_logger(__name__)

FEED = "double_opt_in"
PAUSE = timedelta(days=30)
"""Between two questions about one purpose to one person."""
_REFUSALS = {
    "opt_out": "this person said STOP: he is not asked",
    "agreed_already": "this person has agreed to it: there is nothing to ask",
    "asked_already": "a question to this person waits for its answer: one at a time",
    "asked_before": "this person was asked less than 30 days ago",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was accepted, and what it costs."""

    question_id: int
    message_id: int
    recipient: str
    parts: int
    deadline: datetime


class Asking:
    """Questions of one organisation; `language` is its own."""

    def __init__(
        self,
        database: Database,
        *,
        purposes: Mapping[str, Purpose],
        who: wordings.Who,
        language: str,
        numbers: NumberRules,
        clock: Clock,
    ) -> None:
        self._database, self._outbox = database, Outbox(database)
        self._purposes, self._who, self._language = purposes, who, language
        self._numbers, self._clock = numbers, clock

    def ask(self, number: str, key: str, *, reason: str, by: str, days: int, language: str = "") -> Asked:
        """Ask one person. Raises UsageError, NumberError, TextError, RefusedByRule (`_REFUSALS`)."""
        purpose, recipient = self._purpose(key), self._numbers.parse(number)
        why = plain_text(reason)
        if not why:
            raise UsageError("why is this person asked? Say who asked for it: a form, a date")
        now = self._clock.utc_now()
        message, wording = self._message(purpose, recipient, now, language)
        deadline = now + timedelta(days=days)

        def write(connection: Connection) -> Asked:
            self._may(connection, purpose, recipient, now)
            question_id = questions.add(
                connection, recipient, key, wording, reason=why, by=by, at=now, deadline=deadline
            )
            new = replace(message, asks=question_id, expires_at=min(deadline, now + purpose.time_to_live))
            (message_id,) = self._outbox.accept(connection, [new], by=by)
            audit.append(connection, Event.ASKED, now, by=by, number=recipient, purpose=key, message=message_id)
            return Asked(question_id, message_id, recipient, new.parts, deadline)

        asked = self._database.write(write)
        log.info("consent.asked", recipient=recipient, purpose=key, message=asked.message_id)
        return asked

    def _purpose(self, key: str) -> Purpose:
        purpose = self._purposes.get(key)
        if purpose is None:
            raise UsageError(
                f"there is no purpose {key!r}; the configuration has: {', '.join(self._purposes) or 'none'}"
            )
        if purpose.basis is not Basis.CONSENT:
            raise UsageError(f"{key} does not rest on consent: there is nothing to ask")
        if purpose.wording is None:
            raise UsageError(f"{key} has no `wording`: what would be asked?")
        return purpose

    def _message(self, purpose: Purpose, recipient: str, now: datetime, language: str) -> tuple[NewMessage, Wording]:
        """The message, and the wording, which is what is read on the phone."""
        assert purpose.wording is not None  # noqa: S101  (looked at before)
        known = language in wordings.languages(purpose.wording, self._language) and not purpose.wording.question
        chosen = language if known else self._language
        planned = plan_text(wordings.question(purpose, self._who, chosen), purpose)
        message = message_of(purpose, recipient, planned, feed=FEED, now=now)
        return message, Wording(planned.text, f"{wordings.version(purpose.wording)}/sms", chosen)

    def _may(self, connection: Connection, purpose: Purpose, recipient: str, now: datetime) -> None:
        facts = people.facts(connection, recipient, purpose.key)
        if facts.opted_out:
            raise _refused("opt_out")
        if people.refusal(connection, purpose, recipient, facts, now) is None:
            raise _refused("agreed_already")
        waiting = questions.open_for(connection, recipient)
        if waiting is not None:
            if waiting.deadline > now and waiting.state not in NEVER_LEFT:
                raise _refused("asked_already")
            questions.end(connection, waiting.id, "none", now)
        if questions.asked_since(connection, recipient, purpose.key, now - PAUSE) is not None:
            raise _refused("asked_before")


def _refused(reason: str) -> RefusedByRule:
    return RefusedByRule(reason, _REFUSALS[reason])


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that came in and may answer a question; `stop`: it opted out."""

    incoming_id: int
    number: str
    text: str
    sent_at: datetime | None
    stop: bool


def hear(connection: Connection, heard: Heard, now: datetime) -> str:
    """In the transaction of a message that came in: what it answers, if a question waits for this number; `yes`, `no`,
    `stop`, `none` when it is too late, or "" for no answer."""
    question = questions.open_for(connection, heard.number)
    if question is None:
        return ""
    said_at = now if heard.sent_at is None or not question.asked_at <= heard.sent_at <= now else heard.sent_at
    answer = "stop" if heard.stop else agreement.read(heard.text) if question.left else ""
    if said_at > question.deadline:
        answer = "none"
    if not answer:
        return ""
    questions.end(connection, question.id, answer, said_at)
    if answer == agreement.YES:
        people.add_consents(connection, [_consent(question, heard, said_at)], now)
    elif answer == agreement.NO:
        _no(connection, question, heard, said_at, now)
    return answer


def _no(connection: Connection, question: Question, heard: Heard, said_at: datetime, now: datetime) -> None:
    """No is no consent; and it ends one that was given before."""
    audit.append(connection, Event.DECLINED, now, by=audit.RECIPIENT, number=heard.number, purpose=question.purpose)
    if people.facts(connection, heard.number, question.purpose).agreed_at is not None:
        people.add_consents(connection, [_consent(question, heard, said_at, given=False)], now)


_PROOF = {
    "fr": "message {message}, envoyé {sent}, SHA-256 {asked} ; réponse {answer}, {said}, SHA-256 {answered}",
    "en": "message {message}, sent {sent}, SHA-256 {asked}; answer {answer}, {said}, SHA-256 {answered}",
}


def _consent(question: Question, heard: Heard, said_at: datetime, *, given: bool = True) -> NewConsent:
    sent = question.sent_at.isoformat(timespec="seconds") if question.sent_at is not None else "?"
    proof = _PROOF.get(question.wording_language, _PROOF["en"]).format(
        message=question.message_id, sent=sent, asked=_sha256(question.text), answer=heard.incoming_id,
        said=said_at.isoformat(timespec="seconds"), answered=_sha256(heard.text),
    )  # fmt: skip
    return NewConsent(
        heard.number,
        question.purpose,
        Method.SMS_DOUBLE_OPT_IN,
        said_at,
        "gatewayd",
        given,
        Wording(question.wording, question.wording_version, question.wording_language),
        proof,
        _sha256(f"{question.text}\n{heard.text}"),
    )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
