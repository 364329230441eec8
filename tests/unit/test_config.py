"""The configuration: what PRODUCT.md shows is read, and every refusal names line, key and what was expected."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewayd import config
from gatewayd.config import yamltree
from gatewayd.domain.field import Field, FieldType
from gatewayd.domain.purpose import STRICTEST, Basis, Encoding, Hours, Limits, MessageClass
from gatewayd.domain.vocabulary import Vocabulary
from gatewayd.errors import ConfigurationError

FULL = """\
organisation:
  name: Amicale des Jardins
  privacy_contact: rgpd@example.org
  privacy_notice: https://example.org/confidentialite
  language: fr
country: FR
allowed_countries: [FR, BE]
timezone: Europe/Paris
state_directory: /var/lib/gatewayd
spool_directory: /var/spool/gatewayd
database: sqlite
modems:
  - port: /dev/serial/by-path/x
    pin: sim-accueil
sims:
  - name: accueil
    iccid: "89330123456789012345"
    pool: default
    line: {allows: [information, alert]}
    limits: {per_minute: 12, per_day: 200, recipients_per_month: 250, billing_day: 5}
  - {name: secours, imsi: "208011234567890", line: {allows: [alert]}}
default_limits: {per_minute: 12, per_day: 200, recipients_per_month: 200, gap: 3, jitter: 2}
purposes:
  events:
    label: Informations sur les événements
    basis: consent
    class: information
    hours: {days: mon-sat, from: "08:00", to: "20:00", holidays: false}
    retention_days: 1095
    wording: {template: association, frequency: deux SMS par mois au plus}
  urgence: {label: Alertes, basis: vital_interest, class: alert, encoding: gsm7, max_parts: 2, time_to_live_hours: 6}
feeds:
  - folder: .
    purpose: events
  - folder: rappels
    purpose: events
    template: "Bonjour {{ prenom }}"
    approval: required
