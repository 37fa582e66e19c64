"""`workmail.toml`: the organization, its rules and the functions that they run (docs/rules.md).

>>> configuration = load_configuration('organization = { domains = ["example.com"] }')
>>> configuration.mailboxes("Ana@EXAMPLE.com")
('ana@example.com',)
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from mail_gateway.toml_reader import ConfigurationError, Source, Table
from mailhooks.address_patterns import ascii_domain, parse_domain
from mailhooks.contract import FlowDirection
from workmail_local.config.directory import Directory, read_directory
from workmail_local.config.functions import Function, project_function, read_functions
from workmail_local.config.gateways import Gateway, read_gateways
from workmail_local.config.push import Push, read_push
from workmail_local.config.release import ReleaseServer, read_release
from workmail_local.config.smtp import Smtp, read_smtp
from workmail_local.config.web import Web, read_web
from workmail_local.config.webhook import Webhook, read_webhook
from workmail_local.mail.addresses import domain_of
from workmail_local.rules.rule import MAX_TIMEOUT_MINUTES, InvalidRule, Rule, RuleAction, check_rules, list_fallbacks

_NAME: Final = "workmail.toml"

SAMPLE_FILE: Final = Path(__file__).resolve().parents[1] / _NAME
"""The organization of a folder that has no file of its own."""

ORGANIZATION_ID: Final = "m-0123456789abcdef0123456789abcdef"
_ID: Final = re.compile(r"m-[0-9a-f]{32}")
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9-]{2,62}")
"""The names that PutRawMessageContent accepts (service model of `workmailmessageflow`, S3Reference)."""

_KEEP: Final = 10_000
_MOST_KEPT: Final = 1_000_000
_ACTIONS: Final = {action.value.lower().replace("_", "-"): action for action in RuleAction}
_DIRECTIONS: Final = {direction.lower(): direction for direction in FlowDirection}
_LAMBDA_KEYS: Final = ("function", "synchronous", "fallback", "timeout-minutes")
_SYNCHRONOUS_KEYS: Final = ("fallback", "timeout-minutes")


@dataclass(frozen=True, slots=True)
class Configuration:
    """A valid configuration.

    Attributes:
        name: the file's name.
        organization_id: `m-` and 32 hexadecimal digits.
        domains: the organization's domains, as `ascii_domain` returns them.
        directory: its users and groups.
        rules: in the order of the file, which has no effect.
        functions: by name: those of [functions], and those of this project that a rule or availability names.
        availability: the name of the availability function; "" for none.
        buckets: S3 buckets to create, in addition to the rewrite bucket.
        history: number of messages to keep.
        web: how the web page is opened.
        gateways: the SMTP gateways, by name.
        smtp: TLS and logins of the SMTP ports.
        release: the SMTP server for messages that are released on request; None for none.
        webhook: the URL that is called for each message; None for none.
        push: the functions of push notifications; None for none.
    """

    name: str
    organization_id: str
    domains: tuple[str, ...]
    directory: Directory
    rules: tuple[Rule, ...] = ()
    functions: Mapping[str, Function] = field(default_factory=lambda: MappingProxyType({}))
    availability: str = ""
    buckets: tuple[str, ...] = ()
    history: int = _KEEP
    web: Web = field(default_factory=Web)
    gateways: Mapping[str, Gateway] = field(default_factory=lambda: MappingProxyType({}))
    smtp: Smtp = field(default_factory=Smtp)
    release: ReleaseServer | None = None
    webhook: Webhook | None = None
    push: Push | None = None

    def owns(self, address: str) -> bool:
        """Return whether the address is in a domain of the organization; it need not have a mailbox."""
        return domain_of(address) in self.domains

    def mailboxes(self, address: str) -> tuple[str, ...]:
        """See `Directory.mailboxes`."""
        return self.directory.mailboxes(address)


def find_file() -> Path:
    """Return `workmail.toml` in the current folder, or else the sample."""
    own = Path(_NAME)
    return own if own.is_file() else SAMPLE_FILE


def load_configuration(path_or_text: Path | str) -> Configuration:
    """Load the configuration in a file (`Path`) or a text (`str`). Relative paths start at the file's folder, or at the current folder.

    Raises:
        ConfigurationError: it is invalid.
        OSError: the file cannot be read.
    """
    if isinstance(path_or_text, str):
        return _read(Source(_NAME, Path.cwd(), path_or_text))
    try:
        text = path_or_text.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(path_or_text.name, 0, "", "", found="other bytes", expected="a file in UTF-8") from None
    return _read(Source(path_or_text.name, path_or_text.absolute().parent, text))


def _read(source: Source) -> Configuration:
    document = source.parse()
    document.reject_other_keys(
        *("organization", "users", "groups", "gateways", "rules", "functions", "availability", "storage", "history", "web"),
        *("smtp", "release", "webhook", "push"),
    )
    organization = document.read_table("organization", "id", "domains")
    domains = _read_domains(organization)
    organization_id = organization.read_text("id", ORGANIZATION_ID)
    organization.require(_ID.fullmatch(organization_id), "id", found=repr(organization_id), expected="m- and 32 hexadecimal digits")
    availability = document.read_table("availability", "function")
    functions = read_functions(document.read_table("functions"))
    gateways = read_gateways(document.read_tables("gateways"))
    rules = _read_rules(document.read_tables("rules"), functions, gateways)
    provider = availability.read_text("function", "")
    if provider:
        _add_function(functions, provider, availability)
    return Configuration(
        source.name,
        organization_id,
        domains,
        read_directory(document.read_tables("users"), document.read_tables("groups"), domains),
        rules,
        MappingProxyType(functions),
        provider,
        _read_buckets(document.read_table("storage", "buckets")),
        document.read_table("history", "keep").read_integer("keep", _KEEP, 1, _MOST_KEPT),
        read_web(document.read_table("web", "allow-hosts", "path")),
        MappingProxyType(gateways),
        read_smtp(document.read_table("smtp", "tls", "login", "certificate", "key")),
        release=read_release(document.read_table("release")) if "release" in document else None,
        webhook=read_webhook(document.read_table("webhook")) if "webhook" in document else None,
        push=read_push(document.read_table("push"), functions) if "push" in document else None,
    )


def _read_domains(table: Table) -> tuple[str, ...]:
    found: list[str] = []
    for domain in table.read_texts("domains"):
        table.require(_is_domain(domain), "domains", found=repr(domain), expected="a domain such as example.com")
        table.require(ascii_domain(domain) not in found, "domains", found=f"{domain!r} twice", expected="each domain once")
        found.append(ascii_domain(domain))
    table.require(found, "domains", found="none", expected="at least one domain")
    return tuple(found)


def _is_domain(text: str) -> bool:
    try:
        return text == text.strip() and bool(parse_domain(text))
    except ValueError:
        return False


def _add_function(functions: dict[str, Function], name: str, table: Table) -> None:
    """Add a function of this project that the table names. Raises ConfigurationError when no function has this name."""
    if name not in functions:
        function = project_function(name)
        if function is None:
            raise table.error("function", found=repr(name), expected="a function of a table [functions.NAME], or a folder of functions/")
        functions[name] = function


def _read_rules(tables: Sequence[Table], functions: dict[str, Function], gateways: Mapping[str, Gateway]) -> tuple[Rule, ...]:
    rules: dict[str, Rule] = {}
    for table in tables:
        rule = _read_rule(table)
        table.require(rule.name not in rules, "name", found="a second rule of this name", expected="a name that no other rule has")
        found = f"{rule.gateway!r}"
        table.require(not rule.gateway or rule.gateway in gateways, "gateway", found=found, expected="the name of a table [[gateways]]")
        if rule.function:
            _add_function(functions, rule.function, table)
        rules[rule.name] = rule
    try:
        check_rules(rules.values())
    except InvalidRule as error:
        raise tables[-1].error(error.key, found=error.found, expected=error.expected) from None
    return tuple(rules.values())


def _read_rule(table: Table) -> Rule:
    name = table.read_text("name")
    table.place = f'rule "{name}"'
    table.reject_other_keys("name", "direction", "action", "senders", "recipients", "gateway", *_LAMBDA_KEYS)
    direction = table.read_word("direction", _DIRECTIONS)
    action = table.read_word("action", _ACTIONS)
    synchronous = table.read_flag("synchronous", default=True)
    _reject_unused_keys(table, action, synchronous=synchronous)
    kinds = {kind.value.lower().replace("_", "-"): kind for kind in list_fallbacks(direction)}
    try:
        return Rule(
            name,
            direction,
            action,
            table.read_texts("senders"),
            table.read_texts("recipients", ("*",)),
            table.read_text("function", ""),
            synchronous,
            table.read_word("fallback", kinds, "default"),
            table.read_integer("timeout-minutes", 30, 0, MAX_TIMEOUT_MINUTES),
            table.read_text("gateway", ""),
        )
    except InvalidRule as error:
        raise table.error(error.key.replace("_", "-"), found=error.found, expected=error.expected) from None


def _reject_unused_keys(table: Table, action: RuleAction, *, synchronous: bool) -> None:
    """Raise an error for a key without effect, because its author expects one."""
    for key in filter(table.__contains__, _LAMBDA_KEYS):
        table.require(action is RuleAction.LAMBDA, key, found="it", expected='no such key, unless action is "lambda"')
        used = synchronous or key not in _SYNCHRONOUS_KEYS
        table.require(used, key, found="it", expected="no such key, because WorkMail does not wait for the function")


def _read_buckets(table: Table) -> tuple[str, ...]:
    buckets = table.read_texts("buckets", ())
    for bucket in buckets:
        expected = "a name of 3 to 63 characters: a to z, 0 to 9 and, not first, -"
        table.require(_BUCKET.fullmatch(bucket), "buckets", found=repr(bucket), expected=expected)
        table.require(buckets.count(bucket) == 1, "buckets", found=f"{bucket!r} twice", expected="each bucket once")
    return buckets
