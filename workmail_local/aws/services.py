"""The services that a hook calls, on the loopback interface: WorkMail's APIs, and other AWS services on moto."""

import os
import secrets
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, Final

from workmail_local.aws.export_jobs import ExportedItem, ExportJobs
from workmail_local.aws.faults import Faults
from workmail_local.aws.organization import Entity, Organization
from workmail_local.aws.state_machines import StateMachines
from workmail_local.aws_client import KEYS, REGION, create_client
from workmail_local.config.numbers import PORT
from workmail_local.lifecycle import Lifecycle
from workmail_local.storage.message_store import MessageStore

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.types import ASGIApp

    from workmail_local.aws.mail_sender_api import SentMail

MOTO_SERVICES: Final = ("s3", "dynamodb", "sns", "sqs", "events", "secretsmanager", "ssm", "appconfig", "appconfigdata")
"""boto3's names of the services on moto's server. moto has no AppConfig data, but a call to it must fail here and not reach AWS."""

WORKMAIL_SERVICES: Final = ("workmailmessageflow", "workmail")

APPROVAL_PATH: Final = "/approve"
"""The path of the page on which approvers decide, on the server of WorkMail's APIs."""

_STATES_PATH: Final = "/states"
"""The path of Step Functions, on the same server."""

_ENDPOINT_NAMES: Final = {"events": "EVENTBRIDGE", "secretsmanager": "SECRETS_MANAGER", "stepfunctions": "SFN"}
"""Services whose endpoint variable is named after the service ID and not after boto3's name."""