api: {socket: /run/gatewayd/api.sock, listen: 127.0.0.1:8787}
"""
SMALL = "organisation: {name: Amicale}\n"


def refusal(text: str) -> config.InvalidConfiguration:
    with pytest.raises(config.InvalidConfiguration) as caught:
        config.loads(text)
    return caught.value


def test_the_contract_s_example_becomes_values() -> None:
    settings = config.loads(FULL)
    events, alert = settings.purposes["events"], settings.purposes["urgence"]
    assert settings.allowed_countries == {"FR", "BE"}
    assert settings.modems == (config.ModemSettings("/dev/serial/by-path/x", "sim-accueil"),)
    assert settings.sims[0].limits == Limits(per_minute=12, per_day=200, recipients_per_month=250, billing_day=5)
    assert settings.sims[0].line_allows == frozenset({MessageClass.INFORMATION, MessageClass.ALERT})
    assert settings.sims[1].limits == settings.default_limits == settings.unlisted("x").limits
    assert events.basis is Basis.CONSENT
    assert events.hours == Hours(frozenset({1, 2, 3, 4, 5, 6}), time(8), time(20), holidays=False)
    assert (alert.encoding, alert.max_parts, alert.time_to_live) == (Encoding.GSM7, 2, timedelta(hours=6))
    assert settings.feeds[1] == config.FeedSettings("rappels", "events", "Bonjour {{ prenom }}", approval_required=True)


def test_no_limits_at_all_means_the_strictest() -> None:
    assert config.loads(SMALL).default_limits == STRICTEST


@pytest.mark.parametrize(("rule", "completes"), [("", True), ("complete", True), ("strict", False)])
def test_the_rule_for_parts_after_a_stop_is_that_of_each_purpose(rule: str, completes: bool) -> None:
    purposes = "purposes: {e: {label: E, basis: consent}}\n"
    settings = config.loads(SMALL + purposes + (f"replies: {{parts_after_stop: {rule}}}\n" if rule else ""))
    assert {purpose.completes for purpose in settings.purposes.values()} == {completes}


def test_a_sim_s_pauses_alone_are_no_limits() -> None:
    settings = config.loads(SMALL + 'sims: [{name: a, imsi: "208011234567890", limits: {gap: 9}}]')
    assert settings.sims[0].limits.per_day == STRICTEST.per_day
    assert settings.sims[0].limits.gap == 9


def test_empty_lists_may_stand_with_nothing_after_them() -> None:
    settings = config.loads(SMALL + "modems:\nsims:\npurposes:\nfeeds:\n")
    assert (settings.modems, settings.sims, dict(settings.purposes), settings.feeds) == ((), (), {}, ())


@pytest.mark.parametrize(
    ("days", "expected"),
    [("mon-sat", {1, 2, 3, 4, 5, 6}), ("mon,wed", {1, 3}), ("[sat, sun]", {6, 7}), ("sat-mon", {6, 7, 1})],
)
def test_days(days: str, expected: set[int]) -> None:
    quoted = days if days.startswith("[") else f'"{days}"'
    settings = config.loads(SMALL + f"purposes: {{e: {{label: E, basis: contract, hours: {{days: {quoted}}}}}}}")
    hours = settings.purposes["e"].hours
    assert hours is not None
    assert hours.days == expected
    assert (hours.since, hours.until) == (time(0), time(0))


def test_replies() -> None:
    assert config.loads(SMALL).replies == config.ReplySettings()
    replies = config.loads(
        SMALL + "replies: {languages: [fr], words: {stop: [pouce], ordinary: [fin]}, confirm_stop: false, "
        "files_days: 0, texts: {help: '{{ organisation }}, STOP'}}"
    ).replies
    assert replies.vocabulary == Vocabulary(("fr",), stop=("pouce",), ordinary=("fin",))
    assert dict(replies.texts) == {"help": "{{ organisation }}, STOP"}
    assert set(replies.unsaid) == {"stop"}
    assert replies.files_days == 0


WORDED = "purposes: {e: {label: E, basis: consent, wording: {frequency: f, version: '1', "
REFUSED = [
    ("replies: {languages: [fr, xx]}", 2, "replies.languages[2]: there are no keywords for `xx`; expected one of fr,"),
    ("replies:\n  words:\n    stop:\n      - bonjour", 5, "replies.words.stop[1]: `bonjour` is an ordinary word"),
    ("replies:\n  words:\n    stop: [pouce, START]", 4, "replies.words.stop[2]: `START` is read as START already"),
    ("replies: {words: {stop: [ok]}}", 2, "`ok` is too short; expected 3 letters or more"),
    ("replies: {words: {stop: [12]}}", 2, "replies.words.stop[1]: `12` cannot be used"),
    ("replies: {words: {ordinary: [stop]}}", 2, "`stop` cannot be taken out"),
    ("replies: {words: {stopp: [x]}}", 2, "unknown key, did you mean `stop`?"),
    (
        "replies: {texts: {stop: Bonjour}}",
        2,
        "replies.texts.stop: it does not say who writes; expected {{ organisation",
    ),
    ("replies: {texts: {help: '{{ nom }}'}}", 2, "no field named nom"),
    ("replies: {files_days: -1}", 2, "expected days, from 0"),
    ("replies: yes", 2, "expected a block with languages, words"),
    # after `organisation: {name: Amicale}` on line 1: text, line, words
    ("contry: FR", 2, "contry: unknown key, did you mean `country`?"),
    ("purposes:\n  e:\n    labell: x\n    basis: consent", 4, "e.labell: unknown key, did you mean `label`?"),
    ("purposes:\n  e:\n    labell: x\n    basis: consent", 3, "purposes.e.label: is missing"),
    ("purposes: {e: {label: E, basis: consentt}}", 2, "expected one of consent, contract"),
    ("purposes: {e: {label: E, basis: consent, class: 3}}", 2, "`3` cannot be used; expected one of information"),
    ("purposes: {E f: {label: E, basis: consent}}", 2, "`E f` is no name"),
    ("purposes: [e]", 2, "purposes: a list cannot be used"),
    ("purposes: {e: {label: E, basis: consent, hours: {from: '25:00'}}}", 2, "expected a time of day"),
    ("purposes: {e: {label: E, basis: consent, hours: {from: 9:00, to: '09:00'}}}", 2, "are the same"),
    ("purposes: {e: {label: E, basis: consent, hours: {days: mon-xyz}}}", 2, "`mon-xyz` is no day"),
    ("purposes: {e: {label: E, basis: consent, hours: {holidays: no}}}", 2, "`no` cannot be used; expected true or"),
    ("purposes: {e: {label: E, basis: consent, max_parts: 0}}", 2, "expected a number of parts"),
    ("purposes: {e: {label: E, basis: consent, resend_unknown: true}}", 2, "only an alert may be sent again"),
    ("replies: {parts_after_stop: sometimes}", 2, "expected complete or strict"),
    ("purposes: {e: {label: E, basis: consent, retention_days: 1.5}}", 2, "expected a number of days"),
    ("country: fr", 2, "did you mean `FR`?"),
    ("country:\n", 2, "country: nothing cannot be used; expected the two letters"),
    ("allowed_countries: [FR, XX]", 2, "allowed_countries[2]: `XX` is no country"),
    ("timezone: Europe/Pari", 2, "did you mean `Europe/Paris`?"),
    ("timezone: ../../etc/passwd", 2, "is no time zone"),
    ("state_directory: var", 2, "it is not an absolute path"),
    ("state_directory: /a\nspool_directory: /a", 3, "it is also the state directory"),
    ("database: postgresql+psycopg://u:secret@h/d", 2, "PostgreSQL comes with a later version"),
    ("modems:\n- port: /dev/a\n- port: /dev/a", 4, "modems[2].port: `/dev/a` is given twice"),
    ("modems: [{port: /dev/a, pin: 4321}]", 2, "never the PIN itself"),
    ('modems: [{port: /dev/a, pin: "4321"}]', 2, "never the PIN itself"),
    ("modems: [/dev/a]", 2, "expected a block with port, pin"),
    ('sims: [{name: a, imsi: "208011234567890"}, {name: a, imsi: "208011234567891"}]', 2, "`a` is given twice"),
    ("sims:\n- name: a\n- name: b", 3, "expected its iccid or its imsi"),
    ("sims: [{name: a, iccid: 89330123456789012345}]", 2, "on the card, in quotes"),
    ("sims: [{name: a, iccid: }]", 2, "expected its iccid or its imsi"),
    ('sims: [{name: a, iccid: "1234"}]', 2, "it is not an ICCID"),
    ("default_limits: {per_day: -5}", 2, "`-5` cannot be used; expected a whole number"),
    ("default_limits: {per_day: 0}", 2, "leave the key out for no such limit"),
    ("default_limits: {per_day: true}", 2, "`true` cannot be used"),
    ("default_limits: {billing_day: 32}", 2, "a day of the month"),
    ("default_limits: {gap: 1e999}", 2, "expected seconds"),
    ("default_limits: {per_months: 3}", 2, "did you mean `per_month`?"),
    ("purposes: {e: {label: E, basis: consent}}\nfeeds: [{folder: ., purpose: f}]", 3, "there is no purpose `f`"),
    (
        "purposes: {e: {label: E, basis: consent}}\nfeeds:\n- folder: .\n  purpose: e\n  template: '{% for x in y %}'",
        6,
        "feeds[1].template: template",
    ),
    ("holidays_region: Atlantis", 2, "holidays_region: no calendar of public holidays"),
    ("allowed_numbers: [landlines]", 2, "expected a list out of landline, premium"),
    ("feeds: [{folder: ../x, purpose: e}]", 2, "it is no plain folder name"),
    ("feeds: [{folder: /x, purpose: e}]", 2, "it is no plain folder name"),
    ("feeds: [{folder: .git, purpose: e}]", 2, "it is no plain folder name"),
    (
        "purposes: {e: {label: E, basis: consent, wording: {template: club, frequency: f}}}",
        2,
        "expected marketing, inf",
    ),
    (
        "purposes: {e: {label: E, basis: consent, wording: {template: marketing}}}",
        2,
        "frequency: is missing; expected how",
    ),
    (
        "purposes: {e: {label: E, basis: consent, wording: {frequency: f}}}",
        2,
        "nothing says the words; expected `templa",
    ),
    ("purposes:\n  e:\n    label: E\n    basis: consent\n    wording: {text: oui, frequency: f}", 6, "have no version"),
    (WORDED + "text: J'accepte}}}", 2, "wording.text: it does not say who writes"),
    (WORDED + "text: '{{ name }}'}}}", 2, "no field named name; there are frequency, organisation"),
    (
        WORDED + "text: '{{ organisation }}', question: '{% for a in b %}{% endfor %}'}}}",
        2,
        "wording.question: template line",
    ),
    (WORDED + "template: marketing, question: '{{ organisation }} " + "x" * 700 + "'}}}", 2, "SMS; e allows 4"),
    ("contacts: {fields: {Ville: {type: text, why: w}}}", 2, "`Ville` is no name; expected a short name"),
    (
        "contacts:\n  fields:\n    ville: {type: text}",
        4,
        "contacts.fields.ville.why: is missing; expected why you need",
    ),
    ("contacts: {fields: {ville: {type: texte, why: w}}}", 2, "expected one of text, date, number, boolean, choice"),
    ("contacts:\n  fields:\n    prenom: {type: text, why: w}", 4, "every contact has it already"),
    ("contacts:\n  fields:\n    sante: {type: text, why: w}", 4, "data about health; expected a `ground`"),
    ("contacts:\n  fields:\n    c: {type: text, why: w, label: Syndiqué}", 4, "data about union membership"),
    ("contacts: {fields: {c: {type: choice, why: w, choices: [catholique, non]}}}", 2, "data about religion"),
    ("contacts:\n  fields:\n    a:\n      type: choice\n      why: w", 4, "a choice has choices"),
    ("contacts: {fields: {a: {type: text, why: w, choices: [x]}}}", 2, "a choice has choices"),
    ("contacts: {fields: {a: {type: choice, why: w, choices: [Été, ete]}}}", 2, "two of them are the same"),
    ("contacts: {fields: {a: {type: text, why: w}, b: {type: text, why: w, label: A}}}", 2, "that of `a` too"),
]


def test_declared_fields_become_values() -> None:
    text = """\
