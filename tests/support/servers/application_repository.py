"""The Serverless Application Repository, which moto does not have: the operations that `sam publish` uses."""

import re
from typing import Any, Final

import botocore.session
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

_SHAPES: Final = botocore.session.get_session().get_service_model("serverlessrepo")
_PATTERNS: Final = {
    "name": r"[a-zA-Z0-9-]{1,140}",
    "author": r"(?=.{1,127}$)[a-z0-9](?:(?:[a-z0-9]|-(?!-))*[a-z0-9])?",
    "description": r".{1,256}",
    "semanticVersion": r"\d+\.\d+\.\d+",
    "licenseUrl": r"s3://.+",
    "readmeUrl": r"s3://.+",
}
"""The formats of fields (botocore, service model of serverlessrepo). It also allows URLs of HTTPS, which `sam package` does not write."""
_LABEL: Final = re.compile(r"[a-zA-Z0-9+\-_:/@]{1,127}")


class ApplicationRepository:
    """A repository that keeps what was published.

    Attributes:
        url: its address, once it is hosted.
        applications: the metadata of each application by its ID.
        templates: the templates by the application's ID and the version.
    """

    url = ""

    def __init__(self) -> None:
        self.applications: dict[str, dict[str, Any]] = {}
        self.templates: dict[tuple[str, str], dict[str, Any]] = {}

    def app(self) -> Starlette:
        """Return the web application."""
        version = "/applications/{id:path}/versions/{version}"
        return Starlette(
            routes=[
                Route("/applications", self._create, methods=["POST"]),
                Route(version, self._create_version, methods=["PUT"]),
                Route("/applications/{id:path}", self._update, methods=["PATCH"]),
                Route("/applications/{id:path}", self._get, methods=["GET"]),
            ]
        )

    async def _create(self, request: Request) -> Response:
        fields = await request.json()
        if problem := _find_problem("CreateApplication", fields):
            return _error(400, "BadRequestException", problem)
        application = f"arn:aws:serverlessrepo:us-east-1:123456789012:applications/{fields['name']}"
        if application in self.applications:
            return _error(409, "ConflictException", f"Application with id {application} already exists")
        template = yaml.safe_load(fields.pop("templateBody"))
        self.applications[application] = fields
        self.templates[application, fields["semanticVersion"]] = template
        return JSONResponse({"applicationId": application}, 201)

    async def _create_version(self, request: Request) -> Response:
        application, version = request.path_params["id"], request.path_params["version"]
        fields = await request.json()
        if problem := _find_problem("CreateApplicationVersion", fields):
            return _error(400, "BadRequestException", problem)
        if (application, version) in self.templates:
            return _error(409, "ConflictException", "The version exists")
        self.templates[application, version] = yaml.safe_load(fields["templateBody"])
        return JSONResponse({"applicationId": application}, 201)

    async def _update(self, request: Request) -> Response:
        fields = await request.json()
        if problem := _find_problem("UpdateApplication", fields):
            return _error(400, "BadRequestException", problem)
        self.applications[request.path_params["id"]] |= fields
        return JSONResponse({"applicationId": request.path_params["id"]})

    async def _get(self, request: Request) -> Response:
        application = request.path_params["id"]
        if (application, request.query_params["semanticVersion"]) not in self.templates:
            return _error(404, "NotFoundException", "There is no such version")
        return JSONResponse({"applicationId": application, **self.applications[application]})


def _find_problem(operation: str, fields: dict[str, Any]) -> str:
    """Return the first violation of the service model, or an empty text."""
    shape: Any = _SHAPES.operation_model(operation).input_shape
    members = {member.serialization["name"] for member in shape.members.values() if "location" not in member.serialization}
    if unknown := fields.keys() - members:
        return f"unknown: {unknown}"
    for name, value in fields.items():
        if name in _PATTERNS and not re.fullmatch(_PATTERNS[name], value):
            return f"{name} has a wrong format"
    labels = fields.get("labels", ())
    if len(labels) > 10 or not all(map(_LABEL.fullmatch, labels)):
        return "labels have a wrong format"
    return ""


def _error(status: int, code: str, message: str) -> Response:
    return JSONResponse({"errorCode": code, "message": message}, status, {"x-amzn-ErrorType": code})
