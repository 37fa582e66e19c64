"""The settings of all functions: environment variables, read once, as one typed value.

A hook itself checks settings that it alone understands, such as its JSON: an error there does not keep the function from loading (see
`mailhooks.hooks.runtime.sync_hook`).
"""

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import cache
from typing import Any, Final, NamedTuple, Self

from mailhooks.address_patterns import parse_domain
from mailhooks.errors import SettingsError


class OnError(StrEnum):
    """The runtime's action after an unexpected error of a hook."""

    DELIVER = "deliver"
    """Deliver it unchanged."""

    RETRY = "retry"
    """Raise the error: WorkMail retries, and applies the rule's fallback action in the end."""


class Form(NamedTuple):
    """A pattern of valid texts, and its description for an error."""

    pattern: str
    description: str


_LOG_LEVEL: Final = Form(r"(?i:DEBUG|INFO|WARNING|ERROR|CRITICAL)", "DEBUG, INFO, WARNING, ERROR or CRITICAL")
_DIMENSION: Final = Form(r"[!-~](?:[ -~]{0,253}[!-~])?", "a name of at most 255 printable ASCII characters")
_NAMESPACE: Final = Form(r"(?!AWS/)[\w./#-][\w./#: -]{0,254}", "a namespace of CloudWatch: letters, digits and ./#:-_, not AWS/")
_POLICY: Final = Form(
    r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\s/].*|ssm:[\w./:-]+|appconfig:[\w.-]+/[\w.-]+/[\w.-]+|(?!(?i:s3|ssm|appconfig|https?|arn):).+",
    "a file name, s3://bucket/key, ssm:/name or appconfig:application/environment/profile",
)
TABLE_FORM: Final = Form(
    r"[\w.-]{3,255}|arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table/[\w.-]{3,255}", "the name or ARN of a DynamoDB table"
)
_ORGANIZATION: Final = Form(r"m-[0-9a-f]{32}", "the ID of a WorkMail organization, m- and 32 hexadecimal digits")
_TLS_ROOTS: Final = Form(r"all|amazon", "all or amazon")
_LOG_SMTP_MESSAGE_ID: Final = Form(r"digest|whole", "digest or whole")
_LOG_EXCEPTIONS: Final = Form(r"kind|text", "kind or text")
_AWS_CLIENT: Final = Form(r"light|boto3", "light or boto3")
SECRET_FORM: Final = Form(
    r"(?:arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:)?[A-Za-z0-9/_+=.@!-]{1,512}", "the name or ARN of a secret"
)
"""A secret in Secrets Manager (API reference, CreateSecret)."""
_APPROVAL_URL: Final = Form(r"(?:https://|http://(?:127\.0\.0\.1|localhost)[:/])[!-~]+", "an https: URL")
_MAILBOX: Final = Form(
    r"[\w.!#$%&'*/=?^`{|}~+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", "an address of ASCII characters, such as hold@example.com"
)


BUILT_IN_POLICY: Final = "policy.yaml"
"""Name of the policy in the folder of the function's app.py, which is Lambda's working directory."""


