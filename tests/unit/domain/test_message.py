"""The table of transitions agrees with its drawing and has no dead end."""

from __future__ import annotations

import re

from gatewayd.domain import message
from gatewayd.domain.message import FINAL_STATES, INITIAL_STATES, TRANSITIONS, MessageState, may_follow


def test_every_state_has_a_row() -> None:
    assert set(TRANSITIONS) == set(MessageState)


def test_every_state_is_drawn() -> None:
    drawn = set(re.findall(r"[a-z]+", (message.__doc__ or "").split("The code asks")[0]))
    assert {str(state) for state in MessageState} <= drawn


def test_every_state_can_be_reached() -> None:
    reached = set(INITIAL_STATES)
    while grown := {f for state in reached for f in TRANSITIONS[state]} - reached:
        reached |= grown
    assert reached == set(MessageState)


def test_what_has_ended_stays_ended() -> None:
    assert {"delivered", "undelivered", "failed", "blocked", "canceled", "expired"} == FINAL_STATES


def test_a_sent_message_never_goes_back_to_the_queue() -> None:
    assert not may_follow(MessageState.SENT, MessageState.QUEUED)
    assert not may_follow(MessageState.SENT, MessageState.SENDING)
