"""All parts of a running gateway, built from the settings, started and stopped in order.

    start   database -> bell -> what the last life left -> lines -> chores -> drop folder -> receiving -> API ->
            webhooks
    stop    all are asked at once; the API, drop folder, chores, lines (a running submission ends) -> receiving ->
            webhooks -> bell -> database

`start` returns after recovery, so that READY is true when it is said. `stop` may be called again and again with a short
patience, until it says that all has ended. Used by `gatewayd run`, and by `demo` in its own process.
"""

from __future__ import annotations

import os
import secrets as random
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from gatewayd.clock import Clock
from gatewayd.config import FeedSettings, ModemSettings, Settings
from gatewayd.credentials import Credentials
from gatewayd.daemon.lock import this_boot
from gatewayd.daemon.rules import answers_of, house_of, interest_of, number_rules, reader_of, rules_of, space_of
from gatewayd.daemon.storage import REFUSED_PINS, database_key, log_key, open_database
from gatewayd.daemon.supervision import Task, Worker
from gatewayd.domain import template
from gatewayd.errors import ConfigurationError, StorageUnavailable, StoreError
from gatewayd.interfaces.dropfolder.contents import Feed
from gatewayd.interfaces.dropfolder.folder import SETTLE_SECONDS, DropFolder
from gatewayd.interfaces.dropfolder.notifier import Notifier
from gatewayd.interfaces.dropfolder.report import ReportStyle
from gatewayd.interfaces.dropfolder.reporter import Reporter
from gatewayd.interfaces.dropfolder.spool import Spool
from gatewayd.interfaces.eventhandler import EventHandler
from gatewayd.interfaces.incoming import IncomingFiles
from gatewayd.logs import Pseudonyms
from gatewayd.modem import simulator
from gatewayd.modem.notices import Notice
from gatewayd.modem.pin import PinGuard, RefusedPinsFile
from gatewayd.modem.session import Session, open_session
from gatewayd.services import wakeup
from gatewayd.services.dispatcher import Dispatcher, LineStatus
from gatewayd.services.line import Common, Opener
from gatewayd.services.receiving import Receiver
from gatewayd.services.reconciler import Reconciler
from gatewayd.services.releasing import CampaignRunner
from gatewayd.services.replies import Replies
from gatewayd.services.roster import Roster
from gatewayd.services.schedules import Schedules
from gatewayd.services.space import MIB
from gatewayd.services.tokens import colliding
from gatewayd.services.trail import HOURLY, Trail
from gatewayd.store.batches import Batches
from gatewayd.store.handler_calls import HandlerCalls
from gatewayd.store.inbox import Inbox
from gatewayd.store.outbox import Outbox, Recovery
from gatewayd.store.sims import Sims
from gatewayd.store.webhooks import Webhooks

if TYPE_CHECKING:
    from gatewayd.daemon.api import Api
    from gatewayd.daemon.webhooks import Couriers

log = structlog.get_logger(__name__)

GATEWAY = "local"
"""Its leases begin with this: the lock of the state directory says that an earlier life's are nobody's any more."""
POLL = 5.0
"""Seconds between two looks at the queue, for a ring that was lost."""
EXPIRE = 60.0
CLEAR = 3600.0
CAMPAIGNS = 2.0
LOOK_INTO_FOLDERS = 2.0
WATCH_SIMS = 5.0
TIDY = 600.0
PATIENCE_WITH_REPLIES = 300.0
"""Seconds that thousands of replies may take, with their files, on the slowest card."""
PATIENCE_WITH_HANDLER = 3600.0
"""Seconds that twenty calls of the event handler may take, each to its end: 120 s at most."""
PATIENCE_WITH_A_FILE = 900.0
"""Seconds that the largest file may take on the slowest card."""


