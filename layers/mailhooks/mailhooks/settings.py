"""The environment, read once, as one typed value. What a hook alone understands, such as its JSON, the hook checks itself: a mistake there
is no reason for the function not to load (see `mailhooks.hooks.runtime.sync_hook`).
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from mailhooks.address_patterns import ascii_domain
from mailhooks.errors import SettingsError


class OnError(StrEnum):
    """What becomes of a message when something unforeseen happens in its hook."""

    DELIVER = "deliver"
    """It goes on unchanged."""

    RETRY = "retry"
    """The error is raised: WorkMail tries again, and in the end takes the rule's fallback action."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of all functions; each function's template entry sets those that it reads.

    Attributes:
        organization_domains: ORGANIZATION_DOMAINS, by `ascii_domain`: the domains in which an inbound verdict may add recipients.
        on_error: ON_ERROR; None leaves it to the hook.
        log_addresses: LOG_ADDRESSES: whether log lines may hold addresses, subjects and error texts.
        service: POWERTOOLS_SERVICE_NAME: the service that log lines and metrics name.
        metrics_namespace: POWERTOOLS_METRICS_NAMESPACE: CloudWatch's namespace for the metrics.
        xray_tracing: XRAY_TRACING: whether calls to AWS are traced.
        rewrite_bucket: REWRITE_BUCKET: where rewritten content waits for WorkMail.
        subject_tag: SUBJECT_TAG: what the subject shall begin with; empty for nothing.
        add_headers: ADD_HEADERS: a JSON object of names and values.
        remove_headers: REMOVE_HEADERS: names.
        strip_extensions, strip_types, strip_true_types: STRIP_EXTENSIONS, STRIP_TYPES, STRIP_TRUE_TYPES: what attachments go by.
        strip_over_bytes: STRIP_OVER_BYTES: the size above which they go; 0 for none.
        strip_encrypted_archives, strip_unlistable_archives, strip_forwarded, ses_unsupported: STRIP_ENCRYPTED_ARCHIVES,
            STRIP_UNLISTABLE_ARCHIVES, STRIP_FORWARDED, SES_UNSUPPORTED: strip or leave.
        bounce_rules: BOUNCE_RULES: a JSON list.
        observe_content: OBSERVE_CONTENT: whether `observe` reads the message.
        disclaimer_text, disclaimer_html: DISCLAIMER_TEXT, DISCLAIMER_HTML: templates; empty for the files in the folder.
        disclaimer_folder: DISCLAIMER_FOLDER: where disclaimer.txt, disclaimer.html, images and directory.json lie.
        disclaimer_position, disclaimer_audience, on_unmodifiable, on_no_text: DISCLAIMER_POSITION, DISCLAIMER_AUDIENCE, ON_UNMODIFIABLE,
            ON_NO_TEXT: words that `mailhooks.content.disclaimer` and `mailhooks.hooks.functions.disclaimer` know.
        disclaimer_once_per_thread: DISCLAIMER_ONCE_PER_THREAD.
        policy: POLICY: where the policy is: a file's name, s3://bucket/key, ssm:/name, or appconfig:application/environment/profile.
        policy_max_age: POLICY_MAX_AGE: seconds after which one that is not in a file is looked at again.
        rates_table: RATES_TABLE: the DynamoDB table in which messages are counted; empty for none.
        policy_directory: POLICY_DIRECTORY: whether rules may ask the WorkMail organization for its groups and domains.
        organization_id: ORGANIZATION_ID: of the WorkMail organization, for that.
        availability_secret: AVAILABILITY_SECRET: name or ARN of the secret with the availability provider's configuration.
        availability_config: AVAILABILITY_CONFIG: a file with it instead.
        disclaimer_skip_senders, disclaimer_skip_recipients: DISCLAIMER_SKIP_SENDERS, DISCLAIMER_SKIP_RECIPIENTS: patterns.
    """

    organization_domains: frozenset[str] = frozenset()
    on_error: OnError | None = None
    log_addresses: bool = False
    service: str = "workmail-hooks"
    metrics_namespace: str = "WorkMailHooks"
    xray_tracing: bool = False
    rewrite_bucket: str = ""
    subject_tag: str = ""
    add_headers: str = ""
    remove_headers: tuple[str, ...] = ()
    strip_extensions: tuple[str, ...] = ()
    strip_types: tuple[str, ...] = ()
    strip_true_types: tuple[str, ...] = ()
    strip_over_bytes: int = 0
    strip_encrypted_archives: str = "leave"
    strip_unlistable_archives: str = "leave"
    strip_forwarded: str = "leave"
    ses_unsupported: str = "leave"
    bounce_rules: str = ""
    observe_content: bool = True
    disclaimer_text: str = ""
    disclaimer_html: str = ""
    disclaimer_folder: str = "disclaimer"
    disclaimer_position: str = ""
    disclaimer_audience: str = ""
    disclaimer_once_per_thread: bool = False
    disclaimer_skip_senders: tuple[str, ...] = ()
    disclaimer_skip_recipients: tuple[str, ...] = ()
    on_unmodifiable: str = ""
    on_no_text: str = ""
    policy: str = "policy.yaml"
    policy_max_age: int = 300
    rates_table: str = ""
    policy_directory: bool = False
    organization_id: str = ""
    availability_secret: str = ""
    availability_config: str = ""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Reads the variables named above; one that is absent or empty keeps its default.

        Raises:
            SettingsError: a variable's value has not the form that it should have.
        """
        read = _Reader(environ)
        return cls(
            organization_domains=frozenset(map(ascii_domain, read.names("ORGANIZATION_DOMAINS"))),
            on_error=read.on_error("ON_ERROR"),
            log_addresses=read.flag("LOG_ADDRESSES", default=False),
            service=read.text("POWERTOOLS_SERVICE_NAME", "workmail-hooks"),
            metrics_namespace=read.text("POWERTOOLS_METRICS_NAMESPACE", "WorkMailHooks"),
            xray_tracing=read.flag("XRAY_TRACING", default=False),
            rewrite_bucket=read.text("REWRITE_BUCKET"),
            subject_tag=read.text("SUBJECT_TAG"),
            add_headers=read.text("ADD_HEADERS"),
            remove_headers=read.names("REMOVE_HEADERS"),
            strip_extensions=read.names("STRIP_EXTENSIONS"),
            strip_types=read.names("STRIP_TYPES"),
            strip_true_types=read.names("STRIP_TRUE_TYPES"),
            strip_over_bytes=read.number("STRIP_OVER_BYTES"),
            strip_encrypted_archives=read.text("STRIP_ENCRYPTED_ARCHIVES", "leave"),
            strip_unlistable_archives=read.text("STRIP_UNLISTABLE_ARCHIVES", "leave"),
            strip_forwarded=read.text("STRIP_FORWARDED", "leave"),
            ses_unsupported=read.text("SES_UNSUPPORTED", "leave"),
            bounce_rules=read.text("BOUNCE_RULES"),
            observe_content=read.flag("OBSERVE_CONTENT", default=True),
            disclaimer_text=read.text("DISCLAIMER_TEXT"),
            disclaimer_html=read.text("DISCLAIMER_HTML"),
            disclaimer_folder=read.text("DISCLAIMER_FOLDER", "disclaimer"),
            disclaimer_position=read.text("DISCLAIMER_POSITION"),
            disclaimer_audience=read.text("DISCLAIMER_AUDIENCE"),
            disclaimer_once_per_thread=read.flag("DISCLAIMER_ONCE_PER_THREAD", default=False),
            disclaimer_skip_senders=read.names("DISCLAIMER_SKIP_SENDERS"),
            disclaimer_skip_recipients=read.names("DISCLAIMER_SKIP_RECIPIENTS"),
            on_unmodifiable=read.text("ON_UNMODIFIABLE"),
            on_no_text=read.text("ON_NO_TEXT"),
            policy=read.text("POLICY", "policy.yaml"),
            policy_max_age=read.number("POLICY_MAX_AGE", 300),
            rates_table=read.text("RATES_TABLE"),
            policy_directory=read.flag("POLICY_DIRECTORY", default=False),
            organization_id=read.text("ORGANIZATION_ID"),
            availability_secret=read.text("AVAILABILITY_SECRET"),
            availability_config=read.text("AVAILABILITY_CONFIG"),
        )


