"""The Message Flow API over HTTP, after botocore's model `workmailmessageflow` (2019-05-01, REST-JSON).

It makes the service's checks and answers with the service's error names. A request needs a signature for this service; the signature
itself is not verified, so that any key works on a laptop.
"""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mailhooks.contract.limits import BUCKET_PATTERN, KEY_PATTERN, MAX_MESSAGE_BYTES, MESSAGE_ID_PATTERN
from workmail_local.aws.content_rules import find_defects
from workmail_local.aws.faults import Faults, Operation
from workmail_local.aws.moto_server import find_object
from workmail_local.aws.service_errors import RequestIds, ServiceError, apply_fault, check_signature
from workmail_local.aws_client import REGION
from workmail_local.storage.message_store import MessageStore, S3Reference, StoredMessage

SERVICE = "workmailmessageflow"
_MAX_REASONS = 3
_VERSION = re.compile(r"[^\ud800-\udfff\0]{1,1024}")
"""The model's `.+` of 1 to 1,024 characters, without those that a URL cannot contain."""
_IN_REGION: set[tuple[str, str]] = set()
"""Endpoint and name of the buckets that are in the organization's region. A bucket never moves."""


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
            middleware=[Middleware(RequestIds)],
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
        read: list[S3Reference] = []
        try:
            reference = _s3_reference(await request.body())
            content = await run_in_threadpool(self._read_content, message, reference, read)
        except ServiceError as error:
            self.store.reject(message, str(error), *read)
            raise
        self.store.replace(message.message_id, content, *read)
        return JSONResponse({})

    def _read_content(self, message: StoredMessage, reference: S3Reference, read: list[S3Reference]) -> bytes:
        """Return the new content; add the object that it was read from to `read`, also when the content is rejected."""
        if message.frozen:
            raise ServiceError("MessageFrozen", "The message is not eligible for update, as for a redirected message")
        content, found = _read_object(self.s3, reference)
        read.append(found)
        if reasons := find_defects(message.original, content):
            raise ServiceError("MessageRejected", "; ".join(reasons[:_MAX_REASONS]))
        return content


def _read_object(s3: Any, reference: S3Reference) -> tuple[bytes, S3Reference]:
    """Return the bytes to which a reference leads, as WorkMail reads them, and the reference with the object's version and size."""
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
        if found := find_object(bucket, key, reference.version):
            content, found_version = found
            return content, replace(reference, version=found_version or reference.version, size=len(content))
        response = s3.get_object(Bucket=bucket, Key=key, **version)
        with response["Body"] as body:
            if (size := response["ContentLength"]) > MAX_MESSAGE_BYTES:
                raise ServiceError("MessageRejected", f"the object has {size:,} bytes; at most {MAX_MESSAGE_BYTES:,} are accepted")
            return bytes(body.read()), replace(reference, version=response.get("VersionId", reference.version), size=size)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "an error")
        raise _inaccessible(f"S3 answers {code} for the object{' version' if version else ''}") from error
    except BotoCoreError as error:
        raise _inaccessible(f"S3 cannot be reached ({type(error).__name__})") from error


def _inaccessible(why: str) -> ServiceError:
    return ServiceError("InvalidContentLocation", f"WorkMail could not access the content: {why}")


def _s3_reference(body: bytes) -> S3Reference:
    try:
        reference = json.loads(body)["content"]["s3Reference"]
        found = S3Reference(reference["bucket"], reference["key"], reference.get("objectVersion"))
    except (ValueError, RecursionError) as error:
        raise ServiceError("SerializationException", "The body is not JSON") from error
    except (LookupError, TypeError, AttributeError) as error:
        raise ServiceError("ValidationException", "content.s3Reference needs bucket and key") from error
    if not all(isinstance(value, str) for value in (found.bucket, found.key, "" if found.version is None else found.version)):
        raise ServiceError("SerializationException", "bucket, key and objectVersion are strings")
    if found.version is not None and not _VERSION.fullmatch(found.version):
        raise ServiceError("ValidationException", f"objectVersion does not match {_VERSION.pattern}")
    return found


async def _unknown_operation(request: Request, _error: Exception) -> Response:
    error = ServiceError("UnknownOperationException", "No such operation", 404)
    is_json = "x-amz-target" in request.headers or request.headers.get("content-type", "").startswith("application/x-amz-json")
    return error.json_response() if is_json else error.response()
