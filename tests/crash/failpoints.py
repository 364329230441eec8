"""The places at which a gateway is stopped or disturbed, and a world that can be killed there.

    F0   accepted       the messages are committed, the receipt is not given yet
    F1   claim          the claim is written in its transaction, which is not committed
    F2   begun          the claim and the first mark are committed
    F3   cmgs           AT+CMGS is written, the prompt has not come
    F4   prompt         the prompt has come, the second mark is not committed
    F5   on_wire        the second mark is committed, nothing of the PDU is written
    F6   half           half of the PDU is written
    F7   ctrl_z         the whole PDU with its Ctrl-Z is written, the network has not got it yet
    F8   answered       the answer is read, not committed
    F9   committed      the outcome of the message is committed
    F10  between        the outcome of the first part is committed, the second has begun

They are reached through what the parts of a gateway are given anyway: the outbox, the modem's session, its port. The
product knows nothing of them, and nothing outside the tests can arm one.

A gateway's life runs in a thread. To kill it, the thread is left standing at the failpoint for ever: no `finally`, no
rollback, no ESC, and the next life starts on a copy of the files as the kernel has them (or, after a power cut, as the
medium has them). `test_real_kills.py` holds this against SIGKILL.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

from gatewayd.domain.message import Outcome
from gatewayd.modem.initialise import Timeouts
from gatewayd.modem.notices import Notice
from gatewayd.modem.pin import PinGuard
from gatewayd.modem.session import Session, open_session
from gatewayd.store import claims
from gatewayd.store.outbox import Finished, Outbox, Wanted, Work
from tests.crash.disk import Disk
from tests.scenarios.receiving import ReceivingWorld
from tests.scenarios.world import number

POINTS = ("F0", "F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9", "F10")
LONG = "Bonjour à tous, la réunion du quartier aura lieu samedi. " * 5  # two parts
FIRST, SECOND = number(1), number(2)
"""Two messages of two parts each."""
PATIENCE = 120.0
"""Seconds, of the simulated time, that a session waits for the answer to a PDU."""
CTRL_Z = b"\x1a"


class Killed(BaseException):
    """What a thread that was left standing is told when the test is over and its things are put away."""


class Failpoints:
    """`arm` has something happen the first time that the gateway comes to a point; `passed` are those it came to."""

    def __init__(self) -> None:
        self._armed: dict[str, Callable[[], None]] = {}
        self.passed: list[str] = []

    def arm(self, point: str, action: Callable[[], None]) -> None:
        self._armed[point] = action

    def reached(self, point: str) -> None:
        self.passed.append(point)
        if (action := self._armed.pop(point, None)) is not None:
            action()


def watch_outbox(outbox: Outbox, points: Failpoints) -> None:
    """F0, F2, F4, F5, F9, F10."""
    accept, turn, mark = outbox.accept, outbox.turn, outbox.mark_on_wire

    def accepting(connection: Any, new: Any, **more: Any) -> list[int]:
        ids = accept(connection, new, **more)
        if connection is None:
            points.reached("F0")
        return ids

    def turning(finished: Finished | None, wanted: Wanted | None, now: Any, *of: Any) -> Work | None:
        work = turn(finished, wanted, now, *of)
        sent = finished is not None and finished.outcome is Outcome.SENT
        if sent and finished is not None:
            points.reached("F9" if finished.work.part == finished.work.parts else "F10")
        if work is not None:
            points.reached("F2")
        return work

    def marking(*of: Any) -> None:
        points.reached("F4")
        mark(*of)
        points.reached("F5")

    # The real steps, watched.
    vars(outbox).update(accept=accepting, turn=turning, mark_on_wire=marking)


def watch_claims(points: Failpoints) -> Any:
    """F1; the caller stops it."""
    claim = claims.claim

    def claiming(*of: Any) -> Work | None:
        work = claim(*of)
        if work is not None:
            points.reached("F1")
        return work

    return patch.object(claims, "claim", claiming)


def watch_session(session: Session, points: Failpoints, waits: Callable[[], None]) -> None:
    """F3, F6, F7, F8. `waits` is called when the gateway begins to wait for the prompt, or for the answer."""
    submit = session.submit
    at = session._at
    assert at is not None
    write = at.serial.write

    def writing(data: bytes) -> None:
        if data.endswith(CTRL_Z):
            half = len(data) // 2
            write(data[:half])
            points.reached("F6")
            write(data[half:])
            points.reached("F7")
            waits()
            return
        write(data)
        if data.startswith(b"AT+CMGS="):
            points.reached("F3")
            waits()

    def submitting(*of: Any) -> int:
        reference = submit(*of)
        points.reached("F8")
        return reference

    vars(session).update(submit=submitting)
    vars(at.serial).update(write=writing)


class Waiting:
    """The timeouts of a session whose modem answers at once, or never: these are waited for in real seconds.

    `hopeless` says whether the answer to the next PDU is known not to come: then nobody waits for it.
    """

    command, alive, prompt, no_reference, quiet, poll = 1.0, 0.25, 0.3, 0.05, 0.01, 0.05
    pin, listing, restart = 1.0, 10.0, 1.0

    def __init__(self, hopeless: Callable[[], bool]) -> None:
        self._hopeless = hopeless

    @property
    def submit(self) -> float:
        return 0.05 if self._hopeless() else 30.0


class CrashWorld(ReceivingWorld):
    """One SIM, in a network whose time is the world's; its gateway may be killed at a point, and starts again."""

    def __init__(self, directory: Path, disk: Disk, *, hopeless: Callable[[], bool], options: str = "") -> None:
        self.points, self.disk, self.directory = Failpoints(), disk, directory
        self._waiting = Waiting(hopeless)
        self._standing: list[tuple[threading.Event, threading.Thread]] = []
        self._past: list[Callable[[], None]] = []
        super().__init__(directory, "a", options=f"&latency=1{options}", simulated_time=True)

    def open_store(self) -> None:
        super().open_store()
        watch_outbox(self.outbox, self.points)

    def opener(self, name: str) -> Callable[[Callable[[Notice], None]], Session]:
        def open_line(on_notice: Callable[[Notice], None]) -> Session:
            waiting: Timeouts = self._waiting  # type: ignore[assignment]  # the same fields, one of them asked each time
            session = open_session(
                self.url(name), pin=None, clock=self.clock, pin_guard=PinGuard(), on_notice=on_notice, timeouts=waiting
            )
            watch_session(session, self.points, self.gateway_waits)
            return session

        return open_line

    # -- time

    def time_passes(self, seconds: float) -> None:
        """What is due at the modem meanwhile happens, each thing at its time."""
        end = self.clock.monotonic() + seconds
        while (pause := self.sims["a"].seconds_to_next()) is not None and self.clock.monotonic() + pause <= end:
            self.clock.advance(pause)
            self.network.tick()
        self.clock.advance(end - self.clock.monotonic())
        self.network.tick()

    def gateway_waits(self) -> None:
        """The prompt, or the network's answer, comes after a second; a late answer after its time, or in vain."""
        struck = len(self.sims["a"].fired)
        self.time_passes(1)
        for fault in self.sims["a"].fired[struck:]:
            if fault.kind == "answer-late":
                self.time_passes(min(fault.seconds, PATIENCE))

    # -- lives

    def live(self, life: Callable[[], object]) -> bool:
        """Lead a life to its end, or to the point where it is killed: whether it came to its end."""
        failures: list[BaseException] = []
        self._halted = threading.Event()
        killed = threading.Event()

        def lead() -> None:
            try:
                life()
            except Killed:
                return
            except BaseException as failure:  # noqa: BLE001  (raised again below, in the test's thread)
                failures.append(failure)
            finally:
                self._halted.set()

        self._killed = killed
        thread = threading.Thread(target=lead, daemon=True)
        with watch_claims(self.points):
            thread.start()
            assert self._halted.wait(50), "neither at its end nor at the point"
        if killed.is_set():
            return False
        thread.join()
        if failures:
            raise failures[0]
        return True

    def stand_still(self) -> None:
        """At a failpoint: this thread goes no further."""
        go_on = threading.Event()
        self._standing.append((go_on, threading.current_thread()))
        self._killed.set()
        self._halted.set()
        go_on.wait()
        raise Killed

    def next_life(self, take_files: Callable[[Path], None]) -> None:
        """The kernel lets the port go; a gateway starts on the files as they were left."""
        (line,) = self.lines.values()
        if (session := line._session) is not None and (at := session._at) is not None:
            at.serial._device.close()
        self._past.append(self.db.close)
        directory = self.directory / f"life-{self.lives + 1}"
        take_files(directory)
        self.path = directory / self.path.name
        self.restart()

    # -- rest

    def rest(self) -> None:
        """Until nothing is waiting, and nothing more comes."""
        quiet = 0
        for _ in range(60):
            self.settle()
            self.receiver.run_once()
            quiet = 0 if self.states().keys() & {"queued", "scheduled", "sending"} else quiet + 1
            if quiet > 2:
                return
            self.pass_a_minute()
        raise AssertionError(f"never at rest: {self.states()}")

    def pass_a_minute(self) -> None:
        """What the modem says in it by itself is heard before this returns."""
        (line,) = self.lines.values()
        pause = self.sims["a"].seconds_to_next()
        line.bell.clear()
        self.time_passes(60)
        if pause is not None and pause <= 60 and line._session is not None:
            line.bell.wait(5)
        self.advance(0)

    def close(self) -> None:
        """Put away also what was left standing."""
        for go_on, thread in self._standing:
            go_on.set()
            thread.join(20)
            assert not thread.is_alive()
        with suppress(Exception):
            super().close()
        for close in self._past:
            close()
