"""What the network says later: delivered or not, and what became of a message whose answer never came."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from structlog.testing import capture_logs

from gatewayd.domain.purpose import Basis, Limits, MessageClass, Purpose
from gatewayd.errors import StorageUnavailable
from gatewayd.interfaces.dropfolder import sentences
from gatewayd.services.hearsay import LONG_AGO, gives_none
from gatewayd.store import reports, unknowns
from gatewayd.store.outbox import Resolution
from gatewayd.store.unknowns import Unknowns
from tests.scenarios.receiving import ReceivingWorld, deliver, report
from tests.scenarios.world import EVENTS, FakeClock, number

Make = Callable[..., ReceivingWorld]
WHO, ANSWER_LOST = number(1), "answer-lost"
SILENT = "&report=0"
LONG = "Bonjour à tous, la réunion du quartier aura lieu samedi. " * 5  # two parts


def sent(world: ReceivingWorld, text: str = "Bonjour", who: str = WHO) -> int:
    (message,) = world.accept(who, text=text)
    world.settle()
    assert world.state(message) == "sent"
    return message


def reference(world: ReceivingWorld, message: int, part: int = 1) -> int:
    found = world.outbox.attempts(message)[part - 1].reference
    assert found is not None
    return found


def tell(world: ReceivingWorld, who: str, mr: int, status: int = 0) -> None:
    world.hand_over("a", report(who, mr, status, at=world.clock.now))
    world.turn()


@pytest.mark.parametrize(
    ("status", "state"), [(0x00, "delivered"), (0x02, "delivered"), (0x22, "sent"), (0x46, "undelivered")]
)
def test_the_three_classes_of_a_status(make: Make, status: int, state: str) -> None:
    world = make(options=SILENT)
    message = sent(world)
    tell(world, WHO, reference(world, message), status)
    assert world.state(message) == state


def test_still_trying_then_delivered(make: Make) -> None:
    world = make(options=SILENT)
    message = sent(world)
    for status in (0x30, 0x00, 0x46):
        tell(world, WHO, reference(world, message), status)
    assert world.state(message) == "delivered"


def test_all_parts_must_have_their_report(make: Make) -> None:
    world = make(options=SILENT)
    message = sent(world, LONG)
    tell(world, WHO, reference(world, message, 2))
    assert world.state(message) == "sent"
    tell(world, WHO, reference(world, message, 1))
    assert world.state(message) == "delivered"


@pytest.mark.parametrize("shown", [WHO.removeprefix("+"), "0" + WHO.removeprefix("+33"), "00" + WHO.removeprefix("+")])
def test_a_number_in_whatever_form(make: Make, shown: str) -> None:
    world = make(options=SILENT)
    message = sent(world)
    tell(world, shown, reference(world, message))
    assert world.state(message) == "delivered"


def test_a_report_for_another_number_or_reference_changes_nothing(make: Make) -> None:
    world = make(options=SILENT)
    message = sent(world)
    tell(world, number(2), reference(world, message))
    tell(world, WHO, reference(world, message) + 1)
    assert world.state(message) == "sent"


@pytest.mark.usefixtures("quick")
def test_a_report_twice_settles_no_other_to_the_same_person(make: Make) -> None:
    world = make(options=SILENT)
    message = sent(world)
    tell(world, WHO, reference(world, message))
    other = unknown(world)
    for status in (0x00, 0x01):
        tell(world, WHO, reference(world, message), status)
    assert (world.state(message), world.state(other)) == ("delivered", "unknown")


def test_the_newest_of_two_with_the_same_reference(make: Make) -> None:
    world = make(options=SILENT)
    old = sent(world)
    world.sims["a"].card.last_reference = (reference(world, old) - 1) % 256
    world.clock.advance(3600)
    new = sent(world)
    assert reference(world, new) == reference(world, old)
    tell(world, WHO, reference(world, new))
    assert (world.state(old), world.state(new)) == ("sent", "delivered")
    world.clock.advance(60)
    tell(world, WHO, reference(world, old))
    assert world.state(old) == "delivered"


def test_a_report_before_the_submission_is_recorded_waits_for_it(make: Make) -> None:
    world = make(options=SILENT)
    mr = (world.sims["a"].card.last_reference + 1) % 256
    tell(world, WHO, mr)
    message = sent(world)
    assert reference(world, message) == mr
    world.clock.advance(5)
    world.receiver.run_once()
    assert world.state(message) == "delivered"


def test_a_report_for_nothing_is_given_up_in_the_end(make: Make) -> None:
    world = make(options=SILENT)
    tell(world, WHO, 77)
    assert len(world.inbox.new("report", 10)) == 1
    world.clock.advance(16 * 60)
    world.receiver.run_once()
    assert world.inbox.new("report", 10) == []


def test_a_report_for_nothing_does_not_wait_for_a_clock_that_was_put_back(make: Make) -> None:
    world = make(options=SILENT)
    tell(world, WHO, 9)
    assert len(world.inbox.new("report", 10)) == 1
    world.clock.now -= timedelta(days=300)
    world.turn()
    assert world.inbox.new("report", 10) == []


def test_a_stored_report(make: Make) -> None:
    world = make(options="&report=0&cnmi_refuse=2,1,0,1,0&manufacturer=Any&model=Thing")
    message = sent(world)
    world.put("a", report(WHO, reference(world, message), at=world.clock.now), memory="SR")
    world.turn()
    assert world.state(message) == "delivered"
    assert world.stored("a", "SR") == 0


def unknown(world: ReceivingWorld, who: str = WHO, text: str = "Bonjour") -> int:
    """A message whose answer never came."""
    world.sims["a"].arm(ANSWER_LOST)
    (message,) = world.accept(who, text=text)
    world.settle()
    assert world.state(message) == "unknown"
    return message


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("status", "state"), [(0, "delivered"), (0x46, "undelivered"), (0x22, "sent")])
def test_a_report_resolves_the_one_unknown_outcome(make: Make, status: int, state: str) -> None:
    world = make(options=SILENT)
    message = unknown(world)
    tell(world, WHO, world.sims["a"].card.last_reference, status)
    assert world.state(message) == state
    assert world.outbox.attempts(message)[0].resolved_by == "status_report"
    world.agree()


@pytest.mark.usefixtures("quick")
def test_two_unknown_outcomes_stay_unknown(make: Make) -> None:
    world = make(options=SILENT)
    messages = [unknown(world, text=text) for text in ("Un", "Deux")]
    tell(world, WHO, world.sims["a"].card.last_reference)
    assert [world.state(message) for message in messages] == ["unknown", "unknown"]


@pytest.mark.usefixtures("quick")
def test_a_report_about_what_the_operator_vouched_for_settles_no_other(make: Make) -> None:
    world = make(options=SILENT)
    vouched, other = [unknown(world, text=text) for text in ("Un", "Deux")]
    world.outbox.resolve(vouched, Resolution.AS_SENT, world.clock.now)
    tell(world, WHO, world.sims["a"].card.last_reference)
    assert (world.state(vouched), world.state(other)) == ("sent", "unknown")


@pytest.mark.usefixtures("quick")
def test_a_service_centre_an_hour_off_and_one_a_day_off(make: Make) -> None:
    world = make(options=SILENT)
    message = unknown(world)
    mr = world.sims["a"].card.last_reference
    for wrong in (timedelta(days=1), timedelta(days=-1)):
        world.hand_over("a", report(WHO, mr, at=world.clock.now + wrong))
        world.turn()
    assert world.state(message) == "unknown"
    world.hand_over("a", report(WHO, mr, at=world.clock.now + timedelta(hours=1)))
    world.turn()
    assert world.state(message) == "delivered"


@pytest.mark.usefixtures("quick")
def test_a_late_answer_resolves_it_and_the_other_parts_go_on(make: Make) -> None:
    world = make(options=SILENT)
    message = unknown(world, text=LONG)
    mr = world.sims["a"].card.last_reference
    world._heard("a", lambda: world.sims["a"].urc(f"+CMGS: {mr}"))
    world.turn()
    assert world.state(message) == "sent"
    first = world.outbox.attempts(message)[0]
    assert (first.reference, first.resolved_by) == (mr, "late_answer")
    world.agree()


@pytest.mark.usefixtures("quick")
def test_every_unknown_is_resolved_when_the_network_reports(make: Make) -> None:
    # The simulated service centre knows the true time only.
    world = make(options="&report_delay=0.5", clock=FakeClock(datetime.now(UTC)))
    messages: list[int] = []
    for n in range(3):
        world.await_report(partial(lambda who: messages.append(unknown(world, who)), number(n)))
    world.turn()
    assert [world.state(message) for message in messages] == ["delivered"] * 3


# -- answers that come late, and what they find then


def late(world: ReceivingWorld, line: str) -> list[str]:
    """The modem says something when nobody waits for it any more."""
    world._heard("a", lambda: world.sims["a"].urc(line))
    return world.turn()


def resent(world: ReceivingWorld, message: int) -> None:
    """The operator has it sent again; no line has had its turn yet."""
    world.outbox.resolve(message, Resolution.RESEND, world.clock.utc_now())


def outcomes(world: ReceivingWorld, message: int) -> list[tuple[str | None, str | None, str | None]]:
    return [(one.outcome, one.resolved_by, one.resent_by) for one in world.outbox.attempts(message)]


@pytest.mark.usefixtures("quick")
def test_a_late_answer_after_the_clock_was_put_back_is_of_the_last_all_the_same(make: Make) -> None:
    world = make(options=SILENT)
    first = unknown(world)
    world.clock.now -= timedelta(minutes=20)
    world.settle()
    world.clock.advance(11)  # it rests after such a thing
    last = unknown(world, number(2))
    late(world, f"+CMGS: {world.sims['a'].card.last_reference}")
    assert (world.state(first), world.state(last)) == ("unknown", "sent")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("minutes", "state"), [(55, "sent"), (65, "unknown")])
def test_after_an_hour_an_answer_is_no_late_one(make: Make, minutes: int, state: str) -> None:
    world = make(options=SILENT)
    message = unknown(world)
    world.clock.advance(60 * minutes)
    late(world, f"+CMGS: {world.sims['a'].card.last_reference}")
    assert world.state(message) == state


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("code", "state", "waits"),
    [("1", "failed", 0), ("38", "queued", 60), ("42", "queued", 60), ("8", "queued", 60), ("500", "unknown", 0)],
)
def test_a_late_refusal_is_a_known_outcome(make: Make, code: str, state: str, waits: int) -> None:
    world = make(options=SILENT, limits=Limits(per_day=5))
    world.sims["a"].arm("cms;code=500;at=body")  # so late that nobody waits for it: nothing reached the network
    world.sims["a"].arm(ANSWER_LOST)
    (message,) = world.accept(WHO)
    world.settle()
    assert world.state(message) == "unknown"
    late(world, f"+CMS ERROR: {code}")
    assert world.state(message) == state
    outcome = world.outbox.attempts(message)[0]
    known = state != "unknown"
    assert (outcome.outcome, outcome.resolved_by) == (("refused", "late_answer") if known else ("unknown", None))
    assert world.left("per_day") == (5 if known else 4), "what the network did not take counts for nothing"
    if waits:
        world.advance(waits)
        assert (world.state(message), len(world.ledger)) == ("sent", 1)


def full(*_of: object) -> int:
    raise StorageUnavailable("no room")


@pytest.mark.usefixtures("quick")
def test_what_was_refused_late_is_given_back_once_though_the_line_begins_anew(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make(options=SILENT, limits=Limits(per_day=5))
    sent(world, who=number(2))
    world.sims["a"].arm("cms;code=500;at=body")
    unknown(world)
    world.put("a", deliver(WHO, "Bonjour"))
    world._heard("a", lambda: world.sims["a"].urc("+CMS ERROR: 1"))
    with monkeypatch.context() as patch:
        patch.setattr(world.inbox, "keep", full)
        assert world.lines["a"].run_once().event == "storage"
    world.lines["a"].crashed(OSError())
    world.turn()
    assert world.left("per_day") == 4


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("held", [False, True])
def test_a_late_answer_before_the_resend_has_begun_calls_it_off(make: Make, held: bool) -> None:
    world = make(options=SILENT)
    message = unknown(world)
    mr = world.sims["a"].card.last_reference
    resent(world, message)
    if held:
        world.outbox.hold(message, world.clock.utc_now())
    late(world, f"+CMGS: {mr}")
    assert (world.state(message), len(world.ledger)) == ("sent", 1)
    assert outcomes(world, message) == [("sent", "late_answer", "operator")]
    assert world.outbox.attempts(message)[0].reference == mr


@pytest.mark.usefixtures("quick")
def test_a_late_answer_before_the_first_octet_of_the_resend_calls_it_off(make: Make) -> None:
    world = make(options=SILENT)
    message = unknown(world)
    mr = world.sims["a"].card.last_reference
    mark = world.outbox.mark_on_wire

    def too_late(*of: object) -> None:
        world.outbox.mark_on_wire = mark  # type: ignore[method-assign]  # once
        world.reconciler.late_reference(world.common.sims.list()[0].id, mr)
        mark(*of)  # type: ignore[arg-type]  # as it was called

    world.outbox.mark_on_wire = too_late  # type: ignore[method-assign, assignment]  # the moment between prompt and mark
    resent(world, message)
    world.wake()
    assert "lost" in world.turn()
    assert (world.state(message), len(world.ledger)) == ("sent", 1)
    assert [one[0] for one in outcomes(world, message)] == ["sent", "refused"]
    assert sent(world, who=number(2)), "the line goes on"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("status", "state"), [(0, "delivered"), (0x46, "sent")])
def test_a_report_about_the_first_after_the_resend_was_sent(make: Make, status: int, state: str) -> None:
    world = make(options=SILENT, limits=Limits(per_day=5))
    message = unknown(world)
    first = world.sims["a"].card.last_reference
    resent(world, message)
    world.wake()
    world.turn()
    assert (world.state(message), len(world.ledger)) == ("sent", 2)
    tell(world, WHO, first, status)
    assert world.state(message) == state
    assert outcomes(world, message) == [("sent", "status_report", "operator"), ("sent", None, None)]
    assert world.left("per_day") == 3, "both went out, and both count"
    if state == "sent":  # the other one may still arrive
        tell(world, WHO, reference(world, message, 2), 0)
        assert world.state(message) == "delivered"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("fault", [ANSWER_LOST, "cms;code=1;at=body", "cms;code=38;at=body"])
@pytest.mark.parametrize("early", [False, True])
def test_a_resend_that_fails_takes_nothing_back(make: Make, fault: str, early: bool) -> None:
    """The first one did go out, and its report comes before the resend's outcome is recorded, or after it."""
    world = make(options=SILENT)
    message = unknown(world)
    first, turn = world.sims["a"].card.last_reference, world.outbox.turn

    def reported(finished: object, *of: object) -> object:
        if finished is not None and early:
            late_reference = world.sims["a"].card.last_reference
            assert world.reconciler.late_reference(1, late_reference) is False, "the second is being answered"
            with world.db.read() as connection:
                last, before = reports.newest(connection, 1, limit=2)
            assert (last.outcome, before.outcome) == (None, "unknown")
            world.db.write(lambda c: unknowns.sent(c, before, first, by="status_report", now=world.clock.now))
        return turn(finished, *of)  # type: ignore[arg-type]  # as it was called

    resent(world, message)
    world.sims["a"].arm(fault)
    world.outbox.turn = reported  # type: ignore[method-assign, assignment]  # the moment before it is recorded
    world.wake()
    world.turn()
    if not early:
        assert world.state(message) == ("queued" if "38" in fault else "unknown")
        tell(world, WHO, first)
    assert world.state(message) == ("sent" if early else "delivered")
    assert outcomes(world, message)[0] == ("sent", "status_report", "operator")
    world.advance(20 * 60)
    world.turn()
    assert world.state(message) in ("sent", "delivered")
    assert len(world.ledger) <= 2


