"""Agreements are recorded, each with its proof: to which words, how, when, by whom, and what shows it.

What is recorded is never changed: a withdrawal is a record of its own. Lists of agreements are planned, shown, and
then written; the proof of each is the list's SHA-256, and the same list twice records nothing the second time. Who
opted out is passed over: that is lifted by his own word, not by a list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from gatewayd.clock import Clock
from gatewayd.domain import wordings
from gatewayd.domain.consent import Method
from gatewayd.domain.field import fold
from gatewayd.domain.number import repair_excel
from gatewayd.domain.purpose import Purpose
from gatewayd.errors import NumberError, UsageError
from gatewayd.services.contacts import ListRow, Rejected
from gatewayd.services.intake import NumberRules
from gatewayd.store.engine import Database
from gatewayd.store.people import NewConsent, People, Wording

log = structlog.get_logger(__name__)

LIST_METHODS = (Method.IMPORT, Method.PAPER, Method.WEB_FORM, Method.PHONE)
"""How people may be said to have agreed; by SMS they agree themselves."""
SLIP = timedelta(minutes=10)

_METHOD_WORDS: Mapping[str, Method] = {
    **{str(method): method for method in LIST_METHODS},
    **dict.fromkeys(("papier", "bulletin", "formulaire papier"), Method.PAPER),
    **dict.fromkeys(("web", "site", "formulaire", "formulaire web", "web form", "internet"), Method.WEB_FORM),
    **dict.fromkeys(("telephone", "tel", "oral"), Method.PHONE),
}


def present_wording(purpose: Purpose, who: wordings.Who, language: str, own: str) -> Wording | None:
    """The words of a purpose as the configuration has them, in `language` if there is one so, else in `own`."""
    if purpose.wording is None:
        return None
    chosen = language if language in wordings.languages(purpose.wording, own) else own
    return Wording(wordings.text(purpose, who, chosen), wordings.version(purpose.wording), chosen)


def older_wording(known: Sequence[Wording], version: str, language: str) -> Wording:
    """The words of a version that are kept, in this language where they are. UsageError names the versions."""
    named = [one for one in known if one.version == version]
    found = [one for one in named if one.language == language] or named
    if not found:
        versions = ", ".join(dict.fromkeys(one.version for one in known if one.version)) or "none"
        raise UsageError(f"no wording of version {version!r} is kept; there are: {versions}. --wording gives its words")
    if len({one.sha256 for one in found}) > 1:
        raise UsageError(f"the version {version} was given to several wordings: say the words with --wording")
    return found[0]


@dataclass(slots=True)
class ConsentPlan:
    """What a list of agreements would record."""

    new: list[NewConsent] = field(default_factory=list)
    known: int = 0
    opted_out: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


class ConsentBook:
    """The agreements of one organisation. `moment` reads a date, perhaps with a time, as people write it."""

    def __init__(
        self,
        database: Database,
        *,
        purposes: Mapping[str, Purpose],
        numbers: NumberRules,
        clock: Clock,
        moment: Callable[[str], datetime],
    ) -> None:
        self._people, self._purposes = People(database), purposes
        self._numbers, self._clock, self._moment = numbers, clock, moment

    def purpose(self, key: str) -> Purpose:
        """The purpose of this key. UsageError names those there are."""
        try:
            return self._purposes[key]
        except KeyError:
            known = ", ".join(self._purposes) or "none"
            raise UsageError(f"there is no purpose {key!r}; the configuration has: {known}") from None

    def when(self, written: str) -> datetime:
        """When something was said: now if nothing is written. UsageError: no date, or one to come."""
        now = self._clock.utc_now()
        if not written:
            return now
        found = self._moment(written)
        if found > now + SLIP:
            raise UsageError(f"{written} is yet to come")
        return found

    def record(self, new: Sequence[NewConsent]) -> None:
        """Record agreements; a long list in several transactions."""
        self._people.record_list(new, self._clock.utc_now())
        for one in new:
            log.info("consent.recorded", recipient=one.recipient, purpose=one.purpose, method=one.method)

    def withdraw(self, number: str, purpose: str, *, method: Method, said_at: datetime, by: str) -> bool:
        """Record that an agreement is withdrawn; False if there is none. What waits is blocked when its turn comes."""
        latest = [one for one in self._people.consents(number) if one.purpose == purpose][-1:]
        if not latest or not latest[0].given:
            return False
        if said_at < latest[0].agreed_at <= self._clock.utc_now():
            raise UsageError(f"{number} has agreed since: {latest[0].agreed_at.date()}")
        new = NewConsent(number, purpose, method, said_at, by, given=False)
        self._people.record_consents([new], self._clock.utc_now())
        log.info("consent.withdrawn", recipient=number, purpose=purpose, method=method)
        return True

    def plan(self, rows: Iterable[ListRow], each: NewConsent, *, dated: bool) -> ConsentPlan:
        """Judge the rows of a list; `each` is what holds for a row that does not say otherwise, its date if `dated`."""
        found = ConsentPlan()
        listed: dict[tuple[str, str], NewConsent] = {}
        lines: dict[tuple[str, str], int] = {}
        for row in rows:
            raw = next((cell for cell in row.numbers if cell), "")
            try:
                new = self._read(row, raw, each, dated=dated)
                key = (new.recipient, new.purpose)
                if key in lines:
                    found.rejected.append(Rejected(row.line, raw, f"duplicate:{lines[key]}"))
                else:
                    listed[key], lines[key] = new, row.line
            except NumberError as error:
                found.rejected.append(Rejected(row.line, raw, error.reason))
            except UsageError as error:
                found.rejected.append(Rejected(row.line, raw, words=str(error)))
        self._sort_out(list(listed.values()), found)
        return found

    def _sort_out(self, listed: Sequence[NewConsent], found: ConsentPlan) -> None:
        numbers = [one.recipient for one in listed]
        opted_out = self._people.opted_out(numbers)
        purposes = {one.purpose for one in listed}
        known = {key: self._people.proven(key, listed[0].evidence_sha256, numbers) for key in purposes}
        found.opted_out = sorted(opted_out)
        found.new = [
            one for one in listed if one.recipient not in opted_out and one.recipient not in known[one.purpose]
        ]
        found.known = sum(one.recipient in known[one.purpose] for one in listed)

    def _read(self, row: ListRow, raw: str, each: NewConsent, *, dated: bool) -> NewConsent:
        if row.fault:
            raise NumberError(row.fault)
        new = replace(each, recipient=self._numbers.parse(repair_excel(raw)))
        cells = {name: cell for name, cell in row.cells.items() if cell}
        if "purpose" in cells:
            new = replace(new, purpose=self._named(cells["purpose"]).key)
        if not new.purpose:
            raise UsageError("no purpose: a column says it, or --purpose")
        if "method" in cells:
            new = replace(new, method=method_of(cells["method"]))
        if "agreed_at" in cells:
            new = replace(new, agreed_at=self.when(cells["agreed_at"]))
        elif not dated:
            raise UsageError("no date: a column says when they agreed, or --agreed")
        return new

    def _named(self, cell: str) -> Purpose:
        """A purpose by its key or its label."""
        wanted = fold(cell)
        for key, purpose in self._purposes.items():
            if wanted in (fold(key), fold(purpose.label)):
                return purpose
        raise UsageError(f"there is no purpose {cell!r}")


def method_of(cell: str) -> Method:
    """How somebody agreed, as people write it in French or English. UsageError."""
    found = _METHOD_WORDS.get(fold(cell).replace("_", " ")) or _METHOD_WORDS.get(cell.strip())
    if found is None:
        raise UsageError(f"{cell!r} is none of {', '.join(LIST_METHODS)}")
    return found