class LocalAws(Lifecycle):
    """WorkMail's APIs, S3 and the other services that a policy may use, over HTTP on the loopback interface.

    Args:
        port: of WorkMail's APIs; 0 lets the system choose.
        s3_port: of S3 and the other services; 0 lets the system choose.
        bucket: name of the rewrite bucket; None for a unique one, because all instances of a process share moto's S3.
        clock: see `MessageStore`.
        listener: see `MessageFlowApi`.

    Attributes:
        store: the messages in transit.
        faults: injected faults.
        organization: users, groups, resources and domains.
        exports: the mailbox export jobs.
        bucket: the rewrite bucket, with versions as in the stack.
        rates_table: the DynamoDB table of `mailhooks.aws.rate_counter`.
        holds_table: the DynamoDB table of `mailhooks.aws.hold_table`.
        state_machines: the executions that hooks have started.
        approval_secret: the name of the secret that signs the links for approvers.
        send_mail: is called with each mail that a function sends by SES.

    Raises:
        InvalidArgument: a port is out of its range.
        PortError: on entering, when a port is in use.
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
        PORT.check("port", port)
        PORT.check("s3_port", s3_port)
        super().__init__()
        self.store = MessageStore(clock) if clock else MessageStore()
        self.faults = Faults()
        self.organization = Organization()
        self.state_machines = StateMachines()
        self.exports = ExportJobs(self.organization, self._read_mailbox, clock or time.time)
        self._bucket_name = bucket
        self._choose_names()
        self._ports = (port, s3_port)
        self._listener = listener
        self._urls: dict[str, str] = {}
        self._other_services = ""
        self._workmail_app: Starlette | None = None
        self._buckets: list[str] = []
        self._tables: list[str] = []
        self.holds_table = self.approval_secret = f"holds-{uuid.uuid4().hex[:12]}"
        self.send_mail: Callable[[SentMail], None] = lambda _: None

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that make boto3 call these servers, and no server outside this machine."""
        return {
            # All other services, whose calls must not reach AWS either.
            "AWS_ENDPOINT_URL": self._other_services,
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
            # Some calls get a prefix before the host, with which 127.0.0.1 is a name for DNS.
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
            **{f"AWS_ENDPOINT_URL_{_ENDPOINT_NAMES.get(service, service.upper())}": url for service, url in self._urls.items()},
            **KEYS,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "RATES_TABLE": self.rates_table,
            "HOLDS_TABLE": self.holds_table,
            "APPROVAL_URL": self.approval_url,
            "APPROVAL_SECRET": self.approval_secret,
            "APPROVAL_SENDER": f"approvals@{self.organization.domains[0]}",
            "REWRITE_BUCKET": self.bucket,
        }

    def make_one_endpoint(self) -> "ASGIApp":
        """Return an application with all services, for a server at `AWS_ENDPOINT_URL` alone. The services are up."""
        from workmail_local.aws.all_services import AllServices
        from workmail_local.aws.moto_server import MotoApp
        from workmail_local.aws.other_services import OtherServices
        from workmail_local.aws.state_machines_api import StateMachinesApi

        assert self._workmail_app is not None, "the services are not up"
        return AllServices(
            {
                **dict.fromkeys((*WORKMAIL_SERVICES, "ses"), self._workmail_app),
                "states": StateMachinesApi(self.state_machines, self._listener).route("/"),
                # Calls without a signature are for public objects in S3.
                **dict.fromkeys((*MOTO_SERVICES, ""), MotoApp()),
            },
            others=OtherServices(self._listener),
        )

    def client(self, service: str) -> Any:
        """Create a boto3 client of a local service, independent of this process's AWS settings. Close it after use."""
        return create_client(service, self._urls[service])

    def _start(self) -> None:
        # Imported late: Starlette and moto need most of the time of a start, which a command without servers must not wait for.
        from starlette.routing import Route

        from workmail_local.aws import other_services
        from workmail_local.aws.mail_sender_api import MailSenderApi
        from workmail_local.aws.message_flow_api import MessageFlowApi
        from workmail_local.aws.moto_server import run_moto
        from workmail_local.aws.state_machines_api import StateMachinesApi
        from workmail_local.aws.workmail_api import WorkMailApi
        from workmail_local.servers import HttpServer

        self._urls |= dict.fromkeys(MOTO_SERVICES, self._stack.enter_context(run_moto(self._ports[1])))
        self._s3 = self._stack.enter_context(closing(self.client("s3")))
        self._dynamodb = self._stack.enter_context(closing(self.client("dynamodb")))
        self._stack.callback(self._remove_storage)
        self._create_storage()
        self._create_hold_storage()
        app = MessageFlowApi(self.store, self.faults, self._s3, self._listener).app()
        app.routes.extend(MailSenderApi(lambda mail: self.send_mail(mail), self._listener).routes())
        app.routes.append(Route("/v2/email{rest:path}", other_services.OtherServices(self._listener)))
        app.routes.append(StateMachinesApi(self.state_machines, self._listener).route(_STATES_PATH))
        app.routes.extend(WorkMailApi(self.organization, self.faults, self.exports, self._s3, self._listener).routes())
        app.routes.append(Route(f"{other_services.PATH}{{rest:path}}", other_services.OtherServices(self._listener)))
        self._workmail_app = app
        http = HttpServer(app, self._ports[0])
        self._stack.callback(http.stop)
        http.start()
        self._urls |= dict.fromkeys((*WORKMAIL_SERVICES, "sesv2"), http.url) | {"stepfunctions": http.url + _STATES_PATH}
        self._other_services = http.url + other_services.PATH

    def reset(self) -> None:
        """Return to the state after the start: no messages, faults, users or groups; another rewrite bucket and rates table.

        The servers keep their URLs. Data in other services, such as SQS, stays, as moto keeps it for the whole process anyway.
        """
        self.store.clear()
        self.faults.clear()
        self.organization.reset()
        self.state_machines.clear()
        self.exports.reset()
        self._remove_storage()
        self._choose_names()
        self._create_storage()

    def _read_mailbox(self, _entity: Entity) -> Iterable[ExportedItem]:
        """Return the messages of a mailbox, for its export. These services have no mailboxes."""
        return ()

    def _choose_names(self) -> None:
        self.bucket = self._bucket_name or f"rewritten-mail-{uuid.uuid4().hex[:12]}"
        self.rates_table = f"{self.bucket}-rates"

    @property
    def approval_url(self) -> str:
        """The URL of the page on which approvers decide, in `LocalWorkMail`."""
        return f"{self._urls['workmail']}{APPROVAL_PATH}/"

    def _create_hold_storage(self) -> None:
        """Create the table of held messages and the secret of the links. A reset keeps them: each key names the invocation of a message."""
        self._make_table(self.holds_table, sort_key="S")
        self._stack.callback(self._dynamodb.delete_table, TableName=self.holds_table)
        with closing(self.client("secretsmanager")) as client:
            client.create_secret(Name=self.approval_secret, SecretString=secrets.token_hex(32))

    def make_bucket(self, name: str, *, versioned: bool = False) -> None:
        """Create a bucket, with versions as the stack's rewrite bucket has them or without. It is removed with this instance."""
        self._s3.create_bucket(Bucket=name)
        self._buckets.append(name)
        if versioned:
            self._s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})

    def _create_storage(self) -> None:
        """Create the rewrite bucket and the rates table as the stack does."""
        self.make_bucket(self.bucket, versioned=True)
        self.make_rates_table(self.rates_table)

    def make_rates_table(self, name: str) -> None:
        """Create a table for `mailhooks.aws.rate_counter`. It is removed with this instance."""
        self._tables.append(name)
        self._make_table(name, sort_key="N")

    def make_push_table(self, name: str, key: str) -> None:
        """Create a table of `mailhooks.push` with a partition key. It is removed with this instance."""
        self._tables.append(name)
        self._dynamodb.create_table(
            TableName=name,
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )

    def make_received_table(self, name: str) -> None:
        """Create a table of `mailhooks.ses.message_table`. It is removed with this instance."""
        self._tables.append(name)
        types = {"pk": "S", "q": "S", "due": "N"}
        self._dynamodb.create_table(
            TableName=name,
            AttributeDefinitions=[{"AttributeName": each, "AttributeType": kind} for each, kind in types.items()],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "due",
                    "KeySchema": [{"AttributeName": "q", "KeyType": "HASH"}, {"AttributeName": "due", "KeyType": "RANGE"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
            BillingMode="PAY_PER_REQUEST",
        )

    def _make_table(self, name: str, *, sort_key: str) -> None:
        """Create a table with a sort key of a type: N for numbers, S for texts."""
        self._dynamodb.create_table(
            TableName=name,
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": sort_key}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self._dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"})

    def _remove_storage(self) -> None:
        """Remove the buckets and the tables, which a test may have removed: moto keeps them in memory as long as the process runs."""
        from botocore.exceptions import ClientError

        while self._buckets:
            with suppress(ClientError):
                self._remove_bucket(self._buckets.pop())
        while self._tables:
            with suppress(ClientError):
                self._dynamodb.delete_table(TableName=self._tables.pop())

    def _remove_bucket(self, bucket: str) -> None:
        for page in self._s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for item in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                self._s3.delete_object(Bucket=bucket, Key=item["Key"], VersionId=item["VersionId"])
        self._s3.delete_bucket(Bucket=bucket)
