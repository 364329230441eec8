"""What needs more than one key, or the world, to be judged: names that refer to each other, countries, templates.

Each check yields problems (place, what is wrong, what was expected) or remarks (what may stand, but should be known).
Places are paths in the file, so that `loading.py` can name the line.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import zoneinfo
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import time

import phonenumbers

from gatewayd.config.models import FieldBlock, FileModel, PurposeBlock, SimBlock
from gatewayd.config.settings import address, events_of, field_from, purpose_from, sets_a_limit, vocabulary_from
from gatewayd.config.yamltree import Place
from gatewayd.domain import number, template, vocabulary, webhooks, wordings
from gatewayd.domain.events import Happening
from gatewayd.domain.field import OWN_HEADINGS, FieldType, fold, fold_heading
from gatewayd.domain.keywords import LANGUAGES
from gatewayd.domain.purpose import Basis, MessageClass
from gatewayd.domain.sensitive import kind_of
from gatewayd.errors import NumberError, RefusedByRule, SegmentError, TextError, UsageError
from gatewayd.services.answers import MOST_PARTS, Answers
from gatewayd.services.answers import Kind as AnswerKind
from gatewayd.services.calendars import public_holidays
from gatewayd.services.intake import plan_text

Finding = tuple[Place, str, str]
"""Where; what is wrong; what was expected."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A notice, at its place."""

    place: Place
    text: str


def nearest(word: str, known: Collection[str]) -> str:
    """`; did you mean ...?`, or nothing when no known word is near."""
    near = difflib.get_close_matches(word.lower(), sorted(known), n=1, cutoff=0.6)
    return f", did you mean `{near[0]}`?" if near else ""


def problems(model: FileModel) -> Iterator[Finding]:
    """Everything that forbids the use of the file."""
    yield from _world(model)
    yield from _twice(model)
    yield from _sims(model)
    yield from _feeds(model)
    yield from _calendar(model)
    yield from _replies(model)
    yield from _fields(model)
    yield from _segments(model)
    yield from _trusted(model)
    yield from _webhooks(model)
    for key, purpose in model.purposes.items():
        yield from _hours(key, purpose)
        yield from _wording(key, purpose, model)
        if purpose.resend_unknown and purpose.class_ is not MessageClass.ALERT:
            wrong = "only an alert may be sent again without being asked for: somebody may get it twice"
            yield ("purposes", key, "resend_unknown"), wrong, "class: alert, or this key left out"
    if model.api is not None and model.api.listen is not None and address(model.api.listen) is None:
        wrong = f"`{model.api.listen}` is no address of this machine itself: others would reach it, without encryption"
        yield ("api", "listen"), wrong, "127.0.0.1:8787, and a web server with TLS before it for others"
    if model.database != "sqlite":
        yield ("database",), _database(model.database), "sqlite, or no such line"
    if model.state_directory == model.spool_directory:
        yield ("spool_directory",), "it is also the state directory", "a directory of its own"


def _database(value: str) -> str:
    """Why this database cannot be used; the value may hold a password, and is not shown."""
    if value.startswith("postgresql"):
        return "PostgreSQL comes with a later version; this one keeps its database in state_directory"
    return "there is no such database; this version keeps its own in state_directory"


