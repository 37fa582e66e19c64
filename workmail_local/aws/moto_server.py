"""S3 and the other services that moto emulates, on an HTTP server like that of WorkMail's APIs.

moto's own server closes the connection after each request and creates a thread for each connection: most of the time of a message that
a function changes.
"""

import asyncio
import io
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError
from moto.core.base_backend import AccountSpecificBackend
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY, environ_key_for_header, should_preserve_original_header_name
from moto.moto_server.werkzeug_app import BackendRequest, DomainDispatcherApplication, create_backend_app
from moto.s3.models import FakeAcl, FakeGrant, FakeGrantee, FakeKey, s3_backends
from moto.s3.responses import S3Response
from moto.s3.utils import ARCHIVE_STORAGE_CLASSES
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from werkzeug.exceptions import HTTPException
from werkzeug.test import run_wsgi_app

from mailhooks.contract.limits import MAX_MESSAGE_BYTES
from workmail_local.aws.service_errors import find_signed_service
from workmail_local.servers import HttpServer

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_OBJECT: Final = re.compile(r"/(?!v20180820/)[a-z0-9-]{3,63}(?:/[\w.=-]+)+", re.ASCII)
"""The path of an S3 object without escapes. The version is the beginning of S3 Control's paths."""

_MAX_INLINE: Final = 256 * 1024
"""Bytes of an object that are stored without a change of the thread."""

_DYNAMODB: Final = threading.Lock()
"""All servers of this process share moto's tables."""


@contextmanager
def run_moto(port: int) -> Iterator[str]:
    """Run moto's services on one server; yield its URL.

    Raises:
        ServerError: the port is in use or not allowed.
    """
    _make_session()
    server = HttpServer(MotoApp(), port, name="local-s3")
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


class MotoApp:
    """The ASGI application in front of moto's WSGI application.

    Objects of S3 are read and stored by moto's own code for S3, without its web framework. Other calls get a thread each, because some of
    them wait, such as for messages in SQS.
    """

    def __init__(self) -> None:
        self._app = _serialize_dynamodb(_Dispatcher(create_backend_app))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            body = await request.body()
        except ClientDisconnect:
            return
        environ = _make_environ(request, body)
        quick = len(body) <= _MAX_INLINE and _is_object_call(request)
        response = (_call_s3(environ) if quick else None) or await _run_in_thread(partial(self._answer, environ))
        await response(scope, receive, send)

    def _answer(self, environ: "WSGIEnvironment") -> Response:
        environ["wsgi.input"].seek(0)
        chunks, status, headers = run_wsgi_app(self._app, environ, buffered=True)
        return _make_response(b"".join(chunks), int(status.split()[0]), headers)


class _Dispatcher(DomainDispatcherApplication):
    """Caches the service of a host name: moto searches some 200 folders for it in each call."""

    @lru_cache(maxsize=256)  # noqa: B019 - one dispatcher a server
    def get_backend_for_host(self, host: "str | None") -> Any:
        return super().get_backend_for_host(host)


def find_object(bucket: str, key: str, version: str | None) -> tuple[bytes, str | None] | None:
    """Return the bytes of a stored object and its version, if it has one, without a call over HTTP.

    Returns:
        None when S3 or WorkMail may refuse it: no such object, a policy of the bucket, an archived or too large object. Then a client
        gets S3's answer.
    """
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    found = backend.buckets.get(bucket)
    if found is None or found.policy is not None or found.logging:
        return None
    stored = backend.get_object(bucket, key, version_id=version)
    if stored is None or stored.size > MAX_MESSAGE_BYTES or stored.storage_class in ARCHIVE_STORAGE_CLASSES:
        return None
    return stored.value, None if stored.version_id == "null" else stored.version_id


def forget_removed_objects() -> None:
    """Release the memory of objects that were removed from S3.

    QUIRK: moto keeps a list of all objects and access lists that it ever created, which only its reset reads, and the tags of each
    version, also of one without tags.
    """
    objects: list[Any] = vars(FakeKey)["instances_tracked"]
    tags = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].tagger.tags
    for each in objects:
        # A later object may have the key of a removed one, but never its version.
        if each.disposed and each.version_id != "null":
            tags.pop(each.arn, None)
    objects[:] = [each for each in objects if not each.disposed]
    for kind in (FakeAcl, FakeGrant, FakeGrantee):
        vars(kind)["instances_tracked"].clear()


def _is_object_call(request: Request) -> bool:
    """Return whether a call reads or stores a whole object by a plain path, without a query."""
    scope = request.scope
    if scope["method"] not in {"GET", "PUT"} or scope["query_string"] or find_signed_service(request) != "s3":
        return False
    host, port = scope["server"]
    return request.headers.get("host") == f"{host}:{port}" and bool(_OBJECT.fullmatch(scope["raw_path"].decode("latin-1")))


def _call_s3(environ: "WSGIEnvironment") -> Response | None:
    """Call moto's code for the objects of S3; None for an error that moto's web framework makes an answer of."""
    request = BackendRequest(environ)
    try:
        status, headers, content = S3Response.key_dispatch(request, request.raw_url, dict(request.headers))
    except (ClientError, HTTPException):
        return None
    return _make_response(content.encode() if isinstance(content, str) else content, status, headers.items())


def _make_response(content: bytes, status: int, headers: Iterable[tuple[str, Any]]) -> Response:
    return Response(content, status, {name.lower(): str(value) for name, value in headers})


def _make_environ(request: Request, body: bytes) -> "WSGIEnvironment":
    """Return the WSGI environment of a request as moto's own server does, with the path as it arrived."""
    scope = request.scope
    query = scope["query_string"].decode("latin-1")
    target = scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
    host, port = scope["server"]
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": target,
        "REQUEST_URI": target,
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": scope["client"][0] if scope["client"] else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    names: dict[str, str] = {}
    for name, value in request.headers.items():
        key = environ_key_for_header(name)
        if "_" in name:
            # Only the names of S3's metadata may have an underscore, and none may replace a name with a hyphen.
            if not should_preserve_original_header_name(name) or name.replace("_", "-") in request.headers:
                continue
            names[key] = name
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = names
    # The body is complete: it has no chunks.
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    return environ | {"CONTENT_LENGTH": str(len(body))}


async def _run_in_thread(work: Callable[[], Response]) -> Response:
    """Run work in a thread of its own, which ends with the process also when the work still waits."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Response] = loop.create_future()

    def run() -> None:
        try:
            set_result = partial(done.set_result, work())
        except Exception as error:  # noqa: BLE001 - raised where the work is awaited
            set_result = partial(done.set_exception, error)
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(lambda: None if done.cancelled() else set_result())

    threading.Thread(target=run, name="local-s3-call", daemon=True).start()
    return await done


def _make_session() -> None:
    """Create moto's one session of the process, without the developer's AWS_PROFILE: moto fails if there is no such profile."""
    profile = os.environ.pop("AWS_PROFILE", None)
    try:
        AccountSpecificBackend.get_session().get_available_partitions()
    finally:
        if profile is not None:
            os.environ["AWS_PROFILE"] = profile


def _serialize_dynamodb(app: "WSGIApplication") -> "WSGIApplication":
    """Run DynamoDB calls one at a time: moto checks a condition and writes the item in two steps, DynamoDB in one."""

    def one_at_a_time(environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
        if environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB"):
            with _DYNAMODB:
                return app(environ, start_response)
        return app(environ, start_response)

    return one_at_a_time
