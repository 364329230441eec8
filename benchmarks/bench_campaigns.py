"""Campaigns of 50,000 people: what explain, release and cancel cost, and how long a STOP waits for the writer.

    python -m benchmarks.bench_campaigns [--quick] [--people 50000]

A real, encrypted file at full durability; contacts with fields, consents and numbers that belong to nobody (France has
10,000, Ireland 100,000). Beside the release another thread writes a STOP again and again, and says how long it waited.
`cancel` is measured to its commit, from which on nothing starts, and to the last message that says so.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gatewayd.clock import Clock, SystemClock
from gatewayd.domain.campaign import Audience, CampaignRules
from gatewayd.domain.field import Field, FieldType
from gatewayd.domain.lint import Sender
from gatewayd.domain.purpose import Basis, Limits, Purpose, SimSettings
from gatewayd.services.allowance import Rules
from gatewayd.services.audience import House
from gatewayd.services.campaigns import CampaignDesk
from gatewayd.services.explaining import explain
from gatewayd.services.intake import NumberRules
from gatewayd.services.releasing import CampaignRunner
from gatewayd.store import contacts
from gatewayd.store.campaigns import Campaigns, NewCampaign
from gatewayd.store.contacts import Person
from gatewayd.store.engine import Database
from gatewayd.store.people import NewConsent, People
from gatewayd.store.sims import Sims

EXPLAIN_SECONDS, EXPLAIN_MEBIBYTES = 10.0, 300.0
RELEASE_SECONDS, WRITER_SECONDS, CANCEL_SECONDS = 20.0, 0.2, 1.0
FIELDS = {
    "ville": Field("ville", FieldType.TEXT, "a"),
    "paye": Field("paye", FieldType.BOOLEAN, "b"),
    "adhesion": Field("adhesion", FieldType.DATE, "c"),
}
TEXT = (
    "Bonjour {{ prenom }}, la réunion de {{ ville }} est samedi à 15 h. Amicale. STOP : répondez STOP. CONTACT : nous"
)
SEGMENT = 'ville in ("Lyon", "Bron") and adhesion < 2027-01-01 and consented("info") and not written_since(30 days)'


def numbers(count: int) -> list[str]:
    found = [f"+3363998{index:04}" for index in range(min(count, 10_000))]
    found += [f"+353209{index:06}" for index in range(100_000, 100_000 + count - len(found))]
    random.Random(1).shuffle(found)  # noqa: S311  (the same order each time)
    return found


def fill(database: Database, count: int, clock: Clock) -> None:
    now, everybody = clock.utc_now(), numbers(count)
    people = [
        Person(number, f"Prénom{index}", f"Nom{index}", "fr", {"ville": ("Lyon", "Bron")[index % 2], "paye": True,
                                                              "adhesion": "2025-09-01"})
        for index, number in enumerate(everybody)
    ]  # fmt: skip
    database.write(lambda connection: contacts.write(connection, people, [], "bench", now))
    said = [NewConsent(number, "info", "paper", now - timedelta(days=1), "bench") for number in everybody]
    People(database).record_consents(said, now)


def house() -> House:
    purpose = Purpose("info", "Informations", Basis.CONSENT)
    sims = [SimSettings(f"sim{n}", iccid=f"893300000000000000{n}", limits=Limits(per_minute=12)) for n in range(4)]
    numbers_ = NumberRules("FR", frozenset({"FR", "IE"}), frozenset())
    rules = Rules({"info": purpose}, ZoneInfo("Europe/Paris"), sims)
    sender = Sender("Amicale", "rgpd@example.org", "https://example.org")
    return House(sender, rules, numbers_, FIELDS, {}, CampaignRules(approvals=0))


class Waiting:
    """Somebody who writes a STOP again and again while the work goes on."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._people, self._clock = People(database), clock
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.longest, self.count = 0.0, 0

    def __enter__(self) -> Waiting:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(0.05):
            begun = time.perf_counter()
            self._people.add_optout(
                f"+33639989{self.count % 1000:03}", origin="bench", by="b", at=self._clock.utc_now()
            )
            self.longest, self.count = max(self.longest, time.perf_counter() - begun), self.count + 1


def timed(function: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - wall, time.process_time() - cpu


def measure(count: int) -> None:
    """In a process of its own; figures as JSON."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    took: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        database, clock, rules = Database.open(Path(folder) / "g.db", key=bytes(32)), SystemClock(), house()
        for sim in rules.sending.sims:
            Sims(database).remember(
                iccid=sim.iccid, imsi="", name=sim.name, pool="default", imei="", port="", now=clock.utc_now()
            )
        fill(database, count, clock)
        desk, runner = CampaignDesk(database, rules, clock), CampaignRunner(database, rules, clock)
        new = NewCampaign("big", "info", TEXT, Audience.SEGMENT, SEGMENT, "", 5, "bench")
        campaign = desk.create(new)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        took["explain"], took["explain_cpu"] = timed(lambda: explain(database, rules, campaign, clock))
        took["peak"], took["before"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, before
        desk.skip_test("big", "bench", "bench")
        desk.start("big", "bench")
        with Waiting(database, clock) as somebody:
            took["release"], took["release_cpu"] = timed(lambda: runner.run_once(3600))
        took["longest"], took["stops"] = somebody.longest, somebody.count
        took["made"] = sum(campaign.run for campaign in Campaigns(database).list()) and count
        with Waiting(database, clock) as somebody:
            took["cancel"], _ = timed(lambda: desk.cancel("big", "bench"))
            took["settle"], _ = timed(lambda: runner.run_once(3600))
        took["longest_cancel"] = somebody.longest
        database.close()
    print(json.dumps(took))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--quick", action="store_true", help="a tenth of the people")
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
        return 0
    count = options.people // 10 if options.quick else options.people
    command = [sys.executable, __file__, "--measure", str(count)]
    took = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])
    share = count / 50_000
    rows = [
        ("explain", took["explain"], EXPLAIN_SECONDS * share, "s"),
        ("explain, CPU", took["explain_cpu"], None, "s"),
        ("explain, most memory", took["peak"], EXPLAIN_MEBIBYTES, "MiB"),
        ("release", took["release"], RELEASE_SECONDS * share, "s"),
        ("release, CPU", took["release_cpu"], None, "s"),
        ("a STOP waits meanwhile", took["longest"], WRITER_SECONDS, "s"),
        ("cancel, until nothing starts", took["cancel"], CANCEL_SECONDS, "s"),
        ("cancel, until each message says so", took["settle"], None, "s"),
        ("a STOP waits meanwhile", took["longest_cancel"], WRITER_SECONDS, "s"),
    ]
    print(f"{format(count, ',') + ' people':36}{'measured':>10}{'at most':>10}")
    good = True
    for name, value, most, unit in rows:
        good = good and (most is None or value <= most)
        print(f"{name:36}{value:10.3f}{'' if most is None else format(most, '.1f'):>10} {unit}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
