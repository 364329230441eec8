"""CMS and CME codes: whose fault, what it means, what to do, in English and French.

The table is causes.csv: 0-127 are the network's RP causes (TS 24.011 annex E-2), 128-255 the service centre's TP
failure causes (TS 23.040 clause 9.2.3.22), 300-500 the modem's (TS 27.005 clause 3.2.5), 512 and above the makers';
CME codes are TS 27.007 clause 9.2. Some modems answer AT+CMGS with CME codes: one table for both. `gatewayd:` codes
are our own.

The class decides what happens next (errors.CauseClass). Where a code leaves open whether the message went out, it is
`unknown`: a code without a meaning (500, CME 100, a bare ERROR) that comes after more than `QUICK` seconds, for by then
the network had the message; a maker's code that is not in the table; and those which mean that the network's answer got
lost (127, 332, 513).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from types import MappingProxyType

from gatewayd.errors import Cause, CauseClass

# A modem that refuses by itself does so at once; a refusal after this many seconds has been on the air.
QUICK = 10.0

_ADVICE: Mapping[str, tuple[str, str]] = {
    "number": ("Check the number with its owner.", "Vérifiez le numéro auprès de son titulaire."),
    "operator": (
        "Ask the SIM's operator what its contract allows; another SIM is used meanwhile.",
        "Demandez à l'opérateur ce que le contrat de la SIM permet ; une autre SIM est utilisée en attendant.",
    ),
    "credit": (
        "Check the SIM's credit and limits; a spam filter of the operator is possible too.",
        "Vérifiez le crédit et les limites de la SIM ; un filtre anti-spam de l'opérateur est possible aussi.",
    ),
    "wait": ("Nothing to do: it is tried again.", "Rien à faire : un nouvel essai aura lieu."),
    "registration": (
        "Check that the SIM is active and the antenna connected.",
        "Vérifiez que la SIM est active et l'antenne branchée.",
    ),
    "text": (
        "Check the text, and tell the maintainer: this message would be refused again.",
        "Vérifiez le texte et prévenez le mainteneur : ce message serait de nouveau refusé.",
    ),
    "doubt": (
        "It may have gone out: gatewayd waits for a late answer or a report and sends nothing again by itself "
        "(`gatewayd messages resolve`).",
        "Le message est peut-être parti : gatewayd attend une réponse tardive ou un accusé et ne renvoie rien de "
        "lui-même (`gatewayd messages resolve`).",
    ),
    "duplicate": (
        "The message was sent before: resolve it as sent.",
        "Le message était déjà parti : à classer comme envoyé.",
    ),
    "storage": (
        "Delete old messages from the SIM or the modem.",
        "Supprimez les vieux messages de la SIM ou du modem.",
    ),
    "restart": (
        "gatewayd restarts the modem; if it comes back, check its power supply.",
        "gatewayd redémarre le modem ; si cela se répète, vérifiez son alimentation.",
    ),
    "other_program": (
        "Stop the other program (ModemManager: install the udev rule).",
        "Arrêtez l'autre programme (ModemManager : installez la règle udev).",
    ),
    "model": ("This modem's model is not fit for it.", "Ce modèle de modem ne convient pas."),
    "sim_seat": (
        "Check that the SIM is well seated, or try another.",
        "Vérifiez que la SIM est bien en place, ou changez-la.",
    ),
    "pin": (
        "Give the right PIN in the configuration; gatewayd tries each PIN once only.",
        "Donnez le bon code PIN dans la configuration ; gatewayd n'essaie chaque code qu'une fois.",
    ),
    "puk": (
        "Unblock the SIM in a phone with its PUK (it is on the card's letter, or with the operator).",
        "Débloquez la SIM dans un téléphone avec son code PUK (sur le courrier de la carte, ou chez l'opérateur).",
    ),
    "locked": (
        "Use an unlocked modem, or the operator's unlock code.",
        "Utilisez un modem déverrouillé, ou le code de l'opérateur.",
    ),
    "smsc": (
        'Set the operator\'s service centre number: AT+CSCA="+33...",145.',
        'Réglez le numéro du centre de messages de l\'opérateur : AT+CSCA="+33...",145.',
    ),
    "reception": ("Check antenna and place of the modem.", "Vérifiez l'antenne et l'emplacement du modem."),
    "fixed_dialling": (
        "Switch off fixed dialling on the SIM (in a phone, with PIN2).",
        "Désactivez les numéros fixes de la SIM (dans un téléphone, avec le PIN2).",
    ),
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """One row: `words` as modems say it with CMEE=2, `text` and `advice` in plain words, in both languages."""

    cause: Cause
    words: str
    text_fr: str
    advice_fr: str


def _load() -> dict[str, Meaning]:
    table = {}
    rows = files("gatewayd.modem").joinpath("causes.csv").read_text(encoding="utf-8").splitlines()
    for row in csv.DictReader(rows, delimiter=";"):
        advice, advice_fr = _ADVICE[row["advice"]]
        cause = Cause(row["code"], CauseClass(row["kind"]), row["text"], advice)
        table[row["code"]] = Meaning(cause, row["words"], row["text_fr"], advice_fr)
    return table


TABLE: Mapping[str, Meaning] = MappingProxyType(_load())
_WITHOUT_MEANING = frozenset({"cms:500", "cme:100", "gatewayd:error"})
_CODE_OF_WORDS = {
    (code.partition(":")[0], meaning.words.lower().replace("(u)sim", "sim")): int(code.partition(":")[2])
    for code, meaning in reversed(list(TABLE.items()))
    if meaning.words
}


def classify(kind: str, code: int, seconds: float) -> Cause:
    """The cause of "cms" or "cme" `code`, which came `seconds` after Ctrl-Z (0: nothing had been written)."""
    name = f"{kind}:{code}"
    if name not in TABLE:
        return _unlisted(kind, code, seconds)
    return _doubt_if_late(TABLE[name].cause, seconds) if name in _WITHOUT_MEANING else TABLE[name].cause


def classify_words(kind: str, words: str, seconds: float) -> Cause:
    """As `classify`, for modems that say it in words (CMEE=2), or say ERROR and nothing else (`kind` "")."""
    code = _CODE_OF_WORDS.get((kind, words.strip().lower().replace("(u)sim", "sim")))
    if code is not None:
        return classify(kind, code, seconds)
    return _doubt_if_late(own("error"), seconds)


def late(kind: str, words: str) -> Cause:
    """As `classify`, for a refusal that came when nobody waited any more: `words` are its code, or say it."""
    seconds = 2 * QUICK
    return classify(kind, int(words), seconds) if words.isdecimal() else classify_words(kind, words, seconds)


def own(word: str) -> Cause:
    """The cause gatewayd:`word`."""
    return TABLE[f"gatewayd:{word}"].cause


def describe(code: str, language: str = "en", *, doubtful: bool = False) -> tuple[str, str]:
    """(text, advice) of a recorded code such as "cms:38", in "fr" or else in English; the code itself if not listed.

    `doubtful`: the outcome was recorded as unknown, which the code alone may not tell.
    """
    french = language == "fr"
    meaning = TABLE.get(code)
    text = code if meaning is None else meaning.text_fr if french else meaning.cause.text
    if doubtful and (meaning is None or meaning.cause.kind is not CauseClass.UNKNOWN):
        return text, _ADVICE["doubt"][french]
    if meaning is None:
        return text, _ADVICE["wait"][french]
    return text, meaning.advice_fr if french else meaning.cause.advice


def _unlisted(kind: str, code: int, seconds: float) -> Cause:
    name = f"{kind}:{code}"
    if kind == "cms" and code <= 127:
        # TS 24.011 annex E-2: any other value is treated as 41, temporary failure.
        return replace(TABLE["cms:41"].cause, code=name)
    if kind == "cms" and code <= 255:
        return replace(TABLE["cms:255"].cause, code=name)
    cause = replace(TABLE["cms:500"].cause, code=name)
    return replace(cause, kind=CauseClass.UNKNOWN, advice=_ADVICE["doubt"][0]) if seconds else cause


def _doubt_if_late(cause: Cause, seconds: float) -> Cause:
    if seconds <= QUICK:
        return cause
    return replace(cause, kind=CauseClass.UNKNOWN, advice=_ADVICE["doubt"][0])
