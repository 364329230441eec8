"""What docs/ prints for people to type, ready to be run: the blocks of a page, in an installation of its own.

Only places are changed: the socket, the port, the spool and the files in /etc. `sudo` runs what follows it, and what
would change the machine's users and services does nothing.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.scenarios.installation import ROOT, Installation, environment

DOCS = ROOT / "docs"
_PREAMBLE = """\
set -euo pipefail
sudo() {{ "$@"; }}
gatewayd() {{ {python} -m gatewayd.cli.main --config {file} "$@"; }}
usermod() {{ :; }}; systemctl() {{ :; }}; chown() {{ :; }}
"""


class Printed:
    """The pages of docs/ for one installation; `places`: what stands there, and what it is here."""

    def __init__(self, here: Installation, places: Mapping[str, str]) -> None:
        self._here, self.places = here, {"/var/spool/gatewayd": str(here.spool), **places}
        self._preamble = _PREAMBLE.format(python=sys.executable, file=here.file)

    def blocks(self, page: str, language: str) -> list[str]:
        """The blocks of this language, in order."""
        text = (DOCS / page).read_text("utf-8")
        found = re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        return [self.moved(one) for one in found]

    def moved(self, text: str) -> str:
        """With the places of this installation."""
        for there, here in self.places.items():
            text = text.replace(there, here)
        return text

    def shell(self, *lines: str, words: tuple[str, ...] = (), wants: int | None = 0) -> str:
        """Run them as one script, and return what it prints; `wants`: its status, None for any."""
        done = subprocess.run(
            ["bash", "-c", self._preamble + "\n".join(lines), "bash", *words],
            cwd=ROOT,
            env=environment(HOME=str(self._here.directory)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        assert wants is None or done.returncode == wants, (done.returncode, done.stdout, done.stderr)
        return done.stdout

    def write(self, name: str, content: str, mode: int = 0o600) -> Path:
        """A file of somebody's, in the installation's directory."""
        path = self._here.directory / name
        path.write_text(content, "utf-8")
        path.chmod(mode)
        return path
