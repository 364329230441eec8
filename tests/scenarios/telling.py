"""A world whose happenings are told to real receivers, by couriers that the test turns."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from gatewayd.clock import SystemClock
from gatewayd.domain.events import Happening
from gatewayd.domain.webhooks import Answer, place_of
from gatewayd.interfaces.webhooks import Sender, Target
from gatewayd.services.dispatcher import LineStatus
from gatewayd.services.webhooks import Courier, Endpoint, Tidying
from gatewayd.store.happenings import Happenings, Interest, Occurrence
from gatewayd.store.webhooks import Condition, Counts, Webhooks
from tests.receiver import SECRET, Receiver
from tests.scenarios.receiving import ReceivingWorld

ALL = Interest(frozenset(Happening))


class TellingWorld(ReceivingWorld):
    """`hear` adds an endpoint; `tell` gives the couriers their turns until they rest."""

    def __init__(self, directory: Path, *names: str, **how: object) -> None:
        super().__init__(directory, *(names or ("a",)), **how)
        self.endpoints: dict[str, tuple[Receiver, Endpoint]] = {}
        self.couriers: dict[str, Courier] = {}
        self.turn()

    @property
    def webhooks(self) -> Webhooks:
        return Webhooks(self.db)

    @property
    def happenings(self) -> Happenings:
        return Happenings(self.db)

    def hear(self, name: str = "app", interest: Interest = ALL) -> Receiver:
        """A receiver that is told from now on."""
        receiver = Receiver()
        # The signature bears the machine's own time: the receiver would refuse that of the story.
        sender = Sender(Target(place_of(receiver.url), [SECRET]), SystemClock(), time_out=5)
        self.endpoints[name] = receiver, Endpoint(name, interest, sender)
        self.record()
        return receiver

    def record(self) -> None:
        """What the daemon does when it starts."""
        self.webhooks.configure({name: receiver.url for name, (receiver, _) in self.endpoints.items()})
        self.couriers = {name: Courier(endpoint, self.db, self.clock) for name, (_, endpoint) in self.endpoints.items()}

    def until(self, done: Callable[[], bool]) -> None:
        """The network's reports come when they come: take them in until this is so."""
        deadline = time.monotonic() + 30
        self.turn()
        while not done():
            assert time.monotonic() < deadline, self.states()
            self.receiver.bell.wait(0.5)
            self.swept()

    def tell(self, *names: str) -> None:
        for name in names or self.couriers:
            while not self.couriers[name].run_once():
                pass

    def tidy(self) -> None:
        Tidying(
            self.db, {name: endpoint.interest for name, (_, endpoint) in self.endpoints.items()}, self.clock
        ).run_once()

    def statuses(self) -> list[LineStatus]:
        """As the dispatcher has them."""
        return [LineStatus(line.port, *line.status, crashes=0) for line in self.lines.values()]

    def condition(self, name: str = "app") -> Condition:
        found = self.webhooks.condition(name)
        assert found is not None
        return found

    def counts(self, name: str = "app") -> Counts:
        return self.webhooks.counts(name, self.endpoints[name][1].interest)

    def happened(self) -> list[Occurrence]:
        return self.happenings.following(0, ALL, 10_000)

    def close(self) -> None:
        for receiver, _ in self.endpoints.values():
            receiver.close()
        super().close()


__all__ = ["ALL", "Answer", "TellingWorld"]