@cache
def env() -> Settings:
    """This process's settings, read at the first call.

    Raises:
        SettingsError: see `Settings.from_env`.
    """
    return Settings.from_env(os.environ)


@dataclass(frozen=True, slots=True)
class _Reader:
    environ: Mapping[str, str]

    def text(self, name: str, default: str = "") -> str:
        return self.environ.get(name, "").strip() or default

    def names(self, name: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in self.text(name).split(",") if part.strip())

    def number(self, name: str, default: int = 0) -> int:
        try:
            return int(self.text(name, str(default)))
        except ValueError:
            raise SettingsError(f"{name}: set it to a whole number") from None

    def flag(self, name: str, *, default: bool) -> bool:
        match self.text(name).lower():
            case "":
                return default
            case "true":
                return True
            case "false":
                return False
            case _:
                raise SettingsError(f"{name}: set it to true or false")

    def on_error(self, name: str) -> OnError | None:
        value = self.text(name).lower()
        try:
            return OnError(value) if value else None
        except ValueError:
            raise SettingsError(f"{name}: set it to deliver or retry") from None


def parse_json(name: str, text: str, default: str) -> Any:
    """The JSON in the variable `name`; that of `default` where it is empty.

    Raises:
        SettingsError: it is not JSON.
    """
    try:
        return json.loads(text or default)
    except ValueError as error:
        raise SettingsError(f"{name}: it is not JSON ({error})") from None
