"""A line: one port, the modem behind it, its SIM, and one message at a time.

    connect    open the port, learn which SIM is there, load what it sent; an absent modem is no attempt, and is
               looked for again with back-off
    check      registration and pulse, when nothing was heard from the modem for a while or it complained
    receive    bring in what the modem has stored, or has announced (mailbox.py), whatever keeps the line from sending
    send       record the last outcome and claim the next part in one transaction; mark it on the wire between the
               modem's prompt and the PDU; submit

`run_once` does one of these, and says what happened and when to look again; it never waits for work. What the modem
said about a message is kept until it is recorded, and the modem is not used meanwhile. Whatever goes wrong before the
mark puts the message back; after the mark it is `unknown` at worst, and never sent again by itself.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

import structlog

from gatewayd.clock import Clock
from gatewayd.domain.pacing import next_gap
from gatewayd.errors import CauseClass, ModemAbsent, ModemBusy, ModemError, SimLocked, StorageUnavailable
from gatewayd.modem.notices import Notice, PortLost, Registration
from gatewayd.modem.session import Session
from gatewayd.services.allowance import Allowance, Allowed, Rules, load_history
from gatewayd.services.encoding import Encoder
from gatewayd.services.evidence import Evidence
from gatewayd.services.hand import Ending, Hand
from gatewayd.services.mailbox import Mailbox
from gatewayd.services.receiving import Receiver
from gatewayd.services.retries import backoff
from gatewayd.services.roster import Roster
from gatewayd.services.space import Space
from gatewayd.store.outbox import FAR_AHEAD, Outbox, Work
from gatewayd.store.sims import Sims

log = structlog.get_logger(__name__)

IDLE = 5.0  # seconds between two looks at an idle modem; a wake-up comes sooner
SILENCE = 60.0  # seconds without a word from the modem, after which it is asked
LOOK_ANYWAY = 30.0  # seconds after which an idle line asks the database without having been told to
SUSPENSION = timedelta(hours=1)
IN_A_ROW = 3  # refusals for the same fault, after which the line itself changes its behaviour

Opener: TypeAlias = Callable[[Callable[[Notice], None]], Session]
"""Opens the port of one line; the argument hears the modem's notices."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What happened, and in how many seconds to look again (0: at once)."""

    event: str
    again: float = 0.0


@dataclass(frozen=True)
class Common:
    """What the lines of a gateway share. `lease` names this gateway's life: its claims begin with it.

    Without a `receiver` the modems' memories are left alone: for a trial of sending only. Without a `space` nobody
    looks how full the disk is.
    """

    outbox: Outbox
    sims: Sims
    clock: Clock
    rules: Rules
    roster: Roster
    lease: str
    on_notice: Callable[[int, Notice], None]
    receiver: Receiver | None = None
    space: Space | None = None
    rng: random.Random = field(default_factory=random.SystemRandom)


@dataclass(slots=True)
class _Row:
    """Failures in a row, by kind; a success of that kind sets it back."""

    connect: int = 0
    storage: int = 0
    silent: int = 0
    sim: int = 0
    network: int = 0
    modem: int = 0


