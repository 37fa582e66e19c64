"""The Message Flow API over HTTP, after botocore's model `workmailmessageflow` (2019-05-01, REST-JSON).

It makes the service's checks and answers with the service's error names. A request needs a signature for this service; the signature
itself is not verified, so that any key works on a laptop.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.aws.content_rules import find_defects
from local.aws.faults import Faults, Operation
from local.aws_client import REGION
from local.storage.message_store import MessageStore, S3Reference, StoredMessage
from mailhooks.contract.limits import BUCKET_PATTERN, KEY_PATTERN, MAX_MESSAGE_BYTES, MESSAGE_ID_PATTERN

SERVICE = "workmailmessageflow"
_AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=[^/\s]+/\d{8}/[^/\s]+/(?P<service>[^/\s]+)/aws4_request,.*Signature=\S+")
_MAX_REASONS = 3
_IN_REGION: set[tuple[str, str]] = set()
"""Endpoint and name of the buckets that are in the organization's region. A bucket never moves."""


class ServiceError(Exception):
    """An error in the service's answer: name, text and HTTP status, which is 400 if the model gives none."""

    def __init__(self, name: str, message: str, status: int = 400) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message
        self.status = status

    def response(self) -> Response:
        """Return the answer in the protocol REST-JSON."""
        return JSONResponse({"message": self.message}, self.status, {"x-amzn-ErrorType": self.name})


@dataclass(frozen=True, slots=True)
class MessageFlowApi:
    """The operations GetRawMessageContent and PutRawMessageContent.

    Attributes:
        store: the messages in transit.
        faults: injected faults.
        s3: a boto3 S3 client, which is called in worker threads.
        listener: called with one line of text for each answered call.
    """

    store: MessageStore
    faults: Faults
    s3: Any
    listener: Callable[[str], None] | None = None

    def app(self) -> Starlette:
        """Return the ASGI application."""
        path = "/messages/{message_id}"
        return Starlette(
            routes=[
                Route(path, partial(self._answer, "get", self._get), methods=["GET"]),
                Route(path, partial(self._answer, "put", self._put), methods=["POST"]),
            ],
            exception_handlers={HTTPException: _unknown_operation},
        )

    async def _answer(
        self, operation: Operation, work: Callable[[Request, StoredMessage], Awaitable[Response]], request: Request
    ) -> Response:
        message_id = request.path_params["message_id"]
        try:
            check_signature(request, SERVICE)
            await apply_fault(self.faults, operation)
            message = self._message(message_id)
            response = await work(request, message)
            outcome = f"{len(message.content):,} bytes"
        except ServiceError as error:
            response = error.response()
            outcome = str(error)
        if self.listener:
            self.listener(f"{operation}  {message_id}  {response.status_code}  {outcome}")
        return response

    def _message(self, message_id: str) -> StoredMessage:
        if not MESSAGE_ID_PATTERN.fullmatch(message_id):
            raise ServiceError("ValidationException", f"messageId does not match {MESSAGE_ID_PATTERN.pattern}")
        try:
            message = self.store.get(message_id)
        except KeyError as error:
            raise ServiceError("ResourceNotFoundException", f"Message {message_id} is not known", 404) from error
        if self.store.is_expired(message):
            raise ServiceError("ResourceNotFoundException", f"Message {message_id} is older than 24 hours", 404)
        return message

    async def _get(self, _request: Request, message: StoredMessage) -> Response:
        return Response(message.content, media_type="message/rfc822")

    async def _put(self, request: Request, message: StoredMessage) -> Response:
        body = await request.body()
        try:
            reference = _s3_reference(body)
            content = await run_in_threadpool(self._read_content, message, reference)
        except ServiceError as error:
            message.rejections.append(str(error))
            raise
        self.store.replace(message.message_id, content, reference)
        return JSONResponse({})

    def _read_content(self, message: StoredMessage, reference: S3Reference) -> bytes:
        if message.frozen:
            raise ServiceError("MessageFrozen", "The message is not eligible for update, as for a redirected message")
        content = _read_object(self.s3, reference)
        if reasons := find_defects(message.original, content):
            raise ServiceError("MessageRejected", "; ".join(reasons[:_MAX_REASONS]))
        return content


