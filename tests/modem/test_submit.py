"""Submitting one PDU: what each thing that may happen makes of it, over each kind of line."""

from __future__ import annotations

import threading

import pytest

from gatewayd.errors import CauseClass, ModemAbsent, NotSubmitted, OutcomeUnknown, StorageUnavailable, SubmissionRefused
from gatewayd.modem.notices import LateReference, LateRefusal, MessageStored
from gatewayd.modem.session import Session
from tests.modem.conftest import Notices, Pdu, nothing, open_on
from tests.modem.scripted import OK, PATIENCE, ScriptedModem, info, scripted


def test_the_reference_comes_back_and_the_pdu_went_out_once(session: Session, modem: ScriptedModem) -> None:
    assert session.submit(Pdu(), nothing) == 7
    assert modem.heard == ["AT+CMGS=18", "PDU"]
    assert modem.pdus == [Pdu().hex]


def test_the_mark_is_made_between_the_prompt_and_the_pdu(session: Session, modem: ScriptedModem) -> None:
    heard_at_the_mark: list[list[str]] = []
    session.submit(Pdu(), lambda: heard_at_the_mark.append([*modem.heard, *modem.pdus]))
    assert heard_at_the_mark == [["AT+CMGS=18"]]


def test_a_prompt_without_its_blank_is_a_prompt(session: Session, modem: ScriptedModem) -> None:
    modem.answers["AT+CMGS="] = "\r\n>"
    assert session.submit(Pdu(), nothing) == 7


def test_a_mark_that_fails_leaves_the_prompt_and_nothing_is_sent(session: Session, modem: ScriptedModem) -> None:
    def full() -> None:
        raise StorageUnavailable

    with pytest.raises(StorageUnavailable):
        session.submit(Pdu(), full)
    assert modem.pdus == []
    assert modem.escapes > 0
    assert session.submit(Pdu(), nothing) == 7


@pytest.mark.parametrize(
    ("answer", "code", "kind"),
    [
        ("\r\n+CMS ERROR: 38\r\n", "cms:38", CauseClass.NETWORK),
        ("\r\n+CMS ERROR:330\r\n", "cms:330", CauseClass.SIM),
        ("\r\n+CMS ERROR: SIM busy\r\n", "cms:314", CauseClass.MODEM),
        ("\r\n+CME ERROR: 30\r\n", "cme:30", CauseClass.NETWORK),
        ("\r\n+CMS ERROR: 500\r\n", "cms:500", CauseClass.MODEM),
        ("\r\nERROR\r\n", "gatewayd:error", CauseClass.MODEM),
    ],
)
def test_a_refused_pdu_tells_its_cause(
    session: Session, modem: ScriptedModem, answer: str, code: str, kind: CauseClass
) -> None:
    modem.answers["PDU"] = answer
    with pytest.raises(SubmissionRefused) as refused:
        session.submit(Pdu(), nothing)
    assert (refused.value.cause.code, refused.value.cause.kind) == (code, kind)


@pytest.mark.parametrize("code", [332, 513, 127, 197])
def test_codes_that_leave_it_open_are_unknown(session: Session, modem: ScriptedModem, code: int) -> None:
    modem.answers["PDU"] = f"\r\n+CMS ERROR: {code}\r\n"
    with pytest.raises(OutcomeUnknown) as unknown:
        session.submit(Pdu(), nothing)
    assert unknown.value.cause.code == f"cms:{code}"


def test_a_command_refused_before_the_prompt_never_asks_for_the_mark(session: Session, modem: ScriptedModem) -> None:
    modem.answers["AT+CMGS="] = "\r\n+CMS ERROR: 304\r\n"
    marks: list[int] = []
    with pytest.raises(SubmissionRefused) as refused:
        session.submit(Pdu(), lambda: marks.append(1))
    assert refused.value.cause.kind is CauseClass.MESSAGE
    assert marks == []


def test_a_doubtful_code_before_the_prompt_is_no_doubt(session: Session, modem: ScriptedModem) -> None:
    modem.answers["AT+CMGS="] = "\r\n+CMS ERROR: 513\r\n"
    with pytest.raises(SubmissionRefused) as refused:
        session.submit(Pdu(), nothing)
    assert refused.value.cause.kind is CauseClass.MODEM


