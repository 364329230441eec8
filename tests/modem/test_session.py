"""From an open port to a modem ready for messages, and what a session finds and keeps."""

from __future__ import annotations

import pytest

from gatewayd.errors import ModemAbsent, ModemBusy, NotSubmitted, SimLocked
from gatewayd.modem.answers import Storage, StoredMessage
from gatewayd.modem.initialise import ModemIdentity, Setup, SimIdentity
from gatewayd.modem.ladder import Step
from gatewayd.modem.notices import Registration, Restarted
from gatewayd.modem.pin import PinGuard
from gatewayd.modem.session import Health, Session
from tests.modem.conftest import Notices, Pdu, nothing, open_on
from tests.modem.scripted import OK, Answer, ScriptedModem, info, scripted

ERROR = "\r\nERROR\r\n"
PDU = "07913396050066F0040B913336999800F00000421142319154800541F45B0D00"


def opened(answers: dict[str, Answer], arrived: Notices, **settings: object) -> tuple[Session, list[str]]:
    """A session with a modem of these answers, closed again, and all that the modem heard."""
    with scripted(answers=answers) as modem:
        session = open_on(modem, arrived, **settings)  # type: ignore[arg-type]  # pin and guard only
        session.close()
        return session, modem.heard


def test_a_healthy_module_is_known_and_set_up(line: str, arrived: Notices) -> None:
    with scripted(line) as modem:
        session = open_on(modem, arrived)
        assert session.modem == ModemIdentity("867962041234561", "Quectel", "EC25", "EC25EFAR06A03M4G")
        assert session.sim == SimIdentity("8933150000000000017", "208150000000001")
        assert session.setup == Setup("ME", "2,1,0,1,0", reports=True, smsc="+33639980000")
        assert (session.smsc, session.reports, session.alive) == ("+33639980000", True, True)
        session.close()
        assert not session.alive


def test_the_order_of_the_first_words(arrived: Notices) -> None:
    _, heard = opened({}, arrived)
    assert heard[:5] == ["ESC", "AT", "AT", "ATE0", "AT+CMEE=1"]
    assert heard.index("AT+CPIN?") < heard.index("AT+CIMI") < heard.index("AT+CMGF=0")
    assert "AT+CSMS=0" in heard
    assert "AT+CMMS=2" in heard
    assert 'AT+CPMS="ME","ME","ME"' in heard
    assert not any(command.startswith("AT+CMGD") for command in heard)


def test_a_prompt_left_by_another_program_is_left_first(arrived: Notices) -> None:
    with scripted() as modem:
        modem.prompting = True
        open_on(modem, arrived).close()
        assert modem.pdus == []


@pytest.mark.parametrize(("answer", "switched_on"), [("0", True), ("4", True), ("1", False), ("1,0", False)])
def test_a_radio_that_was_switched_off_is_switched_on(arrived: Notices, answer: str, switched_on: bool) -> None:
    _, heard = opened({"AT+CFUN?": info(f"+CFUN: {answer}"), "AT+CFUN=": OK}, arrived)
    assert ("AT+CFUN=1" in heard) is switched_on


STEPS = 27  # the answers of an opening and a check


