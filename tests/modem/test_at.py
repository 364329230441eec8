"""The experiments of shared/reference/modems.md, section 1: what broke the library as it is, over each kind of line.

Numbers are those of its table. 7, 8 and 9 are about submissions and stand in test_submit.py; 12 in test_answers.py.
"""

from __future__ import annotations

import logging
import threading

import pytest

from gatewayd.errors import ModemAbsent
from gatewayd.modem.at import CommandRefused, Modem, NoAnswer, check_library
from gatewayd.modem.notices import MessageStored, PortLost, ReportReceived
from gatewayd.modem.session import Session
from gatewayd.modem.transport import Port
from tests.modem.conftest import Notices, Pdu, nothing, open_on
from tests.modem.scripted import OK, PATIENCE, ScriptedModem, info, scripted

REPORT = "07913396050066F006580B913336999800F0421142319154804211423191548000"
REPORT_HEADER = f"+CDS: {len(REPORT) // 2 - 8}"


def driver_threads(path: str) -> list[str]:
    return [thread.name for thread in threading.enumerate() if path in thread.name]


def test_01_a_message_arriving_in_an_answer_is_delivered_and_the_command_is_right(
    session: Session, modem: ScriptedModem, arrived: Notices
) -> None:
    modem.answers["AT+CSQ"] = '\r\n+CMTI: "ME",3\r\n\r\n+CSQ: 20,99\r\n\r\n+CMTI: "ME",4\r\n' + OK
    assert session.check().signal == -73
    arrived.wait_for(MessageStored("ME", 3))
    arrived.wait_for(MessageStored("ME", 4))


