"""The settings of all functions: environment variables, read once, as one typed value.

A hook itself checks settings that it alone understands, such as its JSON: an error there does not keep the function from loading (see
`mailhooks.hooks.runtime.sync_hook`).
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import cache
from typing import Any, Final

from mailhooks.address_patterns import ascii_domain
from mailhooks.errors import SettingsError


class OnError(StrEnum):
    """The runtime's action after an unexpected error of a hook."""

    DELIVER = "deliver"
    """Deliver it unchanged."""

    RETRY = "retry"
    """Raise the error: WorkMail retries, and applies the rule's fallback action in the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings. The template sets those that a function reads.

    The variable of a setting is its name in capital letters, except POWERTOOLS_SERVICE_NAME and POWERTOOLS_METRICS_NAMESPACE.

    Attributes:
        organization_domains: the domains in which an inbound verdict may add recipients, as `ascii_domain` writes them.
        on_error: None leaves it to the hook.
        log_addresses: whether log lines may have addresses, subjects and error texts.
        service, metrics_namespace: the names of the service in log lines, and of the CloudWatch namespace of the metrics.
        xray_tracing: whether calls to AWS are traced.
        rewrite_bucket: the bucket from which WorkMail reads changed content.
        add_headers, bounce_rules: JSON.
        strip_extensions, strip_types, strip_true_types: which attachments are removed.
        strip_over_bytes: the size above which attachments are removed; 0 for no limit.
        strip_encrypted_archives, strip_unlistable_archives, strip_forwarded, ses_unsupported: strip or leave.
        observe_content: whether `observe` reads the message.
        disclaimer_text, disclaimer_html: templates; empty for the files in the folder.
        disclaimer_folder: the folder of disclaimer.txt, disclaimer.html, images and directory.json.
        disclaimer_position, disclaimer_audience, on_unmodifiable, on_no_text, on_unknown_charset: words that
            `mailhooks.content.disclaimer` and `mailhooks.hooks.functions.disclaimer` define.
        disclaimer_once_per_thread: whether a reply that quotes the disclaimer gets none.
        disclaimer_skip_senders, disclaimer_skip_recipients: address patterns.
        policy: the source of the policy: a file name, s3://bucket/key, ssm:/name, or appconfig:application/environment/profile.
        policy_max_age: seconds after which a policy that is not in a file is fetched again.
        rates_table: the DynamoDB table of the rate conditions; empty for none.
        policy_directory: whether rules may use the groups and domains of the WorkMail organization `organization_id`.
        availability_secret, availability_config: the configuration of the availability provider: the name or ARN of a secret, or a file.
    """

    organization_domains: frozenset[str] = frozenset()
    on_error: OnError | None = None
    log_addresses: bool = False
    service: str = field(default="workmail-hooks", metadata={"variable": "POWERTOOLS_SERVICE_NAME"})
    metrics_namespace: str = field(default="WorkMailHooks", metadata={"variable": "POWERTOOLS_METRICS_NAMESPACE"})
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
    on_unknown_charset: str = ""
    policy: str = "policy.yaml"
    policy_max_age: int = 300
    rates_table: str = ""
    policy_directory: bool = False
    organization_id: str = ""
    availability_secret: str = ""
    availability_config: str = ""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings from environment variables. A variable that is absent or empty keeps its default.

        Raises:
            SettingsError: the value of a variable is invalid.
        """
        values: dict[str, Any] = {}
        for each in fields(cls):
            variable = each.metadata.get("variable", each.name.upper())
            if text := environ.get(variable, "").strip():
                parse, expected = _PARSERS[each.type]
                try:
                    values[each.name] = parse(text)
                except (KeyError, ValueError):
                    raise SettingsError(f"{variable}: set it to {expected}") from None
        return cls(**values)


@cache
def env() -> Settings:
    """Return the settings of this process, read at the first call.

    Raises:
        SettingsError: see `Settings.from_env`.
    """
    return Settings.from_env(os.environ)


def parse_json(variable: str, text: str, default: str) -> Any:
    """Parse the JSON in a variable, or the default if it is empty.

    Raises:
        SettingsError: it is not JSON.
    """
    try:
        return json.loads(text or default)
    except ValueError as error:
        raise SettingsError(f"{variable}: it is not JSON ({error})") from None


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


_PARSERS: Final[dict[Any, tuple[Callable[[str], Any], str]]] = {
    str: (str, "a text"),
    int: (int, "a whole number"),
    bool: (lambda text: {"true": True, "false": False}[text.lower()], "true or false"),
    tuple[str, ...]: (_split, "words"),
    frozenset[str]: (lambda text: frozenset(map(ascii_domain, _split(text))), "domains"),
    OnError | None: (lambda text: OnError(text.lower()), "deliver or retry"),
}
"""The parser of each type of setting, and a description of the values that it accepts."""
