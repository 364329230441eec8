"""Requests made up from the OpenAPI document, against a real server: none may be answered with a 5xx."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from gatewayd.domain.token import Scope
from tests.serving import Serving


def main(schemathesis: str, *more: str) -> int:
    """Let schemathesis ask; its exit status."""
    with tempfile.TemporaryDirectory() as directory:
        serving = Serving(Path(directory))
        token = serving.token(Scope.ADMIN, per_minute=1_000_000, messages_per_minute=1_000_000)
        command = [
            schemathesis, "run", f"http://127.0.0.1:{serving.port}/v1/openapi.json",
            "--header", f"Authorization: Bearer {token}", "--checks", "not_a_server_error", *more,
        ]  # fmt: skip
        done = subprocess.run(command, cwd=directory, check=False)
        serving.close()
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
