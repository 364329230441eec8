"""What is asked for in an address is what a route knows: a slip of the pen is told, and not taken for nothing.

`?limt=5` would list a hundred, `?recipent=...` everybody's. Not asked of `/health`, which answers whoever asks, nor of
Kannel's call, whose programs send what only Kannel knows.
"""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError


async def only_known(request: Request) -> None:
    """RequestValidationError: a key is none of the route's; it names those there are."""
    given = request.query_params
    if not given:
        return
    known = sorted(set(_named(request.scope["route"].dependant)))
    words = f"there is no such key; there are: {', '.join(known)}" if known else "no key can be given here"
    wrong = [{"loc": ("query", name), "msg": words, "type": "extra_forbidden"} for name in given if name not in known]
    if wrong:
        raise RequestValidationError(wrong)


def _named(dependant: Any) -> list[str]:
    """The keys of a route, and of what it depends on."""
    below = [name for one in dependant.dependencies for name in _named(one)]
    return [one.alias for one in dependant.query_params] + below
