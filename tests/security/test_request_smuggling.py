"""Requests that two programs could read in two ways: refused with 400, and the connection closed."""

from __future__ import annotations

import re

import pytest

from gatewayd.interfaces.http.strict import fault
from tests.serving import Serving

H = b"Host: localhost\r\n"
POST, GET = b"POST /v1/messages HTTP/1.1\r\n", b"GET /health HTTP/1.1\r\n"
BODY = b"Content-Type: application/json\r\n"
CHUNK = b"Transfer-Encoding: chunked\r\n"
HIDDEN = b"GET /health HTTP/1.1\r\n" + H + b"\r\n"
CORPUS = {
    "CL and TE": POST + H + BODY + b"Content-Length: 4\r\n" + CHUNK + b"\r\n0\r\n\r\n" + HIDDEN,
    "TE and CL": POST + H + BODY + CHUNK + b"Content-Length: 4\r\n\r\n0\r\n\r\n" + HIDDEN,
    "two CL that differ": POST + H + BODY + b"Content-Length: 0\r\nContent-Length: 40\r\n\r\n" + HIDDEN,
    "two CL that agree": POST + H + BODY + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "CL with a comma": POST + H + BODY + b"Content-Length: 2, 2\r\n\r\n{}",
    "CL with a sign": POST + H + BODY + b"Content-Length: +2\r\n\r\n{}",
    "CL below zero": POST + H + BODY + b"Content-Length: -1\r\n\r\n{}",
    "CL in hex": POST + H + BODY + b"Content-Length: 0x2\r\n\r\n{}",
    "CL with a blank in it": POST + H + BODY + b"Content-Length: 1 0\r\n\r\n{}",
    "CL without end": POST + H + BODY + b"Content-Length: " + b"9" * 400 + b"\r\n\r\n{}",
    "CL of other digits": POST + H + BODY + "Content-Length: ٢\r\n\r\n{}".encode(),
    "a blank before the colon": POST + H + BODY + b"Content-Length : 2\r\n\r\n{}",
    "two hosts": GET + H + b"Host: evil.example\r\n\r\n",
    "the same host twice": GET + H + H + b"\r\n",
    "no host": GET + b"\r\n",
    "two TE": POST + H + BODY + CHUNK + CHUNK + b"\r\n0\r\n\r\n",
    "TE identity": POST + H + BODY + b"Transfer-Encoding: identity\r\n\r\n{}",
    "TE twice in one": POST + H + BODY + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "TE gzip": POST + H + BODY + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "TE with a tab": POST + H + BODY + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "TE misspelt": POST + H + BODY + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "TE in HTTP/1.0": b"POST /v1/messages HTTP/1.0\r\n" + H + BODY + CHUNK + b"\r\n0\r\n\r\n",
    "TE folded": POST + H + BODY + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a folded line": GET + b"X: a\r\n b\r\n" + H + b"\r\n",
    "a head that begins folded": GET + b" X: a\r\n" + H + b"\r\n",
    "line ends without CR": b"GET /health HTTP/1.1\nHost: localhost\n\n",
    "one line end without CR": GET + b"X: a\n" + H + b"\r\n",
    "an end without CR": GET + H + b"X: a\n\n" + HIDDEN,
    "half an end without CR": GET + H + b"X: a\n\r\n" + HIDDEN,
    "the other half": GET + H + b"X: a\r\n\n" + HIDDEN,
    "CR alone": GET + b"X: a\rHost: evil.example\r\n" + H + b"\r\n",
    "NUL in a value": GET + b"X: a\0b\r\n" + H + b"\r\n",
    "NUL in a name": GET + b"X\0: a\r\n" + H + b"\r\n",
    "no name": GET + b": a\r\n" + H + b"\r\n",
    "no colon": GET + b"X\r\n" + H + b"\r\n",
    "a blank in the target": b"GET /health /x HTTP/1.1\r\n" + H + b"\r\n",
    "a tab in the request": b"GET\t/health\tHTTP/1.1\r\n" + H + b"\r\n",
    "HTTP/0.9": b"GET /health\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.9": b"GET /health HTTP/1.9 \r\n" + H + b"\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    "two tokens": GET + H + b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
    "two origins": GET + H + b"Origin: http://evil.example\r\nOrigin: http://localhost\r\n\r\n",
    "two sites": GET + H + b"Sec-Fetch-Site: cross-site\r\nSec-Fetch-Site: none\r\n\r\n",
    "two keys": GET + H + b"Idempotency-Key: a\r\nIdempotency-Key: b\r\n\r\n",
    "a chunk size in decimal signs": POST + H + BODY + CHUNK + b"\r\n-1\r\n\r\n",
    "a chunk size without end": POST + H + BODY + CHUNK + b"\r\n" + b"f" * 100 + b"\r\n",
    "a chunk longer than it says": POST + H + BODY + CHUNK + b"\r\n1\r\nabc\r\n0\r\n\r\n",
}
assert len(CORPUS) >= 40


@pytest.mark.parametrize("name", CORPUS)
def test_it_is_refused_and_the_connection_closed(api: Serving, name: str) -> None:
    found = api.raw(CORPUS[name])
    assert found.count(b"HTTP/1.1 ") <= 1, "a second request was read out of the first"
    assert b" 200 " not in found
    assert b" 202 " not in found
    assert found.startswith(b"HTTP/1.1 4"), found


def test_pipelined_requests_are_looked_at_one_by_one(api: Serving) -> None:
    good = GET + H + b"\r\n"
    found = api.raw(good + good + CORPUS["CL and TE"] + good)
    assert re.findall(rb"HTTP/1.1 (\d+)", found) == [b"200", b"200", b"400"]


def test_a_head_in_pieces_is_one_head() -> None:
    assert fault(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: a") == ""
    assert fault(b"GET / HTTP/1.1\r\nHost: a\r\nHost:") == "two host lines"
