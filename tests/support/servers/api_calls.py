"""Reads calls of AWS from HTTP requests, by botocore's models: operation and parameters."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote

from botocore.model import OperationModel, ServiceModel
from botocore.session import Session
from starlette.requests import Request

_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/\s]+)/\d{8}/(?P<region>[^/\s]+)/(?P<service>[^/\s]+)/aws4_request")

_MODELS = {"appconfig": "appconfigdata", "ses": "sesv2"}
"""Services that sign calls with another name than that of their model. All others in use here sign with the same name."""


@dataclass(frozen=True)
class ApiCall:
    """One call.

    Attributes:
        service: the name for which the call is signed, which is also the prefix of its actions in IAM.
        parameters: of the request, by the names of the model. Headers are not among them.
    """

    service: str
    operation: str
    parameters: Mapping[str, Any]
    region: str
    access_key: str


def read_call(request: Request, body: bytes) -> ApiCall:
    """Return the call that a signed request makes.

    Raises:
        ValueError: the request has no signature, or the service has no such operation.
    """
    signed = _CREDENTIAL.search(request.headers.get("authorization", ""))
    if signed is None:
        raise ValueError(f"{request.method} {request.url.path} has no signature")
    operation, parameters = _read_operation(signed["service"], request, body)
    return ApiCall(signed["service"], operation, parameters, signed["region"], signed["key"])


@cache
def load_model(service: str) -> ServiceModel:
    return Session().get_service_model(_MODELS.get(service, service))


def _read_operation(service: str, request: Request, body: bytes) -> tuple[str, dict[str, Any]]:
    if target := request.headers.get("x-amz-target"):
        return target.rpartition(".")[2], json.loads(body)
    if "x-www-form-urlencoded" in request.headers.get("content-type", ""):
        form: dict[str, Any] = dict(parse_qsl(body.decode()))
        return form.pop("Action"), form
    return _match_rest(service, request, body)


def _match_rest(service: str, request: Request, body: bytes) -> tuple[str, dict[str, Any]]:
    """Return the operation whose method, path, and required parts of query and headers the request has: that with the most parts."""
    path = request.scope["raw_path"].decode()
    query = dict(parse_qsl(request.url.query, keep_blank_values=True))
    matches = []
    for name in load_model(service).operation_names:
        form = _describe(service, name)
        labels = re.fullmatch(form.path, path) if form.method == request.method else None
        if labels and form.query <= query.keys() and form.headers <= set(request.headers.keys()):
            matches.append((len(form.query) + len(form.headers), name, labels.groupdict()))
    if not matches:
        raise ValueError(f"{service} has no operation for {request.method} {path}")
    _, name, labels_found = max(matches, key=lambda match: match[0])
    found = {label: unquote(value) for label, value in labels_found.items()}
    found |= {member: query[place] for member, place in _describe(service, name).query_members.items() if place in query}
    if request.headers.get("content-type") == "application/json" and body:
        found |= json.loads(body)
    return name, found


@dataclass(frozen=True)
class _Form:
    """The parts of a request that an operation requires, and the query's names of its parameters."""

    method: str
    path: str
    query: frozenset[str]
    headers: frozenset[str]
    query_members: Mapping[str, str]


@cache
def _describe(service: str, name: str) -> _Form:
    operation: OperationModel = load_model(service).operation_model(name)
    path, _, fixed = operation.http["requestUri"].partition("?")
    places: dict[str, dict[str, str]] = {"querystring": {}, "header": {}}
    required: dict[str, set[str]] = {"querystring": {part.partition("=")[0] for part in fixed.split("&") if part}, "header": set()}
    if operation.input_shape:
        for member, shape in operation.input_shape.members.items():
            place = shape.serialization.get("location", "")
            if place in places:
                places[place][member] = shape.serialization["name"]
                if member in operation.input_shape.required_members:
                    required[place].add(shape.serialization["name"].lower() if place == "header" else shape.serialization["name"])
    return _Form(
        operation.http["method"],
        re.sub(r"\\\{(\w+)(\\\+)?\\\}", lambda label: f"(?P<{label[1]}>{'.+' if label[2] else '[^/]+'})", re.escape(path)),
        frozenset(required["querystring"]),
        frozenset(required["header"]),
        places["querystring"],
    )
