"""The WorkMail API: the answers' shapes, filters, and calls that boto3 would not make."""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from workmail_local.workmail import LocalWorkMail


@pytest.fixture(scope="module")
def directory(running: LocalWorkMail) -> Iterator[Any]:
    with closing(running.client("workmail")) as client:
        yield client


@pytest.fixture
def organization(wm: LocalWorkMail) -> str:
    wm.organization.reset()
    wm.organization.page_size = 100
    for name in ("ana", "anton", "ben"):
        wm.organization.add_user(f"{name}@example.com")
    wm.organization.add_user("gone@example.com", state="DISABLED")
    wm.organization.add_group("sales@example.com", ["ana"])
    wm.organization.add_group("all@example.com", state="DELETED")
    return wm.organization.id


def test_users_have_their_display_names_and_roles(directory: Any, organization: str) -> None:
    [ana, *_] = directory.list_users(OrganizationId=organization)["Users"]
    assert ana == {"Id": ana["Id"], "Email": "ana@example.com", "Name": "ana", "DisplayName": "ana", "State": "ENABLED", "UserRole": "USER"}
    [group, _] = directory.list_groups(OrganizationId=organization)["Groups"]
    assert group == {"Id": group["Id"], "Email": "sales@example.com", "Name": "sales", "State": "ENABLED"}


@pytest.mark.parametrize(
    "filters, names",
    [
        ({}, ["ana", "anton", "ben", "gone"]),
        ({"UsernamePrefix": "an"}, ["ana", "anton"]),
        ({"UsernamePrefix": "AN"}, ["ana", "anton"]),
        ({"DisplayNamePrefix": "b"}, ["ben"]),
        ({"PrimaryEmailPrefix": "anton@"}, ["anton"]),
        ({"State": "DISABLED"}, ["gone"]),
        ({"State": "ENABLED", "UsernamePrefix": "g"}, []),
        ({"IdentityProviderUserIdPrefix": "a"}, []),
    ],
)
def test_users_are_filtered(filters: dict[str, str], names: list[str], directory: Any, organization: str) -> None:
    assert [each["Name"] for each in directory.list_users(OrganizationId=organization, Filters=filters)["Users"]] == names


@pytest.mark.parametrize(
    "filters, names", [({"NamePrefix": "s"}, ["sales"]), ({"PrimaryEmailPrefix": "x"}, []), ({"State": "DELETED"}, ["all"])]
)
def test_groups_are_filtered(filters: dict[str, str], names: list[str], directory: Any, organization: str) -> None:
    assert [each["Name"] for each in directory.list_groups(OrganizationId=organization, Filters=filters)["Groups"]] == names


def request(wm: LocalWorkMail, target: str, body: bytes, *, method: str = "POST", path: str = "/") -> tuple[int, Any, str]:
    """Return status, JSON body and request ID of a call."""
    address = urlsplit(wm.environment["AWS_ENDPOINT_URL_WORKMAIL"]).netloc
    headers = {
        "x-amz-target": f"WorkMailService.{target}",
        "content-type": "application/x-amz-json-1.1",
        "authorization": "AWS4-HMAC-SHA256 Credential=key/20261102/us-east-1/workmail/aws4_request, SignedHeaders=host, Signature=00",
    }
    with closing(http.client.HTTPConnection(address, timeout=5)) as connection:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()), answer.headers.get("x-amzn-RequestId", "")


_SERIALIZATION = (400, "SerializationException")
_VALIDATION = (400, "ValidationException")


