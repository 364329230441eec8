"""A machine that answers under a webhook's name without being it: its certificate is not the name's."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest

from tests.security.hooking import LOOPBACK, hostile, says, send

OK = b"HTTP/1.1 204 No Content\r\n\r\n"
NAME = "app.example.org"


def certificate(directory: Path, name: str) -> Path:
    """A key and the certificate that it signs for itself."""
    path, key = directory / f"{name}.pem", directory / f"{name}.key"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-keyout", str(key), "-out", str(path), "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"],
        capture_output=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return path


def serving(path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, path.with_suffix(".key"))
    return context


@pytest.mark.parametrize(
    ("shown", "trusted", "status"),
    [(NAME, NAME, 204), (NAME, None, None), ("other.example.org", "other.example.org", None)],
)
def test_only_the_name_itself_is_told(tmp_path: Path, shown: str, trusted: str | None, status: int | None) -> None:
    path = certificate(tmp_path, shown)
    with hostile(says(OK), tls=serving(path)) as server:
        answer, _ = send(
            f"https://{NAME}:{server.port}/", resolve=lambda _host, _port: ["127.0.0.1"], allowed=LOOPBACK,
            authorities=path if trusted else None,
        )  # fmt: skip
        assert answer.status == status
        assert server.asked == [] or status
    assert status or answer.trouble.startswith("its certificate cannot be trusted")


def test_one_that_speaks_no_tls_is_told_nothing() -> None:
    with hostile(says(OK)) as server:
        answer, _ = send(f"https://{NAME}:{server.port}/", resolve=lambda _h, _p: ["127.0.0.1"], allowed=LOOPBACK)
        assert answer.status is None
        assert all(b"webhook" not in octets for octets in server.asked)
