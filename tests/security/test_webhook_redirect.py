"""An answer that sends a webhook elsewhere: it is not followed, and counts as a refusal."""

from __future__ import annotations

import pytest

from gatewayd.domain.webhooks import Verdict, judge
from tests.security.hooking import hostile, says, send


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with hostile(says(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")) as inside:
        moved = f"HTTP/1.1 {status} Moved\r\nlocation: http://127.0.0.1:{inside.port}/\r\ncontent-length: 0\r\n\r\n"
        with hostile(says(moved.encode())) as server:
            answer, _ = send(f"http://127.0.0.1:{server.port}/")
        assert (answer.status, judge(answer), inside.connections) == (status, Verdict.REFUSED, 0)


def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with hostile(says(b"HTTP/1.1 204 No Content\r\n\r\n")) as server, hostile(says(b"")) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        answer, _ = send(f"http://127.0.0.1:{server.port}/")
        assert (answer.status, proxy.connections) == (204, 0)
