"""Campaigns in time: they begin at their hour, become messages a page at a time, keep their window, and end.

`run_once` is a tick over the database, for a few seconds at most; what it leaves is for the next one. All that it
needs to know is in the rows: after a restart, a jump of the clock or a night of change it goes on from there. Until the
clock can be trusted nothing begins, and all windows are shut: nobody knows whether one is open, or its deadline over.

    scheduled   its hour has come: a run begins. It passed more than an hour ago (gatewayd was off, or the clock
                jumped): the run begins, or the campaign is paused, as it says
    running     the next persons get their messages; the window is opened and closed; too many refusals or STOPs
                pause it, with the cause in plain words; with nothing left to do it is finished
    any         the deadline has passed: finished, and what waited is expired
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from gatewayd.clock import Clock
from gatewayd.domain.campaign import CampaignState, Missed, approvals_needed, next_run, too_many
from gatewayd.domain.message import SETTLED_STATES, MessageState, Outcome
from gatewayd.errors import RefusedByRule, UsageError
from gatewayd.services.audience import AudienceReader, House, Verdict
from gatewayd.services.campaigns import MISSED, CampaignDesk
from gatewayd.services.explaining import may_send_until
from gatewayd.services.space import Space
from gatewayd.store.audit import GATEWAY
from gatewayd.store.campaigns import NOT_NOW, Campaign, Campaigns, Judgement, Step
from gatewayd.store.engine import Database
from gatewayd.store.outbox import NewMessage
from gatewayd.store.watching import Watch

log = structlog.get_logger(__name__)

TURN = 3.0
"""Seconds of one tick."""
LATE = timedelta(hours=1)
RELEASED_AT_ONCE = 200
"""Messages of one transaction: the writer is free again before a STOP has to wait."""
LOOK = 30.0
"""Seconds between two counts of a large campaign's messages."""
_SENT = (MessageState.SENT, MessageState.DELIVERED, MessageState.UNDELIVERED)
_WATCHED = 50


@dataclass(slots=True)
class _Memory:
    """What a tick need not ask again."""

    run: int = 0
    reader: AudienceReader | None = None
    made: int = 0
    counted_at: float = field(default=-LOOK)


