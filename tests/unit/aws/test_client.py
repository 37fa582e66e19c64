"""Responses that botocore's parsers do not expect are transient errors: a gateway answers, and not the service."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ConnectTimeoutError, EndpointConnectionError

from mailhooks.aws.client import call, describe_connection_error
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, ServiceFailed
from tests.support.serving import Quiet, serving

BODIES = (
    *(b"<p>Nicht verf\xfcgbar</p>", b"\xff\xfe", b"[]", b'"x"', b"5", b"null", b"[" * 100_000, b"<x", b"\0"),
    *(b'{"__type": 5}', b'{"code": []}', b"<ErrorResponse><Error>x</Error></ErrorResponse>"),
)


@contextmanager
def gateway(status: int, body: bytes) -> Iterator[dict[str, Any]]:
    """Answer each request with one response. Yields the arguments of a boto3 client."""

    class Handler(Quiet, BaseHTTPRequestHandler):
        def respond(self) -> None:
            self.body()
            self.answer(status, body)

        do_GET = do_POST = do_PUT = respond  # noqa: N815 - names of the standard library

    with serving(Handler) as url:
        yield {
            "endpoint_url": url,
            "region_name": "eu-west-1",
            "aws_access_key_id": "x",
            "aws_secret_access_key": "x",
            "config": Config(retries={"total_max_attempts": 1}),
        }


@pytest.mark.parametrize("body", BODIES)
def test_an_error_page_of_a_gateway_is_a_transient_error(body: bytes):
    with gateway(503, body) as client:
        flow, table, s3 = (boto3.client(name, **client) for name in ("workmailmessageflow", "dynamodb", "s3"))
        for work in (
            lambda: flow.get_raw_message_content(messageId="a"),
            lambda: flow.put_raw_message_content(messageId="a", content={"s3Reference": {"bucket": "abc", "key": "k"}}),
            lambda: table.query(TableName="table"),
            lambda: s3.put_object(Bucket="abc", Key="k", Body=b"x"),
        ):
            with pytest.raises(ServiceFailed):
                call("Call", work, Deadline.after(10))


@pytest.mark.parametrize("body", [b"\xff\xfe", b"[" * 100_000, b"null"])
def test_an_unreadable_success_of_a_put_is_a_transient_error(body: bytes):
    with gateway(200, body) as client:
        flow = boto3.client("workmailmessageflow", **client)
        with pytest.raises(ServiceFailed, match=r"^Put: \w+ in the response"):
            call(
                "Put",
                lambda: flow.put_raw_message_content(messageId="a", content={"s3Reference": {"bucket": "abc", "key": "k"}}),
                Deadline.after(10),
            )


def test_a_defect_of_the_caller_is_no_service_error():
    with pytest.raises(KeyError) as error:
        call("Call", lambda: {}["Items"], Deadline.after(10))
    assert not isinstance(error.value, MailhooksError)


@pytest.mark.parametrize("body", [b'{"Groups": [{"Id": ', b"From: a", b'{"Gro'])
def test_a_truncated_response_is_a_transient_error(body: bytes):
    with gateway(200, body) as client:
        workmail, events = boto3.client("workmail", **client), boto3.client("events", **client)
        for work in (lambda: workmail.list_groups(OrganizationId="m-" + "0" * 32), lambda: events.put_events(Entries=[{"Detail": "{}"}])):
            with pytest.raises(ServiceFailed, match="incomplete"):
                call("ListGroups", work, Deadline.after(10))


@pytest.mark.parametrize("body", [b"{}", b"", b'{"Groups": []}'])
def test_an_empty_response_is_complete(body: bytes):
    with gateway(200, body) as client:
        workmail = boto3.client("workmail", **client)
        call("ListGroups", lambda: workmail.list_groups(OrganizationId="m-" + "0" * 32), Deadline.after(10))


class TestServerThatIsNotUp:
    def test_the_error_names_the_server_and_the_command_that_starts_it(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as unused:
            url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        config = Config(retries={"total_max_attempts": 1})
        keys = {"region_name": "eu-west-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
        flow = boto3.client("workmailmessageflow", endpoint_url=url, config=config, **keys)

        with pytest.raises(ServiceFailed) as caught:
            call("GetRawMessageContent", lambda: flow.get_raw_message_content(messageId="an-id"), Deadline.after(10))

        expected = f"no server answers at {url}: start it first (on a laptop: make serve-containers)"
        assert str(caught.value) == f"GetRawMessageContent: EndpointConnectionError: {expected}"

    @pytest.mark.parametrize("error", [EndpointConnectionError, ConnectTimeoutError])
    def test_an_error_of_aws_itself_names_no_server(self, error: type[BotoCoreError]) -> None:
        url = "https://workmailmessageflow.eu-west-1.amazonaws.com/messages/an-id"
        assert describe_connection_error(error(endpoint_url=url, error="")) == error.__name__

    def test_an_error_without_an_address_has_its_kind(self) -> None:
        assert describe_connection_error(ConnectionResetError()) == "ConnectionResetError"
