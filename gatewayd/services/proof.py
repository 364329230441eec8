"""The proof of what a person agreed to, as a document in the organisation's language: French or English.

Everything that is recorded about a number's consents is in it: to which words, when and how, who recorded it, where the
evidence is and its SHA-256, what was withdrawn since, every "no more", each question by SMS; and for each record the
entry of the audit trail that fixes its date, and whether it is still the record that this entry seals. `Document` knows
nothing of terminals, HTML or PDF: interfaces make those.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from gatewayd.domain.audit import Event, Row, timestamp
from gatewayd.domain.consent import Method, expires_at
from gatewayd.domain.masking import masked
from gatewayd.domain.purpose import Basis, Purpose
from gatewayd.domain.wordings import Who
from gatewayd.store import audit, people
from gatewayd.store.audit import Pseudonym
from gatewayd.store.contacts import Contact, Contacts
from gatewayd.store.engine import Database
from gatewayd.store.people import Consent, OptOut, People
from gatewayd.store.questions import NEVER_LEFT, Question, Questions

_ABOUT_CONSENT = frozenset(
    {
        Event.CONSENT,
        Event.WITHDRAWAL,
        Event.ASKED,
        Event.DECLINED,
        Event.OPT_OUT,
        Event.OPT_OUT_AGAIN,
        Event.OPT_OUT_LIFTED,
    }
)
_ACTOR = 100
"""Characters of who recorded something that are compared: the trail has numbers in it masked, and no more than 200."""


@dataclass(frozen=True, slots=True)
class Held:
    """What is recorded about a number, and the entries of the audit trail about it, the oldest first."""

    number: str
    contact: Contact | None
    consents: Sequence[Consent]
    optouts: Sequence[OptOut]
    questions: Sequence[Question]
    entries: Sequence[Row]
    heard_at: datetime | None
    pseudonym: Pseudonym

    @classmethod
    def read(cls, database: Database, number: str) -> Held:
        """As of now."""
        known = People(database)
        contact, consents = Contacts(database).get(number), known.consents(number)
        optouts, asked = known.optouts(active=False, recipient=number), Questions(database).of(number)
        with database.read() as connection:  # last: each record that was read has its entry in it
            entries = audit.about(connection, database.pseudonym(number), _ABOUT_CONSENT)
            heard_at = people.heard_at(connection, number)
        return cls(number, contact, consents, optouts, asked, entries, heard_at, database.pseudonym)

    def entry_of(self, one: Consent) -> Row | None:
        """The entry that was written with a record; of several, the one that seals it."""
        at, event = timestamp(one.recorded_at), Event.CONSENT if one.given else Event.WITHDRAWAL
        named = f'"purpose":"{one.purpose}"'
        found = [row for row in self.entries if (row.at, row.event) == (at, event) and named in row.details]
        return next((row for row in found if self.seals(row, one)), found[0] if found else None)

    def seals(self, row: Row, one: Consent) -> bool:
        """Whether a record is still what its entry was written with: the words that were read, the evidence, how and
        when it was said, who recorded it."""
        try:
            told = json.loads(row.details)
        except ValueError:
            return False
        wording = hashlib.sha256(one.wording.encode()).hexdigest() if one.wording else ""
        digest = audit.digest_under(self.pseudonym, wording, one.evidence, one.evidence_sha256)
        now = (one.method, timestamp(one.agreed_at), digest, masked(one.recorded_by)[:_ACTOR])
        return now == (told.get("method"), told.get("agreed_at"), told.get("digest"), masked(row.actor)[:_ACTOR])

    @property
    def altered(self) -> Sequence[Consent]:
        """The records that are no longer what their entries seal."""
        entries = [(one, self.entry_of(one)) for one in self.consents]
        return [one for one, row in entries if row is not None and not self.seals(row, one)]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the document: names with their values; `quote` is a text word for word."""

    title: str
    facts: Sequence[tuple[str, str]] = ()
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A page in one language."""

    language: str
    title: str
    lead: Sequence[str]
    sections: Sequence[Section]
    foot: Sequence[str]


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes proofs for one organisation."""

    who: Who
    language: str
    zone: tzinfo
    purposes: Mapping[str, Purpose]
    words: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        index = 0 if self.language == "fr" else 1
        object.__setattr__(self, "words", {key: both[index] for key, both in _WORDS.items()})

    def document(self, held: Held, now: datetime) -> Document:
        """The proof as of now."""
        w = self.words
        made = w["made"].format(who=self.who.name, at=self._at(now), zone=self.zone)
        contact = w["contact"].format(contact=self.who.privacy_contact) if self.who.privacy_contact else ""
        sections = [Section(w["person"], list(self._person(held))), Section(w["today"], list(self._today(held, now)))]
        sections += [self._record(held, one) for one in held.consents]
        sections += [self._asked(one) for one in held.questions]
        sections += [self._optout(one) for one in held.optouts]
        return Document(self.language, w["title"], [made, *filter(None, [contact])], sections, [w["foot"]])

    def _person(self, held: Held) -> Sequence[tuple[str, str]]:
        w, one = self.words, held.contact
        name = " ".join(filter(None, (one.given_name, one.family_name))) if one is not None else ""
        return [(w["number"], held.number), *([(w["name"], name)] if name else [])]

    def _today(self, held: Held, now: datetime) -> Sequence[tuple[str, str]]:
        w = self.words
        found = []
        if any(one.lifted_at is None for one in held.optouts):
            found.append((w["opt_out"], w["opted_out"]))
        latest = {one.purpose: one for one in held.consents}
        for key, one in latest.items():
            found.append((self._label(key), self._state(held, one, now)))
        return found or [(w["consents"], w["none"])]

    def _state(self, held: Held, one: Consent, now: datetime) -> str:
        w, purpose = self.words, self.purposes.get(one.purpose)
        if not one.given:
            return w["withdrawn"].format(at=self._at(one.agreed_at))
        if purpose is None or purpose.basis is not Basis.CONSENT:
            return w["agreed"].format(at=self._at(one.agreed_at))
        until = expires_at(purpose, one.agreed_at, held.heard_at)
        return w["counts" if until > now else "expired"].format(at=self._at(one.agreed_at), until=self._at(until))

    def _record(self, held: Held, one: Consent) -> Section:
        w = self.words
        facts = [
            (w["purpose"], self._label(one.purpose)),
            (w["said_at"] if one.given else w["withdrawn_at"], self._at(one.agreed_at)),
            (w["method"], self._method(one)),
            (w["recorded"], w["recorded_by"].format(at=self._at(one.recorded_at), by=one.recorded_by)),
            (w["evidence"], one.evidence or w["no_evidence"]),
        ]
        if one.evidence_sha256:
            facts.append((w["evidence_sha256"], one.evidence_sha256))
        if one.wording:
            version = f"{one.wording_version} ({one.wording_language})" if one.wording_version else w["unversioned"]
            facts += [(w["wording"], version), (w["wording_sha256"], one.wording_sha256)]
        facts.append((w["entry"], self._entry(held, one)))
        title = w["agreement"] if one.given else w["withdrawal"]
        return Section(title.format(at=self._at(one.agreed_at)), facts, one.wording)

    def _method(self, one: Consent) -> str:
        by_answer = one.method == Method.SMS_DOUBLE_OPT_IN and not one.given
        return self.words.get("by_no" if by_answer else f"by_{one.method}", one.method)

    def _entry(self, held: Held, one: Consent) -> str:
        entry = held.entry_of(one)
        if entry is None:
            return self.words["no_entry"]
        words = f"{entry.seq}, {entry.at}, SHA-256 {entry.hash.hex()}"
        return words if held.seals(entry, one) else f"{words}. {self.words['altered']}"

    def _asked(self, one: Question) -> Section:
        w = self.words
        waits = "unsent" if one.state in NEVER_LEFT else "open"
        answer = w[f"answer_{one.answer or waits}"].format(
            at=self._at(one.answered_at) if one.answered_at else "", until=self._at(one.deadline)
        )
        facts = [
            (w["purpose"], self._label(one.purpose)),
            (w["reason"], one.reason),
            (w["recorded"], w["recorded_by"].format(at=self._at(one.asked_at), by=one.asked_by)),
            (w["answer"], answer),
        ]
        return Section(w["question"].format(at=self._at(one.asked_at)), facts)

    def _optout(self, one: OptOut) -> Section:
        w = self.words
        by = self._known(one.recorded_by)
        facts = [(w["origin"], self._known(one.origin)), (w["recorded"], w["recorded_by"].format(at="", by=by).strip())]
        if one.lifted_at is not None:
            by = self._known(one.lifted_by)
            facts.append((w["lifted"], w["recorded_by"].format(at=self._at(one.lifted_at), by=by)))
        return Section(w["opposition"].format(at=self._at(one.recorded_at)), facts)

    def _known(self, words: str) -> str:
        """A word that the program writes, in the organisation's language; what people wrote, as they did."""
        return self.words.get(f"word_{words}", words)

    def _label(self, key: str) -> str:
        purpose = self.purposes.get(key)
        return key if purpose is None else f"{purpose.label} ({key})"

    def _at(self, moment: datetime) -> str:
        there = moment.astimezone(self.zone)
        return there.strftime("%d/%m/%Y %H:%M" if self.language == "fr" else "%Y-%m-%d %H:%M")


