"""The bodies of the JSON API."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailhooks.suggestions import suggest


def write_json(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Write JSON in ASCII: a lone surrogate from a header has no UTF-8 form."""
    return Response(json.dumps(document).encode("ascii"), status, headers, media_type="application/json")


def reject_unknown(kind: str, given: Iterable[str], known: Sequence[str]) -> None:
    """Raise HTTPException: 400, a name is none of the known ones. An unknown name that is ignored does something else than was asked."""
    for name in given:
        if name not in known:
            raise HTTPException(400, f"unknown {kind} {name[:100]!a}{suggest(name[:100], known)}")


async def read_document(request: Request) -> Any:
    """Return the JSON in the body of a request. Raises HTTPException: 400, there is none."""
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError):
        raise HTTPException(400, "the body is not JSON") from None


async def read_json(request: Request, names: Sequence[str]) -> dict[str, Any]:
    """Return the object in the body of a request, whose fields have these names.

    Raises:
        HTTPException: 400, the body is not a JSON object, or has another field.
    """
    document = await read_document(request)
    if not isinstance(document, dict):
        raise HTTPException(400, "the body is not a JSON object")
    reject_unknown("field", document, names)
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