@pytest.mark.parametrize(
    "target, more, expected",
    [
        ("ListUsers", {"MaxResults": "2"}, _SERIALIZATION),
        ("ListUsers", {"MaxResults": 1.5}, _SERIALIZATION),
        ("ListUsers", {"MaxResults": True}, _SERIALIZATION),
        ("ListUsers", {"MaxResults": 0}, _VALIDATION),
        ("ListUsers", {"MaxResults": 101}, _VALIDATION),
        ("ListUsers", {"MaxResults": 10**400}, _VALIDATION),
        ("ListUsers", {"NextToken": 1}, _SERIALIZATION),
        ("ListUsers", {"NextToken": ""}, _VALIDATION),
        ("ListUsers", {"NextToken": "9" * 1000}, (400, "InvalidParameterException")),
        ("ListUsers", {"NextToken": "²"}, (400, "InvalidParameterException")),
        ("ListUsers", {"Filters": []}, _SERIALIZATION),
        ("ListUsers", {"Filters": {"State": "ON"}}, _VALIDATION),
        ("ListUsers", {"Filters": {"Nickname": "a"}}, _VALIDATION),
        ("ListUsers", {"Filters": {"state": "ENABLED"}}, _VALIDATION),
        ("ListUsers", {"Filters": {"NamePrefix": "a"}}, _VALIDATION),
        ("ListGroups", {"Filters": {"UsernamePrefix": "a"}}, _VALIDATION),
        ("ListGroups", {"Filters": {"": None}}, _VALIDATION),
        ("ListUsers", {"Filters": {"UsernamePrefix": {"a": 1}}}, _SERIALIZATION),
        ("ListUsers", {"Filters": {"UsernamePrefix": "x" * 257}}, _VALIDATION),
        ("ListUsers", {"OrganizationId": None}, _VALIDATION),
        ("ListUsers", {"OrganizationId": ["m"]}, _SERIALIZATION),
        ("ListUsers", {"OrganizationId": "m-1"}, _VALIDATION),
        ("ListUsers", {"OrganizationId": "m-" + "0" * 32}, (400, "OrganizationNotFoundException")),
        ("ListGroupMembers", {}, _VALIDATION),
        ("ListGroupMembers", {"GroupId": "no group"}, _VALIDATION),
        ("ListGroupMembers", {"GroupId": "nothing"}, (400, "EntityNotFoundException")),
        ("ListAliases", {"EntityId": 12}, _SERIALIZATION),
        ("DescribeUser", {"UserId": {}}, _SERIALIZATION),
        ("DescribeEntity", {"Email": "nothing"}, _VALIDATION),
        ("ListMailDomains", {"MaxResults": -1}, _VALIDATION),
        ("CreateUser", {}, (400, "UnknownOperationException")),
        ("", {}, (400, "UnknownOperationException")),
        ("get", {}, (400, "UnknownOperationException")),
    ],
)
def test_a_malformed_call_gets_a_json_error(
    target: str, more: dict[str, Any], expected: tuple[int, str], wm: LocalWorkMail, organization: str
) -> None:
    status, body, request_id = request(wm, target, json.dumps({"OrganizationId": organization, **more}).encode())
    assert (status, body["__type"]) == expected
    assert body["Message"]
    assert len(request_id) == 36


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"null", b'"x"', b"[" * 100_000, b'{"a":' * 100_000])
def test_a_body_that_is_no_json_object_is_a_serialization_exception(body: bytes, wm: LocalWorkMail) -> None:
    status, answer, _ = request(wm, "ListUsers", body)
    assert (status, answer["__type"]) == _SERIALIZATION


def test_another_path_or_method_is_an_unknown_operation_in_json(wm: LocalWorkMail) -> None:
    for method, path in (("GET", "/"), ("PUT", "/"), ("POST", "/x"), ("DELETE", "/messages/1")):
        status, body, request_id = request(wm, "ListUsers", b"{}", method=method, path=path)
        assert (status, body["__type"]) == (404, "UnknownOperationException")
        assert request_id


def test_every_answer_of_the_message_flow_api_has_a_request_id(wm: LocalWorkMail, workmail: Any) -> None:
    found = workmail.get_raw_message_content(messageId=wm.store.add(b"Subject: x\r\n\r\n"))
    found["messageContent"].read()
    assert len(found["ResponseMetadata"]["RequestId"]) == 36
    with pytest.raises(ClientError) as error:
        workmail.get_raw_message_content(messageId="nothing")
    assert len(error.value.response["ResponseMetadata"]["RequestId"]) == 36
