"""The WorkMail API over HTTP, after botocore's model `workmail` (2017-10-01, JSON 1.1): the directory, impersonation and exports."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast, get_args

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from workmail_local.aws.export_jobs import ExportJobs
from workmail_local.aws.faults import Faults, Operation
from workmail_local.aws.organization import TOKEN_LIFETIME_S, Entity, Organization
from workmail_local.aws.parameter_check import check_parameters
from workmail_local.aws.service_errors import JSON, ServiceError, apply_fault, check_signature
from workmail_local.aws_client import REGION

SERVICE: Final = "workmail"
_TARGET: Final = "WorkMailService."
_TOKEN: Final = re.compile("[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class WorkMailApi:
    """The operations.

    Attributes:
        organization: its users, groups, resources and impersonation roles are read.
        faults: injected faults.
        exports: the mailbox export jobs.
        s3: a boto3 S3 client, which is called in worker threads.
        listener: called with one line of text for each answered call.
    """

    organization: Organization
    faults: Faults
    exports: ExportJobs
    s3: Any
    listener: Callable[[str], None] | None = None

    def routes(self) -> list[Route]:
        """Return the routes for the ASGI application of WorkMail's APIs."""
        return [Route("/", self._answer, methods=["POST"])]

    async def _answer(self, request: Request) -> Response:
        operation = request.headers.get("x-amz-target", "").removeprefix(_TARGET)
        try:
            check_signature(request, SERVICE)
            lost = await apply_fault(self.faults, _check_operation(operation))
            self.organization.calls.append(operation)
            parameters = _parse_parameters(await request.body())
            check_parameters(operation, parameters)
            answer = await run_in_threadpool(self._page, operation, parameters)
            if lost:
                raise lost
            response: Response = JSONResponse(answer, media_type=JSON)
            outcome = f"{len(response.body):,} bytes"
        except ServiceError as error:
            response = error.json_response()
            outcome = str(error)
        if self.listener:
            self.listener(f"{operation}  {response.status_code}  {outcome}")
        return response

    def _page(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return one page of the answer. The token is the number of entries on the pages before."""
        if parameters.get("OrganizationId") != self.organization.id:
            raise ServiceError("OrganizationNotFoundException", f"The organization {parameters.get('OrganizationId')} was not found")
        if operation == "AssumeImpersonationRole":
            return self._assume_role(str(parameters.get("ImpersonationRoleId")))
        if operation.endswith("MailboxExportJob"):
            return cast("dict[str, Any]", self.exports.answer(operation, parameters, self.s3))
        if operation.startswith(("Describe", "Get")):
            return self._describe(operation, parameters)
        name, entries = self._list(operation, parameters)
        token = parameters.get("NextToken") or "0"
        if not _TOKEN.fullmatch(token):
            raise ServiceError("InvalidParameterException", "NextToken was not returned by this API")
        start = int(token)
        end = start + min(parameters.get("MaxResults") or 100, self.organization.page_size)
        return {name: entries[start:end], "NextToken": str(end) if end < len(entries) else None}

    def _assume_role(self, role: str) -> dict[str, Any]:
        if role not in self.organization.impersonation_roles:
            raise ServiceError("ResourceNotFoundException", "The impersonation role was not found")
        return {"Token": self.organization.issue_token(), "ExpiresIn": TOKEN_LIFETIME_S}

    def _describe(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        organization = self.organization
        if operation == "DescribeOrganization":
            return {
                "OrganizationId": organization.id,
                "Alias": organization.domains[0].partition(".")[0],
                "State": "Active",
                "DirectoryType": "VpcDirectory",
                "DefaultMailDomain": organization.domains[0],
                "CompletedDate": 1577836800,
                "ARN": f"arn:aws:workmail:{REGION}:123456789012:organization/{organization.id}",
            }
        if operation == "DescribeEntity":
            entity = self._find(parameters.get("Email"))
            return {"EntityId": entity.id, "Name": entity.name, "Type": entity.kind}
        if operation == "GetMailboxDetails":
            return {"MailboxQuota": 51200, "MailboxSize": self._find(parameters.get("UserId"), "USER").size_mb}
        kind = operation.removeprefix("Describe")
        entity = self._find(parameters.get(f"{kind}Id"), kind.upper())
        found = {f"{kind}Id": entity.id, "Name": entity.name, "Email": entity.email, "State": entity.state}
        return found | ({"UserRole": entity.role, "DisplayName": entity.display_name} if kind == "User" else {})

    def _list(self, operation: str, parameters: Mapping[str, Any]) -> tuple[str, Sequence[Any]]:
        """Return the name of the answer's list, and all its entries."""
        organization = self.organization
        if operation == "ListMailboxExportJobs":
            return "Jobs", cast("list[Any]", self.exports.answer(operation, parameters, self.s3))
        if operation in {"ListUsers", "ListGroups", "ListResources"}:
            name = operation.removeprefix("List")
            entities = organization.list_entities(name.removesuffix("s").upper())
            return name, [_summarize(each) for each in entities if _matches(each, parameters.get("Filters") or {})]
        if operation == "ListAliases":
            return "Aliases", self._find(parameters.get("EntityId")).aliases
        if operation == "ListMailDomains":
            domains = organization.domains
            return "MailDomains", [{"DomainName": name, "DefaultDomain": name == domains[0]} for name in domains]
        group = self._find(parameters.get("GroupId"), "GROUP")
        if group.state == "DELETED":
            raise ServiceError("EntityStateException", f"{group.email} is deleted")
        members = filter(None, map(organization.find, group.members))
        return "Members", [{"Id": each.id, "Name": each.name, "Type": each.kind, "State": each.state} for each in members]

    def _find(self, name: Any, kind: str | None = None) -> Entity:
        entity = self.organization.find(str(name), kind)
        if entity is None:
            raise ServiceError("EntityNotFoundException", f"{name} was not found")
        return entity


def _summarize(entity: Entity) -> dict[str, Any]:
    """Return an entry of ListUsers, ListGroups or ListResources. An entity that is not enabled has no address."""
    found: dict[str, Any] = {"Id": entity.id, "Name": entity.name, "State": entity.state}
    found |= {"Email": entity.email} if entity.state == "ENABLED" else {}
    found |= {"DisabledDate": entity.disabled_at} if entity.disabled_at is not None else {}
    found |= {"Type": "ROOM"} if entity.kind == "RESOURCE" else {}
    return found | ({"DisplayName": entity.display_name, "UserRole": entity.role} if entity.kind == "USER" else {})


def _matches(entity: Entity, filters: Mapping[str, Any]) -> bool:
    """Return whether an entity meets all filters. Case does not matter in a prefix; the API reference does not define it."""
    values = {
        "State": entity.state,
        "NamePrefix": entity.name,
        "UsernamePrefix": entity.name,
        "DisplayNamePrefix": entity.display_name,
        "PrimaryEmailPrefix": entity.email,
        # No user here has an ID from IAM Identity Center.
        "IdentityProviderUserIdPrefix": "",
    }
    return all(values[name].casefold().startswith(value.casefold()) for name, value in filters.items() if value is not None)


def _check_operation(operation: str) -> Operation:
    if operation not in get_args(Operation) or operation in {"get", "put", "Subscribe"}:
        raise ServiceError("UnknownOperationException", "The local WorkMail does not have this operation")
    return cast(Operation, operation)


def _parse_parameters(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ServiceError("SerializationException", "The body is not a JSON object")
    return found
