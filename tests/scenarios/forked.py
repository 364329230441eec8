"""Commands as processes of their own that need not load the program again: each is forked from a clean one that has.

The server that forks has one thread and has opened nothing; a command that it makes starts as one from the shell does,
a second of loading later.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from gatewayd.cli.main import COMMANDS, main, module_of

for _verb in COMMANDS:
    import_module(module_of(_verb))
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__])
_PATIENCE = 50.0


def run(words: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """`gatewayd WORDS` to its end, with nothing to read."""
    with TemporaryDirectory() as place:
        process = _CONTEXT.Process(target=_lead, args=(words, dict(environment), place))
        process.start()
        process.join(_PATIENCE)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(words, _PATIENCE)
        out, error = ((Path(place) / name).read_text() for name in ("1", "2"))
        return subprocess.CompletedProcess(words, process.exitcode, out, error)


def _lead(words: list[str], environment: dict[str, str], place: str) -> None:
    os.environ.clear()
    os.environ.update(environment)
    for number, name in enumerate((os.devnull, f"{place}/1", f"{place}/2")):
        opened = os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  (multiprocessing has put its own there)
    sys.argv = ["gatewayd", *words]
    main()
