"""Somebody filled in a form, is asked by SMS, and answers: OUI in time is a consent, and nothing else is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path

import pytest

from gatewayd.domain import vocabulary
from gatewayd.domain.purpose import Basis, Hours, Limits, Purpose, PurposeWording
from gatewayd.domain.wordings import Who
from gatewayd.errors import RefusedByRule, UsageError
from gatewayd.services.asking import Asked, Asking
from gatewayd.services.intake import NumberRules
from gatewayd.store.questions import Question, Questions
from tests.scenarios.receiving import ReceivingWorld

WHO, OTHER = "+33639980001", "+33639980002"
NEWS = Purpose(
    "news", "Les nouvelles", Basis.CONSENT, wording=PurposeWording("deux SMS par mois au plus", shipped="association")
)
FEES = Purpose("fees", "Cotisations", Basis.CONTRACT)
FORM = "formulaire du site, 9 mars"


class Office(ReceivingWorld):
    """Asks, and is answered."""

    @property
    def asking(self) -> Asking:
        return Asking(
            self.db,
            purposes={"news": NEWS, "fees": FEES, "bare": Purpose("bare", "", Basis.CONSENT)},
            who=Who("Amicale des Jardins", "rgpd@example.org"),
            language="fr",
            numbers=NumberRules("FR", frozenset({"FR"}), frozenset({"mobile"})),
            clock=self.clock,
        )

    def ask(self, number: str = WHO, key: str = "news", language: str = "") -> Asked:
        asked = self.asking.ask(number, key, reason=FORM, by="Zoé", days=7, language=language)
        self.wake()
        return asked

    def question(self, number: str = WHO) -> Question:
        return Questions(self.db).of(number)[-1]

    def texts_to(self, number: str) -> list[str]:
        """Parts joined: a question may have two."""
        joined = "".join(one.text or "" for one in self.ledger if one.destination == number)
        return [joined] if joined else []

    def refusal(self, number: str = WHO) -> str | None:
        with self.db.read() as connection:
            return self.people.refusal(connection, NEWS, number, self.clock.utc_now())

    def answer(self, text: str, number: str = WHO) -> None:
        self.write("a", number, text)
        self.turn()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    world = Office(tmp_path, "a", purposes=[NEWS])
    world.turn()
    yield world
    world.close()


def test_yes_in_time_is_a_consent_with_both_messages_as_its_proof(office: Office) -> None:
    asked = office.ask()
    office.turn()
    (text,) = office.texts_to(WHO)
    assert text.startswith("Amicale des Jardins : voulez-vous recevoir par SMS les nouvelles de l'association")
    assert "Répondez OUI" in text
    assert office.refusal() == "no_consent"
    office.clock.advance(3600)
    office.answer("Oui merci")
    assert office.refusal() is None
    (consent,) = office.people.consents(WHO)
    assert (consent.method, consent.given, consent.wording) == ("sms_double_opt_in", True, text)
    assert consent.wording_version == "association-1/sms"
    for part in (f"message {asked.message_id}", hashlib.sha256(text.encode()).hexdigest(), "réponse 1"):
        assert part in consent.evidence
    assert hashlib.sha256(b"Oui merci").hexdigest() in consent.evidence
    assert consent.evidence_sha256 == hashlib.sha256(f"{text}\nOui merci".encode()).hexdigest()
    assert (office.question().answer, office.question().reason) == ("yes", FORM)
    (told,) = office.inbox.list()
    assert (told.kind, told.rule) == ("agreed", "answer")
    assert vocabulary.explain(told.rule) == "it answers our question by SMS, whether this person agrees"


def test_a_yes_before_the_last_part_of_the_question_agrees_to_nothing(tmp_path: Path) -> None:
    office = Office(tmp_path, "a", purposes=[NEWS], limits=Limits(gap=60))
    office.turn()
    assert office.ask().parts == 2
    office.turn()
    assert len(office.ledger) == 1
    office.answer("oui")
    assert (office.refusal(), office.question().answer) == ("no_consent", "")
    office.clock.advance(60)
    office.turn()
    office.answer("oui !")
    assert (office.refusal(), office.question().answer) == (None, "yes")
    office.close()


@pytest.mark.parametrize("text", ["non", "oui mais pas le dimanche", "OK", "oui ?", "Qui est-ce ?"])
def test_anything_else_is_no_consent(office: Office, text: str) -> None:
    office.ask()
    office.turn()
    office.answer(text)
    assert office.refusal() == "no_consent"
    assert office.question().answer == ("no" if text == "non" else "")
    assert (office.inbox.list()[0].kind == "declined") == (text == "non")
    assert office.inbox.list()[0].kind != "agreed"


def test_no_answer_in_time_is_no_consent_and_too_late_is_too_late(office: Office) -> None:
    office.ask()
    office.turn()
    office.clock.advance(8 * 86400)
    office.answer("oui")
    assert office.refusal() == "no_consent"
    assert office.question().answer == "none"
    assert office.inbox.list()[0].kind == "other"


def test_stop_is_a_stop_and_ends_the_question(office: Office) -> None:
    office.ask()
    office.turn()
    office.answer("STOP")
    assert office.question().answer == "stop"
    office.answer("START")
    office.answer("oui")
    assert office.refusal() == "no_consent"


def test_a_yes_that_nobody_asked_for_agrees_to_nothing(office: Office) -> None:
    office.answer("oui")
    assert office.people.consents(WHO) == []
    assert office.inbox.list()[0].kind == "other"


def test_a_yes_before_the_question_has_left_agrees_to_nothing(office: Office) -> None:
    asked = office.ask()
    office.outbox.hold(asked.message_id, office.clock.utc_now())
    office.answer("oui")
    assert office.people.consents(WHO) == []
    assert office.question().answer == ""


def test_no_ends_what_was_agreed_before(office: Office) -> None:
    office.people.record_consent(
        WHO, "news", method="paper", recorded_by="t", at=office.clock.utc_now() - timedelta(days=1200)
    )
    assert office.refusal() == "consent_expired"
    office.ask()
    office.turn()
    office.answer("Non merci")
    assert [one.given for one in office.people.consents(WHO)] == [True, False]
    assert office.refusal() == "no_consent"


def refused(office: Office, number: str = WHO) -> str:
    with pytest.raises(RefusedByRule) as caught:
        office.ask(number)
    return caught.value.reason


def test_who_may_not_be_asked(office: Office) -> None:
    now = office.clock.utc_now()
    office.people.add_optout(OTHER, origin="letter", by="t", at=now)
    assert refused(office, OTHER) == "opt_out"
    office.people.remove_optout(OTHER, by="t", at=now)
    office.people.record_consent(OTHER, "news", method="paper", recorded_by="t", at=now)
    assert refused(office, OTHER) == "agreed_already"
    office.ask()
    office.turn()
    assert refused(office) == "asked_already"
    office.answer("non")
    assert refused(office) == "asked_before"
    office.clock.advance(31 * 86400)
    assert office.ask().message_id


def test_a_question_that_never_left_may_be_asked_again(office: Office) -> None:
    office.outbox.cancel(office.ask().message_id, office.clock.utc_now())
    assert office.ask().message_id
    assert [one.answer for one in Questions(office.db).of(WHO)] == ["none", ""]


@pytest.mark.parametrize(
    ("key", "sentence"), [("fees", "nothing to ask"), ("bare", "no `wording`"), ("x", "no purpose")]
)
def test_purposes_that_ask_nothing(office: Office, key: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        office.ask(key=key)


def test_a_reason_is_needed(office: Office) -> None:
    with pytest.raises(UsageError, match="why"):
        office.asking.ask(WHO, "news", reason=" ", by="t", days=7)


def test_an_opt_out_stops_a_question_that_waits(office: Office) -> None:
    asked = office.ask()
    office.people.add_optout(WHO, origin="letter", by="t", at=office.clock.utc_now())
    office.turn()
    assert office.texts_to(WHO) == []
    message = office.outbox.get(asked.message_id)
    assert message is not None
    assert message.state == "canceled"


def test_it_is_asked_in_the_language_of_the_person(office: Office) -> None:
    office.ask(language="en")
    office.ask(OTHER, language="de")
    office.turn()
    assert "Reply YES" in office.texts_to(WHO)[0]
    assert "Répondez OUI" in office.texts_to(OTHER)[0]


def test_the_hours_of_the_purpose_hold_for_its_questions(tmp_path: Path) -> None:
    night = replace(NEWS, hours=Hours(since=time(2), until=time(3)))
    office = Office(tmp_path, "a", purposes=[night])
    office.ask()
    office.turn()
    assert office.texts_to(WHO) == []
    office.advance(14.5 * 3600)
    assert len(office.texts_to(WHO)) == 1
    office.close()


@pytest.mark.parametrize(("late", "refusal"), [(0, None), (1, "no_consent")])
def test_the_last_second_counts_and_the_next_does_not(office: Office, late: int, refusal: str | None) -> None:
    office.ask()
    office.turn()
    office.clock.now = office.question().deadline + timedelta(seconds=late)
    office.answer("Oui")
    assert office.refusal() == refusal
