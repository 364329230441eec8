"""Reading answers, in the forms that real modems give them."""

from __future__ import annotations

import pytest

from gatewayd.modem import answers
from gatewayd.modem.answers import Storage, StoredMessage


@pytest.mark.parametrize(
    "line",
    [
        "8933150000000000017",
        "+CCID: 8933150000000000017",
        '+CCID: "8933150000000000017"',
        "+QCCID: 8933150000000000017F",
        "^ICCID: 8933150000000000017F",
        "^ICCID: 983351000000000010F7",
    ],
)
def test_iccid(line: str) -> None:
    assert answers.iccid([line]) == "8933150000000000017"


def test_iccid_of_the_cards_file() -> None:
    assert answers.iccid_of_file(['+CRSM: 144,0,"98335100000000000010"']) == "89331500000000000001"
    assert answers.iccid_of_file(["+CRSM: 106,130"]) == ""


@pytest.mark.parametrize("line", ["no digits", "12345", "99999999999999999999"])
def test_what_is_no_iccid(line: str) -> None:
    assert answers.iccid([line]) == ""


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ('+CSCA: "+33639980000",145', "+33639980000"),
        ('+CSCA: "0639980000",129', "0639980000"),
        ('+CSCA: "002B00330033003600330039003900380030003000300030",145', "+33639980000"),
        ('+CSCA: "",129', ""),
        ("+CSCA: ,", ""),
        ("garbage", ""),
    ],
)
def test_service_centre(line: str, number: str) -> None:
    assert answers.smsc([line]) == number


@pytest.mark.parametrize(
    ("line", "memory"),
    [
        ('+CPMS: ("SM","ME","MT"),("SM","ME","MT"),("SM","ME","MT")', ("ME", 3)),
        ('+CPMS: ("SM","MT"),("SM","MT"),("SM","MT")', ("MT", 3)),
        ('+CPMS: ("ME","SM"),("SM"),("SM")', ("SM", 3)),
        ('+CPMS: ("SM","BM","SR"),("SM")', ("SM", 2)),
        ("+CPMS: (),(),()", ("", 0)),
        ("", ("", 0)),
    ],
)
def test_one_memory_for_all(line: str, memory: tuple[str, int]) -> None:
    assert answers.memory([line]) == memory


def test_storage_is_where_messages_are_received() -> None:
    assert answers.storage(['+CPMS: "SM",1,20,"SM",1,20,"ME",5,255']) == Storage("ME", 5, 255)
    assert answers.storage(["+CPMS: 1,20,1,20,1,20"]) is None


@pytest.mark.parametrize(
    ("line", "status"),
    [("+CREG: 0,1", 1), ('+CREG: 2,5,"00C3","01A2",7', 5), ("+CREG: 1", 1), ("+CREG: ", None), ("", None)],
)
def test_registration(line: str, status: int | None) -> None:
    assert answers.registration([line], "+CREG") == status


@pytest.mark.parametrize(
    ("line", "dbm"),
    [("+CSQ: 20,99", -73), ("+CSQ: 0,0", -113), ("+CSQ: 99,99", None), ("+CSQ: 150,99", -66), ("", None)],
)
def test_signal(line: str, dbm: int | None) -> None:
    assert answers.signal([line]) == dbm


@pytest.mark.parametrize(
    ("lines", "tries"),
    [
        (["+CPINR: SIM PIN,2,3"], 2),
        (['+QPINC: "SC",1,10', '+QPINC: "P2",3,10'], 1),
        (['+QPINC: "P2",3,10', '+QPINC: "SC",1,10'], 1),
        (["^CPIN: SIM PIN,,10,3,10,3"], 3),
        (["+SPIC: 3,10,0,10"], 3),
        (["#PCT: 2"], 2),
        (["garbage"], None),
        ([], None),
    ],
)
def test_tries_of_the_pin(lines: list[str], tries: int | None) -> None:
    assert answers.pin_tries(lines) == tries


def test_one_bad_pdu_shifts_no_index() -> None:
    """Experiment 12: the next message got the broken one's index."""
    listing = ["+CMGL: 1,0,,24", "07AB", "+CMGL: 2,1,,24", "not hexadecimal", "+CMGL: 5,1,,24", "08CD"]
    assert answers.stored(listing) == [
        StoredMessage(1, 0, "07AB"),
        StoredMessage(2, 1, ""),
        StoredMessage(5, 1, "08CD"),
    ]


def test_a_header_without_pdu_is_a_place_in_use() -> None:
    listing = ["+CMGL: 1,0,,24", "+CMGL: 2,1,,24", "07ab", "+CMGL: 9,1"]
    assert answers.stored(listing) == [StoredMessage(1, 0, ""), StoredMessage(2, 1, "07AB"), StoredMessage(9, 1, "")]


def test_a_read_of_an_empty_place() -> None:
    assert answers.read(3, []) is None
    assert answers.read(3, ["+CMGR: 0,,24", "07ab"]) == StoredMessage(3, 0, "07AB")


@pytest.mark.parametrize(
    ("line", "reference"), [("+CMGS: 7", 7), ("+CMGS:255", 255), ('+CMGS: 3,"00"', 3), ("+CMGS: ", None), ("OK", None)]
)
def test_reference(line: str, reference: int | None) -> None:
    assert answers.reference([line]) == reference


@pytest.mark.parametrize("line", ["EC25", "+CGMM: EC25", '"EC25"', '+CGMM: "EC25"'])
def test_plain_values(line: str) -> None:
    assert answers.plain([line]) == "EC25"


def test_the_imei_among_other_things() -> None:
    assert answers.imei(["+CGSN: 867962041234561"]) == "867962041234561"
    assert answers.imei(["nothing"]) == ""
