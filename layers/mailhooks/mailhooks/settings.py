"""The environment, read once, as one typed value. What a hook alone understands, such as its JSON, the hook checks itself: a mistake there
is no reason for the function not to load (see `mailhooks.hook.sync_hook`).
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from .errors import SettingsError


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
        organization_domains: ORGANIZATION_DOMAINS, lower-case: the domains in which an inbound verdict may add recipients.
        on_error: ON_ERROR; None leaves it to the hook.
        log_addresses: LOG_ADDRESSES: whether log lines may hold addresses, subjects and error texts.
        service: POWERTOOLS_SERVICE_NAME: the service that log lines and metrics name.
        metrics_namespace: POWERTOOLS_METRICS_NAMESPACE: CloudWatch's namespace for the metrics.
        xray_tracing: XRAY_TRACING: whether calls to AWS are traced.
        rewrite_bucket: REWRITE_BUCKET: where rewritten content waits for WorkMail.
        subject_tag: SUBJECT_TAG: what the subject shall begin with; empty for nothing.
        add_headers: ADD_HEADERS: a JSON object of names and values.
        remove_headers: REMOVE_HEADERS: names.
        bounce_rules: BOUNCE_RULES: a JSON list.
        observe_content: OBSERVE_CONTENT: whether `observe` reads the message.
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
    bounce_rules: str = ""
    observe_content: bool = True

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Reads the variables named above; one that is absent or empty keeps its default.

        Raises:
            SettingsError: a variable's value has not the form that it should have.
        """
        read = _Reader(environ)
        return cls(
            organization_domains=frozenset(name.lower() for name in read.names("ORGANIZATION_DOMAINS")),
            on_error=read.on_error("ON_ERROR"),
            log_addresses=read.flag("LOG_ADDRESSES", default=False),
            service=read.text("POWERTOOLS_SERVICE_NAME", "workmail-hooks"),
            metrics_namespace=read.text("POWERTOOLS_METRICS_NAMESPACE", "WorkMailHooks"),
            xray_tracing=read.flag("XRAY_TRACING", default=False),
            rewrite_bucket=read.text("REWRITE_BUCKET"),
            subject_tag=read.text("SUBJECT_TAG"),
            add_headers=read.text("ADD_HEADERS"),
            remove_headers=read.names("REMOVE_HEADERS"),
            bounce_rules=read.text("BOUNCE_RULES"),
            observe_content=read.flag("OBSERVE_CONTENT", default=True),
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