def _read_object(s3: Any, reference: S3Reference) -> bytes:
    """Return the bytes to which a reference leads, as WorkMail reads them."""
    # Imported late: botocore needs most of the time of a start, which `--help` must not wait for.
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, key = reference.bucket, reference.key
    if not BUCKET_PATTERN.fullmatch(bucket):
        raise _inaccessible(f"the bucket's name does not match {BUCKET_PATTERN.pattern}")
    if not KEY_PATTERN.fullmatch(key):
        raise _inaccessible(f"the key does not match {KEY_PATTERN.pattern} (neither dots nor underscores)")
    version = {"VersionId": reference.version} if reference.version else {}
    try:
        if (checked := (s3.meta.endpoint_url, bucket)) not in _IN_REGION:
            # S3 returns None for us-east-1, and "EU" for buckets that are older than the name eu-west-1.
            region = s3.get_bucket_location(Bucket=bucket).get("LocationConstraint") or "us-east-1"
            if region != REGION:
                raise _inaccessible(f"the bucket is in {'eu-west-1' if region == 'EU' else region}, the organization in {REGION}")
            _IN_REGION.add(checked)
        response = s3.get_object(Bucket=bucket, Key=key, **version)
        with response["Body"] as body:
            if (size := response["ContentLength"]) > MAX_MESSAGE_BYTES:
                raise ServiceError("MessageRejected", f"the object has {size:,} bytes; at most {MAX_MESSAGE_BYTES:,} are accepted")
            return bytes(body.read())
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "an error")
        raise _inaccessible(f"S3 answers {code} for the object{' version' if version else ''}") from error
    except BotoCoreError as error:
        raise _inaccessible(f"S3 cannot be reached ({type(error).__name__})") from error


def _inaccessible(why: str) -> ServiceError:
    return ServiceError("InvalidContentLocation", f"WorkMail could not access the content: {why}")


async def apply_fault(faults: Faults, operation: Operation) -> None:
    """Apply the injected fault for this call: wait, and raise a `ServiceError`."""
    if fault := faults.next(operation):
        await asyncio.sleep(fault.delay_s)
        if fault.error is not None:
            raise ServiceError(fault.error, fault.message, fault.status)


def check_signature(request: Request, service: str) -> None:
    """Raise AWS's `ServiceError` for a call without SigV4 or with a signature for another service."""
    header = request.headers.get("authorization", "")
    if not header:
        raise ServiceError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
    signed = _AUTHORIZATION.fullmatch(header)
    if signed is None:
        raise ServiceError("IncompleteSignatureException", "Authorization is not an AWS4-HMAC-SHA256 signature", 403)
    if signed["service"] != service:
        raise ServiceError("InvalidSignatureException", f"Credential should be scoped to correct service: '{service}'.", 403)


def _s3_reference(body: bytes) -> S3Reference:
    try:
        reference = json.loads(body)["content"]["s3Reference"]
        found = S3Reference(reference["bucket"], reference["key"], reference.get("objectVersion"))
    except ValueError as error:
        raise ServiceError("SerializationException", "The body is not JSON") from error
    except (LookupError, TypeError, AttributeError) as error:
        raise ServiceError("ValidationException", "content.s3Reference needs bucket and key") from error
    if not all(isinstance(value, str) for value in (found.bucket, found.key, found.version or "")):
        raise ServiceError("SerializationException", "bucket, key and objectVersion are strings")
    return found


async def _unknown_operation(_request: Request, _error: Exception) -> Response:
    return ServiceError("UnknownOperationException", "No such operation", 404).response()