_REMOVED: Final = {
    **dict.fromkeys(("REMOVE_HEADERS", "STRIP_EXTENSIONS", "STRIP_TYPES", "STRIP_TRUE_TYPES"), ""),
    **dict.fromkeys(("STRIP_ENCRYPTED_ARCHIVES", "STRIP_UNLISTABLE_ARCHIVES", "STRIP_FORWARDED", "SES_UNSUPPORTED"), "leave"),
    "ADD_HEADERS": "{}",
    "STRIP_OVER_BYTES": "0",
    **dict.fromkeys(("DISCLAIMER_HTML", "DISCLAIMER_SKIP_SENDERS", "DISCLAIMER_SKIP_RECIPIENTS"), ""),
    "DISCLAIMER_FOLDER": "disclaimer",
    "DISCLAIMER_POSITION": "append",
    "DISCLAIMER_AUDIENCE": "all",
    "DISCLAIMER_ONCE_PER_THREAD": "false",
    "ON_UNMODIFIABLE": "pass",
    "ON_NO_TEXT": "pass",
    "ON_UNKNOWN_CHARSET": "transliterate",
    "OBSERVE_CONTENT": "true",
}
"""Settings that a policy replaces since release 0.17, with their defaults, in lower case: a variable with its default asks for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of the functions for mail and availability; those for push and export have more. A template sets what a function reads.

    The variable of a setting is its name in capital letters, except the three whose names begin with POWERTOOLS_.

    Attributes:
        organization_domains: the domains in which an inbound verdict may add recipients, as `ascii_domain` writes them.
        on_error: None leaves it to the hook.
        log_addresses: whether log lines may have addresses, subjects and error texts.
        log_decision: whether the log line of a policy explains each rule and its conditions, with values of the message.
        log_exceptions: the log's form of an unexpected error: kind, or text for its text and traceback too, which may quote a message. The
            local WorkMail sets text; the template never does.
        log_smtp_message_id: the form of the Message-ID field in log lines: digest (SHA-256) or whole.
        log_level: of the log lines. Powertools reads it itself.
        service, metrics_namespace: the names of the service in log lines, and of the CloudWatch namespace of the metrics.
        xray_tracing: whether calls to AWS are traced.
        tls_roots: the authorities whose certificates connections to AWS accept at first: all that botocore has, or amazon for Amazon's.
        aws_client: what reads and replaces messages: light for `mailhooks.aws.light_client` where it can, or boto3.
        rewrite_bucket: the bucket from which WorkMail reads changed content.
        bounce_rules: JSON.
        disclaimer_text: a template.
        policy: the source of the policy: a file name, s3://bucket/key, ssm:/name, or appconfig:application/environment/profile.
        policy_max_age: seconds after which a policy that is not in a file is fetched again.
        rates_table: the DynamoDB table of the conditions `rate` and `first_contact`; empty for none.
        holds_table: the DynamoDB table of messages that the action `hold` holds; empty for none.
        approval_url: the page on which approvers decide.
        approval_secret: the secret that signs the links to that page: its name or ARN.
        approval_sender: the address from which SES sends mail to approvers.
        policy_directory: whether rules may use the groups and domains of the WorkMail organization `organization_id`.
        removed: the variables of removed settings that have a value other than their default.
        availability_secret, availability_config: the configuration of the availability provider: the name or ARN of a secret, or a file.
    """

    organization_domains: frozenset[str] = frozenset()
    on_error: OnError | None = None
    log_addresses: bool = False
    log_decision: bool = False
    log_exceptions: str = field(default="kind", metadata={"form": _LOG_EXCEPTIONS})
    log_smtp_message_id: str = field(default="digest", metadata={"form": _LOG_SMTP_MESSAGE_ID})
    log_level: str = field(default="INFO", metadata={"variable": "POWERTOOLS_LOG_LEVEL", "form": _LOG_LEVEL})
    service: str = field(default="workmail-hooks", metadata={"variable": "POWERTOOLS_SERVICE_NAME", "form": _DIMENSION})
    metrics_namespace: str = field(default="WorkMailHooks", metadata={"variable": "POWERTOOLS_METRICS_NAMESPACE", "form": _NAMESPACE})
    xray_tracing: bool = False
    tls_roots: str = field(default="all", metadata={"form": _TLS_ROOTS})
    aws_client: str = field(default="light", metadata={"form": _AWS_CLIENT})
    rewrite_bucket: str = ""
    subject_tag: str = ""
    disclaimer_text: str = ""
    bounce_rules: str = ""
    policy: str = field(default=BUILT_IN_POLICY, metadata={"form": _POLICY})
    policy_max_age: int = 300
    rates_table: str = field(default="", metadata={"form": TABLE_FORM})
    holds_table: str = field(default="", metadata={"form": TABLE_FORM})
    approval_url: str = field(default="", metadata={"form": _APPROVAL_URL})
    approval_secret: str = field(default="", metadata={"form": SECRET_FORM})
    approval_sender: str = field(default="", metadata={"form": _MAILBOX})
    policy_directory: bool = False
    organization_id: str = field(default="", metadata={"form": _ORGANIZATION})
    availability_secret: str = field(default="", metadata={"form": SECRET_FORM})
    availability_config: str = ""
    removed: tuple[str, ...] = ()

    @property
    def logs_exception_text(self) -> bool:
        """Whether log lines may have the text and the traceback of an unexpected error."""
        return self.log_exceptions == "text"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings from environment variables. A variable that is absent or empty keeps its default.

        Raises:
            SettingsError: the value of a variable is invalid.
        """
        values: dict[str, Any] = {"removed": _find_removed(environ)}
        for each in (each for each in fields(cls) if each.name not in values):
            variable = each.metadata.get("variable", each.name.upper())
            if text := environ.get(variable, "").strip():
                parse, expected = _PARSERS[each.type]
                form: Form | None = each.metadata.get("form")
                if form and not re.fullmatch(form.pattern, text, re.ASCII):
                    raise SettingsError(f"{variable}: set it to {form.description}")
                try:
                    values[each.name] = parse(text)
                except (KeyError, ValueError):
                    raise SettingsError(f"{variable}: set it to {expected}") from None
        return cls(**values)


def _find_removed(environ: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(name for name, default in _REMOVED.items() if environ.get(name, "").strip().lower() not in ("", default))


def reject_removed(settings: Settings) -> None:
    """Raise an error if a removed setting has a value.

    A function that ignored it would deliver mail without the change that an administrator relies on.

    Raises:
        SettingsError: names the variables.
    """
    if settings.removed:
        raise SettingsError(
            f"{', '.join(settings.removed)}: removed in release 0.17: see docs/functions.md, Old settings, and remove the variable"
        )


@cache
def env() -> Settings:
    """Return the settings of this process, read at the first call.

    Raises:
        SettingsError: see `Settings.from_env`.
    """
    return Settings.from_env(os.environ)


def is_load_for_snapshot() -> bool:
    """Return whether Lambda loads this function for a SnapStart snapshot, which it restores weeks later (Lambda guide, "SnapStart")."""
    return os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start"


def parse_json(variable: str, text: str, default: str) -> Any:
    """Parse the JSON in a variable, or the default if it is empty.

    Raises:
        SettingsError: it is not JSON, or an object has a key twice.
    """
    try:
        return json.loads(text or default, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{variable}: it is not JSON ({error})") from None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object. Of two equal keys, Python would ignore the first."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key occurs twice in an object")
    return found


def _parse_count(text: str) -> int:
    """Return a number. `int` also accepts signs, underscores and digits of other scripts."""
    if not re.fullmatch(r"[0-9]{1,15}", text):
        raise ValueError(text)
    return int(text)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


_PARSERS: Final[dict[Any, tuple[Callable[[str], Any], str]]] = {
    str: (str, "a text"),
    int: (_parse_count, "a whole number, 0 or more"),
    bool: (lambda text: {"true": True, "false": False}[text.lower()], "true or false"),
    frozenset[str]: (lambda text: frozenset(map(parse_domain, _split(text))), "domains such as example.com, separated by commas"),
    OnError | None: (lambda text: OnError(text.lower()), "deliver or retry"),
}
"""The parser of each type of setting, and a description of the values that it accepts."""