# key: (French, English)
_WORDS: Mapping[str, tuple[str, str]] = {
    "title": ("Preuve de consentement à recevoir des SMS", "Proof of consent to receive text messages"),
    "made": ("{who}, le {at} ({zone})", "{who}, {at} ({zone})"),
    "contact": ("Contact pour vos données : {contact}", "Contact about your data: {contact}"),
    "person": ("Personne", "Person"),
    "number": ("Numéro", "Number"),
    "name": ("Nom", "Name"),
    "today": ("À ce jour", "As of today"),
    "consents": ("Accords", "Consents"),
    "none": ("aucun accord enregistré", "no consent is recorded"),
    "opt_out": ("Opposition", "Opt-out"),
    "opted_out": ("cette personne ne veut plus de SMS : plus aucun ne part", "this person opted out: nothing is sent"),
    "counts": ("accord du {at}, valable jusqu'au {until}", "agreed on {at}, counts until {until}"),
    "expired": ("accord du {at}, trop ancien depuis le {until}", "agreed on {at}, too old since {until}"),
    "agreed": ("accord du {at}", "agreed on {at}"),
    "withdrawn": ("accord retiré le {at}", "withdrawn on {at}"),
    "agreement": ("Accord du {at}", "Agreement of {at}"),
    "withdrawal": ("Retrait du {at}", "Withdrawal of {at}"),
    "purpose": ("Finalité", "Purpose"),
    "said_at": ("Donné le", "Given"),
    "withdrawn_at": ("Retiré le", "Withdrawn"),
    "method": ("Moyen", "Method"),
    "by_paper": ("sur papier", "on paper"),
    "by_web_form": ("formulaire sur le web", "web form"),
    "by_sms_double_opt_in": ("réponse OUI à une question par SMS", "answer YES to a question by SMS"),
    "by_no": ("réponse NON à une question par SMS", "answer NO to a question by SMS"),
    "by_phone": ("de vive voix ou par téléphone", "in person or by phone"),
    "by_import": ("liste importée", "imported list"),
    "recorded": ("Enregistré", "Recorded"),
    "recorded_by": ("{at} par {by}", "{at} by {by}"),
    "evidence": ("Pièce conservée", "Evidence kept"),
    "no_evidence": ("aucune pièce indiquée", "none was named"),
    "evidence_sha256": ("Empreinte de la pièce (SHA-256)", "SHA-256 of the evidence"),
    "wording": ("Texte lu, version", "Wording, version"),
    "unversioned": ("saisi à l'enregistrement", "typed when it was recorded"),
    "wording_sha256": ("Empreinte du texte (SHA-256)", "SHA-256 of the wording"),
    "entry": ("Journal d'audit, entrée", "Audit trail, entry"),
    "no_entry": ("aucune : enregistré avant le journal, ou sans lui", "none: recorded before the trail, or without it"),
    "altered": (
        "ATTENTION : cet enregistrement n'est plus celui que l'entrée a scellé ; il a été modifié depuis",
        "WARNING: this record is not the one that the entry sealed; it was changed since",
    ),
    "word_sms": ("SMS", "SMS"),
    "word_recipient": ("la personne elle-même", "this person"),
    "word_operator": ("un opérateur", "an operator"),
    "word_import": ("liste importée", "imported list"),
    "question": ("Question par SMS du {at}", "Question by SMS of {at}"),
    "reason": ("Motif", "Asked because"),
    "answer": ("Réponse", "Answer"),
    "answer_yes": ("oui, le {at}", "yes, {at}"),
    "answer_no": ("non, le {at}", "no, {at}"),
    "answer_stop": ("STOP, le {at}", "STOP, {at}"),
    "answer_none": ("aucune dans le délai : pas d'accord", "none in time: no consent"),
    "answer_unsent": ("la question n'est jamais partie", "the question never left"),
    "answer_open": ("attendue jusqu'au {until}", "waited for until {until}"),
    "opposition": ("Opposition du {at}", "Opt-out of {at}"),
    "origin": ("Reçue par", "How it was said"),
    "lifted": ("Levée", "Lifted"),
    "foot": (
        "Chaque enregistrement est conservé tel quel ; un retrait est un enregistrement de plus. Les entrées du "
        "journal d'audit sont chaînées par leurs empreintes : « gatewayd audit verify » montre que rien n'y a été "
        "changé.",
        "Each record is kept as it is; a withdrawal is one more record. The entries of the audit trail are chained by "
        "their hashes: `gatewayd audit verify` shows that nothing in it was changed.",
    ),
}
