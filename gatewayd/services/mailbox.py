"""The mailbox of one line: what its modem has stored is read, kept, and only then deleted, index by index.

    +CMTI, +CDSI    read that place, at the line's next turn
    sweep           at connect, every SWEEP seconds, after any doubt: is there anything in the memory? then list it,
                    until it is empty
    +CDS, +CMT      handed over directly: to the receiver, which keeps it
    late answers    to the reconciler, once the line has recorded what it knows

A place is deleted after the commit, by its index; what a crash or a fault leaves there is read again, and is known. Our
own messages in a SIM's memory are left alone. Octets that are no PDU are read once more, then kept aside and deleted; a
place whose octets cannot be read at all, or that the modem refuses to delete, is left, and told once: it keeps nobody
else's message waiting. A modem that refuses to list, as over one bad message, is read place by place. `drain` belongs
to the line's thread, `heard` to the modem's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime

import structlog

from gatewayd.clock import Clock
from gatewayd.errors import ModemError, PduError
from gatewayd.modem.answers import Storage, StoredMessage
from gatewayd.modem.at import CommandRefused
from gatewayd.modem.notices import (
    LateReference,
    LateRefusal,
    MessageReceived,
    MessageStored,
    Notice,
    ReportReceived,
    ReportStored,
    Restarted,
    StorageFull,
)
from gatewayd.modem.pdu import decode
from gatewayd.modem.session import Session
from gatewayd.services.receiving import Receiver

log = structlog.get_logger(__name__)

SWEEP = 5.0
"""Seconds between two looks into the memory: +CMTI gets lost, and a STOP must not."""
ALARM = 0.8
"""Of the memory: beyond it replies, and STOP among them, will soon be turned away."""
_REPORTS = "SR"
_SINGLY = 3
"""More places than that are quicker listed than read one by one."""
_PLACES = 1000
"""Read one by one at most, where the modem refuses to list."""
_ROUNDS = 10
"""Listings in one turn: the line has other work too, and comes back at once."""
_RECEIVED = (0, 1)


class Mailbox:
    """What came for one line."""

    def __init__(self, receiver: Receiver, clock: Clock) -> None:
        self._receiver, self._clock = receiver, clock
        self._sim_id: int | None = None
        self._places: deque[tuple[str, int]] = deque()
        self._early: deque[str] = deque()
        self._late: deque[LateReference | LateRefusal] = deque()
        self._not_sent: list[datetime] = []
        self._sweep_at = 0.0
        self._alarmed = False
        self._told: set[tuple[str, str, int]] = set()

    # -- from the modem's thread

    def heard(self, notice: Notice) -> bool:
        """Take what concerns receiving; whether the line should have a turn."""
        if isinstance(notice, MessageStored | ReportStored):
            self._places.append((notice.memory, notice.index))
            return True
        if isinstance(notice, ReportReceived | MessageReceived):
            if self._sim_id is None:
                self._early.append(notice.pdu)
            else:
                self._receiver.handed_over(self._sim_id, notice.pdu)
            return False
        if isinstance(notice, LateReference | LateRefusal):
            self._late.append(notice)
            return True
        if isinstance(notice, StorageFull | Restarted):
            if isinstance(notice, StorageFull):
                self._alarmed = True
                log.error("sim.storage_full", sim_id=self._sim_id)
            self.doubt()
            return True
        return False

    # -- the line's thread

    def detach(self) -> None:
        """The modem goes, or another comes: what was said of places is void."""
        self._sim_id = None
        self._alarmed = False
        self._places.clear()
        self._late.clear()
        self._not_sent.clear()  # what the store knows of it is counted anew
        self._told.clear()

    def attach(self, sim_id: int) -> None:
        """This SIM is in the modem; all of its memory is looked at first."""
        self._sim_id = sim_id
        while self._early:
            self._receiver.handed_over(sim_id, self._early.popleft())
        self.doubt()

    def doubt(self) -> None:
        """Something may have been missed: sweep at the next turn."""
        self._sweep_at = 0.0

    @property
    def seconds_left(self) -> float:
        """Until `drain` has something to do; 0: now."""
        if self._places or self._late:
            return 0.0
        return max(0.0, self._sweep_at - self._clock.monotonic())

    @property
    def filling(self) -> bool:
        """Whether the memory was nearly full when it was last looked at: a reply may be turned away."""
        return self._alarmed

    @property
    def has_late_answer(self) -> bool:
        """Whether the line must record what it knows before `drain`."""
        return bool(self._late)

    def drain(self, session: Session) -> None:
        """Bring in what is there. ModemError, StorageUnavailable: the next turn but one begins anew, with a sweep."""
        sim_id = self._sim_id
        if sim_id is None:
            return
        swept = self._clock.monotonic() >= self._sweep_at or len(self._places) > _SINGLY
        self._sweep_at = self._clock.monotonic() + SWEEP  # also for a sweep that fails: a dead modem is the line's care
        while self._late:
            self._answered_late(sim_id, self._late[0])
            self._late.popleft()
        try:
            self._read_places(session, sim_id, by_listing=swept)
            if swept:
                self._sweep(session, sim_id)
        except BaseException:
            self._places.clear()  # the sweep finds them
            raise

    def take_back(self) -> list[datetime]:
        """Since when what turned out not to have gone out had counted as sent; told once."""
        told, self._not_sent = self._not_sent, []
        return told

    def _answered_late(self, sim_id: int, answer: LateReference | LateRefusal) -> None:
        reconciler = self._receiver.reconciler
        if isinstance(answer, LateReference):
            reconciler.late_reference(sim_id, answer.reference)
            return
        on_wire_at = reconciler.late_refusal(sim_id, answer.kind, answer.words)
        if on_wire_at is not None:
            self._not_sent.append(on_wire_at)

    def _read_places(self, session: Session, sim_id: int, *, by_listing: bool) -> None:
        while self._places:
            memory, index = self._places.popleft()
            if by_listing and memory in ("", session.setup.memory):
                continue
            stored = _read(session, index, memory)
            if stored is not None:
                self._bring_in(session, sim_id, [stored], memory)

    def _sweep(self, session: Session, sim_id: int) -> None:
        storage = session.storage()
        self._watch(storage, sim_id)
        if storage is None or storage.used:
            for _ in range(_ROUNDS):
                if not self._bring_in(session, sim_id, _listed(session, storage), ""):
                    break
            else:
                self.doubt()
        if session.setup.cnmi.split(",")[3:4] == ["2"]:
            try:
                self._bring_in(session, sim_id, session.list_stored(_REPORTS), _REPORTS)
            except ModemError as error:
                log.debug("sim.no_report_memory", sim_id=sim_id, error=str(error))

    def _bring_in(self, session: Session, sim_id: int, stored: Sequence[StoredMessage], memory: str) -> bool:
        """Keep, then delete; whether anything was new, so that more may have come in its place."""
        received = [one for one in stored if one.status in _RECEIVED]
        sound = [found for one in received if (found := self._sound(session, one, memory, sim_id)) is not None]
        if not sound:
            return False
        new = self._receiver.keep(sim_id, [one.pdu for one in sound])
        for one in sound:
            self._delete(session, one, memory, sim_id)
        # All known: a crash came before the deletion; or the modem says OK and deletes nothing, and would for ever.
        return new > 0

    def _sound(self, session: Session, stored: StoredMessage, memory: str, sim_id: int) -> StoredMessage | None:
        """The same, or a second reading where the first is no PDU: the line may have garbled it."""
        if _is_pdu(stored.pdu):
            return stored
        again = _read(session, stored.index, memory)
        if again is not None and again.pdu:
            return again
        if again is not None and self._is_news("unreadable", memory, stored.index):
            log.error("sim.place_unreadable", sim_id=sim_id, memory=memory, index=stored.index)
        return None

    def _delete(self, session: Session, stored: StoredMessage, memory: str, sim_id: int) -> None:
        """What stays is known when it is read again."""
        try:
            session.delete_by_index(stored.index, memory)
        except CommandRefused as refusal:
            if refusal.busy:
                raise
            if self._is_news("not deleted", memory, stored.index):
                log.warning("sim.place_not_deleted", sim_id=sim_id, memory=memory, index=stored.index)

    def _is_news(self, what: str, memory: str, index: int) -> bool:
        """The first time that this is said of a place."""
        known = (what, memory, index) in self._told
        self._told.add((what, memory, index))
        return not known

    def _watch(self, storage: Storage | None, sim_id: int) -> None:
        full = storage is not None and storage.capacity > 0 and storage.used >= ALARM * storage.capacity
        if full and not self._alarmed and storage is not None:
            log.error("sim.storage_filling", sim_id=sim_id, used=storage.used, capacity=storage.capacity)
        self._alarmed = full


def _read(session: Session, index: int, memory: str) -> StoredMessage | None:
    """A place that the modem refuses to read, though it has something there, has no octets."""
    try:
        return session.read_stored(index, memory)
    except CommandRefused as refusal:
        if refusal.busy:
            raise
        return StoredMessage(index, _RECEIVED[0], "")


def _listed(session: Session, storage: Storage | None) -> list[StoredMessage]:
    """All that is there; place by place where the modem refuses to list."""
    try:
        return session.list_stored()
    except CommandRefused as refusal:
        if refusal.busy or storage is None:
            raise
    found: list[StoredMessage] = []
    for index in range(min(storage.capacity, _PLACES) + 1):
        if len(found) == storage.used:
            break
        stored = _read(session, index, "")
        if stored is not None and stored.pdu:
            found.append(stored)
    return found


def _is_pdu(pdu: str) -> bool:
    try:
        decode(pdu, outgoing=False)
    except PduError:
        return False
    return True