def _world(model: FileModel) -> Iterator[Finding]:
    countries: list[tuple[Place, str]] = [(("country",), model.country)]
    countries += [(("allowed_countries", n), country) for n, country in enumerate(model.allowed_countries or ())]
    for place, country in countries:
        if country not in phonenumbers.SUPPORTED_REGIONS:
            hint = f", did you mean `{country.upper()}`?" if country.upper() in phonenumbers.SUPPORTED_REGIONS else ""
            yield place, f"`{country}` is no country{hint}", "the two letters of a country, as FR"
    try:
        zoneinfo.ZoneInfo(model.timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = {name.lower(): name for name in zoneinfo.available_timezones()}
        near = difflib.get_close_matches(model.timezone.lower(), known, n=1)
        hint = f", did you mean `{known[near[0]]}`?" if near else ""
        yield ("timezone",), f"`{model.timezone}` is no time zone{hint}", "a time zone, as Europe/Paris"


def _twice(model: FileModel) -> Iterator[Finding]:
    """What must be unique in its list."""
    keyed: list[tuple[str, str, list[str | None]]] = [
        ("modems", "port", [block.port for block in model.modems]),
        ("sims", "name", [block.name for block in model.sims]),
        ("sims", "iccid", [block.iccid for block in model.sims]),
        ("sims", "imsi", [block.imsi for block in model.sims]),
        ("feeds", "folder", [block.folder for block in model.feeds]),
        ("webhooks", "name", [block.name for block in model.webhooks]),
    ]
    for block, key, values in keyed:
        seen: set[str] = set()
        for index, value in enumerate(values):
            if value is not None and value in seen:
                yield (block, index, key), f"`{value}` is given twice", f"another {key}"
            seen.add(value or "")


def _sims(model: FileModel) -> Iterator[Finding]:
    for index, sim in enumerate(model.sims):
        if sim.iccid is None and sim.imsi is None:
            yield ("sims", index), f"the SIM `{sim.name}` cannot be recognised", "its iccid or its imsi"


def _feeds(model: FileModel) -> Iterator[Finding]:
    for index, feed in enumerate(model.feeds):
        if feed.purpose not in model.purposes:
            hint = nearest(feed.purpose, model.purposes)
            known = ", ".join(model.purposes) or "a purpose, and there is none yet"
            yield ("feeds", index, "purpose"), f"there is no purpose `{feed.purpose}`{hint}", f"one of {known}"
        if feed.template is not None:
            try:
                template.compile(feed.template)
            except TextError as error:
                yield ("feeds", index, "template"), str(error), "a text with {{ fields }}"


def _replies(model: FileModel) -> Iterator[Finding]:
    """The words that are read, and the texts that answer."""
    strange = [place for place, code in enumerate(model.replies.languages) if code not in LANGUAGES]
    for place in strange:
        code = model.replies.languages[place]
        yield ("replies", "languages", place), f"there are no keywords for `{code}`", f"one of {', '.join(LANGUAGES)}"
    for fault in () if strange else vocabulary.faults(vocabulary_from(model.replies)):
        yield ("replies", "words", fault.list, fault.place), fault.wrong, fault.expected
    answers = _answers(model)
    for kind in answers.texts:
        if fault_of_text := answers.fault(kind):
            expected = f"{{{{ organisation }}}}, STOP where one may still leave, and {MOST_PARTS} SMS at most"
            yield ("replies", "texts", str(kind)), fault_of_text, expected


def _answers(model: FileModel) -> Answers:
    """What people would be answered."""
    one, texts = model.organisation, model.replies.texts.model_dump()
    own = {kind: text for kind in AnswerKind if (text := texts[kind]) is not None}
    return Answers(one.name, one.privacy_contact or "", one.privacy_notice or "", one.language, own)


def _fields(model: FileModel) -> Iterator[Finding]:
    """What is kept of contacts: each under a name of its own, sensitive data only on a ground."""
    headings: dict[str, str] = {}
    for name, block in model.contacts.fields.items():
        place: Place = ("contacts", "fields", name)
        kind = next(filter(None, map(kind_of, (name, block.label or "", *block.choices))), None)
        if fold_heading(name) in OWN_HEADINGS:
            yield place, "every contact has it already", "another name"
        elif kind is not None and block.ground is None:
            yield place, f"it sounds like data about {kind}", "a `ground` (GDPR article 9(2)), or no such field"
        for heading in {fold_heading(name), fold_heading(block.label or name)}:
            if headings.setdefault(heading, name) != name:
                yield place, f"its heading is that of `{headings[heading]}` too", "another name or label"
        yield from _choices(place, block)


def _segments(model: FileModel) -> Iterator[Finding]:
    """Named segments: their words can be read, and speak of what is declared."""
    if not model.segments:
        return
    from gatewayd.domain.segment_language import Vocabulary, parse  # noqa: PLC0415  (the parser, where it is wanted)

    words = Vocabulary({name: field_from(name, block) for name, block in model.contacts.fields.items()}, model.purposes)
    for name, source in model.segments.items():
        try:
            parse(source, words)
        except SegmentError as error:
            yield ("segments", name), str(error).split("\n", 1)[0], 'a condition, as ville = "Lyon" and not paye'


def _trusted(model: FileModel) -> Iterator[Finding]:
    allowed = frozenset(model.allowed_countries or ()) | {model.country}
    for place, raw in enumerate(model.campaigns.trusted_numbers):
        try:
            number.parse(raw, country=model.country, allowed_countries=allowed, allowed_kinds=frozenset())
        except NumberError as error:
            yield ("campaigns", "trusted_numbers", place), str(error), "a mobile number in quotes"


def _webhooks(model: FileModel) -> Iterator[Finding]:
    """Endpoints: where they may be, what they are told, and of what."""
    for index, block in enumerate(model.webhooks):
        place: Place = ("webhooks", index)
        try:
            webhooks.place_of(block.url)
        except UsageError as error:  # not the URL itself: it may hold a password
            yield (*place, "url"), f"it cannot be used: {error}", "an https address, as https://app.example.org/sms"
        for number_, word in enumerate(block.events or ()):
            if not events_of([word]):
                hint = nearest(word, [*Happening])
                yield (*place, "events", number_), f"there is no event `{word[:40]}`{hint}", f"some of {_EVENTS}"
        for number_, key in enumerate(block.purposes):
            if key not in model.purposes:
                hint, known = nearest(key, model.purposes), ", ".join(model.purposes)
                yield (*place, "purposes", number_), f"there is no purpose `{key}`{hint}", f"some of {known}"
        for number_, words in enumerate(block.allow):
            if wrong := _network(words):
                yield (*place, "allow", number_), wrong, 'a network of your own, as "192.168.1.0/24"'


_EVENTS = ", ".join(Happening)


def _network(words: str) -> str:
    """Why these words cannot be allowed; "" where they can."""
    try:
        return webhooks.never_allowed(ipaddress.ip_network(words))
    except ValueError:
        return f"`{words[:40]}` is no network"


def _choices(place: Place, block: FieldBlock) -> Iterator[Finding]:
    if (block.type is FieldType.CHOICE) != bool(block.choices):
        yield (*place, "choices"), "a choice has choices, and no other type has", "`choices: [...]` for `type: choice`"
    if len({fold(choice) for choice in block.choices}) < len(block.choices):
        yield (*place, "choices"), "two of them are the same but for case or accents", "different words"


def _calendar(model: FileModel) -> Iterator[Finding]:
    """The calendar of public holidays, where a purpose asks for it."""
    keeps_holidays = any(purpose.hours and not purpose.hours.holidays for purpose in model.purposes.values())
    if not keeps_holidays and model.holidays_region is None:
        return
    try:
        public_holidays(model.country, model.holidays_region)
    except UsageError as error:
        place = ("country",) if model.holidays_region is None else ("holidays_region",)
        yield place, str(error), "a region of the country, or hours that do not ask for holidays"


def _hours(key: str, purpose: PurposeBlock) -> Iterator[Finding]:
    hours = purpose.hours
    if hours is not None and hours.since == hours.until != time(0, 0):
        yield (
            ("purposes", key, "hours"),
            "`from` and `to` are the same",
            'two times; "00:00" to "24:00" is all day',
        )


def _wording(key: str, block: PurposeBlock, model: FileModel) -> Iterator[Finding]:
    """What people read before they agree: whole, with a version of its own, and saying who writes."""
    wording, place = block.wording, ("purposes", key, "wording")
    if wording is None:
        return
    if wording.template is None and wording.text is None:
        yield place, "nothing says the words", "`template`, or a `text` of your own"
        return
    if (wording.text or wording.question) and wording.version is None:
        yield place, "words of your own have no version", "`version`, another one whenever they change"
    one, purpose = model.organisation, purpose_from(key, block)
    who = wordings.Who(one.name, one.privacy_contact or "", one.privacy_notice or "")
    for part, fill in (("text", wordings.text), ("question", wordings.question)):
        try:
            said = fill(purpose, who, one.language)
            if part == "question":
                plan_text(said, purpose)
        except (TextError, RefusedByRule) as error:
            yield (*place, part), str(error), f"a text with {', '.join(sorted(wordings.FIELDS))} as fields"
        else:
            if one.name not in said:
                yield (*place, part), "it does not say who writes", "{{ organisation }} in it"


def remarks(model: FileModel) -> Iterator[Remark]:
    """What may stand, but should be known."""
    if not model.modems:
        yield Remark(("modems",), "no modem is configured: messages are accepted and wait, none leaves")
    if not model.purposes:
        yield Remark(("purposes",), "no purpose is configured: nothing can be accepted")
    yield from _limits_remarks(model)
    yield from _line_remarks(model)
    yield from _pool_remarks(model)
    for key, purpose in model.purposes.items():
        if purpose.basis is Basis.CONSENT and purpose.wording is None:
            words = "has no `wording`: to what people agree must be known word for word"
            yield Remark(("purposes", key), f"purpose {key} rests on consent and {words}")
    yield from _replies_remarks(model)
    handler = model.event_handler
    if handler is not None and not os.access(handler.command[0], os.X_OK):
        yield Remark(("event_handler", "command"), f"{handler.command[0]} is no program that can be run")
    one = model.organisation
    asked = {"privacy_contact": one.privacy_contact, "privacy_notice": one.privacy_notice}
    if missing := [key for key, value in asked.items() if not value]:
        words = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
        yield Remark(("organisation",), f"{words}: people must be told what becomes of their data, and whom to ask")


def _replies_remarks(model: FileModel) -> Iterator[Remark]:
    if not model.replies.confirm_stop:
        yield Remark(("replies", "confirm_stop"), "who writes STOP is obeyed and not told so: many write it again")
    answers = _answers(model)
    for kind in AnswerKind:
        if fault := answers.fault(kind):
            yield Remark(("organisation",), f"the answer to {kind.upper()} cannot be sent: {fault}")
        elif (parts := len(answers.text(kind).parts)) > 2:
            yield Remark(("replies", "texts", str(kind)), f"the answer to {kind.upper()} takes {parts} SMS")


def _limits_remarks(model: FileModel) -> Iterator[Remark]:
    strict = "no limit is set, so the strictest preset holds (100 SMS a day, 99 recipients a month)"
    if model.default_limits is not None and not sets_a_limit(model.default_limits):
        yield Remark(("default_limits",), strict)
    for index, sim in enumerate(model.sims):
        if not sets_a_limit(sim.limits) and not (sim.limits is None and sets_a_limit(model.default_limits)):
            yield Remark(("sims", index), f"SIM {sim.name}: {strict}")
    if not model.sims and model.default_limits is None:
        yield Remark(("default_limits",), strict)


_LINE_UNSET = (
    "`line: {allows: [...]}` is not set. In France an ordinary 06/07 number may not be used by a system that writes to "
    "several people (ARCEP 2022-1583): ask your operator what this line may carry. Until then it carries information "
    "and alerts, never marketing"
)
_NO_SIM = "no SIM is listed: any SIM found is used, with the default limits, and what its line allows is not known"


def _line_remarks(model: FileModel) -> Iterator[Remark]:
    for index, sim in enumerate(model.sims):
        if sim.line is None:
            yield Remark(("sims", index), f"SIM {sim.name}: {_LINE_UNSET}")
    if not model.sims:
        yield Remark(("sims",), _NO_SIM)


def _pool_remarks(model: FileModel) -> Iterator[Remark]:
    for key, purpose in model.purposes.items():
        pool = [sim for sim in model.sims if sim.pool == purpose.pool]
        carried = [sim for sim in pool if _carries(sim, purpose.class_)]
        if not pool and purpose.pool != "default":
            yield Remark(("purposes", key, "pool"), f"purpose {key}: no SIM serves the pool {purpose.pool}: it waits")
        elif not carried and (pool or purpose.class_ is MessageClass.MARKETING):
            yield Remark(("purposes", key), f"purpose {key}: no SIM's line allows {purpose.class_}: it waits")
    used = {purpose.pool for purpose in model.purposes.values()}
    for index, sim in enumerate(model.sims):
        if sim.pool not in used:
            yield Remark(("sims", index, "pool"), f"SIM {sim.name}: no purpose uses the pool {sim.pool}: it stays idle")


def _carries(sim: SimBlock, message_class: MessageClass) -> bool:
    if sim.line is None:
        return message_class is not MessageClass.MARKETING
    return message_class in sim.line.allows