def test_a_busy_sim_is_asked_again(session: Session, modem: ScriptedModem) -> None:
    busy = iter(["\r\n+CMS ERROR: 314\r\n", "\r\n+CME ERROR: 14\r\n"])
    modem.answers["AT+CMGS="] = lambda *_: next(busy, "\r\n> ")
    assert session.submit(Pdu(), nothing) == 7
    assert modem.count("AT+CMGS=") == 3


def test_no_answer_to_the_pdu_is_unknown_and_the_line_is_ours_again(session: Session, modem: ScriptedModem) -> None:
    modem.answers["PDU"] = ""
    with pytest.raises(OutcomeUnknown) as unknown:
        session.submit(Pdu(), nothing)
    assert unknown.value.cause.code == "gatewayd:timeout"
    assert modem.heard[-3:] == ["ESC", "AT", "AT"]
    modem.answers["PDU"] = info("+CMGS: 8")
    assert session.submit(Pdu(), nothing) == 8


def test_an_answer_that_comes_while_we_resynchronise_is_the_answer(session: Session, modem: ScriptedModem) -> None:
    modem.answers["PDU"] = ""
    late = iter([info("+CMGS: 77") + OK])
    modem.answers["AT"] = lambda *_: next(late, OK)
    assert session.submit(Pdu(), nothing) == 77


def test_a_refusal_that_comes_while_we_resynchronise_is_the_answer(session: Session, modem: ScriptedModem) -> None:
    modem.answers["PDU"] = ""
    late = iter(["\r\n+CMS ERROR: 38\r\n" + OK])
    modem.answers["AT"] = lambda *_: next(late, OK)
    with pytest.raises(SubmissionRefused) as refused:
        session.submit(Pdu(), nothing)
    assert refused.value.cause.code == "cms:38"


def test_a_reference_without_its_ok_was_sent(session: Session, modem: ScriptedModem) -> None:
    modem.answers["PDU"] = "\r\n+CMGS: 9\r\n"
    assert session.submit(Pdu(), nothing) == 9


def test_an_ok_without_reference_is_unknown(session: Session, modem: ScriptedModem) -> None:
    modem.answers["PDU"] = OK
    with pytest.raises(OutcomeUnknown) as unknown:
        session.submit(Pdu(), nothing)
    assert unknown.value.cause.code == "gatewayd:no-reference"


def test_an_old_ok_before_the_answer_does_no_harm(session: Session, modem: ScriptedModem) -> None:
    modem.answers["PDU"] = OK + info("+CMGS: 12")
    assert session.submit(Pdu(), nothing) == 12


def test_an_old_ok_after_a_lost_one_does_no_harm(session: Session, modem: ScriptedModem) -> None:
    modem.answers["PDU"] = "\r\n+CMGS: 9\r\n"
    assert session.submit(Pdu(), nothing) == 9
    modem.answers["PDU"] = OK + info("+CMGS: 12")
    assert session.submit(Pdu(), nothing) == 12


def test_late_prompt_swallows_no_command(session: Session, modem: ScriptedModem) -> None:
    """Experiment 9: AT+CSQ was swallowed by a prompt that came late."""
    modem.answers["AT+CMGS="] = ""
    with pytest.raises(NotSubmitted) as missing:
        session.submit(Pdu(), nothing)
    assert missing.value.cause.code == "gatewayd:no-prompt"
    assert modem.heard[-3:] == ["ESC", "AT", "AT"]
    assert session.check().signal == -73
    assert modem.pdus == []


def test_late_prompt_inside_the_resynchronisation(session: Session, modem: ScriptedModem) -> None:
    """Experiment 9, the prompt arriving after our ESC."""
    modem.answers["AT+CMGS="] = ""
    prompts = iter(["\r\n> "])
    modem.answers["AT"] = lambda *_: next(prompts, OK)
    with pytest.raises(NotSubmitted):
        session.submit(Pdu(), nothing)
    modem.answers |= {"AT": OK, "AT+CMGS=": "\r\n> "}
    session.check()
    assert session.submit(Pdu(), nothing) == 7
    assert modem.pdus == [Pdu().hex]


def test_late_reference_is_no_answer_to_the_next_command(
    session: Session, modem: ScriptedModem, arrived: Notices
) -> None:
    """Experiment 8: `modem.imsi` returned '+CMGS: 77'."""
    modem.answers["PDU"] = ""
    with pytest.raises(OutcomeUnknown):
        session.submit(Pdu(), nothing)
    modem.answers["AT+CSQ"] = info("+CMGS: 77") + info("+CSQ: 20,99")
    assert session.check().signal == -73
    arrived.wait_for(LateReference(77))


