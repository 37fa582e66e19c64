"""A light client for the three calls of a message: GetRawMessageContent, PutObject, PutRawMessageContent.

It is botocore without its start: botocore's own classes send, sign, retry and parse, but no session is made, no service model is loaded and
no endpoint rule is evaluated. So it starts in a fraction of the time, and it serves only the plain case of a Lambda function: credentials
in the environment, a region of WorkMail. `make_client` returns None in every other case, and `LightClient` passes every other operation to
a boto3 client.

The requests have the same bytes as boto3's, which tests/integration/aws/test_light_client.py compares. Parts of botocore may differ in
another version: `mailhooks.aws.message_flow` loads this module only for tested versions, and makes boto3's clients if it cannot be loaded.
"""

import os
import re
import socket
import sys
from collections.abc import Mapping
from functools import cached_property
from io import BytesIO
from json import dumps
from types import FunctionType, SimpleNamespace
from typing import Any, Final
from urllib.parse import quote

import botocore
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import prepare_request_dict
from botocore.config import Config
from botocore.endpoint import EndpointCreator
from botocore.exceptions import ClientError
from botocore.hooks import HierarchicalEmitter
from botocore.httpchecksum import apply_request_checksum, resolve_checksum_context
from botocore.model import ServiceModel
from botocore.retries import standard
from botocore.utils import S3RegionRedirectorv2, percent_encode

from mailhooks.aws import client as aws
from mailhooks.aws.tls import share_context

_REGIONS: Final = frozenset({"us-east-1", "us-west-2", "eu-west-1"})
"""The regions of WorkMail (AWS General Reference, "Amazon WorkMail endpoints and quotas")."""

_VARIABLES: Final = re.compile(
    """
    AWS_(?: ACCESS_KEY (?: _ID )? | SECRET_ACCESS_KEY | SESSION_TOKEN | REGION | DEFAULT_REGION | CA_BUNDLE | EXECUTION_ENV | CLIENT
        | SAM_LOCAL | EC2_METADATA_DISABLED | (?: LAMBDA | XRAY | ENDPOINT_URL ) (?: _\\w+ )? )
    """,
    re.VERBOSE,
)
"""The variables that this module reads, or that change nothing. Each other variable of AWS or botocore may change a request."""

# botocore's endpoint rules put the bucket into the host for S3's acceleration, and reject a port above 65535.
_ENDPOINT: Final = re.compile(r"https?://(?!s3-accelerate)[a-z0-9.-]+(?::(?:[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}))?")
_VIRTUAL_HOST: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
"""Buckets whose name becomes a part of the host. Two hyphens in sequence mark special buckets, such as directory buckets."""

_STREAM: Final = {"type": "blob", "streaming": True}
_FLOW_ERRORS: Final = ("ResourceNotFoundException", "InvalidContentLocation", "MessageRejected", "MessageFrozen")
_S3_ERRORS: Final = ("InvalidRequest", "InvalidWriteOffset", "TooManyParts", "EncryptionTypeMismatch")


def _operation(method: str, *errors: str, **more: Any) -> dict[str, Any]:
    return {"http": {"method": method}, "errors": [{"shape": error} for error in errors], **more}


def _structure(**members: Any) -> dict[str, Any]:
    return {"type": "structure", "members": members}


def _errors(*names: str) -> dict[str, Any]:
    return {name: {**_structure(), "exception": True} for name in names}


_MODELS: Final[dict[str, Any]] = {
    "workmailmessageflow": {
        "metadata": {"serviceId": "WorkMailMessageFlow", "endpointPrefix": "workmailmessageflow", "protocol": "rest-json"},
        "operations": {
            "GetRawMessageContent": _operation("GET", "ResourceNotFoundException", output={"shape": "Content"}),
            "PutRawMessageContent": _operation("POST", *_FLOW_ERRORS, output={"shape": "Nothing"}),
        },
        "shapes": {
            "Content": {**_structure(messageContent={"shape": "Stream"}), "payload": "messageContent"},
            "Nothing": _structure(),
            "Stream": _STREAM,
            **_errors(*_FLOW_ERRORS),
        },
    },
    "s3": {
        "metadata": {"serviceId": "S3", "endpointPrefix": "s3", "protocol": "rest-xml"},
        "operations": {
            "PutObject": _operation(
                "PUT",
                *_S3_ERRORS,
                input={"shape": "Request"},
                output={"shape": "Response"},
                httpChecksum={"requestAlgorithmMember": "ChecksumAlgorithm", "requestChecksumRequired": False},
            ),
        },
        "shapes": {
            "Request": {
                **_structure(
                    Body={"shape": "Stream"},
                    ChecksumAlgorithm={"shape": "String", "location": "header", "locationName": "x-amz-sdk-checksum-algorithm"},
                ),
                "payload": "Body",
            },
            "Response": _structure(
                VersionId={"shape": "String", "location": "header", "locationName": "x-amz-version-id"},
                Size={"shape": "Long", "location": "header", "locationName": "x-amz-object-size"},
            ),
            "Stream": _STREAM,
            "String": {"type": "string"},
            "Long": {"type": "long"},
            **_errors(*_S3_ERRORS),
        },
    },
}
"""The parts of botocore's service models that these calls need."""


