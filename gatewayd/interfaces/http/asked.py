"""What is asked for is what a route knows: a slip of the pen is told, and not taken for nothing.

`?limt=5` would list a hundred, `?recipent=...` everybody's, and `.../pause` with an hour would pause now. Not asked of
`/health`, which answers whoever asks, nor of Kannel's call, whose programs send what only Kannel knows.
"""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError

_NOTHING = (b"", b"{}")


async def only_known(request: Request) -> None:
    """RequestValidationError: a key of the address is none of the route's, of which it names all; or a body came to a
    route that reads none."""
    wrong: list[dict[str, Any]] = []
    dependant = request.scope["route"].dependant
    if request.query_params:
        known = sorted(set(_keys(dependant)))
        words = f"there is no such key; there are: {', '.join(known)}" if known else "no key can be given here"
        wrong = [
            {"loc": ("query", one), "msg": words, "type": "extra"} for one in request.query_params if one not in known
        ]
    if not dependant.body_params and b"".join((await request.body()).split()) not in _NOTHING:
        wrong.append({"loc": ("body",), "msg": "no body is read here", "type": "extra"})
    if wrong:
        raise RequestValidationError(wrong)


def _keys(dependant: Any) -> list[str]:
    """The keys of a route, and of what it depends on."""
    below = [name for one in dependant.dependencies for name in _keys(one)]
    return [one.alias for one in dependant.query_params] + below
