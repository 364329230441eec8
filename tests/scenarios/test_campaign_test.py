"""A campaign is tested on real lines before it goes: the daemon, modems behind pseudo-terminals, the office's commands.

What the network saw is the judge: each PDU has one destination, and no text holds what is another person's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gatewayd.modem.pdu import destination
from gatewayd.modem.simulator import SimulatorProcess, start_process
from gatewayd.modem.simulator.ledger import Accepted
from tests.scenarios.test_association import Office

CONFIGURATION = """\
organisation: {{name: Amicale, privacy_contact: rgpd@example.org, privacy_notice: https://example.org}}
state_directory: {directory}/state
spool_directory: {directory}/spool
modems: [{{port: {ports[accueil]}}}, {{port: {ports[buvette]}}}]
default_limits: {{per_minute: 1000, per_day: 100000}}
purposes:
  events: {{label: Evénements, basis: consent, footer: "Amicale. STOP : répondez STOP. CONTACT : qui écrit"}}
contacts: {{fields: {{ville: {{type: text, why: réunions}}}}}}
campaigns: {{trusted_numbers: ["0639980098", "0639980099"]}}
"""
PEOPLE = """\
Prénom;Nom;Téléphone;Ville
Anne-Sophie;Étretat;06 39 98 00 01;Lyon
Karim;Benali;06 39 98 00 02;Villeurbanne
Zoé;Lyautey;06 39 98 00 03;Caluire
Camille;Bureau;06 39 98 00 98;Vénissieux
Dominique;Bureau;06 39 98 00 99;Oullins
"""
TEXT = "Bonjour {{ prenom }}, {{ ville }} vous attend samedi."
MEMBERS, TRUSTED = ("+33639980001", "+33639980002", "+33639980003"), ("+33639980098", "+33639980099")


@pytest.fixture
def network(tmp_path: Path) -> Iterator[SimulatorProcess]:
    """Two SIMs. Nothing is ever reported of the last number: its owner must say OK."""
    with start_process(["accueil", "buvette"], "rule=639980099;silent", tmp_path / "network") as process:
        yield process


@pytest.fixture
def office(tmp_path: Path, network: SimulatorProcess) -> Office:
    office = Office(tmp_path)
    office.file.write_text(CONFIGURATION.format(directory=tmp_path, ports=network.ports), encoding="utf-8")
    people = tmp_path / "membres.csv"
    people.write_text(PEOPLE, encoding="utf-8")
    office.says("contacts", "import", str(people), "--yes", "--consent", "events", "--agreed", "31/01/2026")
    segment = 'ville pas dans ("Vénissieux", "Oullins")'
    office.says(
        "campaigns", "create", "fete", "-p", "events", "-s", segment, "--by", "camille", "--text", TEXT,
    )  # fmt: skip
    return office


def _until(asked: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
    """Ask again and again: each time a command of its own, and the test has its limit."""
    while not wanted(found := asked()):
        pass
    return found


@pytest.mark.timeout(240)
def test_a_campaign_is_tested_by_people_before_it_goes(office: Office, network: SimulatorProcess) -> None:
    def fete() -> dict[str, Any]:
        found: dict[str, Any] = office.json("campaigns", "show", "fete")
        return found

    with office.daemon() as daemon:
        daemon.all_modems_ok()
        office.refused(3, "to be tested first", "campaigns", "approve", "fete", "--by", "dominique")
        office.says("campaigns", "test", "fete", "--by", "camille")
        network.wait(accepted=2, seconds=30)
        assert {one.destination for one in network.ledger()} == set(TRUSTED)
        assert all((one.text or "").startswith("[ESSAI] Bonjour ") for one in network.ledger())

        # One has it by the network's word; of the other nobody knows until he says so.
        stands = _until(fete, lambda found: found["test"]["numbers"][0]["received"])
        assert (stands["state"], stands["test"]["numbers"][1]["received"]) == ("to_test", False)
        network.control("deliver", sim="accueil", sender=TRUSTED[1], text="OK")
        stands = _until(fete, lambda found: found["test"]["numbers"][1]["received"])
        assert (stands["state"], stands["test"]["stop_and_start_tried"]) == ("to_test", False)
        office.refused(3, "to be tested first", "campaigns", "approve", "fete", "--by", "dominique")

        # He tries to leave, and comes back.
        network.control("deliver", sim="accueil", sender=TRUSTED[1], text="STOP")
        network.wait(accepted=3, seconds=30)  # it was confirmed to him
        assert [one["recipient"] for one in office.json("optouts", "list")] == [TRUSTED[1]]
        assert fete()["state"] == "to_test"
        office.refused(3, "STOP", "send", "-p", "events", TRUSTED[1], "Rien ne part")
        network.control("deliver", sim="accueil", sender=TRUSTED[1], text="START")
        _until(fete, lambda found: found["state"] == "tested")

        # Nothing is left broken for him: he is written to as before.
        assert office.json("optouts", "list") == []
        office.says("send", "-p", "events", TRUSTED[1], "Vous revoilà")
        seen = len(network.ledger())
        office.says("campaigns", "approve", "fete", "--by", "dominique")
        office.says("campaigns", "start", "fete", "--by", "camille")
        _until(fete, lambda found: found["state"] == "finished")
        _until(lambda: office.json("messages", "list"), lambda found: all(one["sent_at"] for one in found))
    assert "Vous revoilà" in [one.text for one in network.ledger() if one.destination == TRUSTED[1]]
    assert seen >= 4  # two tests and two confirmations

    campaign = [one for one in network.ledger() if one.destination in MEMBERS]
    assert sorted(one.destination for one in campaign) == list(MEMBERS)
    _each_saw_only_his_own(network.ledger())
    figures = office.json("campaigns", "report", "fete")
    assert (figures["accepted"], figures["sent"], figures["optouts"]) == (3, 3, 0)
    assert figures["submissions"] == figures["messages_submitted"] == len(campaign)
    assert (figures["messages_to_others"], figures["texts_with_others_numbers"]) == (0, 0)


FIELDS = {
    MEMBERS[0]: ("Anne-Sophie", "Lyon"),
    MEMBERS[1]: ("Karim", "Villeurbanne"),
    MEMBERS[2]: ("Zoé", "Caluire"),
    TRUSTED[0]: ("Camille", "Vénissieux"),
    TRUSTED[1]: ("Dominique", "Oullins"),
}


def _each_saw_only_his_own(ledger: list[Accepted]) -> None:
    """Of all that the network took: a number a PDU, and in its text only what is that person's own."""
    for one in ledger:
        assert destination(one.pdu) == one.destination
        assert re.fullmatch(r"\+[0-9]{11}", one.destination)
        text = one.text or ""
        digits = re.sub("[^0-9]", "", text)
        for other, fields in FIELDS.items():
            if other != one.destination:
                assert other[-9:] not in digits
                assert not [field for field in fields if re.search(rf"\b{field}\b", text)]