def test_late_refusal_ends_no_other_command(session: Session, modem: ScriptedModem, arrived: Notices) -> None:
    modem.answers["PDU"] = ""
    with pytest.raises(OutcomeUnknown):
        session.submit(Pdu(), nothing)
    modem.answers["AT+CSQ"] = "\r\n+CMS ERROR: 38\r\n" + info("+CSQ: 20,99")
    assert session.check().signal == -73
    arrived.wait_for(LateRefusal("cms", "38"))


def test_a_message_arriving_meanwhile_is_delivered(session: Session, modem: ScriptedModem, arrived: Notices) -> None:
    modem.answers["PDU"] = '\r\n+CMTI: "ME",4\r\n' + info("+CMGS: 3")
    assert session.submit(Pdu(), nothing) == 3
    arrived.wait_for(MessageStored("ME", 4))


def test_vanished_before_the_mark_is_absent(session: Session, modem: ScriptedModem) -> None:
    def vanish(speaker: ScriptedModem, _: str) -> str:
        speaker.vanish()
        return ""

    modem.answers["AT+CMGS="] = vanish
    with pytest.raises(ModemAbsent):
        session.submit(Pdu(), nothing)
    assert not session.alive


def test_vanished_at_the_mark_is_unknown(session: Session, modem: ScriptedModem) -> None:
    with pytest.raises(OutcomeUnknown) as unknown:
        session.submit(Pdu(), modem.vanish)
    assert unknown.value.cause.code == "gatewayd:port-lost"


def test_vanished_after_the_pdu_is_unknown_at_once(session: Session, modem: ScriptedModem) -> None:
    """Experiment 7: the waiter slept its full timeout."""

    def vanish(speaker: ScriptedModem, _: str) -> str:
        speaker.vanish()
        return ""

    modem.answers["PDU"] = vanish
    with pytest.raises(OutcomeUnknown) as unknown:
        session.submit(Pdu(), nothing)
    assert unknown.value.cause.code == "gatewayd:port-lost"


def test_a_modem_that_restarts_under_the_pdu_is_not_waited_for(session: Session, modem: ScriptedModem) -> None:
    modem.answers["PDU"] = "\r\nRDY\r\n"
    with pytest.raises(OutcomeUnknown) as unknown:
        session.submit(Pdu(), nothing)
    assert unknown.value.cause.code == "gatewayd:restarted"
    modem.answers["PDU"] = info("+CMGS: 1")
    modem.heard.clear()
    assert session.submit(Pdu(), nothing) == 1
    assert modem.count("AT+CMGF=") == 1


@pytest.mark.parametrize("seed", range(3))
def test_a_lossy_line_never_tells_more_than_it_knows(seed: int, arrived: Notices) -> None:
    """Octets of answers get lost: what is told as sent was, what is told as not submitted was not."""
    with scripted() as modem:
        session = open_on(modem, arrived)
        modem.lose(seed)
        for _ in range(15):
            before = len(modem.pdus)
            try:
                session.submit(Pdu(), nothing)
            except NotSubmitted:
                assert len(modem.pdus) == before
            except OutcomeUnknown:
                continue
            else:
                assert len(modem.pdus) == before + 1
        session.close()


def test_close_waits_for_the_submission(session: Session, modem: ScriptedModem) -> None:
    released, closed = threading.Event(), threading.Event()

    def answer(*_: object) -> str:
        released.wait(PATIENCE)
        return info("+CMGS: 5")

    def close() -> None:
        session.close()
        closed.set()

    modem.answers["PDU"] = answer
    closer = threading.Thread(target=close)

    def mark() -> None:
        closer.start()
        released.set()

    assert session.submit(Pdu(), mark) == 5
    closer.join(PATIENCE)
    assert closed.is_set()


def test_without_service_centre_nothing_is_written(session: Session, modem: ScriptedModem) -> None:
    session.setup = type(session.setup)(session.setup.memory, session.setup.cnmi, reports=True, smsc="")
    with pytest.raises(SubmissionRefused) as refused:
        session.submit(Pdu(), nothing)
    assert refused.value.cause.code == "cms:330"
    assert modem.heard == []
