"""The local WorkMail in one `with` line.

with LocalWorkMail() as wm:
    message_id = wm.store.add(raw)
    # wm.environment leads boto3 here, in this process or another
"""

import os
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from typing import Any, Self

from .faults import Faults
from .store import MessageStore

REGION = "us-east-1"
"""One of WorkMail's regions; all of the local WorkMail is in it."""

# Any keys are good here; these are none that AWS could take for somebody's.
_ACCESS_KEY = "local"
_SECRET_KEY = "local"  # noqa: S105


class LocalWorkMail:
    """The Message Flow API and S3, over HTTP on the loopback interface.

    Args:
        port: of the Message Flow API; 0 lets the system choose.
        s3_port: of S3, likewise.
        bucket: name of the rewrite bucket; None for one that no other instance in this process has (moto keeps one S3 a process).
        clock: see `MessageStore`.
        listener: see `MessageFlowApi`.

    Attributes:
        store: the messages in transit.
        faults: trouble on order.
        bucket: the rewrite bucket, versioned as the stack's.

    Raises:
        ServerTrouble: on entering, when a port is taken.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        s3_port: int = 0,
        bucket: str | None = None,
        clock: Callable[[], float] | None = None,
        listener: Callable[[str], None] | None = None,
    ) -> None:
        self.store = MessageStore(clock) if clock else MessageStore()
        self.faults = Faults()
        self.bucket = bucket or f"rewritten-mail-{uuid.uuid4().hex[:12]}"
        self._ports = (port, s3_port)
        self._listener = listener
        self._stack = ExitStack()
        self._urls: dict[str, str] = {}
        self._s3: Any = None

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def environment(self) -> dict[str, str]:
        """Variables that lead boto3 to these servers, and to nothing outside this machine."""
        return {
            "AWS_ENDPOINT_URL_S3": self._urls["s3"],
            "AWS_ENDPOINT_URL_WORKMAILMESSAGEFLOW": self._urls["workmailmessageflow"],
            "AWS_ACCESS_KEY_ID": _ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": _SECRET_KEY,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "REWRITE_BUCKET": self.bucket,
        }

    def client(self, service: str) -> Any:
        """A client (`s3` or `workmailmessageflow`) for these servers, whatever this process's AWS settings are. Close it after use."""
        import botocore.session

        # A session that reads no configuration of the developer's: a profile could lead elsewhere, or name one that is not there.
        session = botocore.session.Session(
            session_vars={
                "profile": (None, None, None, None),
                "config_file": (None, None, os.devnull, None),
                "credentials_file": (None, None, os.devnull, None),
            }
        )
        return session.create_client(
            service,
            region_name=REGION,
            endpoint_url=self._urls[service],
            aws_access_key_id=_ACCESS_KEY,
            aws_secret_access_key=_SECRET_KEY,
        )

    def sam_environment(self, functions: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
        """The hook settings of `events/env.json` with these servers' variables, as `sam local invoke --env-vars` reads them."""
        return {name: {**variables, **self.environment} for name, variables in functions.items()}

    def _start(self) -> None:
        from .api import MessageFlowApi
        from .servers import HttpServer, S3Server

        s3 = S3Server(self._ports[1])
        self._stack.callback(s3.stop)
        s3.start()
        self._urls["s3"] = s3.url
        self._s3 = self.client("s3")
        self._stack.callback(self._s3.close)
        self._make_bucket()
        api = MessageFlowApi(self.store, self.faults, lambda: self._s3, REGION, self._listener)
        http = HttpServer(api.app(), self._ports[0])
        self._stack.callback(http.stop)
        http.start()
        self._urls["workmailmessageflow"] = http.url

    def _make_bucket(self) -> None:
        self._s3.create_bucket(Bucket=self.bucket)
        self._stack.callback(self._remove_bucket)
        self._s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})

    def _remove_bucket(self) -> None:
        """moto's S3 lives as long as the process: what is left in it would stay in memory. A test may have removed the bucket itself."""
        from botocore.exceptions import ClientError

        with suppress(ClientError):
            for page in self._s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket):
                for item in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                    self._s3.delete_object(Bucket=self.bucket, Key=item["Key"], VersionId=item["VersionId"])
            self._s3.delete_bucket(Bucket=self.bucket)
