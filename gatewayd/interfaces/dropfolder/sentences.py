"""Reasons as sentences, in the organisation's language: for the person who dropped the file, not for scripts.

A reason is a word, or a word and a detail (`duplicate:3`, `too_many_parts:11/4`); the sentence has a place for the
detail. A cause of the modem or the network (`cms:38`, `gatewayd:timeout`) passes through as it is, behind a few
words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# reason: (French, English); {detail} is what stands behind the colon
_ROWS: Mapping[str, tuple[str, str]] = {
    "missing": ("pas de numéro", "no number"),
    "letters": (
        "le numéro contient des lettres ou des caractères interdits",
        "the number has letters or other characters in it",
    ),
    "invalid": ("ce numéro n'existe pas", "no such number exists"),
    "landline": ("numéro fixe : il ne reçoit pas de SMS", "a landline: it receives no SMS"),
    "premium": ("numéro surtaxé", "a premium-rate number"),
    "shared_cost": ("numéro à coût partagé", "a shared-cost number"),
    "toll_free": ("numéro gratuit (numéro vert)", "a toll-free number"),
    "satellite": ("numéro satellite", "a satellite number"),
    "voip": ("numéro de téléphonie par internet", "an internet telephony number"),
    "pager": ("numéro de radiomessagerie", "a pager"),
    "personal": ("numéro personnel à renvoi, surtaxé", "a personal (follow-me) number, charged extra"),
    "uan": ("numéro d'entreprise", "a company's universal number"),
    "voicemail": ("numéro de messagerie vocale", "a voicemail number"),
    "short": ("numéro court", "a short number"),
    "emergency": ("numéro d'urgence : jamais", "an emergency number: never"),
    "foreign": ("numéro étranger, non autorisé", "a foreign number, not allowed here"),
    "excel_precision": (
        "le tableur a perdu des chiffres (3,36E+10) : mettre la colonne au format Texte et ressaisir le numéro",
        "the spreadsheet lost digits (3.36E+10): format the column as Text and type the number again",
    ),
    "duplicate": ("en double : déjà à la ligne {detail}", "a duplicate of line {detail}"),
    "no_text": ("pas de texte", "no text"),
    "too_many_cells": (
        "plus de cellules que de colonnes : un texte avec « ; » ou « , » se met entre guillemets",
        'more cells than columns: a text with ";" or "," in it goes between quotes',
    ),
    "too_many_parts": (
        "texte trop long : {first} SMS, {second} au plus",
        "the text is too long: {first} SMS, at most {second}",
    ),
    "control_characters": (
        "le texte contient des caractères de commande invisibles",
        "the text has control characters in it, which are not seen",
    ),
    "half_character": ("le texte contient un caractère coupé en deux", "the text has half a character in it"),
    "long_field": ("le champ « {detail} » est trop long", "the field “{detail}” is too long"),
    "long_text": ("texte trop long", "the text is too long"),
    "bad_text": ("ce texte ne peut pas être envoyé : {detail}", "this text cannot be sent: {detail}"),
    "bad_field": ("le champ « {detail} » ne peut pas être lu", "the field “{detail}” cannot be read"),
    "missing_field": ("le champ « {detail} » est vide", "the field “{detail}” is empty"),
    "others_number": ("le texte contient le numéro de quelqu'un d'autre", "the text holds another person's number"),
    "others_field": ("le texte contient une donnée de quelqu'un d'autre", "the text holds another person's data"),
    "bad_json": ("cette ligne n'est pas un objet JSON", "this line is no JSON object"),
    "no_object": ("un objet JSON est attendu, entre accolades", "a JSON object is expected, in braces"),
    "key_twice": ("une clé y figure deux fois", "a key stands there twice"),
    "bad_value": (
        "« {detail} » : un texte ou un nombre entier est attendu",
        "“{detail}”: a text or a whole number is expected",
    ),
    "too_many_keys": ("plus de {detail} clés", "more than {detail} keys"),
    "value_too_long": ("une valeur de plus de {detail} caractères", "a value of more than {detail} characters"),
    "empty_field": ("la colonne « {detail} » est vide", "the column “{detail}” is empty"),
}

_MESSAGES: Mapping[str, tuple[str, str]] = {
    "scheduled": ("programmé", "scheduled"),
    "queued": ("en attente d'envoi", "waiting to be sent"),
    "sending": ("envoi en cours", "being sent"),
    "sent": ("envoyé", "sent"),
    "delivered": ("reçu par le téléphone", "received by the phone"),
    "undelivered": ("non remis par le réseau", "the network could not deliver it"),
    "failed": ("refusé par le réseau", "refused by the network"),
    "unknown": (
        "peut-être envoyé : le modem n'a pas répondu ; à un responsable de décider s'il faut le renvoyer",
        "perhaps sent: the modem did not answer; somebody may decide to send it again",
    ),
    "blocked": ("bloqué", "blocked"),
    "held": ("retenu", "held"),
    "canceled": ("annulé", "canceled"),
    "expired": ("a attendu trop longtemps", "waited too long"),
    "opt_out": ("cette personne a dit STOP", "this person said STOP"),
    "no_consent": ("pas d'accord enregistré pour ce type de message", "no recorded consent to this kind of message"),
    "consent_expired": ("son accord est trop ancien : le redemander", "the consent is too old: it must be asked anew"),
    "time_to_live": ("ce n'était plus d'actualité", "it was out of date"),
    "campaign_paused": ("sa campagne est en pause", "its campaign is paused"),
    "campaign_window": ("hors des heures de sa campagne", "outside the hours of its campaign"),
    "campaign_canceled": ("sa campagne a été annulée", "its campaign was canceled"),
    "approval": ("attend l'accord d'un responsable", "waits for approval"),
    "operator": ("décision d'un responsable", "the operator's decision"),
    "opt_out_lifted": ("cette personne a changé d'avis", "this person changed their mind"),
    "purpose": (
        "alerte renvoyée, faute de savoir si elle est partie",
        "an alert sent again, as nobody knew if it left",
    ),
    "resent": (
        "envoyé une seconde fois, faute de savoir si la première avait abouti ; peut-être reçu deux fois",
        "sent a second time, as nobody knew what became of the first; it may have arrived twice",
    ),
}
# what keeps somebody of an audience back: (French, English); {sim}: its name
_WAITS: Mapping[str, tuple[str, str]] = {
    "hours": ("hors des heures permises", "outside the hours that are allowed"),
    "per_day": ("limite du jour atteinte sur la SIM {sim}", "today's limit of SIM {sim} is reached"),
    "per_month": ("limite du mois atteinte sur la SIM {sim}", "this month's limit of SIM {sim} is reached"),
    "recipients_per_day": (
        "la SIM {sim} ne peut plus écrire à de nouvelles personnes ce jour-là",
        "SIM {sim} may write to nobody new that day",
    ),
    "recipients_per_month": (
        "la SIM {sim} ne peut plus écrire à de nouvelles personnes ce mois-là",
        "SIM {sim} may write to nobody new that month",
    ),
}
_LATE = ("trop tard, le message périmerait", "too late, the message would expire")
_HALFWAY = re.compile(r"(?:(?P<reason>.*):)?(?P<sent>\d+)/(?P<parts>\d+)\Z")
_PARTS = ("parti : {sent} SMS sur {parts}", "{sent} of {parts} SMS went out")

_FILES: Mapping[str, tuple[str, str]] = {
    "unknown_encoding": (
        "ce fichier n'est pas du texte, ou son codage est inconnu : l'enregistrer au format « CSV UTF-8 » ou XLSX",
        "this file is no text, or in no known encoding: save it as “CSV UTF-8” or XLSX",
    ),
    "old_format": (
        "fichier .xls, .ods ou protégé par un mot de passe : l'enregistrer en XLSX sans mot de passe, ou en CSV",
        "an .xls or .ods file, or one with a password: save it as XLSX without a password, or as CSV",
    ),
    "unreadable_xlsx": (
        "ce classeur est endommagé : l'ouvrir, l'enregistrer à nouveau en XLSX et le redéposer",
        "this workbook is damaged: open it, save it again as XLSX and drop it again",
    ),
    "unpacks_too_large": (
        "ce classeur est trop grand une fois décompressé ({limit} octets au plus)",
        "this workbook is too large when unpacked (at most {limit} octets)",
    ),
    "too_large": (
        "fichier trop grand : {size} octets, {limit} au plus",
        "the file is too large: {size} octets, at most {limit}",
    ),
    "too_many_rows": (
        "plus de {limit} lignes : couper le fichier en plusieurs",
        "more than {limit} rows: split the file",
    ),
    "too_many_columns": ("ligne {line} : plus de {limit} colonnes", "line {line}: more than {limit} columns"),
    "cell_too_long": (
        "ligne {line} : une cellule de plus de {limit} caractères",
        "line {line}: a cell of more than {limit} characters",
    ),
    "line_too_long": ("une ligne de plus de {limit} caractères", "a line of more than {limit} characters"),
    "bad_quotes": (
        "ligne {line} : des guillemets ne sont pas fermés ou mal placés ; fichier incomplet ?",
        "line {line}: quotes are not closed, or misplaced; is the file incomplete?",
    ),
    "cut_short": (
        "ligne {line} : la dernière ligne est incomplète ; fichier coupé pendant la copie ? "
        "S'il est complet, terminer la dernière ligne par un retour à la ligne",
        "line {line}: the last line is incomplete; was the file cut while it was copied? "
        "If it is complete, end its last line with a line break",
    ),
    "empty": ("fichier vide", "the file is empty"),
    "no_number_column": (
        "pas de colonne de numéros (Téléphone, Portable, Mobile...) ; colonnes vues : {seen}",
        "no column of numbers (Phone, Mobile...); columns seen: {seen}",
    ),
    "no_text_column": (
        "pas de colonne de texte (Message, Texte, SMS...) ; colonnes vues : {seen}",
        "no column of text (Message, Text, SMS...); columns seen: {seen}",
    ),
    "missing_columns": (
        "le modèle de texte attend aussi : {missing} ; colonnes vues : {seen}",
        "the template also needs: {missing}; columns seen: {seen}",
    ),
    "no_rows": ("aucune ligne sous les titres", "no rows below the headings"),
    "no_good_row": ("aucune ligne ne peut être envoyée", "no row can be sent"),
    "not_a_file": (
        "un lien, un tube ou un dossier n'est jamais lu : déposer le fichier lui-même",
        "a link, a pipe or a folder is never read: drop the file itself",
    ),
    "linked_elsewhere": (
        "ce fichier porte un autre nom ailleurs (lien physique) : déposer une copie",
        "this file has another name elsewhere (a hard link): drop a copy",
    ),
    "no_permission": (
        "le service n'a pas le droit de lire ce fichier",
        "the service is not allowed to read this file",
    ),
    "no_recipient": (
        "pas de ligne « To: » avec un numéro avant la première ligne vide",
        "no line “To:” with a number above the first empty line",
    ),
    "several_recipients": (
        "plusieurs destinataires : un fichier par personne, ou une liste en CSV",
        "several recipients: a file a person, or a list as CSV",
    ),
    "forbidden_header": (
        "l'en-tête « {header} » enverrait autre chose que ce texte : le retirer",
        "the header “{header}” would send something other than this text: take it out",
    ),
    "too_many_headers": ("plus de {limit} en-têtes", "more than {limit} headers"),
    "unknown_alphabet": (
        "alphabet inconnu « {alphabet} » : ISO, UTF, UCS ou GSM",
        "unknown alphabet “{alphabet}”: ISO, UTF, UCS or GSM",
    ),
    "wrong_alphabet": (
        "le texte n'est pas écrit dans l'alphabet annoncé « {alphabet} »",
        "the text is not written in the alphabet it names, “{alphabet}”",
    ),
    "text_not_wanted": (
        "ce dossier a son propre modèle de texte : y déposer une liste, et ce fichier dans un autre",
        "this folder has a template of its own: drop a list here, and this file into another",
    ),
    "gammu_backup": (
        "sauvegarde de gammu (.smsbackup) : déposer le texte (.txt)",
        "a backup of gammu (.smsbackup): drop the text (.txt)",
    ),
    "gammu_bookmark": ("un signet WAP n'est pas un texte", "a WAP bookmark is no text"),
    "already_accepted": (
        "ce fichier a déjà été accepté le {at} sous le nom {name} : rien n'est envoyé deux fois. "
        "Pour l'envoyer à nouveau, y changer quelque chose",
        "this file was accepted already on {at} as {name}: nothing is sent twice. "
        "To send it again, change something in it",
    ),
    "internal": (
        "le service n'a pas su traiter ce fichier ; le journal dit pourquoi",
        "the service could not process this file; the journal says why",
    ),
}

_CAUSES = ("cause donnée par le réseau ou le modem : {reason}", "cause given by the network or the modem: {reason}")

HEADINGS = (
    ("ligne", "numéro", "état", "motif", "envoyé le", "parties"),
    ("line", "number", "state", "reason", "sent at", "parts"),
)


def headings(language: str) -> tuple[str, ...]:
    """The report's first line."""
    return HEADINGS[_index(language)]