def make_client(service: str, config: Config = aws.CONFIG) -> "LightClient | None":
    """Return a light client of a service; None where this environment is not the plain case."""
    return LightClient(service, config) if is_plain(service, os.environ) else None


def is_plain(service: str, environ: Mapping[str, str]) -> bool:
    """Return whether a light client sends the same requests as a boto3 client in this environment."""
    endpoint = _endpoint(service, environ)
    return (
        environ.get("AWS_DEFAULT_REGION") in _REGIONS
        and bool(environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY"))
        and (endpoint is None or _ENDPOINT.fullmatch(endpoint) is not None)
        and not any(name.startswith(("AWS_", "BOTO")) and not _VARIABLES.fullmatch(name) for name in environ)
        # The files of settings and credentials. Not pathlib: it raises for a user without a home, or with one that cannot be read.
        and not os.path.exists(os.path.expanduser("~/.aws"))  # noqa: PTH110, PTH111
        and not _is_replaced()
    )


def _is_replaced() -> bool:
    """Return whether a tool, such as one for traces, has replaced a method of boto3's clients that it then misses in a light client."""
    module = sys.modules.get("botocore.client")
    methods = (module.BaseClient.__init__, module.BaseClient._make_api_call) if module else ()
    return not all(isinstance(method, FunctionType) and method.__globals__["__name__"].startswith("botocore.") for method in methods)


def _endpoint(service: str, environ: Mapping[str, str]) -> str | None:
    return environ.get(f"AWS_ENDPOINT_URL_{service.upper()}", environ.get("AWS_ENDPOINT_URL"))


class _Redirect(Exception):
    """S3 answers that the bucket is in another region."""


class LightClient:
    """Calls of one service with the names, arguments, responses and errors of a boto3 client."""

    def __init__(self, service: str, config: Config = aws.CONFIG) -> None:
        environ = os.environ
        self._service = service
        self._model = ServiceModel(_MODELS[service], service)
        self._region = environ["AWS_DEFAULT_REGION"]
        self._own_endpoint = _endpoint(service, environ)
        # QUIRK: botocore's S3 endpoint of us-east-1 is the global one.
        place = service if service == "s3" and self._region == "us-east-1" else f"{service}.{self._region}"
        self._url = self._own_endpoint or f"https://{place}.amazonaws.com"
        self._config = config.merge(
            Config(signature_version="s3v4", request_checksum_calculation="when_supported", response_checksum_validation="when_supported")
        )
        credentials = SimpleNamespace(
            access_key=environ["AWS_ACCESS_KEY_ID"],
            secret_key=environ["AWS_SECRET_ACCESS_KEY"],
            token=environ.get("AWS_SESSION_TOKEN"),
        )
        self._auth = (S3SigV4Auth if service == "s3" else SigV4Auth)(credentials, service, self._region)
        self._boto3_config = config
        self._is_redirected = False
        self._prepare_events()
        self._endpoint = EndpointCreator(self._events).create_endpoint(
            self._model,
            self._region,
            self._url,
            verify=environ.get("AWS_CA_BUNDLE"),
            timeout=(config.connect_timeout, config.read_timeout),
            max_pool_connections=config.max_pool_connections,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
        share_context(self._endpoint.http_session, self._url)

    def _prepare_events(self) -> None:
        """Register the handlers that botocore registers for these calls, in its order."""
        self._events = HierarchicalEmitter()
        # A tool such as Powertools adds to the requests of each session by an initializer.
        botocore.invoke_initializers(self._events)
        name = self._model.service_id.hyphenize()
        self._events.register(f"request-created.{name}", lambda request, **_: self._auth.add_auth(request))
        # The handlers of a retry read these two attributes of a client.
        self.meta = SimpleNamespace(service_model=self._model, events=self._events)
        standard.register_retry_handler(self, self._config.retries["total_max_attempts"])
        self._events.register("request-created", _add_retry_headers)
        if self._service == "s3":
            self._events.register("before-parse.s3", _find_error_in_200)
            self._events.register_first("needs-retry.s3", _update_status_code)
            redirector = S3RegionRedirectorv2(None, self)
            redirector.get_bucket_region = _stop_for_redirect
            self._events.register("needs-retry.s3", redirector.redirect_from_error)

    def __getattr__(self, name: str) -> Any:
        """Return an operation of a boto3 client."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._boto3_client, name)

    @cached_property
    def _boto3_client(self) -> Any:
        return aws.make_client(self._service, self._boto3_config)

    def get_raw_message_content(self, *, messageId: str) -> Any:  # noqa: N803 - botocore's names
        if not messageId:
            return self._boto3_client.get_raw_message_content(messageId=messageId)  # raises the error
        return self._call("GetRawMessageContent", self._url, f"/messages/{percent_encode(messageId)}", {}, b"")

    def put_raw_message_content(self, *, messageId: str, content: Any) -> Any:  # noqa: N803
        if not messageId:
            return self._boto3_client.put_raw_message_content(messageId=messageId, content=content)
        path, headers = f"/messages/{percent_encode(messageId)}", {"Content-Type": "application/json"}
        return self._call("PutRawMessageContent", self._url, path, headers, dumps({"content": content}).encode())

    def put_object(self, *, Bucket: str, Key: str, Body: Any) -> Any:  # noqa: N803
        body = BytesIO(Body) if isinstance(Body, bytes) else Body
        if Key and (url := self._bucket_url(Bucket)) and not self._is_redirected:
            try:
                return self._call("PutObject", url, "/" + percent_encode(Key, safe="/~"), {}, body)
            except _Redirect:
                self._is_redirected = True
                body.seek(0)
        return self._boto3_client.put_object(Bucket=Bucket, Key=Key, Body=body)

    def _bucket_url(self, bucket: str) -> str | None:
        """Return the URL of a bucket as botocore's endpoint rules; None for a bucket for which they have special rules."""
        if not _VIRTUAL_HOST.fullmatch(bucket):
            return None
        return f"{self._url}/{bucket}" if self._own_endpoint else self._url.replace("://", f"://{bucket}.")

    def _call(self, name: str, url: str, path: str, headers: dict[str, str], body: Any) -> Any:
        """Make a call as `botocore.client.BaseClient._make_api_call` does.

        Raises:
            ClientError, BotoCoreError: as a boto3 client.
        """
        operation = self._model.operation_model(name)
        context = {
            "client_region": self._region,
            "client_config": self._config,
            "has_streaming_input": operation.has_streaming_input,
            "s3_redirect": {"redirected": False, "bucket": None},
        }
        request = {"method": operation.http["method"], "url_path": path, "query_string": {}, "headers": headers, "body": body}
        prepare_request_dict(request, url, context, self._config.user_agent)
        resolve_checksum_context(request, operation, {})
        if hasattr(body, "read"):
            headers["Expect"] = "100-continue"
        if "AWS_LAMBDA_FUNCTION_NAME" in os.environ and (trace := os.environ.get("_X_AMZN_TRACE_ID")):
            headers["X-Amzn-Trace-Id"] = quote(trace, safe="-=;:+&[]{}\"',")
        apply_request_checksum(request)
        http, parsed = self._endpoint.make_request(operation, request)
        self._events.emit(f"after-call.{self._model.service_id.hyphenize()}.{name}", context=context, http_response=http)
        if http.status_code >= 300:
            raise ClientError(parsed, name)
        return parsed


def _stop_for_redirect(*_: Any) -> None:
    """Leave a call where botocore has found that the bucket is in another region, and would look for that region."""
    raise _Redirect


def _add_retry_headers(request: Any, **_: Any) -> None:
    """Add the headers of `botocore.handlers.add_retry_headers`, whose module loads slowly."""
    retries = request.context["retries"]
    request.headers["amz-sdk-invocation-id"] = retries["invocation-id"]
    request.headers["amz-sdk-request"] = "; ".join(f"{key}={retries[key]}" for key in ("ttl", "attempt", "max") if key in retries)


def _find_error_in_200(response_dict: dict[str, Any], **more: Any) -> None:
    """Change the status of a response of S3 that has status 200 and an error in its body."""
    if response_dict["body"]:
        # Imported late for the cold start: S3's response to PutObject has no body.
        from botocore.handlers import _handle_200_error

        _handle_200_error(response_dict=response_dict, **more)


def _update_status_code(response: Any, **_: Any) -> None:
    """Make the change of `_find_error_in_200` visible to the handler of retries."""
    if response is not None:
        http, parsed = response
        http.status_code = parsed.get("ResponseMetadata", {}).get("HTTPStatusCode", http.status_code)
