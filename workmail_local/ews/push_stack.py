"""The stack of push notifications on this machine: its tables, its secret, the responder at a URL, and the keeper."""

import threading
import uuid
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from typing import Any, Final

from workmail_local.config.push import Push
from workmail_local.lifecycle import Lifecycle
from workmail_local.runtime.function_url import FunctionUrl, serve_function
from workmail_local.runtime.sandbox import Pool

ROLE: Final = "local-push"
"""The ID of the impersonation role."""

_SCHEDULE_S: Final = 300.0
"""Seconds between two runs of the keeper (push/template.yaml)."""

_LOOK_S: Final = 0.5
"""Seconds between two looks at the file of the subscriptions."""

_CONFIG_KEY: Final = "push/subscriptions.json"

_SHOWN: Final = ("made", "renewed", "removed")


class PushStack(Lifecycle):
    """Runs the two functions while entered.

    Args:
        push: the configuration.
        bucket: gets a copy of the configuration of the subscriptions; its name begins those of the tables and of the secret.
        organization_id, ews_url: of the organization.
        environment: the variables that lead functions to the local servers.
        client: creates a boto3 client of a local service.
        speed: divides the time between two runs of the keeper.
        report: is called with a sentence about each run that changes something or fails, and about each failure of the responder.

    Attributes:
        url: of the responder.
    """

    def __init__(
        self,
        push: Push,
        bucket: str,
        *,
        organization_id: str,
        ews_url: str,
        environment: Mapping[str, str],
        client: Callable[[str], Any],
        speed: float,
        report: Callable[[str], None],
    ) -> None:
        super().__init__()
        self._push = push
        self._bucket = bucket
        self._client = client
        self._pause_s = _SCHEDULE_S / speed
        self._report = report
        self._stopping = threading.Event()
        self._failures: list[str] = []
        self.url = ""
        self._variables = {
            **environment,
            "ORGANIZATION_ID": organization_id,
            "PUSH_CONFIG": f"s3://{bucket}/{_CONFIG_KEY}",
            "PUSH_EVENT_BUS": "default",
            "PUSH_EVENTS_TABLE": f"{bucket}-push-events",
            "PUSH_EWS_URL": ews_url,
            "PUSH_IMPERSONATION_ROLE": ROLE,
            "PUSH_SECRET": f"{bucket}-push",
            "PUSH_SUBSCRIPTIONS_TABLE": f"{bucket}-push-subscriptions",
        }

    def _start(self) -> None:
        self._make_storage()
        responder = self._stack.enter_context(Pool(self._push.responder, self._push.responder.all_variables(self._variables)))
        url = FunctionUrl(lambda: (responder, self._push.responder.timeout_s), self._report)
        self.url = self._variables["PUSH_URL"] = self._stack.enter_context(serve_function(url, self._push.port))
        keeper = self._push.keeper
        self._keeper = self._stack.enter_context(Pool(keeper, keeper.all_variables(self._variables), limit=1))
        thread = threading.Thread(target=self._run, name="push-keeper", daemon=True)
        thread.start()
        self._stack.callback(self._stopping.set)

    def _make_storage(self) -> None:
        with closing(self._client("dynamodb")) as dynamodb, closing(self._client("secretsmanager")) as secrets:
            for variable, key in (("PUSH_SUBSCRIPTIONS_TABLE", "id"), ("PUSH_EVENTS_TABLE", "pk")):
                dynamodb.create_table(
                    TableName=self._variables[variable],
                    AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                    KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                    BillingMode="PAY_PER_REQUEST",
                )
            secrets.create_secret(Name=self._variables["PUSH_SECRET"], SecretString=uuid.uuid4().hex)
        self._stack.callback(self._remove_storage)

    def _remove_storage(self) -> None:
        with closing(self._client("dynamodb")) as dynamodb, closing(self._client("secretsmanager")) as secrets:
            for variable in ("PUSH_SUBSCRIPTIONS_TABLE", "PUSH_EVENTS_TABLE"):
                dynamodb.delete_table(TableName=self._variables[variable])
            secrets.delete_secret(SecretId=self._variables["PUSH_SECRET"], ForceDeleteWithoutRecovery=True)

    def _run(self) -> None:
        while not self._stopping.is_set():
            changed = self._read_time()
            self.keep()
            left = self._pause_s
            while left > 0 and self._read_time() == changed and not self._stopping.wait(min(left, _LOOK_S)):
                left -= _LOOK_S

    def _copy_configuration(self) -> None:
        """Copy the configuration to S3, from where the keeper reads it at each run. A missing file changes nothing."""
        with suppress(OSError), closing(self._client("s3")) as s3:
            s3.put_object(Bucket=self._bucket, Key=_CONFIG_KEY, Body=self._push.subscriptions.read_bytes())

    def _read_time(self) -> int:
        """Return the time of the file's last change; 0 if it is missing."""
        try:
            return self._push.subscriptions.stat().st_mtime_ns
        except OSError:
            return 0

    def keep(self) -> Mapping[str, Any]:
        """Run the keeper once, with the configuration as it is saved now. Return its answer; {} if it fails."""
        self._copy_configuration()
        invocation = self._keeper.invoke({}, str(uuid.uuid4()), self._push.keeper.timeout_s)
        if self._stopping.is_set():
            return {}
        answer: Mapping[str, Any] = invocation.response or {}
        failures = [invocation.error] if invocation.error else [str(each) for each in answer.get("failures", ())]
        counts = [f"{answer[name]} {name}" for name in _SHOWN if answer.get(name)]
        if counts:
            self._report(f"push subscriptions: {', '.join(counts)}")
        if failures and failures != self._failures:
            self._report(f"push subscriptions: not as configured: {'; '.join(failures)}")
        self._failures = failures
        return answer
