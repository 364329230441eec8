"""The house rules that a machine can check: layers, lengths, docstrings, and what must not stand in any file."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "gatewayd"
LONGEST_FUNCTION, LONGEST_FILE = 80, 500

# Where an exception that nobody foresaw may end, and why there.
SUPERVISORS = {
    "daemon/supervision.py": "a worker: its defect is counted, the others go on",
    "interfaces/dropfolder/folder.py": "a poisoned file: it must not stop all others, turn after turn",
    "modem/at.py": "threads of the library: their end must be told to whoever waits",
    "services/dispatcher.py": "a line: its defect is counted, the others go on",
    "services/reconciler.py": "a poisoned report: it is put aside, the others are matched",
    "services/replies.py": "a poisoned message: it is put aside, the STOP behind it is obeyed",
    "services/schedules.py": "a chore: its defect must not end its ticks",
    "store/writer.py": "a shared transaction: each caller gets his own error, the others' work goes on",
}

# The vectors are copies, with the words of their sources.
_IGNORED = re.compile(r"(?:\.(?!ci$|gitignore$).*|.*\.egg-info|build|dist|__pycache__|vectors)")
_PRIVATE = {
    "a path of somebody's machine": r"(?<![\w.~-])/(?:work|root|home/[a-z]+)/",
    "the number of an issue": r"(?i)\b(?:issue|ticket)s?[ /]#?\d+",
    "the host of a package registry": r"py"
    r"pi\.(?:org|python)|python"
    r"hosted\.org|deb\."
    r"debian\.org|npm"
    r"js\.(?:org|com)",
}


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if _IGNORED.fullmatch(path.name) or path.is_symlink():
            continue
        if path.is_dir():
            if not (path / "pyvenv.cfg").exists():
                yield from _walk(path)
        else:
            yield path


@cache
def modules() -> dict[str, ast.Module]:
    """Each module of the package, by its path below it."""
    return {str(path.relative_to(PACKAGE)): ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def test_the_layers_hold() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_each_module_says_what_it_promises() -> None:
    assert [name for name, tree in modules().items() if not ast.get_docstring(tree)] == []


def test_functions_are_short() -> None:
    long = {
        f"{name}:{node.name}": length
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and (length := (node.end_lineno or 0) - node.lineno + 1) > LONGEST_FUNCTION
    }
    assert long == {}


def test_files_are_short() -> None:
    paths = (path for folder in ("gatewayd", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py"))
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in paths}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_only_supervisors_catch_everything() -> None:
    catching = {
        name
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) in _EVERYTHING)
        # One that cleans up and raises again hides nothing.
        if not (isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None)
    }
    assert catching == SUPERVISORS.keys()


_EVERYTHING = {"Exception", "BaseException"}


def test_no_file_names_what_is_private() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {what}: {match[0]}"
        for path in _walk(ROOT)
        if path != Path(__file__)
        for what, pattern in _PRIVATE.items()
        for match in [re.search(pattern, path.read_bytes().decode("utf-8", "replace"))]
        if match
    }
    assert found == set()


def test_constraints_are_names_and_versions_only() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line)] == []


def test_each_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    pinned = {line.partition("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()}
    assert {re.split(r"[^A-Za-z0-9._-]", name)[0].lower() for name in named} - pinned == set()
