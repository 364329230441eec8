"""What people do with a campaign: create, test, approve, start, pause, resume, cancel.

Each step is checked, then written in one transaction. What is refused, is refused with a sentence (RefusedByRule, exit
status 3) before anything is written; the words of a template or a segment that cannot be read are wrong usage.

Pause and cancel are one row: from that commit on nothing more of the campaign starts (`store/gate.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from gatewayd.clock import Clock
from gatewayd.domain import consent
from gatewayd.domain.audit import timestamp
from gatewayd.domain.campaign import (
    Audience,
    CampaignState,
    Repeat,
    approvals_needed,
    may_follow,
    window,
)
from gatewayd.domain.lint import with_footer
from gatewayd.domain.message import MessageState
from gatewayd.domain.sensitive import kind_of
from gatewayd.errors import NumberError, RefusedByRule, UsageError
from gatewayd.services.audience import AudienceReader, House, Judge, check_template
from gatewayd.services.explaining import check, explain, lint, may_send_until, opens_at
from gatewayd.services.intake import plan_text
from gatewayd.store.audiences import Audiences, fields_of
from gatewayd.store.audit import GATEWAY
from gatewayd.store.campaigns import NOT_NOW, Approval, AudienceRow, Campaign, Campaigns, NewCampaign, Step
from gatewayd.store.contacts import Contacts
from gatewayd.store.engine import Database
from gatewayd.store.outbox import NewMessage
from gatewayd.store.people import People
from gatewayd.store.watching import Watch

log = structlog.get_logger(__name__)

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
TEST_MARK = {"fr": "[ESSAI] ", "en": "[TEST] "}
_TRUSTED = {
    consent.OPT_OUT: "this person said STOP, and has to answer START (or: gatewayd optouts remove {number})",
    consent.NO_CONSENT: "no consent is recorded: gatewayd consents record --purpose {purpose} {number}",
    consent.EXPIRED: "the consent is too old: gatewayd consents record --purpose {purpose} {number}",
}
MISSED = "missed"
"""Why a campaign is paused whose hour passed while gatewayd was off."""
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Tested:
    """How the test stands: what became of each trusted number's message, and what is still missing."""

    states: Sequence[tuple[str, str, bool]]
    stop_tried: bool

    @property
    def done(self) -> bool:
        """Whether each has received it and one has tried STOP and START."""
        return self.stop_tried and all(received for _, _, received in self.states)