# -- an alert that may be sent again without being asked for

ALERT = Purpose("alert", "Alertes", Basis.VITAL_INTEREST, MessageClass.ALERT, resend_unknown=True)
AGAIN = frozenset({"alert"})


def alarmed(world: ReceivingWorld) -> int:
    world.sims["a"].arm(ANSWER_LOST)
    (message,) = world.accept(WHO, purpose="alert")
    world.settle()
    assert world.state(message) == "unknown"
    return message


@pytest.mark.usefixtures("quick")
def test_an_alert_that_nobody_can_tell_of_is_sent_again_once_and_listed(make: Make) -> None:
    world = make(options=SILENT, purposes=[EVENTS, ALERT])
    other, message = unknown(world, number(2)), alarmed(world)
    world.clock.advance(4 * 60)
    assert world.reconciler.resend(AGAIN) == 0, "the ladder has its time"
    world.clock.advance(61)
    with capture_logs() as logs:
        assert world.reconciler.resend(AGAIN) == 1
    (said,) = [one for one in logs if one["event"] == "outcome.resent"]
    assert (said["log_level"], said["message"]) == ("warning", message)
    world.sims["a"].arm(ANSWER_LOST)
    world.turn()
    assert (world.state(other), world.state(message)) == ("unknown", "unknown")
    assert outcomes(world, message) == [("unknown", "purpose", "purpose"), ("unknown", None, None)]
    world.clock.advance(3600)
    assert world.reconciler.resend(AGAIN) == 0, "once"
    assert len(world.ledger) == 3