class CampaignRunner:
    """Moves all campaigns of a gateway. `run_once` from one thread at a time."""

    def __init__(
        self,
        database: Database,
        house: House,
        clock: Clock,
        *,
        queued: Callable[[], None] = lambda: None,
        space: Space | None = None,
    ) -> None:
        self._database, self._house, self._clock, self._queued = database, house, clock, queued
        self._space = space
        self._store, self._watch = Campaigns(database), Watch(database)
        self._desk = CampaignDesk(database, house, clock)
        self._memory: dict[int, _Memory] = {}

    def run_once(self, seconds: float = TURN) -> int:
        """One tick; how many messages were made."""
        until = self._clock.monotonic() + seconds
        if not self._clock.trusted():
            self.shut()
        self.settle(until)
        if not self._clock.trusted():
            return 0
        made = 0
        for campaign in self._store.active():
            try:
                made += self._move(campaign, until)
            except RefusedByRule as error:
                if error.reason != "state":  # else somebody has just changed it: it is looked at again
                    self._stop(campaign, f"cannot go on: {error}")
            except UsageError as error:  # a field is gone from the configuration
                self._stop(campaign, f"cannot go on: {error}".split("\n", 1)[0])
        self.settle(until)
        if made:
            self._queued()
        return made

    def shut(self) -> None:
        """Let no campaign send for now; each is opened at the first tick with a clock that is trusted."""
        for campaign in self._store.list(states=[CampaignState.RUNNING]):
            if campaign.may_send_until > NOT_NOW:
                self._store.open_window(campaign, NOT_NOW)
                log.info("campaign.window", campaign=campaign.name, open=False)

    def settle(self, until: float) -> None:
        """Let waiting messages follow their campaigns."""
        for campaign in self._store.unsettled():
            after: int | None = 0
            while after is not None and self._clock.monotonic() < until:
                after = self._store.settle(campaign, after)
            if campaign.state is CampaignState.RUNNING:
                self._queued()

    def _move(self, campaign: Campaign, until: float) -> int:
        now = self._clock.utc_now()
        if campaign.state is CampaignState.TO_TEST:
            self._desk.look_at_test(campaign)
            return 0
        if campaign.deadline is not None and campaign.deadline <= now:
            self._finish(campaign, "deadline")
            return 0
        if campaign.state is CampaignState.PAUSED:
            return 0
        if campaign.next_run_at is not None and campaign.next_run_at <= now and not campaign.releasing:
            begun = self._begin(campaign, now)
            if begun is None:
                return 0
            campaign = begun
        if campaign.state is not CampaignState.RUNNING:
            return 0
        self._keep_window(campaign, now)
        made = self._release(campaign, until) if campaign.releasing else 0
        self._look(campaign, now)
        return made

    def _begin(self, campaign: Campaign, now: datetime) -> Campaign | None:
        """Begin a run that is due; None if it is held for being late."""
        due = campaign.next_run_at
        assert due is not None  # noqa: S101  (asked only for one that is due)
        if now - due > LATE and campaign.missed is Missed.HELD:
            step = Step(GATEWAY, now, {"reason": MISSED})
            self._store.change(campaign, CampaignState.PAUSED, step, reason=MISSED)
            log.warning("campaign.missed", campaign=campaign.name, late=round((now - due).total_seconds()))
            return None
        following = next_run(campaign.repeat, campaign.start_at or due, now, self._house.sending.tz)
        until = may_send_until(campaign, self._house, now)
        begun = self._store.begin_run(campaign, now, next_run_at=following, may_send_until=until)
        if begun is not None:
            log.info("campaign.run_begun", campaign=begun.name, run=begun.run)
        return begun

    def _keep_window(self, campaign: Campaign, now: datetime) -> None:
        until = may_send_until(campaign, self._house, now)
        if until != campaign.may_send_until:
            self._store.open_window(campaign, until)
            log.info("campaign.window", campaign=campaign.name, open=until > NOT_NOW)

    # -- the release

    def _release(self, campaign: Campaign, until: float) -> int:
        memory = self._memory_of(campaign)
        reader = memory.reader
        if reader is None:
            reader = memory.reader = AudienceReader(
                self._database, self._house, campaign, self._clock, at=campaign.run_begun_at
            )
            memory.made = self._watch.made(campaign)
        made = 0
        while campaign.releasing and self._clock.monotonic() < until and self._has_room():
            page = reader.page(campaign.reached, RELEASED_AT_ONCE)
            new = self._release_page(campaign, page)
            if new is None:
                break
            made += new
            memory.made += new
            if self._grew(campaign, memory.made):
                break
            campaign = self._store.get(campaign.name)
        if not campaign.releasing:
            memory.reader = None
            log.info("campaign.released", campaign=campaign.name, run=campaign.run, messages=memory.made)
        return made

    def _has_room(self) -> bool:
        """A disk that is nearly full takes no new messages: the release goes on when there is room."""
        return self._space is None or not self._space.low()

    def _release_page(self, campaign: Campaign, page: list[Verdict]) -> int | None:
        judged = [Judgement(one.number, one.reason, self._message(campaign, one)) for one in page]
        reached = page[-1].place if page else campaign.reached
        return self._store.release(campaign, judged, reached=reached, done=len(page) < RELEASED_AT_ONCE)

    def _message(self, campaign: Campaign, verdict: Verdict) -> NewMessage | None:
        if verdict.plan is None:
            return None
        now = self._clock.utc_now()
        purpose = self._house.purpose(campaign.purpose)
        return NewMessage(
            recipient=verdict.number,
            purpose=purpose.key,
            feed=f"campaign/{campaign.name}",
            pool=campaign.pool,
            priority=campaign.priority,
            text=verdict.plan.text,
            alphabet=str(verdict.plan.alphabet),
            parts=len(verdict.plan.parts),
            created_at=now,
            expires_at=campaign.deadline or now + purpose.time_to_live,
            campaign_id=campaign.id,
        )

    def _grew(self, campaign: Campaign, made: int) -> bool:
        """The audience may be larger than when it was approved: what so many get, a second person must agree to."""
        agreed = len(self._store.approvals(campaign.id))
        if approvals_needed(made, self._house.rules) <= agreed:
            return False
        self._stop(
            campaign, f"its audience has grown to more than {self._house.rules.second_above}: a second must agree"
        )
        return True

    # -- the watch

    def _look(self, campaign: Campaign, now: datetime) -> None:
        """Pause what goes wrong, finish what is done."""
        memory, monotonic = self._memory_of(campaign), self._clock.monotonic()
        if memory.counted_at + LOOK > monotonic and memory.made > RELEASED_AT_ONCE:
            return
        memory.counted_at = monotonic
        if why := self._trouble(campaign, now):
            self._stop(campaign, why)
            return
        present = self._store.get(campaign.name)
        if present.state is not CampaignState.RUNNING or present.releasing or present.next_run_at is not None:
            return
        counts = self._watch.counts(campaign)
        memory.made = max(memory.made, sum(counts.values()))
        if all(state in SETTLED_STATES for state in counts):
            self._finish(campaign, "")

    def _trouble(self, campaign: Campaign, now: datetime) -> str:
        """Why it should not go on, in plain words."""
        rules, since = self._house.rules, campaign.watched_since or now
        outcomes = self._watch.outcomes(campaign, since, _WATCHED)
        refused = sum(outcome is Outcome.REFUSED for outcome in outcomes)
        if len(outcomes) >= rules.pause_after and too_many(refused, len(outcomes), rules.pause_at_refused_percent):
            return f"the network refused {refused} of the last {len(outcomes)} SMS: does the operator block this line?"
        stops = self._watch.stops(campaign, since)
        if not stops:
            return ""
        counts = self._watch.counts(campaign)
        sent = sum(counts.get(state, 0) for state in _SENT)
        if sent >= rules.pause_after and too_many(stops, sent, rules.pause_at_stop_percent):
            return f"{stops} of {sent} people answered STOP: is this what they agreed to?"
        return ""

    def _stop(self, campaign: Campaign, why: str) -> None:
        if campaign.state not in (CampaignState.RUNNING, CampaignState.SCHEDULED):
            return
        step = Step(GATEWAY, self._clock.utc_now(), {"reason": why})
        self._store.change(campaign, CampaignState.PAUSED, step, reason=why[:300])
        log.warning("campaign.stopped", campaign=campaign.name, why=why)

    def _finish(self, campaign: Campaign, reason: str) -> None:
        now = self._clock.utc_now()
        values: dict[str, Any] = {"ended_at": now, "releasing": False, "next_run_at": None}
        self._store.change(campaign, CampaignState.FINISHED, Step(GATEWAY, now), reason=reason, **values)
        self._memory.pop(campaign.id, None)
        log.info("campaign.finished", campaign=campaign.name, reason=reason)

    def _memory_of(self, campaign: Campaign) -> _Memory:
        memory = self._memory.setdefault(campaign.id, _Memory())
        if memory.run != campaign.run:
            memory = self._memory[campaign.id] = _Memory(campaign.run)
        return memory