@pytest.mark.parametrize("step", range(STEPS))
@pytest.mark.parametrize("half", [False, True])
def test_vanishing_at_any_step_is_absent(arrived: Notices, step: int, half: bool) -> None:
    """Before its answer, or in the middle of it."""
    left = iter(range(step, -1, -1))

    def vanishing(answer: Answer) -> Answer:
        def speak(modem: ScriptedModem, command: str) -> str:
            text = answer if isinstance(answer, str) else answer(modem, command)
            if next(left, None) == 0:
                modem.say(text[: len(text) // 2] if half else "")
                modem.vanish()
                return ""
            return text

        return speak

    with scripted() as modem:
        modem.answers = {command: vanishing(answer) for command, answer in modem.answers.items()}
        with pytest.raises(ModemAbsent):
            open_on(modem, arrived).check()


# ---- indications, storage, service centre


@pytest.mark.parametrize(
    ("refused", "read_back", "chosen", "reports"),
    [
        ([], "+CNMI: 2,1,0,1,0", "2,1,0,1,0", True),
        (["2,1,0,1,0"], "+CNMI: 2,1,0,0,0", "2,1,0,0,0", False),
        (["2,1,0,1,0", "2,1,0,0,0"], "+CNMI: 1,1,0,1,0", "1,1,0,1,0", True),
        ([], "+CNMI: 2,1,0,0,0", "2,1,0,1,0", False),
        (["2,1,0,1,0", "2,1,0,0,0", "1,1,0,1,0"], "+CNMI: 0,0,0,0,0", "", False),
    ],
)
def test_indications_are_negotiated_and_read_back(
    arrived: Notices, refused: list[str], read_back: str, chosen: str, reports: bool
) -> None:
    def cnmi(_: ScriptedModem, command: str) -> str:
        return ERROR if command.partition("=")[2] in refused else OK

    session, _ = opened({"AT+CNMI=": cnmi, "AT+CNMI?": info(read_back)}, arrived)
    assert (session.setup.cnmi, session.reports) == (chosen, reports)


def test_a_huawei_is_muted_and_may_store_reports(arrived: Notices) -> None:
    def cnmi(_: ScriptedModem, command: str) -> str:
        return OK if command == "AT+CNMI=2,1,0,2,0" else ERROR

    answers: dict[str, Answer] = {
        "AT+CGMI": info("huawei"),
        "AT+CGMM": info("E3372"),
        "AT^ICCID?": info("^ICCID: 8933150000000000017F"),
        "AT+CNMI=": cnmi,
        "AT+CNMI?": info("+CNMI: 2,1,0,2,0"),
    }
    session, heard = opened(answers, arrived)
    assert "AT^CURC=0" in heard
    assert (session.setup.cnmi, session.reports) == ("2,1,0,2,0", True)


def test_a_modem_without_storage_command_sends_all_the_same(arrived: Notices) -> None:
    session, _ = opened({"AT+CPMS=?": ERROR}, arrived)
    assert session.setup.memory == ""


def test_an_empty_service_centre_is_waited_for(arrived: Notices) -> None:
    empty = iter([info('+CSCA: "",129'), ERROR])
    session, _ = opened({"AT+CSCA?": lambda *_: next(empty, info('+CSCA: "+33639980000",145'))}, arrived)
    assert session.smsc == "+33639980000"


def test_without_service_centre_receiving_still_works(arrived: Notices) -> None:
    session, _ = opened({"AT+CSCA?": info('+CSCA: "",129')}, arrived)
    assert session.smsc == ""


def test_no_pdu_mode_no_session(arrived: Notices) -> None:
    with pytest.raises(ModemBusy, match="PDU mode"):
        opened({"AT+CMGF=": ERROR}, arrived)


def test_a_card_that_answers_no_command_is_read_by_its_file(arrived: Notices) -> None:
    answers: dict[str, Answer] = {"AT+QCCID": ERROR, "AT+CRSM=": info('+CRSM: 144,0,"98335100000000000010"')}
    session, _ = opened(answers, arrived)
    assert session.sim.iccid == "89331500000000000001"


# ---- the PIN


def locked(right: str, counter: str = '+QPINC: "SC",3,10') -> dict[str, Answer]:
    """A SIM that wants a PIN, and opens for the right one."""
    given: list[str] = []

    def enter(_: ScriptedModem, command: str) -> str:
        given.append(command.partition("=")[2].strip('"'))
        return OK if given[-1] == right else "\r\n+CME ERROR: 16\r\n"

    def state(*_: object) -> str:
        return info("+CPIN: READY" if right in given else "+CPIN: SIM PIN")

    return {"AT+CPIN=": enter, "AT+CPIN?": state, "AT+QPINC?": info(counter)}


def test_the_pin_is_given_when_it_is_wanted(arrived: Notices) -> None:
    session, heard = opened(locked("1234"), arrived, pin="1234")
    assert session.sim.imsi
    assert heard.count('AT+CPIN="1234"') == 1


def test_the_pin_is_not_given_when_it_is_not_wanted(arrived: Notices) -> None:
    _, heard = opened({}, arrived, pin="1234")
    assert not any(command.startswith("AT+CPIN=") for command in heard)


def test_the_right_pin_is_given_again_after_a_loss_of_power(arrived: Notices) -> None:
    guard = PinGuard()
    for _ in range(2):
        with scripted(answers=locked("1234")) as modem:
            open_on(modem, arrived, pin="1234", guard=guard).close()


def test_a_wrong_pin_is_given_once_however_often_the_port_is_opened(arrived: Notices) -> None:
    guard = PinGuard()
    with scripted(answers=locked("1234")) as modem:
        for words in ("refused the PIN", "tried before", "tried before"):
            with pytest.raises(SimLocked, match=words):
                open_on(modem, arrived, pin="9999", guard=guard)
        assert modem.count("AT+CPIN=") == 1


def test_a_pin_whose_answer_got_lost_counts_as_refused(arrived: Notices) -> None:
    guard = PinGuard()
    with scripted(answers=locked("1234") | {"AT+CPIN=": ""}) as modem:
        with pytest.raises(ModemBusy):
            open_on(modem, arrived, pin="1234", guard=guard)
        with pytest.raises(SimLocked, match="tried before"):
            open_on(modem, arrived, pin="1234", guard=guard)
        assert modem.count("AT+CPIN=") == 1


@pytest.mark.parametrize(
    ("answers", "pin", "words"),
    [
        ({"AT+CPIN?": info("+CPIN: SIM PUK")}, "1234", "PUK"),
        ({"AT+CPIN?": info("+CPIN: PH-NET PIN")}, "1234", "locked to another"),
        (locked("1234"), None, "none is configured"),
        (locked("1234"), "12a4", "four to eight digits"),
        (locked("1234", '+QPINC: "SC",1,10'), "1234", "1 PIN tries left"),
    ],
)
def test_no_pin_is_ever_written(arrived: Notices, answers: dict[str, Answer], pin: str | None, words: str) -> None:
    with scripted(answers=answers) as modem:
        with pytest.raises(SimLocked, match=words):
            open_on(modem, arrived, pin=pin)
        assert modem.count("AT+CPIN=") == 0


def test_a_pin_is_not_repeated_for_a_busy_sim(arrived: Notices) -> None:
    answers = locked("1234") | {"AT+CPIN=": "\r\n+CME ERROR: 14\r\n"}
    with scripted(answers=answers) as modem:
        with pytest.raises(SimLocked):
            open_on(modem, arrived, pin="1234")
        assert modem.count("AT+CPIN=") == 1


def test_a_restart_that_locks_the_sim_again_is_no_submission(arrived: Notices) -> None:
    with scripted() as modem:
        session = open_on(modem, arrived)
        modem.answers["AT+CPIN?"] = info("+CPIN: SIM PIN")
        modem.say("\r\nRDY\r\n")
        arrived.wait_for(Restarted("RDY"))
        with pytest.raises(NotSubmitted) as locked_out:
            session.submit(Pdu(), nothing)
        assert locked_out.value.cause.code == "cme:11"
        with pytest.raises(SimLocked):
            session.check()
        assert not session.alive


@pytest.mark.parametrize("form", ["+CPIN:READY", "+CPIN: READY", "+CPIN: SIM PIN2"])
def test_an_open_sim_is_open_in_every_form(arrived: Notices, form: str) -> None:
    _, heard = opened({"AT+CPIN?": info(form)}, arrived, pin="1234")
    assert not any(command.startswith("AT+CPIN=") for command in heard)


def test_a_pin_answer_without_ok_will_do(arrived: Notices) -> None:
    """Some Wavecom modems do not end it."""
    session, _ = opened({"AT+CPIN?": "\r\n+CPIN: READY\r\n"}, arrived)
    assert session.sim.iccid


@pytest.mark.parametrize("answer", ["\r\n+CME ERROR: 10\r\n", "\r\n+CME ERROR: SIM not inserted\r\n"])
def test_no_sim_says_so(arrived: Notices, answer: str) -> None:
    with pytest.raises(ModemBusy, match="no SIM in the modem"):
        opened({"AT+CPIN?": answer}, arrived)


def test_a_sim_that_is_not_ready_yet_is_waited_for(arrived: Notices) -> None:
    busy = iter(["\r\n+CME ERROR: 14\r\n"])
    session, _ = opened({"AT+CPIN?": lambda *_: next(busy, info("+CPIN: READY"))}, arrived)
    assert session.sim.iccid


# ---- health and the ladder


def test_check_finds_registration_signal_and_storage(session: Session) -> None:
    found = session.check()
    assert found == Health(True, registered=True, signal=-73, storage=Storage("ME", 0, 255))
    assert found.able


@pytest.mark.parametrize(
    ("circuit", "packet", "registered", "roaming"),
    [
        ("0,1", "0,0", True, False),
        ("0,0", "0,1", True, False),
        ("0,5", "0,5", True, True),
        ("0,2", "0,3", False, False),
    ],
)
def test_registration_of_either_kind_counts(
    arrived: Notices, circuit: str, packet: str, registered: bool, roaming: bool
) -> None:
    with scripted(answers={"AT+CREG?": info(f"+CREG: {circuit}"), "AT+CEREG?": info(f"+CEREG: {packet}")}) as modem:
        session = open_on(modem, arrived)
        health = session.check()
        session.close()
    assert (health.registered, health.roaming) == (registered, roaming)


def test_the_ladder_is_climbed_step_by_step(arrived: Notices) -> None:
    with scripted() as modem:
        session = open_on(modem, arrived)
        modem.answers["AT"] = modem.answers["AT+CFUN=1,1"] = ""
        steps = [session.check().step for _ in range(4)]
        assert steps == [Step.WAIT, Step.RESYNC, Step.REOPEN, Step.RESET]
        assert modem.count("AT+CFUN=1,1") == 1
        with pytest.raises(ModemAbsent, match="unplug"):
            session.check()
        assert not session.alive


def test_an_answer_ends_the_climb(arrived: Notices) -> None:
    with scripted() as modem:
        session = open_on(modem, arrived)
        modem.answers["AT"] = ""
        assert session.check().step is Step.WAIT
        modem.answers["AT"] = OK
        assert session.check().answers
        modem.answers["AT"] = ""
        assert session.check().step is Step.WAIT
        session.close()


@pytest.mark.parametrize("missed", [2, 3, 4])
def test_each_step_that_works_gives_a_working_session(arrived: Notices, missed: int) -> None:
    with scripted() as modem:
        session = open_on(modem, arrived)
        modem.answers["AT"] = modem.answers["AT+CFUN=1,1"] = ""
        for _ in range(missed - 1):
            session.check()
        modem.answers["AT"] = OK
        assert session.check().answers
        assert session.submit(Pdu(), nothing) == 7
        session.close()


def test_another_sim_after_the_reset_is_another_session(arrived: Notices) -> None:
    with scripted() as modem:
        session = open_on(modem, arrived)
        modem.answers["AT+QCCID"] = info("+QCCID: 8933150000000000025F")
        modem.say("\r\nRDY\r\n")
        arrived.wait_for(Restarted("RDY"))
        with pytest.raises(ModemAbsent, match="another SIM"):
            session.check()
        assert not session.alive


def test_a_modem_that_restarted_is_set_up_again(session: Session, modem: ScriptedModem, arrived: Notices) -> None:
    modem.say("\r\nRDY\r\n")
    arrived.wait_for(Restarted("RDY"))
    assert session.check().answers
    assert modem.count("AT+CMGF=0") == modem.count("AT+CNMI=") == 1


def test_a_change_of_registration_is_told(session: Session, modem: ScriptedModem, arrived: Notices) -> None:
    assert session.alive
    modem.say("\r\n+CREG: 2\r\n")
    arrived.wait_for(Registration("CREG", 2))


# ---- stored messages


def test_a_listing_keeps_index_status_and_pdu(session: Session, modem: ScriptedModem) -> None:
    modem.answers["AT+CMGL="] = info("+CMGL: 3,0,,24", PDU, "+CMGL: 4,1,,24", "rubbish", '+CMGL: 9,3,"",24', PDU)
    assert session.list_stored() == [StoredMessage(3, 0, PDU), StoredMessage(4, 1, ""), StoredMessage(9, 3, PDU)]
    assert modem.heard == ["AT+CMGL=4"]


def test_another_memory_is_read_and_ours_is_set_again(session: Session, modem: ScriptedModem) -> None:
    modem.answers["AT+CMGR="] = info("+CMGR: 0,,24", PDU)
    assert session.read_stored(5, "SM") == StoredMessage(5, 0, PDU)
    assert modem.heard == ['AT+CPMS="SM"', "AT+CMGR=5", 'AT+CPMS="ME"']


@pytest.mark.parametrize("lost", ['AT+CPMS="SM"', 'AT+CPMS="ME"'])
def test_after_an_answer_that_never_came_our_memory_is_read_and_no_other(
    session: Session, modem: ScriptedModem, lost: str
) -> None:
    chosen, losses = ["ME"], [lost]

    def choose(_: ScriptedModem, command: str) -> str:
        chosen.append(command.split('"')[1])
        return losses.pop() and "" if command in losses else info("+CPMS: 0,255,0,255,0,255")

    modem.answers |= {
        "AT+CPMS=": choose,
        "AT+CMGR=": info("+CMGR: 0,,24", PDU),
        "AT+CMGL=": lambda *_: info("+CMGL: 3,0,,24", PDU) if chosen[-1] == "ME" else OK,
    }
    with pytest.raises(ModemBusy):
        session.read_stored(5, "SM")
    modem.heard.clear()
    assert session.list_stored() == [StoredMessage(3, 0, PDU)]
    assert modem.heard == ["ESC", "AT", "AT", 'AT+CPMS="ME"', "AT+CMGL=4"]


@pytest.mark.parametrize("answer", [OK, "\r\n+CMS ERROR: 321\r\n"])
def test_an_empty_place_is_nothing(session: Session, modem: ScriptedModem, answer: str) -> None:
    modem.answers |= {"AT+CMGR=": answer, "AT+CMGD=": answer, "AT+CMGL=": answer}
    assert session.read_stored(5) is None
    assert session.list_stored() == []
    session.delete_by_index(5)


def test_only_one_message_is_ever_deleted(session: Session, modem: ScriptedModem) -> None:
    """Experiment 12: AT+CMGD=1,4 deleted everything, read or not."""
    session.delete_by_index(17)
    assert modem.heard == ["AT+CMGD=17"]
