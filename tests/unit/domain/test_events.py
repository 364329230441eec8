"""What other programs are told, and which event is a message's last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gatewayd.domain.events import HEARD_BY, TOLD_STATES, Happening, happening, is_final
from gatewayd.domain.message import FINAL_STATES, TRANSITIONS, MessageState
from gatewayd.services.reconciler import PATIENCE, WINDOW

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
S = MessageState


def test_names_of_message_events_are_the_states() -> None:
    told = {name.removeprefix("message.") for name in Happening if name.about == "message"}
    assert told == {str(state) for state in MessageState} - {"scheduled", "sending"}
    assert {str(name) for name in TOLD_STATES.values()} == {f"message.{state}" for state in told}


def test_a_wait_for_the_network_is_no_event() -> None:
    assert happening(S.SENDING, S.QUEUED) is None
    assert happening(S.QUEUED, S.SENDING) is None
    assert happening(S.QUEUED, S.QUEUED) is None
    assert happening(S.UNKNOWN, S.QUEUED) is happening(None, S.QUEUED) is Happening.QUEUED


@pytest.mark.parametrize("gives_reports", [True, False])
@pytest.mark.parametrize("state", [state for state in MessageState if state is not S.SENT])
def test_only_a_state_without_following_ones_is_final(state: MessageState, gives_reports: bool) -> None:
    final = is_final(state, sent_at=NOW - timedelta(days=9), gives_reports=gives_reports, now=NOW)
    assert final is (not TRANSITIONS[state]) is (state in FINAL_STATES)


def test_sent_is_final_where_no_report_can_come() -> None:
    assert not is_final(S.SENT, sent_at=NOW, gives_reports=True, now=NOW)
    assert is_final(S.SENT, sent_at=NOW, gives_reports=False, now=NOW)
    assert not is_final(S.SENT, sent_at=NOW - HEARD_BY + timedelta(seconds=1), gives_reports=True, now=NOW)
    assert is_final(S.SENT, sent_at=NOW - HEARD_BY, gives_reports=True, now=NOW)


def test_no_report_is_matched_after_that() -> None:
    assert HEARD_BY >= WINDOW + PATIENCE