@pytest.mark.usefixtures("quick")
def test_an_alert_sent_twice_says_so_wherever_it_is_listed(make: Make) -> None:
    world = make(options=SILENT, purposes=[EVENTS, ALERT])
    message = alarmed(world)
    world.clock.advance(301)
    world.reconciler.resend(AGAIN)
    world.turn()
    found = world.outbox.get(message)
    assert found is not None
    assert (found.state, found.reason) == ("sent", "resent")
    assert "reçu deux fois" in sentences.of_message(found.state, found.reason, "fr")


@pytest.mark.usefixtures("quick")
def test_a_report_in_time_keeps_an_alert_from_being_sent_again(make: Make) -> None:
    world = make(options=SILENT, purposes=[EVENTS, ALERT])
    message = alarmed(world)
    tell(world, WHO, world.sims["a"].card.last_reference)
    world.clock.advance(3600)
    assert world.reconciler.resend(AGAIN) == 0
    found = world.outbox.get(message)
    assert found is not None
    assert (found.state, found.reason, len(world.ledger)) == ("delivered", "", 1)


@pytest.mark.usefixtures("quick")
def test_an_opt_out_keeps_an_alert_from_being_sent_again(make: Make) -> None:
    world = make(options=SILENT, purposes=[EVENTS, ALERT])
    message = alarmed(world)
    world.people.add_optout(WHO, origin="stop", by="test", at=world.clock.now)
    world.clock.advance(301)
    world.reconciler.resend(AGAIN)
    world.turn()
    assert (world.state(message), len(world.ledger)) == ("blocked", 1)


# -- a modem that never reports


def test_a_modem_that_never_reports_is_known_as_such(make: Make) -> None:
    world = make(options=SILENT)
    unseen = Unknowns(world.db)
    for n in range(6):
        sent(world, who=number(n))
    assert unseen.heard(1, world.clock.now).reported == 0
    assert not gives_none(unseen.heard(1, world.clock.now - LONG_AGO)), "they may still come"
    world.clock.advance(LONG_AGO.total_seconds() + 1)
    assert gives_none(unseen.heard(1, world.clock.now - LONG_AGO))
    tell(world, number(2), 2)
    assert not gives_none(unseen.heard(1, world.clock.now - LONG_AGO)), "one is enough"


@pytest.mark.usefixtures("quick")
def test_what_is_unknown_is_listed_with_its_part_and_since_when(make: Make) -> None:
    world = make(options=SILENT)
    message = unknown(world, text=LONG)
    (listed,) = Unknowns(world.db).list(10)
    assert (listed.id, listed.part, listed.parts, listed.cause) == (message, 1, 2, "gatewayd:timeout")
    assert listed.since == world.outbox.attempts(message)[0].on_wire_at
    resent(world, message)
    assert Unknowns(world.db).list(10) == []
