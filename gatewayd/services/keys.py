"""Requests that carry a key are carried out once: the same one is answered as the first time, for 30 days.

    request --digest--> known key?  no   the change + its receipt in one transaction -> answer
                                    yes  same request: the same answer; another one: KeyReused
                                    at work: KeyBusy

A crash leaves the change and its receipt, or neither, and the request may come again. What takes several transactions
keeps its receipt with the last of them, or behind it: interrupted, the request is carried out again, and finds what it
did before. What was refused leaves no receipt: the reason may be gone when it comes again.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy.engine import Connection

from gatewayd.clock import Clock
from gatewayd.errors import KeyBusy, KeyReused
from gatewayd.store.engine import Database
from gatewayd.store.receipts import Kept, Receipts

KEY_LIVES = timedelta(days=30)
_ACCEPTED = 202
"""The status of the receipts that name none: those of messages."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is told to who asked, as JSON; `again`: it was told before."""

    body: bytes
    status: int = _ACCEPTED
    again: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """What a receipt is about: the token, its key ("" without one), and what was asked for."""

    token_id: int
    key: str
    asked: bytes

    @property
    def sha256(self) -> bytes:
        """Of what was asked for."""
        return hashlib.sha256(self.asked).digest()


class Keys:
    """Used from any thread. Only this process answers requests, so that "at work" needs no lock of the database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._receipts, self._clock = database, Receipts(database), clock
        self._lock = threading.Lock()
        self._at_work: set[tuple[int, str]] = set()

    def once(self, request: Request, accept: Callable[[], Answer]) -> Answer:
        """The answer that was kept, or that of `accept`, which keeps it (`keep`). KeyReused, KeyBusy."""
        if not request.key:
            return accept()
        with self._alone(request):
            kept = self._receipts.find(request.token_id, request.key)
            if kept is None:
                return accept()
            if kept.request_sha256 != request.sha256:
                raise KeyReused
            return _unpacked(kept.answer)

    def keep(self, connection: Connection, request: Request, answer: Answer) -> None:
        """In the transaction of what was done."""
        if request.key:
            kept = Kept(request.sha256, _packed(answer))
            Receipts.add(connection, request.token_id, request.key, kept, self._clock.utc_now())

    def change(self, request: Request, act: Callable[[], Any], told: Callable[[Any], Answer | None]) -> Answer:
        """Have `act` change something once. `told` makes the answer of what was written, in its transaction (of what
        `act` returns, where nothing was); None: more is to come."""
        return self.once(request, partial(self._in_its_transaction, request, act, told))

    def change_at_length(self, request: Request, act: Callable[[], Answer]) -> Answer:
        """As `change`, for what takes several transactions: the receipt comes behind them."""
        return self.once(request, lambda: self._behind(request, act()))

    def _in_its_transaction(
        self, request: Request, act: Callable[[], Any], told: Callable[[Any], Answer | None]
    ) -> Answer:
        answer: Answer | None = None

        def also(connection: Connection, done: Any) -> None:
            nonlocal answer
            answer = told(done)
            if answer is not None:
                self.keep(connection, request, answer)

        with self._database.alongside(also):
            done = act()
        if answer is not None:
            return answer
        found = told(done)
        assert found is not None  # noqa: S101  (nothing was to be changed: no more is to come)
        return self._behind(request, found)

    def _behind(self, request: Request, answer: Answer) -> Answer:
        if request.key:
            self._database.write(lambda connection: self.keep(connection, request, answer))
        return answer

    def forget(self) -> int:
        """Let go of keys that are too old, by a clock that can be trusted; how many."""
        if not self._clock.trusted():
            return 0
        return self._receipts.forget(self._clock.utc_now() - KEY_LIVES)

    @contextmanager
    def _alone(self, request: Request) -> Iterator[None]:
        """One request at a time for each key."""
        one = (request.token_id, request.key)
        with self._lock:
            if one in self._at_work:
                raise KeyBusy
            self._at_work.add(one)
        try:
            yield
        finally:
            with self._lock:
                self._at_work.discard(one)


def _packed(answer: Answer) -> bytes:
    return answer.body if answer.status == _ACCEPTED else b"%d" % answer.status + answer.body


def _unpacked(kept: bytes) -> Answer:
    body = kept.lstrip(b"0123456789")
    return Answer(body, int(kept[: len(kept) - len(body)] or _ACCEPTED), again=True)
