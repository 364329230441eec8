"""The process that is killed: accepts messages and sends them, and says on its output what is committed.

    python -m tests.crash.store_child DATABASE KEY-IN-HEX-OR-NOTHING ROUNDS

A line per receipt, written after the commit returned: `accepted ID`, `begun ID`, `on_wire ID`, `sent ID`.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from gatewayd.domain.message import Outcome
from gatewayd.domain.purpose import Basis, Purpose
from gatewayd.store.engine import Database
from gatewayd.store.outbox import Finished, NewMessage, Outbox, Wanted
from gatewayd.store.sims import Sims

PURPOSE = Purpose("events", "Events", Basis.LEGITIMATE_INTEREST)


def say(what: str, message_id: int) -> None:
    """One write: a line is there wholly, or not at all."""
    os.write(sys.stdout.fileno(), f"{what} {message_id}\n".encode())


def main(path: str, key: str, rounds: int) -> None:
    now = datetime.now(UTC)
    database = Database.open(Path(path), key=bytes.fromhex(key) or None)
    outbox = Outbox(database)
    sim_id = Sims(database).remember(iccid="8933", imsi="", name="s", pool="default", imei="", port="", now=now)
    wanted = Wanted(sim_id, "default", {"events": PURPOSE}, frozenset(), None, 9, True, "child/boot/1", 600.0)
    finished = None
    for number in range(rounds):
        message = NewMessage(f"+336399800{number % 100:02d}", "events", "t", "default", 5, "x" * 99, "gsm7", 1, now)
        [accepted] = outbox.accept(None, [message])
        say("accepted", accepted)
        previous = finished.work.message_id if finished is not None else None
        work = outbox.turn(finished, wanted, now)
        if previous is not None:
            say("sent", previous)
        assert work is not None
        say("begun", work.message_id)
        outbox.mark_on_wire(work, PURPOSE, now)
        say("on_wire", work.message_id)
        finished = Finished(work, Outcome.SENT, now, number % 256)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