class Line:
    """One port. `run_once`, `close` and `crashed` belong to one thread; the others may be called from any."""

    def __init__(self, port: str, opener: Opener, common: Common) -> None:
        self.port = port
        self.bell = threading.Event()
        self._open, self._common, self._clock = opener, common, common.clock
        self._hand = Hand(common.outbox, common.clock, common.rng)
        self._encoder = Encoder()
        receiver, clock = common.receiver, common.clock
        self._mailbox = Mailbox(receiver, clock) if receiver is not None else None
        self._evidence = Evidence(receiver.reconciler, clock) if receiver is not None else None
        self._session: Session | None = None
        self._allowance: Allowance | None = None
        self._need = 1
        self._row = _Row()
        self._why = "connecting"
        self._paused_until = self._heard_at = self._looked_at = 0.0
        self._suspended_until: datetime | None = None
        self._look = self._ask_health = True

    # -- from any thread

    def wake(self) -> None:
        """There may be work."""
        self._look = True
        self.bell.set()

    @property
    def status(self) -> tuple[str, str]:
        """The SIM's name ("" while none is known), and why nothing is being sent ("" while all is well)."""
        allowance = self._allowance
        return (allowance.sim.name if allowance else "", "storage" if self._row.storage else self._why)

    @property
    def filling(self) -> bool:
        """Whether the memory for what comes in is nearly full."""
        return self._mailbox is not None and self._mailbox.filling

    # -- the line's own thread

    def run_once(self) -> Turn:
        """One turn. Whatever is no defect of ours is dealt with inside."""
        try:
            turn = self._step()
        except StorageUnavailable as error:
            self._row.storage += 1
            self._look = True
            wait = backoff(self._row.storage, self._common.rng, first=0.2, longest=30.0)
            log.warning("storage.unavailable", port=self.port, error=str(error), times=self._row.storage)
            return Turn("storage", wait)
        self._row.storage = 0
        if self._mailbox is None or self._session is None or self._why == "silent":
            return turn
        return Turn(turn.event, min(turn.again, self._mailbox.seconds_left))

    def close(self) -> None:
        """Record what is known, put back what was claimed, let the modem go. StorageUnavailable: call it again."""
        try:
            self._rest("stopping")
        finally:
            self._drop("stopped")

    def crashed(self, error: BaseException) -> None:
        """After an exception nobody foresaw: the modem is opened anew, the message is safe in the hand."""
        self._hand.crashed(error)
        self._drop("crashed")

    def _step(self) -> Turn:
        if self._session is not None and not self._session.alive:
            self._drop("absent")
        if self._session is not None and self._allowance is not None and not self._same_sim():
            self._drop("another SIM")
        if self._session is None or self._allowance is None:
            self._rest("modem absent")
            return self._connect()
        # Before anything else, and whatever keeps the line from sending: a STOP comes before the next submission.
        if self._mailbox is not None and self._mailbox.seconds_left <= 0 and self._why != "silent":
            unread = self._receive(self._session, self._mailbox)
            for on_wire_at in self._mailbox.take_back():
                self._allowance.refused(on_wire_at)
            if unread is not None:
                return unread
        self._allowance.follow_the_clock(self._common.outbox)
        pause = self._pause_left(self._allowance)
        if pause > 0:
            self._rest(self._why)
            return Turn(self._why, min(pause, SILENCE))
        return self._look_after(self._session, self._allowance) or self._send(self._session, self._allowance)

    def _look_after(self, session: Session, allowance: Allowance) -> Turn | None:
        """The modem's health, and what its SIM says of what was sent last, where one of these is due."""
        silence = self._clock.monotonic() - self._heard_at
        if (self._ask_health or silence > SILENCE) and self._hand.work is None:
            self._settle()
            return self._check(session, allowance)
        if self._evidence is not None and self._evidence.due:
            return self._ask_card(session, allowance, self._evidence)
        return None

    def _same_sim(self) -> bool:
        """A modem that was opened anew, by the recovery ladder say, may hold another SIM than before."""
        session, allowance = self._session, self._allowance
        return session is not None and allowance is not None and session.sim.iccid == allowance.sim.iccid

    def _rest(self, why: str) -> None:
        """Record what is due and hold nothing."""
        self._settle()
        if self._hand.work is not None:
            self._hand.put_back(why)
            self._hand.settle()

    def _settle(self) -> None:
        """Record what is due, apart from the next claim: which is then still to be made."""
        if self._hand.has_due:
            self._look = True
            self._hand.settle()

    # -- connect

    def _connect(self) -> Turn:
        try:
            session = self._open(self._heard)
        except SimLocked as error:
            return self._not_connected("locked", error, first=300.0, longest=3600.0)
        except ModemAbsent as error:
            return self._not_connected("absent", error)
        except ModemBusy as error:
            return self._not_connected("busy", error)
        try:
            self._identify(session)
        except ModemBusy as error:
            session.close()
            return self._not_connected("duplicate", error, first=60.0, longest=600.0)
        except BaseException:
            session.close()
            raise
        return Turn("connected")

    def _not_connected(self, why: str, error: ModemError, *, first: float = 1.0, longest: float = 30.0) -> Turn:
        self._row.connect += 1
        if self._why != why:
            log.warning("line.down", port=self.port, why=why, error=str(error))
            if why == "locked":
                self._common.sims.locked(self.port, str(error), self._clock.utc_now())
        self._why = why
        return Turn(why, backoff(self._row.connect, self._common.rng, first=first, longest=longest))

    def _identify(self, session: Session) -> None:
        """Which SIM is it, what may it send, and what has it sent already?"""
        common, now = self._common, self._clock.utc_now()
        sim, imei = common.rules.settings_of(session.sim.iccid, session.sim.imsi), session.modem.imei
        sim_id = common.sims.remember(
            iccid=sim.iccid, imsi=sim.imsi, name=sim.name, pool=sim.pool, imei=imei, port=self.port, now=now
        )
        if self._clock.trusted():
            common.sims.put_right(sim_id, now, FAR_AHEAD)
        former = self._allowance.history if self._allowance is not None and self._allowance.sim_id == sim_id else None
        history = load_history(sim_id, sim, common.rules, common.outbox, self._clock, former)
        self._suspended_until = common.sims.suspended_until(sim_id)
        common.roster.enlist(sim_id, sim.pool, self.port, common.rules.carried_by(sim))
        lease = f"{common.lease}/{sim_id}"
        self._allowance = Allowance(sim_id, sim, common.rules, history, common.roster, self._clock, lease)
        self._session, self._row = session, _Row()
        self._paused_until, self._why, self._need = 0.0, "", 1
        self._look = self._ask_health = True
        if self._mailbox is not None:
            self._mailbox.attach(sim_id)
        if self._evidence is not None:
            self._evidence.attach(sim_id, imei)
        log.info("line.up", port=self.port, sim=sim.name, model=session.modem.model, reports=session.reports)

    def _drop(self, why: str) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        self._why = why
        (log.info if why == "stopped" else log.warning)("line.down", port=self.port, why=why)
        if self._allowance is not None:
            self._common.roster.leave(self._allowance.sim_id, why)
        session.close()
        if self._mailbox is not None:
            self._mailbox.detach()

    def _heard(self, notice: Notice) -> None:
        """The modem says something by itself: called on its own thread."""
        if isinstance(notice, Registration):
            self._ask_health, self._paused_until = True, 0.0
        if isinstance(notice, Registration | PortLost):
            self.bell.set()
        if self._mailbox is not None and self._mailbox.heard(notice):
            self.bell.set()
        if self._allowance is not None:
            self._common.on_notice(self._allowance.sim_id, notice)

    # -- receive

    def _receive(self, session: Session, mailbox: Mailbox) -> Turn | None:
        """Bring in what the modem has; a Turn if it could not be read: its health is asked for next."""
        if mailbox.has_late_answer:
            self._settle()  # the answer belongs to what is recorded, or it finds nothing
        try:
            mailbox.drain(session)
        except ModemError as error:
            log.warning("modem.not_read", port=self.port, error=str(error))
            self._ask_health = True
            return Turn("not read")
        return None

    def _ask_card(self, session: Session, allowance: Allowance, evidence: Evidence) -> Turn | None:
        """What the SIM says of a submission without an answer; a Turn while nothing may be sent because of it."""
        if evidence.in_doubt:
            self._settle()
        try:
            told = evidence.ask(session)
        except ModemError as error:
            log.warning("modem.not_read", port=self.port, error=str(error))
            self._ask_health = True
            return Turn("not read")
        if told.not_sent is not None:
            allowance.refused(told.not_sent)
        return None if told.again is None else Turn("doubt", min(told.again, IDLE))

    # -- check

    def _check(self, session: Session, allowance: Allowance) -> Turn:
        self._ask_health = False
        try:
            health = session.check()
        except ModemError as error:
            log.warning("modem.check_failed", port=self.port, error=str(error))
            self._drop("absent")
            return Turn("absent")
        if not health.answers:
            self._row.silent += 1
            log.warning("modem.silent", port=self.port, step=health.step, times=self._row.silent)
            return self._pause(
                allowance, "silent", backoff(self._row.silent, self._common.rng, first=2.0, longest=60.0)
            )
        self._row.silent, self._heard_at = 0, self._clock.monotonic()
        if not health.registered:
            self._row.network += 1
            return self._pause(allowance, "network", backoff(self._row.network, self._common.rng, first=15.0))
        self._recover(allowance)
        return Turn("checked")

    def _pause(self, allowance: Allowance, why: str, seconds: float) -> Turn:
        """The modem or its network is away: ask again later, and hold nothing meanwhile."""
        if self._why != why:
            log.warning("line.paused", port=self.port, why=why, seconds=round(seconds))
            self._common.roster.unable(allowance.sim_id, why, at_once=False)
        self._why, self._ask_health = why, True
        self._paused_until = self._clock.monotonic() + seconds
        return Turn(why)

    def _recover(self, allowance: Allowance) -> None:
        if self._why in ("silent", "network", "modem", "suspended"):
            log.info("line.resumed", port=self.port, after=self._why)
            self._common.roster.able(allowance.sim_id)
            self._why = ""

    def _pause_left(self, allowance: Allowance) -> float:
        if self._suspended_until is not None:
            left = (self._suspended_until - self._clock.utc_now()).total_seconds()
            if left > 0:
                self._common.roster.unable(allowance.sim_id, "suspended", at_once=True)
                self._why = "suspended"
                return left
            self._suspended_until, self._ask_health = None, True
        return self._paused_until - self._clock.monotonic()

    # -- send

    def _send(self, session: Session, allowance: Allowance) -> Turn:
        if self._common.space is not None and self._common.space.exhausted():
            return self._without_room(allowance)
        held = self._hand.work or self._next(allowance)
        if isinstance(held, Turn):
            return held
        gap = allowance.gap_left()
        return Turn("gap", gap) if gap > 0 else self._submit(session, allowance, held)

    def _without_room(self, allowance: Allowance) -> Turn:
        """An outcome that cannot be recorded must not come about: nothing begins until there is room on the disk."""
        self._rest("disk")
        if self._why != "disk":
            log.warning("line.waits", port=self.port, why="disk", seconds=round(IDLE))
            self._common.roster.unable(allowance.sim_id, "disk", at_once=False)
        self._why = "disk"
        return Turn("disk", IDLE)

    def _next(self, allowance: Allowance) -> Work | Turn:
        """Record what is due and claim the next part; a Turn where there is none to submit."""
        allowed = allowance.ask(self._need)
        self._tell(allowance, allowed)
        if allowed.wanted is None:
            self._settle()
            return self._hand.work or Turn(allowed.why, min(allowed.wait, SILENCE))
        # With a reason: only answers may go out at this hour.
        rest = Turn(allowed.why, min(allowed.wait, SILENCE)) if allowed.why else Turn("idle", IDLE)
        now = self._clock.monotonic()
        if not self._hand.has_due and not self._look and now - self._looked_at < LOOK_ANYWAY:
            return rest
        self._look, self._looked_at = False, now
        continues = self._hand.take(allowed.wanted)
        work, self._need = self._hand.work, 1
        if work is None and self._hand.unfinished:
            self._look = True
            return Turn("searching")
        if work is None:
            return rest
        if not continues and work.parts - work.part + 1 > allowed.room:
            # It would stop halfway: wait until there is room for all of it, and keep that room from smaller ones.
            self._need, self._look = work.parts - work.part + 1, True
            self._rest("limits")
            return Turn("limits")
        return work

    def _tell(self, allowance: Allowance, allowed: Allowed) -> None:
        """Let the pool and the log know when limits or hours begin, or cease, to keep this SIM from sending."""
        why = "" if allowed.why == "gap" else allowed.why or allowance.helpless(allowed)
        if why == self._why:
            return
        self._why = why
        if allowance.helpless(allowed):
            self._common.roster.unable(allowance.sim_id, why, at_once=True)
        else:
            self._common.roster.able(allowance.sim_id)
        self._look = True
        log.info("line.waits" if why else "line.ready", port=self.port, why=why, seconds=round(allowed.wait))

    def _submit(self, session: Session, allowance: Allowance, work: Work) -> Turn:
        ending = self._hand.submit(
            work,
            session,
            lambda part: self._encoder.pdu(part, status_report=session.reports),
            self._common.rules.purpose(work.purpose),
            on_wire=allowance.on_wire,
            others_can=lambda: self._common.roster.view(allowance.sim_id).others_can(work.purpose),
        )
        self._heard_at = self._clock.monotonic()
        allowance.pause(next_gap(allowance.sim.limits, self._common.rng))
        if self._evidence is not None:
            self._evidence.heard(ending)
        if ending.event == "sent":
            self._row.sim = self._row.network = self._row.modem = 0
        else:
            self._learn(allowance, ending)
        return Turn(ending.event)

    def _learn(self, allowance: Allowance, ending: Ending) -> None:
        """What a submission that failed tells about the SIM, the network or the modem."""
        if ending.refused_at is not None:
            allowance.refused(ending.refused_at)
        if ending.cause is None:
            self._ask_health = self._ask_health or ending.event == "put back"
            return
        kind = ending.cause.kind
        if kind is CauseClass.SIM:
            self._row.sim += 1
            if self._row.sim >= IN_A_ROW:
                self._suspend(allowance, ending.cause.text, ending.cause.advice)
        elif kind is CauseClass.NETWORK:
            self._row.network += 1
            self._ask_health = True
            self._pause_in_a_row(allowance, "network", self._row.network)
        else:
            self._ask_health = True
            if kind is not CauseClass.MESSAGE:
                # Each would end as unknown, or be refused in vain: a modem in this state must not eat the queue.
                self._row.modem += 1
                self._pause_in_a_row(allowance, "modem", self._row.modem)

    def _pause_in_a_row(self, allowance: Allowance, why: str, times: int) -> None:
        if times >= IN_A_ROW:
            self._pause(allowance, why, backoff(times - IN_A_ROW + 1, self._common.rng, first=30.0))

    def _suspend(self, allowance: Allowance, reason: str, advice: str) -> None:
        until = self._clock.utc_now() + SUSPENSION
        self._suspended_until, self._row.sim = until, 0
        log.error(
            "sim.suspended", sim=allowance.sim.name, port=self.port, reason=reason, advice=advice, until=str(until)
        )
        self._common.sims.suspend(allowance.sim_id, until, reason, self._clock.utc_now())
