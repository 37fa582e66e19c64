"""The bodies of the JSON API."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response


def write_json(document: Any, status: int = 200) -> Response:
    """Write JSON in ASCII: a lone surrogate from a header has no UTF-8 form."""
    return Response(json.dumps(document).encode("ascii"), status, media_type="application/json")


async def read_json(request: Request) -> dict[str, Any]:
    """Return the object in the body of a request.

    Raises:
        HTTPException: 400, the body is not a JSON object.
    """
    try:
        document = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise HTTPException(400, "the body is not JSON") from None
    if not isinstance(document, dict):
        raise HTTPException(400, "the body is not a JSON object")
    return document


def read_text(document: Mapping[str, Any], name: str) -> str:
    """Return a text of an object; "" when it is missing. Raises HTTPException: 400, it is no text."""
    value = document.get(name, "")
    if not isinstance(value, str):
        raise HTTPException(400, f"{name} must be a text")
    return value


def read_addresses(document: Mapping[str, Any], name: str) -> list[str]:
    """Return a list of texts of an object, each once; empty when it is missing. Raises HTTPException: 400, it is another value."""
    values = document.get(name, [])
    if not (isinstance(values, list) and all(isinstance(value, str) for value in values)):
        raise HTTPException(400, f"{name} must be a list of texts")
    return list(dict.fromkeys(values))
