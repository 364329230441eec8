"""/cgi-bin/sendsms, as Kannel answers it: for the hundreds of programs that speak it and nothing else.

`username` and `password` (`user`, `pass`) are name and token; the token must be for one purpose, for the call names
none. `to` is a number, or several with blanks between them, of which those that are refused are named behind the
answer; a plus that nobody encoded came as a blank, and is one again: many scripts call so. `text` is UTF-8 unless
`charset` says otherwise (UTF-16BE where `coding=2`). `deferred` and `validity` are minutes: until it may leave, and how
long it may wait then. `from` is ignored: the SIM says who writes. So is `dlr-mask`: `GET /v1/messages/ID` tells what
becomes of a message, and nobody is called back. Binary messages (`udh`, `coding=1`) are refused.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse

from gatewayd.errors import (
    AccessError,
    GatewaydError,
    OutOfScope,
    StoreError,
    TooOften,
    UnknownToken,
    UsageError,
)
from gatewayd.interfaces.http import problems
from gatewayd.interfaces.http.guard import FORM
from gatewayd.interfaces.http.here import Here, Services, peer
from gatewayd.services.intake import Draft
from gatewayd.services.keys import Request as Keyed

router = APIRouter(tags=["compatibility"])
PATH = "/cgi-bin/sendsms"
MOST = 100
_UNENCODED = re.compile(r"\A (?=[1-9])")
_MINUTES = re.compile(r"[0-9]{1,6}", re.ASCII)
_SHORTEST = 7
"""Characters of one of several numbers."""
_MOST_FIELDS = 50


async def _fields(request: Request) -> list[tuple[str, bytes]]:
    """What came in the query and the form; values as octets, for their charset stands in another field."""
    given = request.scope["query_string"] + b"&" + await request.body()
    try:
        pairs = parse_qsl(given.decode("latin-1"), encoding="latin-1", max_num_fields=_MOST_FIELDS)
    except ValueError:
        return []
    return [(name, value.encode("latin-1", "replace")) for name, value in pairs]


_SCHEMAS: dict[str, dict[str, Any]] = {
    "username": {"type": "string", "description": "The token's name.", "examples": ["zabbix"]},
    "password": {"type": "string", "description": "The token.", "examples": ["gwd_..."]},
    "to": {"type": "string", "description": "Numbers with blanks between them.", "examples": ["0639980001"]},
    "text": {"type": "string", "examples": ["Disque plein sur web1"]},
    "charset": {"type": "string", "examples": ["UTF-8"]},
    "coding": {"type": "string", "enum": ["0", "2"]},
    "deferred": {"type": "string", "description": "Minutes until it may leave.", "examples": ["60"]},
    "validity": {"type": "string", "description": "Minutes that it may wait.", "examples": ["30"]},
}
_NEEDED = ("username", "password", "to", "text")
_PARAMETERS = [
    {"name": name, "in": "query", "required": name in _NEEDED, "schema": schema} for name, schema in _SCHEMAS.items()
]
_FORM = {"content": {FORM: {"schema": {"type": "object", "properties": _SCHEMAS, "required": [*_NEEDED]}}}}
_SAID = {
    202: "0: Accepted for delivery",
    400: "Missing receiver number, rejected",
    403: "Authorization failed for sendsms",
    429: "too many requests without a valid token",
    503: "Temporal failure, try again later.",
}
_DOCUMENTED: dict[str, Any] = {
    "response_class": PlainTextResponse,
    "status_code": 202,
    "responses": {
        **{
            status: {"description": words, "content": {"text/plain": {"schema": {"type": "string"}, "example": words}}}
            for status, words in _SAID.items()
        },
        **problems.refused_before(),
    },
}
Fields = Annotated[list[tuple[str, bytes]], Depends(_fields)]


@router.get(PATH, operation_id="sendsms_get", openapi_extra={"parameters": _PARAMETERS}, **_DOCUMENTED)
@router.post(PATH, operation_id="sendsms_post", openapi_extra={"requestBody": _FORM}, **_DOCUMENTED)
def sendsms(request: Request, here: Here, fields: Fields) -> Response:
    """Send a message as through Kannel: `to`, `text`, `username`, `password`."""
    try:
        denied = _send(here, fields, peer(request))
    except TooOften as error:
        return _told(429, str(error))
    except AccessError:
        return _told(403, "Authorization failed for sendsms")
    except StoreError:
        return _told(503, "Temporal failure, try again later.")
    except GatewaydError as error:
        return _told(400, f"{error}, rejected")
    named = " ".join(["", "Denied receivers are:", *denied]) if denied else ""
    return _told(202, f"0: Accepted for delivery{named}")


def _send(here: Services, pairs: list[tuple[str, bytes]], peer: str) -> list[str]:
    """Which of several numbers are refused."""
    fields = dict(pairs)
    if len(fields) < len(pairs):  # two programs could believe different ones
        raise UsageError("A field stands twice")
    token = fields.get("password", fields.get("pass", b""))
    caller = here.gatekeeper.admit(token.decode("latin-1").strip(), peer)
    if here.gatekeeper.due(caller):
        here.gatekeeper.note(caller)
    if fields.get("username", fields.get("user", b"")).decode("latin-1") != caller.name:
        raise UnknownToken
    if len(caller.purposes) != 1:
        raise OutOfScope("a token for this call is for one purpose")
    (purpose,) = caller.purposes
    numbers = _numbers(fields.get("to", b"").decode("utf-8", "replace"))
    if not numbers:
        raise UsageError("Missing receiver number")
    if len(numbers) > MOST:
        raise UsageError(f"More than {MOST} receivers")
    text, after, lives = _text(fields), _minutes(fields, "deferred"), _minutes(fields, "validity")
    drafts = [Draft(number, text, after, lives) for number in numbers]
    request = Keyed(caller.token_id, "", b"")
    if len(numbers) == 1:
        here.submissions.send(caller, purpose, drafts[0], request)
        return []
    told = json.loads(here.submissions.send_all(caller, purpose, drafts, request).body)
    return [numbers[one["index"]] for one in told["refusals"]]


def _numbers(written: str) -> list[str]:
    """Several with blanks between them, each once, or one that was written with blanks: `06 39 98 00 01`."""
    several = list(dict.fromkeys(_UNENCODED.sub("+", written).split()))
    return several if all(len(one) >= _SHORTEST for one in several) else [written]


def _minutes(fields: dict[str, bytes], name: str) -> timedelta | None:
    said = fields.get(name, b"").decode("latin-1")
    if said in ("", "0", "-1"):
        return None
    if not _MINUTES.fullmatch(said):
        raise UsageError(f"{name.capitalize()} field misformed")
    return timedelta(minutes=int(said))


def _text(fields: dict[str, bytes]) -> str:
    coding = fields.get("coding", b"0")
    if fields.get("udh") or coding not in (b"0", b"2", b"-1", b""):
        raise UsageError("Binary messages are not sent")
    named = fields.get("charset", b"").decode("latin-1") or ("utf-16be" if coding == b"2" else "utf-8")
    charset = _CHARSETS.get(_PUNCTUATION.sub("", named).lower())
    if charset is None:
        raise UsageError("Charset not known")
    try:
        return fields.get("text", b"").decode(charset)
    except UnicodeDecodeError:
        raise UsageError("Charset conversion failed") from None


_PUNCTUATION = re.compile(r"[-_ ]")
_CHARSETS = {
    "utf8": "utf-8",
    "usascii": "ascii",
    "ascii": "ascii",
    **dict.fromkeys(["utf16be", "ucs2be"], "utf-16-be"),
    **dict.fromkeys(["iso88591", "latin1"], "iso-8859-1"),
    **dict.fromkeys(["iso885915", "latin9"], "iso-8859-15"),
    **dict.fromkeys(["windows1252", "cp1252"], "windows-1252"),
}
"""By their names without punctuation, which people write in many ways."""


def _told(status: int, words: str) -> Response:
    return Response(words, status_code=status, media_type="text/plain")