def test_whoever_waits_for_an_answer_reads_it_and_the_reader_hears_the_rest(
    session: Session, modem: ScriptedModem, arrived: Notices, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers: list[threading.Thread] = []
    read, me = Port.read, threading.current_thread()

    def watched(port: Port, seconds: float | None = None) -> bytes:
        if data := read(port, seconds):
            readers.append(threading.current_thread())
        return data

    monkeypatch.setattr(Port, "read", watched)
    for _ in range(50):  # an answer that comes at once may meet the reader before us
        session.check()
        if me in readers:
            break
    assert me in readers
    modem.say('\r\n+CMTI: "ME",1\r\n')
    arrived.wait_for(MessageStored("ME", 1))
    assert readers[-1].name == f"read {session.port}"


def test_02_two_messages_in_one_burst_are_two(session: Session, modem: ScriptedModem, arrived: Notices) -> None:
    assert session.alive
    modem.say('\r\n+CMTI: "ME",1\r\n\r\n+CMTI: "ME",2\r\n')
    arrived.wait_for(MessageStored("ME", 1))
    arrived.wait_for(MessageStored("ME", 2))


def test_03_messages_arriving_between_submissions_are_neither_lost_nor_written_into_prompts(
    session: Session, modem: ScriptedModem, arrived: Notices
) -> None:
    numbers = iter(range(1000))

    def prompt(*_: object) -> str:
        return f'\r\n+CMTI: "ME",{next(numbers)}\r\n\r\n> '

    modem.answers |= {"AT+CMGS=": prompt, "PDU": lambda *_: f'\r\n+CMTI: "ME",{next(numbers)}\r\n' + info("+CMGS: 1")}
    threads = threading.active_count()
    for _ in range(25):
        session.submit(Pdu(), nothing)
    arrived.wait_for(MessageStored("ME", 49))
    assert [notice for notice in arrived.seen if isinstance(notice, MessageStored)] == [
        MessageStored("ME", number) for number in range(50)
    ]
    assert set(modem.pdus) == {Pdu().hex}
    assert threading.active_count() == threads


def test_03_a_notice_that_reads_its_message_meanwhile_waits_its_turn(line: str) -> None:
    """The library's notification threads wrote AT+CMGD into an outgoing message."""
    read = threading.Event()

    class Reader(Notices):
        def __call__(self, notice: object) -> None:
            if isinstance(notice, MessageStored):
                session.read_stored(notice.index)
                session.delete_by_index(notice.index)
                read.set()

    with scripted(line, {"AT+CMGR=": info("+CMGR: 0,,24", REPORT)}) as modem:
        session = open_on(modem, Reader())
        modem.answers["AT+CMGS="] = '\r\n+CMTI: "ME",3\r\n\r\n> '
        assert session.submit(Pdu(), nothing) == 7
        assert read.wait(PATIENCE)
        assert modem.pdus == [Pdu().hex]
        modem.wait_for("AT+CMGD=3")
        session.close()


def test_04_a_report_whose_pdu_comes_later_is_kept_together(
    session: Session, modem: ScriptedModem, arrived: Notices
) -> None:
    modem.say(f"\r\n{REPORT_HEADER}\r\n")
    assert session.check().signal == -73
    modem.say(f"{REPORT}\r\n")
    arrived.wait_for(ReportReceived(REPORT))


def test_04_a_report_inside_another_answer_is_delivered(
    session: Session, modem: ScriptedModem, arrived: Notices
) -> None:
    modem.answers["AT+CSQ"] = f"\r\n{REPORT_HEADER}\r\n{REPORT}\r\n" + info("+CSQ: 20,99")
    assert session.check().signal == -73
    arrived.wait_for(ReportReceived(REPORT))


def test_04_a_report_inside_a_listing_takes_nothing_from_it(
    session: Session, modem: ScriptedModem, arrived: Notices
) -> None:
    stored = REPORT + "AABB"
    modem.answers["AT+CMGL="] = info(f"+CMGL: 1,1,,{len(stored) // 2 - 8}", REPORT_HEADER, stored, REPORT)
    assert [message.pdu for message in session.list_stored()] == [stored]
    arrived.wait_for(ReportReceived(REPORT))


@pytest.mark.parametrize("octet", [b"\xe9", b"\x00", b"\xff\xfe", b"\x80\r\n"])
def test_05_a_stray_octet_kills_nothing(session: Session, modem: ScriptedModem, arrived: Notices, octet: bytes) -> None:
    modem.say(octet)
    assert session.check().signal == -73
    modem.say(octet + b'\r\n+CMTI: "ME",1\r\n')
    arrived.wait_for(MessageStored("ME", 1))


def test_05_noise_without_end_is_no_memory_without_end(
    session: Session, modem: ScriptedModem, arrived: Notices
) -> None:
    for _ in range(5):
        modem.say(b"x" * 1000)
    modem.say(b'\r\n+CMTI: "ME",1\r\n')
    arrived.wait_for(MessageStored("ME", 1))
    assert session.check().signal == -73


def test_06_a_port_that_vanishes_is_told_once(session: Session, modem: ScriptedModem, arrived: Notices) -> None:
    modem.vanish()
    arrived.wait_for_kind(PortLost)
    assert not session.alive
    with pytest.raises(ModemAbsent):
        session.check()
    assert [type(notice) for notice in arrived.seen].count(PortLost) == 1


def test_07_a_port_that_vanishes_during_a_command_wakes_who_waits(session: Session, modem: ScriptedModem) -> None:
    def vanish(speaker: ScriptedModem, _: str) -> str:
        speaker.vanish()
        return ""

    modem.answers["AT+CMGL="] = vanish
    with pytest.raises(ModemAbsent):
        session.list_stored()


def test_10_a_modem_without_character_sets_sends_all_the_same(line: str, arrived: Notices) -> None:
    with scripted(line, {"AT+CSCS=": "\r\n+CME ERROR: 4\r\n"}) as modem:
        session = open_on(modem, arrived)
        assert session.submit(Pdu(), nothing) == 7
        session.close()


def test_11_chatter_before_an_answer_is_no_answer(line: str, arrived: Notices) -> None:
    chatter = "\r\n^RSSI:18\r\n\r\n^MODE:5,4\r\n"
    with scripted(line) as modem:
        for command in ("AT+CIMI", "AT+CGSN", "AT+CSQ", "AT+CMGS="):
            modem.answers[command] = chatter + str(modem.answers[command])
        session = open_on(modem, arrived)
        assert session.sim.imsi == "208150000000001"
        assert session.modem.imei == "867962041234561"
        assert session.check().signal == -73
        assert session.submit(Pdu(), nothing) == 7
        session.close()


def test_15_a_failed_start_leaves_no_thread_and_the_port_free(line: str, arrived: Notices) -> None:
    with scripted(line, {"AT": ""}) as modem:
        with pytest.raises(Exception, match="does not answer AT"):
            open_on(modem, arrived)
        assert driver_threads(modem.path) == []
        modem.answers["AT"] = OK
        open_on(modem, arrived).close()
        assert driver_threads(modem.path) == []


@pytest.mark.parametrize(
    ("final", "family", "code", "words"),
    [
        ("+CMS ERROR:330", "cms", 330, ""),
        ("+CMS ERROR: 330", "cms", 330, ""),
        ("+CME ERROR: SIM busy or so", "cme", None, "SIM busy or so"),
        ("ERROR", "", None, "ERROR"),
        ("COMMAND NOT SUPPORT", "", None, "COMMAND NOT SUPPORT"),
    ],
)
def test_every_form_of_refusal_ends_the_command(
    line: str, final: str, family: str, code: int | None, words: str
) -> None:
    with scripted(line, {"AT+X=": f"\r\n{final}\r\n"}) as speaker:
        modem = Modem(speaker.path, baudrate=115200, on_lines=lambda _: None)
        modem.connect()
        with pytest.raises(CommandRefused) as refusal:
            modem.ask("AT+X=1,secret", timeout=PATIENCE)
        modem.close()
    assert (refusal.value.family, refusal.value.code, refusal.value.words) == (family, code, words)
    assert "secret" not in str(refusal.value)


def test_a_line_that_begins_with_ok_ends_nothing(line: str) -> None:
    with scripted(line, {"AT+X": info("OKLAHOMA", "ERRORS: none")}) as speaker:
        modem = Modem(speaker.path, baudrate=115200, on_lines=lambda _: None)
        modem.connect()
        assert modem.ask("AT+X") == ["OKLAHOMA", "ERRORS: none"]
        modem.close()


def test_echo_is_no_answer(line: str) -> None:
    with scripted(line, {"AT+X": "AT+X\r" + info("EC25")}) as speaker:
        modem = Modem(speaker.path, baudrate=115200, on_lines=lambda _: None)
        modem.connect()
        assert modem.ask("AT+X") == ["EC25"]
        modem.close()


def test_a_notice_that_fails_silences_nothing(line: str) -> None:
    heard: list[str] = []
    done = threading.Event()

    def on_lines(lines: list[str]) -> None:
        heard.extend(lines)
        if lines == ['+CMTI: "ME",1']:
            raise ValueError(lines)
        if lines == ['+CMTI: "ME",2']:
            done.set()

    with scripted(line) as speaker:
        modem = Modem(speaker.path, baudrate=115200, on_lines=on_lines)
        modem.connect()
        speaker.say('\r\n+CMTI: "ME",1\r\n')
        speaker.say('\r\n+CMTI: "ME",2\r\n')
        assert done.wait(PATIENCE)
        modem.close()


def test_a_closed_modem_refuses_at_once() -> None:
    with scripted() as speaker:
        modem = Modem(speaker.path, baudrate=115200, on_lines=lambda _: None)
        with pytest.raises(ModemAbsent):
            modem.ask("AT")
        modem.connect()
        modem.close()
        modem.close()
        with pytest.raises(ModemAbsent, match="closed"):
            modem.ask("AT")


def test_silence_keeps_what_came_before_it() -> None:
    with scripted(answers={"AT+X": "\r\n+X: 1\r\n"}) as speaker:
        modem = Modem(speaker.path, baudrate=115200, on_lines=lambda _: None)
        modem.connect()
        with pytest.raises(NoAnswer) as silence:
            modem.ask("AT+X", timeout=0.2)
        modem.close()
    assert silence.value.lines == ["+X: 1"]


def test_the_library_is_the_one_this_was_written_against() -> None:
    check_library()


def test_the_library_logs_nothing(session: Session, caplog: pytest.LogCaptureFixture) -> None:
    """It logs whole commands at DEBUG: numbers, texts, PINs."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("gsmmodem").setLevel(logging.DEBUG)
    session.submit(Pdu(), nothing)
    assert not [record for record in caplog.records if record.name.startswith("gsmmodem")]


@pytest.mark.parametrize("way", ["sendSms", "_unlockSim"])
def test_ways_of_the_library_that_lose_messages_or_pins_are_closed(way: str) -> None:
    with scripted() as speaker:
        modem = Modem(speaker.path, baudrate=115200, on_lines=lambda _: None)
        with pytest.raises(Exception, match=r"session's|send_pdu"):
            getattr(modem, way)("1234")
        modem.smsEncoding = "UCS2"
        assert modem.smsEncoding == "GSM"