class CampaignDesk:
    """The verbs. Used by one person at a time; several may meet in the database."""

    def __init__(self, database: Database, house: House, clock: Clock) -> None:
        self._database, self._house, self._clock = database, house, clock
        self._store, self._people = Campaigns(database), People(database)
        self._contacts, self._watch = Contacts(database), Watch(database)

    def create(self, new: NewCampaign, rows: Sequence[AudienceRow] = ()) -> Campaign:
        """Keep a draft of what can be sent. UsageError, SegmentError, RefusedByRule."""
        now = self._clock.utc_now()
        if not _NAME.fullmatch(new.name):
            raise UsageError(f"{new.name!r} is no name; expected a short one: a-z, 0-9, - and _")
        purpose = self._house.purpose(new.purpose)
        new = replace(new, pool=new.pool or purpose.pool)
        more = {name for row in rows for name in row.fields or {}}
        self._check_columns(more)
        check_template(new.template, self._house, sorted(more))
        if new.audience_kind is Audience.SEGMENT:
            names = [one.name for one in self._store.list()]
            self._house.segment(new.audience, names)
        self._check_times(new, now)
        draft = _draft(new, now)
        self._check_window(draft, now)
        check(purpose, lint(self._house, draft, _sample(self._house, draft)))
        self._check_audience(new, rows)
        campaign = self._store.create(new, rows, now)
        log.info("campaign.created", campaign=campaign.name, purpose=campaign.purpose, by=new.created_by)
        return campaign

    def approve(self, name: str, by: str) -> tuple[Campaign, int]:
        """Agree to what was tested; and how many more must. RefusedByRule."""
        campaign = self._store.get(name)
        if campaign.state in (CampaignState.DRAFT, CampaignState.TO_TEST):
            how = "test" if campaign.state is CampaignState.DRAFT else "show"
            raise RefusedByRule("to_test", f"campaign {name} is to be tested first: gatewayd campaigns {how} {name}")
        found = explain(self._database, self._house, campaign, self._clock)
        check(self._house.purpose(campaign.purpose), found.remarks)
        if not found.included and campaign.repeat is Repeat.ONCE:
            raise RefusedByRule("nobody", f"campaign {name} reaches nobody: gatewayd campaigns explain {name}")
        approval = Approval(by, self._clock.utc_now(), found.included)
        missing = self._store.approve(campaign, approval, approvals_needed(found.included, self._house.rules))
        log.info("campaign.approved", campaign=name, by=by, size=found.included, missing=missing)
        return self._store.get(name), missing

    def start(self, name: str, by: str, at: datetime | None = None) -> Campaign:
        """Let it go, now or at a time. RefusedByRule."""
        campaign, now = self._store.get(name), self._clock.utc_now()
        if campaign.state is CampaignState.TESTED and not self._house.rules.approvals:
            campaign = self._store.change(campaign, CampaignState.APPROVED, Step(by, now))
        if campaign.state in (CampaignState.DRAFT, CampaignState.TO_TEST, CampaignState.TESTED):
            first = "approved" if campaign.state is CampaignState.TESTED else "tested"
            raise RefusedByRule(first, f"campaign {name} is {campaign.state}: it must be {first} first")
        may_follow(name, campaign.state, CampaignState.SCHEDULED)
        if at is not None and at < now - HOUR:
            raise RefusedByRule("start", "that time has passed already: without one, it starts now")
        # What was planned for an hour that has passed starts now, and is not said to be missed.
        planned = campaign.start_at if campaign.start_at is not None and campaign.start_at > now else now
        at = at or planned
        self._check_start(campaign, max(at, now), now)
        step = Step(by, now, {"starts_at": timestamp(at)})
        campaign = self._store.change(campaign, CampaignState.SCHEDULED, step, start_at=at, next_run_at=at, reason="")
        log.info("campaign.started", campaign=name, by=by, waits=round(max(0.0, (at - now).total_seconds())))
        return campaign

    def pause(self, name: str, by: str, reason: str = "operator") -> Campaign:
        """Nothing more of it starts from now on."""
        step = Step(by, self._clock.utc_now(), {"reason": reason})
        campaign = self._store.change(self._store.get(name), CampaignState.PAUSED, step, reason=reason)
        log.info("campaign.paused", campaign=name, by=by, reason=reason)
        return campaign

    def resume(self, name: str, by: str) -> Campaign:
        """Go on; the daemon opens its window at its next look."""
        campaign, now = self._store.get(name), self._clock.utc_now()
        if campaign.state is not CampaignState.PAUSED:
            raise RefusedByRule("state", f"campaign {name} is {campaign.state}, and not paused")
        self._check_start(campaign, now, now)
        until = may_send_until(campaign, self._house, now) if self._clock.trusted() else NOT_NOW
        # A run that was missed and held begins now.
        next_run_at = now if campaign.reason == MISSED else campaign.next_run_at
        values: dict[str, Any] = {"may_send_until": until, "next_run_at": next_run_at, "watched_since": now}
        campaign = self._store.change(campaign, CampaignState.RUNNING, Step(by, now), reason="", **values)
        log.info("campaign.resumed", campaign=name, by=by)
        return campaign

    def cancel(self, name: str, by: str) -> Campaign:
        """End it: what is out is out, nothing more starts from now on."""
        now = self._clock.utc_now()
        values: dict[str, Any] = {"ended_at": now, "releasing": False, "next_run_at": None}
        step, campaign = Step(by, now), self._store.get(name)
        campaign = self._store.change(campaign, CampaignState.CANCELED, step, reason="operator", **values)
        log.info("campaign.canceled", campaign=name, by=by)
        return campaign

    # -- the test

    def test(self, name: str, by: str) -> tuple[Campaign, Sequence[str]]:
        """Send it to the trusted numbers, marked as a test; whom. RefusedByRule."""
        campaign, now = self._store.get(name), self._clock.utc_now()
        may_follow(name, campaign.state, CampaignState.TO_TEST)
        trusted = self.trusted()
        purpose = self._house.purpose(campaign.purpose)
        check(purpose, lint(self._house, campaign, _sample(self._house, campaign)))
        for number in trusted:
            self._check_trusted(campaign, number, now)
        judge = Judge(self._house, campaign)
        new = [self._test_message(judge, campaign, number, now) for number in trusted]
        campaign = self._store.send_test(campaign, new, Step(by, now))
        log.info("campaign.tested", campaign=name, by=by, numbers=len(new))
        return campaign, trusted

    def skip_test(self, name: str, by: str, reason: str) -> Campaign:
        """Go on without a test, for a reason that is kept."""
        if not reason.strip():
            raise UsageError("a skipped test needs a reason: --skip-test --reason 'why'")
        why = reason.strip()[:200]
        step = Step(by, self._clock.utc_now(), {"skipped": why})
        campaign = self._store.change(self._store.get(name), CampaignState.TESTED, step, test_skipped=f"{why} ({by})")
        log.info("campaign.test_skipped", campaign=name, by=by)
        return campaign

    def look_at_test(self, campaign: Campaign) -> tuple[Campaign, Tested]:
        """How the test stands; the campaign is tested when all is there."""
        found = self._watch.tested(campaign)
        tested = Tested(
            [(number, str(state), state is MessageState.DELIVERED or agreed) for number, state, agreed in found.states],
            found.stop_tried,
        )
        if campaign.state is CampaignState.TO_TEST and found.states and tested.done:
            campaign = self._pass(campaign)
        return campaign, tested

    def _pass(self, campaign: Campaign) -> Campaign:
        try:
            campaign = self._store.change(campaign, CampaignState.TESTED, Step(GATEWAY, self._clock.utc_now()))
        except RefusedByRule as error:
            if error.reason != "state":
                raise
            return self._store.get(campaign.name)  # the daemon and a command look at it, and the other was first
        log.info("campaign.test_passed", campaign=campaign.name)
        return campaign

    def trusted(self) -> list[str]:
        """Whom a test goes to. RefusedByRule: nobody is listed."""
        if not self._house.rules.trusted_numbers:
            raise RefusedByRule(
                "no_trusted_numbers",
                "there are no trusted numbers to test with: list some under `campaigns: trusted_numbers:`, or go on "
                "with --skip-test --reason 'why'",
            )
        found = []
        for raw in self._house.rules.trusted_numbers:
            try:
                found.append(self._house.numbers.parse(raw))
            except NumberError as error:
                raise RefusedByRule("trusted_number", f"trusted number {raw}: {error}") from None
        return found

    def _check_trusted(self, campaign: Campaign, number: str, now: datetime) -> None:
        with self._database.read() as connection:
            refusal = self._people.refusal(connection, self._house.purpose(campaign.purpose), number, now)
        if refusal is not None:
            why = _TRUSTED[refusal].format(purpose=campaign.purpose, number=number)
            raise RefusedByRule(refusal, f"the trusted number {number} may not be written to: {why}")

    def _test_message(self, judge: Judge, campaign: Campaign, number: str, now: datetime) -> NewMessage:
        """Filled with what is known of the trusted person himself; what is not stands as its name, in brackets."""
        contact = self._contacts.get(number)
        names = judge.template.required | judge.template.optional
        values = {name: f"({name})" for name in names} | judge.values(fields_of(contact) if contact else {})
        planned = judge.text({name: value or f"({name})" for name, value in values.items()})
        marked = plan_text(TEST_MARK[self._house.sender.language] + planned.text, judge.purpose)
        purpose = judge.purpose
        return NewMessage(
            recipient=number,
            purpose=purpose.key,
            feed=f"campaign/{campaign.name}/test",
            pool=campaign.pool,
            priority=purpose.priority,
            text=marked.text,
            alphabet=str(marked.alphabet),
            parts=len(marked.parts),
            created_at=now,
            expires_at=now + purpose.time_to_live,
        )

    # -- what is checked

    def _check_columns(self, names: Iterable[str]) -> None:
        """What a list brings for its texts is kept as contacts are: nothing that sounds sensitive without a ground."""
        for name in names:
            kind = kind_of(name) if name not in self._house.fields else None
            if kind is not None:
                raise RefusedByRule(
                    "sensitive", f"the column {name} sounds like data about {kind}: declare it, or leave it out"
                )

    def _check_times(self, new: NewCampaign, now: datetime) -> None:
        if new.deadline is not None and new.deadline <= now:
            raise RefusedByRule("deadline", "the deadline has passed already")
        if new.deadline is not None and new.start_at is not None and new.deadline <= new.start_at:
            raise RefusedByRule("deadline", "the deadline comes before the start")
        if new.start_at is not None and new.start_at < now - HOUR:
            raise RefusedByRule("start", "the start has passed already")
        if new.repeat is not Repeat.ONCE and new.audience_kind is not Audience.SEGMENT:
            raise RefusedByRule("repeat", "only a segment can be asked again and again: a list would get it each time")

    def _check_window(self, campaign: Campaign, at: datetime) -> None:
        opening = opens_at(self._house, campaign, at)
        if opening is None:
            raise RefusedByRule("window", "its window and the hours of its purpose are never open at the same time")
        if campaign.deadline is not None and opening >= campaign.deadline:
            raise RefusedByRule("window", "it may not write before its deadline: its window opens later")

    def _check_audience(self, new: NewCampaign, rows: Sequence[AudienceRow]) -> None:
        if new.audience_kind is Audience.SEGMENT:
            size = Audiences(self._database).count(
                self._house.segment(new.audience), self._house.moment(self._clock.utc_now())
            )
            if not size and new.repeat is Repeat.ONCE:
                raise RefusedByRule("nobody", "no contact is in this segment")
        elif all(row.reason for row in rows):
            raise RefusedByRule("nobody", "there is no number in this list that may be written to")

    def _check_start(self, campaign: Campaign, at: datetime, now: datetime) -> None:
        purpose = self._house.purpose(campaign.purpose)
        check(purpose, lint(self._house, campaign, _sample(self._house, campaign)))
        self._check_times(_as_new(campaign, at), now)
        self._check_window(campaign, at)
        if campaign.repeat is Repeat.ONCE and not campaign.run:
            reader = AudienceReader(self._database, self._house, campaign, self._clock)
            if not reader.size():
                raise RefusedByRule("nobody", f"nobody is in the audience of {campaign.name} any more")


def _as_new(campaign: Campaign, at: datetime) -> NewCampaign:
    values = {name: getattr(campaign, name) for name in NewCampaign.__dataclass_fields__}
    return NewCampaign(**values | {"start_at": at})


def _draft(new: NewCampaign, now: datetime) -> Campaign:
    """A campaign as it would be, for what is asked of it before it is kept."""
    window(new.window)
    values = {name: getattr(new, name) for name in NewCampaign.__dataclass_fields__}
    return Campaign(
        **values, id=0, created_at=now, state=CampaignState.DRAFT, reason="", test_begun_at=None, test_skipped="",
        may_send_until=NOT_NOW, unsettled=False, run=0, run_begun_at=None, next_run_at=None, releasing=False,
        reached=0, ended_at=None, watched_since=None,
    )  # fmt: skip


def _sample(house: House, campaign: Campaign) -> str:
    """The text as its reader would see it, with the names of its fields."""
    return with_footer(campaign.template, house.purpose(campaign.purpose).footer)