class Gateway:
    """One gateway: its database, its lines, its feeds. `start` and `stop` belong to one thread."""

    def __init__(
        self, settings: Settings, secrets: Credentials, clock: Clock, *, settle: float = SETTLE_SECONDS
    ) -> None:
        self.settings, self._clock = settings, clock
        ways = openers(settings, secrets, clock)
        key = database_key(settings, secrets)
        self.database = open_database(settings, key, Pseudonyms(log_key(secrets)))
        self.outbox, self.space = Outbox(self.database), space_of(settings, clock)
        common = Common(
            outbox=self.outbox,
            sims=Sims(self.database),
            clock=clock,
            rules=rules_of(settings),
            roster=Roster(clock),
            lease=f"{GATEWAY}/{this_boot()}/{os.getpid()}-{random.token_hex(4)}",
            on_notice=_heard,
            receiver=self._make_receiver(),
            space=self.space,
        )
        self._disk = "ok"
        self._dispatcher = Dispatcher(ways, common)
        self._schedules = Schedules(clock)
        self._schedules.add("queue.poll", POLL, self._dispatcher.poll)
        self._schedules.add("queue.expire", EXPIRE, self._expire)
        self._schedules.add("incoming.clear", CLEAR, self._incoming.clear)
        self._campaigns = CampaignRunner(
            self.database, house_of(settings), clock, queued=self._dispatcher.wake, space=self.space
        )
        self._schedules.add("campaigns", CAMPAIGNS, self._campaigns.run_once)
        self._schedules.add("disk.watch", POLL, self._watch_the_disk)
        self._trail = Trail(self.database, clock)
        self._schedules.add("audit.anchor", HOURLY, self._trail.run_once)
        if again := frozenset(key for key, purpose in settings.purposes.items() if purpose.resend_unknown):
            self._schedules.add("unknown.resend", EXPIRE / 2, lambda: self._receiver.reconciler.resend(again))
        self._feeder = self._make_feeder(settle)
        self._caller = self._make_caller()
        task = Task("receiving", self._receive, PATIENCE_WITH_REPLIES, self._receiver.bell, close=self._receiver.close)
        self._receiving = Worker(task, clock)
        self._api = self._make_api()
        self._couriers = self._make_couriers(secrets)
        self._keep_what_happens()
        self._bell = wakeup.Listener(settings.state_directory / wakeup.SOCKET_NAME, self.wake)

    def _make_api(self) -> Api | None:
        """The HTTP API, where the configuration asks for it; elsewhere not even its libraries are loaded."""
        if self.settings.api is None:
            return None
        from gatewayd.daemon.api import Api  # noqa: PLC0415  (ten megabytes that only this asks for)

        api = Api(
            self.settings, self.database, self.space, self._clock, changed=self.wake, well=self.alive, lines=self.lines
        )
        self._schedules.add("receipts.forget", CLEAR, api.keys.forget)
        return api

    def _make_couriers(self, secrets: Credentials) -> Couriers | None:
        """Who tells other programs what happens, where the configuration names any."""
        if not self.settings.webhooks:
            return None
        from gatewayd.daemon import webhooks  # noqa: PLC0415  (TLS and HTTP, which only this asks for)

        return webhooks.Couriers(self.settings, secrets, self.database, self._clock)

    def _make_receiver(self) -> Receiver:
        """What becomes of messages and reports that come in."""
        settings, clock, inbox = self.settings, self._clock, Inbox(self.database)
        numbers = number_rules(settings)
        replies = Replies(
            self.database,
            read=reader_of(settings),
            numbers=numbers,
            answers=answers_of(settings),
            clock=clock,
            queued=self.wake,
        )
        reconciler = Reconciler(self.database, clock, queued=self.wake)
        days = settings.replies.files_days
        calls = self._calls = HandlerCalls(self.database) if settings.event_handler is not None else None
        self._incoming = IncomingFiles(
            settings.spool_directory, inbox, settings.timezone, clock, days=days, calls=calls
        )
        self._receiver = Receiver(inbox, replies, reconciler, country=settings.country, clock=clock)
        return self._receiver

    def _make_feeder(self, settle: float) -> Worker:
        """The drop folders, and the worker that looks into them."""
        settings, batches = self.settings, Batches(self.database)
        folders = [feed.folder for feed in settings.feeds]
        if settings.api is not None and (words := colliding(self.database, self._clock, folders)):
            raise ConfigurationError(words)
        style = ReportStyle(settings.organisation.language, settings.timezone)
        self._spool = Spool(settings.spool_directory, folders)
        self._reporter = Reporter(self._spool, batches, style, self._clock, handled=self._calls is not None)
        bell = threading.Event()
        self._notifier = Notifier(self._spool, bell)
        self._folders = DropFolder(
            self._spool,
            batches,
            [_feed(feed, settings) for feed in settings.feeds],
            numbers=number_rules(settings),
            style=style,
            clock=self._clock,
            settle=settle,
            space=self.space,
            handled=self._calls is not None,
            renamed=self._notifier.renamed,
        )
        look = partial(self._look_into_folders, min(LOOK_INTO_FOLDERS, settle))
        return Worker(Task("drop folder", look, PATIENCE_WITH_A_FILE, bell), self._clock)

    def _make_caller(self) -> tuple[EventHandler, Worker] | None:
        """The event handler, where there is one, and the worker that calls it."""
        wanted = self.settings.event_handler
        if wanted is None or self._calls is None:
            return None
        spool, timeout = self.settings.spool_directory, wanted.timeout
        handler = EventHandler(self._calls, spool, wanted.command, self._clock, timeout=timeout)
        task = Task("event handler", handler.run_once, PATIENCE_WITH_HANDLER, threading.Event())
        return handler, Worker(task, self._clock)

    def start(self) -> Recovery:
        """Recover, then start everything. StorageUnavailable: the database or a directory cannot be used."""
        try:
            self._spool.prepare()
            self._record_what_happens()
            self._bell.start()
            self._receiver.run_once()  # what the last life kept: a STOP among it comes before the first message
            if not self._clock.trusted():
                self._campaigns.shut()  # before a line could take an old window for an open one
            recovery = self._dispatcher.start()
            self._trail.started(requeued=recovery.requeued, unknown=recovery.unknown)
        except OSError as error:
            self._give_up()
            raise StorageUnavailable(f"{error.filename}: {error.strerror}") from error
        except StoreError:
            self._give_up()
            raise
        self._schedules.start()
        self._notifier.start()
        self._feeder.start()
        self._receiving.start()
        if self._caller is not None:
            self._caller[1].start()
        if self._api is not None:
            self._api.start()
        if self._couriers is not None:
            self._couriers.start()
        return recovery

    def _record_what_happens(self) -> None:
        """For other programs, before the first thing happens; where nobody is told any more, nothing of it stays."""
        urls = {one.name: one.url for one in self.settings.webhooks}
        store = Webhooks(self.database)
        for name, count in store.left_behind(urls).items():
            log.warning("webhook.left_behind", webhook=name, count=count)
        store.configure(urls, listeners=self._listened_to())

    def _listened_to(self) -> bool:
        return self.settings.api is not None and self.settings.api.events

    def _keep_what_happens(self) -> None:
        """What no trigger sees, and what has been told for long."""
        if not (self.settings.webhooks or self._listened_to()):
            return
        from gatewayd.services.webhooks import SimWatch, Tidying  # noqa: PLC0415  (only where somebody is told)

        interests = {one.name: interest_of(one) for one in self.settings.webhooks}
        self._schedules.add("sims.watch", WATCH_SIMS, SimWatch(self.database, self.lines, self._clock).run_once)
        self._schedules.add("happenings.tidy", TIDY, Tidying(self.database, interests, self._clock).run_once)

    def _expire(self) -> int:
        """No message is ended by a clock that may be wrong by years."""
        return self.outbox.expire(self._clock.utc_now()) if self._clock.trusted() else 0

    def _watch_the_disk(self) -> str:
        """Tell when room becomes scarce, and when there is enough again."""
        room = self.space.tightest()
        level, before = room.level if room is not None else "ok", self._disk
        if room is not None and level != before:
            self._disk = level
            facts = {"path": str(room.path), "free_mib": room.free // MIB, "least_mib": room.least // MIB}
            if level == "exhausted":
                log.error("disk.exhausted", **facts)
            elif level == "low":
                log.warning("disk.low", **facts, files=room.files)
            else:
                log.info("disk.enough", **facts)
                self.wake()
        return level

    def wake(self) -> None:
        """Something was accepted, or changed by the operator."""
        self._dispatcher.wake()

    def stop(self, patience: float) -> bool:
        """Let what runs come to its end; whether it has within about `patience` seconds. If not, call it again."""
        if self._api is not None:
            self._api.ask_to_stop()
        if self._couriers is not None:
            self._couriers.ask_to_stop()
        self._feeder.ask_to_stop()
        if self._caller is not None:
            self._caller[0].stop()
            self._caller[1].ask_to_stop()
        self._dispatcher.stop(0)  # asked at once, waited for below: no line begins another turn
        self._schedules.stop()
        if self._api is not None and not self._api.join(patience):
            return False
        if not (self._feeder.join(patience) and self._dispatcher.stop(patience)):
            return False
        self._receiving.ask_to_stop()  # last: the lines have handed over what they had
        if not (self._receiving.join(patience) and (self._caller is None or self._caller[1].join(patience))):
            return False
        if self._couriers is not None and not self._couriers.join(patience):
            return False
        self._notifier.stop()
        try:
            self._trail.stopped()
        except StoreError as error:
            log.warning("storage.unavailable", error=str(error))
        self._give_up()
        return True

    def _give_up(self) -> None:
        self._bell.stop()
        self.database.close()

    def alive(self) -> bool:
        """Whether every worker has turned as it should, and the database answers."""
        if self._api is not None and not self._api.alive:
            return False
        if not (self._dispatcher.alive() and self._schedules.alive() and self._feeder.alive and self._receiving.alive):
            return False
        if self._caller is not None and not self._caller[1].alive:
            return False
        if self._couriers is not None and not self._couriers.alive:
            return False
        return self._database_answers()

    def _database_answers(self) -> bool:
        try:
            with self.database.read() as connection:
                # Not SELECT 1: that would be answered without looking into the file.
                connection.execute(text("SELECT id FROM sims LIMIT 1")).first()
        except (StoreError, SQLAlchemyError) as error:
            log.warning("database.silent", error=str(error))
            return False
        return True

    def lines(self) -> list[LineStatus]:
        """Each port, in the order of the configuration."""
        return self._dispatcher.status()

    @property
    def crashes(self) -> int:
        """Turns that ended in a defect, since the start."""
        api = self._api.crashes if self._api is not None else 0
        api += self._couriers.crashes if self._couriers is not None else 0
        return api + self._feeder.crashes + self._receiving.crashes + sum(line.crashes for line in self.lines())

    def _receive(self) -> float:
        rest = self._receiver.run_once()
        self._incoming.run_once()
        return rest

    def _look_into_folders(self, interval: float) -> float:
        turn = self._folders.run_once()
        if turn.accepted:
            self._dispatcher.wake()
        self._reporter.run_once()
        return 0.0 if turn.more else interval


def openers(settings: Settings, secrets: Credentials, clock: Clock) -> Mapping[str, Opener]:
    """How to open each configured port. ConfigurationError: a PIN's credential is missing."""
    if any(modem.port.startswith("sim://") for modem in settings.modems):
        simulator.install()
    guard = PinGuard(RefusedPinsFile(settings.state_directory / REFUSED_PINS))
    return {modem.port: opener(modem, secrets, clock, guard) for modem in settings.modems}


def opener(modem: ModemSettings, secrets: Credentials, clock: Clock, guard: PinGuard) -> Opener:
    """How to open one port."""
    pin = secrets.text(modem.pin) if modem.pin is not None else None

    def open_(on_notice: Callable[[Notice], None]) -> Session:
        return open_session(
            modem.port, baudrate=modem.baudrate, pin=pin, clock=clock, pin_guard=guard, on_notice=on_notice
        )

    return open_


def _feed(feed: FeedSettings, settings: Settings) -> Feed:
    compiled = template.compile(feed.template) if feed.template is not None else None
    return Feed(feed.folder, settings.purposes[feed.purpose], compiled, feed.approval_required)


def _heard(sim_id: int, notice: Notice) -> None:
    """What a modem says by itself; its class only, for it may hold a number and a text."""
    log.debug("modem.notice", sim_id=sim_id, notice=type(notice).__name__)
