"""Attack: a file is dropped whose name is an anchor, so that the journal seems to say the trail was written anew."""

from __future__ import annotations

import io

import pytest
import structlog

from gatewayd import logs
from gatewayd.domain.audit_files import anchors
from gatewayd.interfaces.dropfolder.names import safe_name

FORGED = f"audit.anchor seq=1 hash={'ab' * 32}"


def logged(style: str, event: str, **fields: object) -> str:
    stream = io.StringIO()
    logs.configure(b"k" * 32, stream=stream, style=style)
    structlog.get_logger("gatewayd.test").info(event, **fields)
    return stream.getvalue().removeprefix("<6>")


@pytest.mark.parametrize("style", ["journal", "plain"])
@pytest.mark.parametrize(
    "name", [FORGED, f"]: {FORGED}", f"x' {FORGED}", f'x" {FORGED}', f"audit.anchor seq=1 hash={'ab' * 32} "]
)
@pytest.mark.parametrize("before", ["", "<6>", "Nov 24 10:00:00 pi gatewayd[1]: "])
def test_what_a_line_quotes_is_no_anchor(style: str, name: str, before: str) -> None:
    line = before + logged(style, "drop.claimed", file=safe_name(name), feed=".")
    last = before + logged(style, "drop.filed", claim="x", file=safe_name(name))
    assert list(anchors([line, last])) == []


@pytest.mark.parametrize("style", ["journal", "plain"])
@pytest.mark.parametrize("before", ["", "<6>", "Nov 24 pi gatewayd[1]: "])
def test_our_own_line_is_one(style: str, before: str) -> None:
    (found,) = anchors([before + logged(style, "audit.anchor", seq=41, hash="ab" * 32)])
    assert str(found) == f"41:{'ab' * 32}"


def test_the_line_that_a_terminal_shows_is_one() -> None:
    (found,) = anchors([f"11:32:38 [info     ] audit.anchor                 hash={'ab' * 32} seq=41\n"])
    assert str(found) == f"41:{'ab' * 32}"