def of_row(reason: str, language: str) -> str:
    """Why a row of the file was not accepted."""
    word, _, detail = reason.partition(":")
    if word not in _ROWS:
        return reason
    first, _, second = detail.partition("/")
    return _ROWS[word][_index(language)].format(detail=detail, first=first, second=second)


def of_person(reason: str, language: str) -> str:
    """Why somebody of an audience gets nothing."""
    return _MESSAGES[reason][_index(language)] if reason in _MESSAGES else of_row(reason, language)


def of_wait(why: str, sim: str, language: str, *, late: bool = False) -> str:
    """What keeps a message of an audience back; "" for one that would leave in its turn."""
    said = [_WAITS[why][_index(language)].format(sim=sim)] if why in _WAITS else [why] if why else []
    return " ; ".join([*said, *([_LATE[_index(language)]] if late else [])])


def of_message(state: str, reason: str, language: str) -> str:
    """How a message stands, and why."""
    index = _index(language)
    said = _MESSAGES[state][index] if state in _MESSAGES else state
    if halfway := _HALFWAY.match(reason):
        went_out = _PARTS[index].format(**halfway.groupdict())
        return f"{of_message(state, halfway['reason'] or '', language)} ; {went_out}"
    if not reason:
        return said
    if reason in _MESSAGES:
        return f"{said} : {_MESSAGES[reason][index]}" if index == 0 else f"{said}: {_MESSAGES[reason][index]}"
    cause = _CAUSES[index].format(reason=reason)
    return f"{said} ({cause})"


def of_file(reason: str, facts: Mapping[str, object], language: str) -> str:
    """Why a whole file was not accepted."""
    if reason not in _FILES:
        return reason
    return _FILES[reason][_index(language)].format(**facts)


def _index(language: str) -> int:
    return 0 if language == "fr" else 1
