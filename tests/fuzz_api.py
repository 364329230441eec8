"""Requests made up from the OpenAPI document, against a real server: no 5xx, and each answer as it is documented.

There are people, messages and campaigns to be found. What the server logs as an error is told at the end.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from gatewayd import logs
from gatewayd.domain.token import Scope
from tests.serving import ALICE, TO_ALICE, Serving

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
)  # fmt: skip


def main(schemathesis: str, *more: str) -> int:
    """Let schemathesis ask; its exit status."""
    with tempfile.TemporaryDirectory() as directory:
        serving = Serving(Path(directory))
        with (Path(directory) / "log").open("w") as log:
            logs.configure(bytes(32), level="error", stream=log)
            token = serving.token(Scope.ADMIN, per_minute=1_000_000, messages_per_minute=1_000_000)
            _furnish(serving, token)
            command = [
                schemathesis, "run", f"http://127.0.0.1:{serving.port}/v1/openapi.json",
                "--header", f"Authorization: Bearer {token}", "--checks", ",".join(CHECKS), *more,
            ]  # fmt: skip
            done = subprocess.run(command, cwd=directory, check=False, env={**os.environ, "NO_COLOR": "1"})
            serving.close()
        sys.stdout.write((Path(directory) / "log").read_text()[-20_000:])
    return done.returncode


def _furnish(serving: Serving, token: str) -> None:
    """Somebody to write to, somebody who left, a message, a campaign."""
    person = {"number": ALICE, "given_name": "Alice", "fields": {"ville": "Lyon"}}
    campaign = {"name": "reunion", "purpose": "alerte", "text": "Bonjour {{ prenom }}", "segment": "lyon"}
    for path, body in (
        ("contacts", person), ("messages", TO_ALICE), ("campaigns", campaign), ("optouts", {"recipient": "0639980002"}),
    ):  # fmt: skip
        assert serving.ask("POST", f"/v1/{path}", token, json=body).status_code in (201, 202)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