contacts:
  fields:
    ville: {type: text, label: Ville, why: réunions}
    handicap: {type: boolean, why: une place adaptée, ground: "consentement explicite, article 9(2)(a)"}
    region: {type: choice, choices: [Nord, Sud], why: w}
"""
    fields = config.loads(SMALL + text).fields
    assert fields["ville"] == Field("ville", FieldType.TEXT, "réunions", "Ville")
    assert fields["handicap"].ground == "consentement explicite, article 9(2)(a)"
    assert fields["region"].choices == ("Nord", "Sud")
    assert dict(config.loads(SMALL + "contacts:\n").fields) == {}


@pytest.mark.parametrize(("text", "line", "words"), REFUSED, ids=range(len(REFUSED)))
def test_a_refusal_names_line_key_and_expectation(text: str, line: int, words: str) -> None:
    lines = refusal(SMALL + text + "\n").lines()
    assert any(sentence.startswith(f"gatewayd.yaml:{line}: ") and words in sentence for sentence in lines), lines


def test_all_problems_come_together_by_line() -> None:
    problems = refusal("country: fr\norganisation: {nam: x}\nsims: 3\n").problems
    assert [(problem.line, problem.key) for problem in problems] == [
        (2, "organisation.nam"),
        (2, "organisation.name"),
        (3, "sims"),
    ]


def test_a_pin_written_into_the_file_is_not_repeated() -> None:
    error = refusal(SMALL + "modems: [{port: /dev/a, pin: 4321}]")
    assert "4321" not in "".join(error.lines())


NOT_YAML = [
    ("a: 1\na: 2\n", 2, "`a` is given twice, first on line 1"),
    ("a: !!python/object/apply:os.system [id]\n", 1, "a YAML tag is not allowed"),
    ("a: !x 3\n", 1, "a YAML tag is not allowed"),
    ("a: &x [1]\nb: *x\n", 2, "the alias *x is not allowed"),
    ("a: [1\nb: 2\n", 2, "is not YAML"),
    ("a: 1\n---\nb: 2\n", 3, "second document"),
    ("a:\n\t- b\n", 2, "is not YAML"),
    ("a: \x07\n", 1, "not allowed in YAML"),
    ("[a, b]: 1\n", 1, "a key is not a word"),
    ("a: " + "[" * 50_000, 1, "nested too deep"),
]


@pytest.mark.parametrize(("text", "line", "words"), NOT_YAML, ids=range(len(NOT_YAML)))
def test_yaml_that_is_refused(text: str, line: int, words: str) -> None:
    with pytest.raises(ConfigurationError, match=r"f\.yaml:") as caught:
        yamltree.parse(text, "f.yaml")
    assert words in str(caught.value)
    assert caught.value.line == line


def test_plain_scalars_are_those_of_yaml_1_2() -> None:
    tree = yamltree.parse("[NO, on, 20:00, 0123, 1_0, 2026-01-01, 3, 1.5, true, ~, '3', .inf]")
    assert tree.value == ("NO", "on", "20:00", "0123", "1_0", "2026-01-01", 3, 1.5, True, None, "3", ".inf")


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"a: \xff\n", "not UTF-8"), (b"#" * (yamltree.MAX_BYTES + 1), "too large")],
)
def test_files_that_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "gatewayd.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=words):
        config.load(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.yaml: cannot be read: No such file"):
        config.load(tmp_path / "nowhere.yaml")


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    file = tmp_path / "gatewayd.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + SMALL.encode())
    assert config.load(file).organisation.name == "Amicale"


@settings(deadline=None)  # a busy machine is no fault
@given(st.text(max_size=200))
def test_no_text_ends_in_another_error(text: str) -> None:
    for words in (text, SMALL + text):
        try:
            config.loads(words)
        except ConfigurationError:
            continue


REMARKS = [
    ("", "no modem is configured"),
    ("", "the strictest preset holds"),
    ('sims: [{name: a, imsi: "208011234567890"}]', "SIM a: `line: {allows: [...]}` is not set"),
    ('sims: [{name: a, imsi: "208011234567890"}]', "SIM a: no limit is set"),
    ('sims: [{name: a, imsi: "208011234567890", pool: z}]', "no purpose uses the pool z"),
    ("purposes: {e: {label: E, basis: consent, pool: z}}", "purpose e: no SIM serves the pool z"),
    ("purposes: {e: {label: E, basis: consent, class: marketing}}", "no SIM's line allows marketing"),
    ("default_limits: {gap: 2}", "the strictest preset holds"),
]


@pytest.mark.parametrize(("text", "words"), REMARKS, ids=range(len(REMARKS)))
def test_what_may_stand_but_should_be_known(text: str, words: str) -> None:
    assert any(words in notice.text for notice in config.loads(SMALL + text).warnings)


def test_a_complete_file_has_few_warnings() -> None:
    assert [notice.text for notice in config.loads(FULL).warnings] == []


def test_the_api_is_on_the_socket_unless_it_is_said_otherwise() -> None:
    def places(words: str) -> tuple[object, object]:
        api = config.loads(SMALL + words).api
        assert api is not None
        return api.socket, api.listen

    assert config.loads(SMALL).api is None
    assert places("api: {}") == (Path("/run/gatewayd/api.sock"), None)
    assert places("api: {listen: 127.0.0.1:80}") == (None, ("127.0.0.1", 80))
    assert places("api: {listen: 'localhost:80'}") == (None, ("127.0.0.1", 80))
    assert places("api: {listen: '[::1]:8787', socket: /run/a}") == (Path("/run/a"), ("::1", 8787))


@pytest.mark.parametrize("listen", ["0.0.0.0:80", "192.168.1.2:80", "[::]:80", "sms.example.org:80", "127.0.0.1:99999"])
def test_the_api_is_for_this_machine_only(listen: str) -> None:
    with pytest.raises(config.InvalidConfiguration, match="no address of this machine itself"):
        config.loads(SMALL + f"api: {{listen: '{listen}'}}")
