"""`workmail.toml`: the organization, its rules and the functions that they run (docs/rules.md).

>>> configuration = load('organization = { domains = ["example.com"] }')
>>> configuration.mailboxes("Ana@EXAMPLE.com")
('ana@example.com',)
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from local.config.directory import Directory, Group, Person, read_directory
from local.config.functions import ROOT, Function, project_function, read_functions
from local.config.toml_reader import ConfigurationError, Source, Table
from local.mail.addresses import domain_of
from local.rules.rule import MAX_TIMEOUT_MINUTES, InvalidRule, Rule, RuleAction, check_rules, list_fallbacks
from mailhooks.address_patterns import Pattern, Specificity, ascii_domain
from mailhooks.contract import Action, FlowDirection

__all__ = ["DEFAULT_FILE", "Configuration", "ConfigurationError", "Group", "Person", "default", "load"]

DEFAULT_FILE: Final = ROOT / "local" / "workmail.toml"

_ORGANIZATION_ID: Final = "m-0123456789abcdef0123456789abcdef"
_ID: Final = re.compile(r"m-[0-9a-f]{32}")
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9-]{2,62}")
"""The names that PutRawMessageContent takes (service model of `workmailmessageflow`, S3Reference)."""

_KEEP: Final = 10_000
_MOST_KEPT: Final = 1_000_000
_ACTIONS: Final = {action.value.lower().replace("_", "-"): action for action in RuleAction}
_DIRECTIONS: Final = {direction.lower(): direction for direction in FlowDirection}
_LAMBDA_KEYS: Final = ("function", "synchronous", "fallback", "timeout-minutes")
_SYNCHRONOUS_KEYS: Final = ("fallback", "timeout-minutes")


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a file says, checked.

    Attributes:
        name: the file's name.
        organization_id: `m-` and 32 hexadecimal digits.
        domains: the organization's, as `ascii_domain` has them.
        directory: its users and groups.
        rules: in the file's order, which does not matter.
        functions: those of [functions], and those of this project that a rule or availability names; by their names.
        availability: the name of the availability function; "" for none.
        buckets: S3 buckets to make, besides the rewrite bucket.
        history: how many messages to keep.
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

    @property
    def users(self) -> tuple[Person, ...]:
        """Empty when every address of the domains is a mailbox."""
        return self.directory.users

    @property
    def groups(self) -> tuple[Group, ...]:
        return self.directory.groups

    def owns(self, address: str) -> bool:
        """Whether the address is in one of the organization's domains, be there such a mailbox or not."""
        return domain_of(address) in self.domains

    def mailboxes(self, address: str) -> tuple[str, ...]:
        """See `Directory.mailboxes`."""
        return self.directory.mailboxes(address)


def load(path_or_text: Path | str) -> Configuration:
    """The configuration in a file (`Path`) or a text (`str`), whose paths are against the current folder.

    Raises:
        ConfigurationError: it cannot be used; the text says where and why.
        OSError: the file cannot be read.
    """
    if isinstance(path_or_text, str):
        return _read(Source("workmail.toml", Path.cwd(), path_or_text))
    try:
        text = path_or_text.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(path_or_text.name, 0, "", "", found="other bytes", expected="a file in UTF-8") from None
    return _read(Source(path_or_text.name, path_or_text.absolute().parent, text))


def default() -> Configuration:
    """The one that comes with this project: `local/workmail.toml`."""
    return load(DEFAULT_FILE)


def _read(source: Source) -> Configuration:
    document = source.document()
    document.only("organization", "users", "groups", "rules", "functions", "availability", "storage", "history")
    organization = document.table("organization")
    organization.only("id", "domains")
    domains = _domains(organization)
    availability = document.table("availability")
    availability.only("function")
    functions = _Functions(read_functions(document.table("functions")))
    rules = _rules(document.tables("rules"), functions)
    provider = availability.text("function", "")
    if provider:
        functions.need(provider, availability, "function")
    return Configuration(
        source.name,
        _organization_id(organization),
        domains,
        read_directory(document.tables("users"), document.tables("groups"), domains),
        rules,
        MappingProxyType(functions.found),
        provider,
        _buckets(document.table("storage")),
        _history(document.table("history")),
    )


def _organization_id(table: Table) -> str:
    found = table.text("id", _ORGANIZATION_ID)
    if not _ID.fullmatch(found):
        raise table.bad("id", found=repr(found), expected="m- and 32 hexadecimal digits")
    return found


def _domains(table: Table) -> tuple[str, ...]:
    found: list[str] = []
    for domain in table.texts("domains"):
        if not _is_domain(domain):
            raise table.bad("domains", found=repr(domain), expected="a domain such as example.com")
        if ascii_domain(domain) in found:
            raise table.bad("domains", found=f"{domain!r} twice", expected="each domain once")
        found.append(ascii_domain(domain))
    if not found:
        raise table.bad("domains", found="none", expected="at least one domain")
    return tuple(found)


def _is_domain(text: str) -> bool:
    try:
        return text == text.strip() and Pattern.parse(text).specificity is Specificity.DOMAIN
    except ValueError:
        return False


class _Functions:
    """Those of the file; those of this project are added when they are asked for."""

    def __init__(self, found: dict[str, Function]) -> None:
        self.found = found

    def need(self, name: str, table: Table, key: str) -> None:
        """Raises ConfigurationError, about that key, when there is no such function."""
        if name in self.found:
            return
        function = project_function(name)
        if function is None:
            raise table.bad(key, found=repr(name), expected="a function of a table [functions.NAME], or a folder of functions/")
        self.found[name] = function


def _rules(tables: Sequence[Table], functions: _Functions) -> tuple[Rule, ...]:
    rules: dict[str, Rule] = {}
    for table in tables:
        rule = _rule(table)
        if rule.name in rules:
            raise table.bad("name", found="a second rule of this name", expected="a name that no other rule has")
        if rule.function:
            functions.need(rule.function, table, "function")
        rules[rule.name] = rule
    try:
        check_rules(rules.values())
    except InvalidRule as error:
        raise tables[-1].bad(error.key, found=error.found, expected=error.expected) from None
    return tuple(rules.values())


def _rule(table: Table) -> Rule:
    name = table.text("name")
    table.place = f'rule "{name}"'
    table.only("name", "direction", "action", "senders", "recipients", *_LAMBDA_KEYS)
    direction = table.word("direction", _DIRECTIONS)
    action = table.word("action", _ACTIONS)
    synchronous = table.flag("synchronous", default=True)
    _refuse_idle(table, action, synchronous=synchronous)
    kinds = {kind.value.lower().replace("_", "-"): kind for kind in list_fallbacks(direction)}
    try:
        return Rule(
            name,
            direction,
            action,
            table.texts("senders"),
            table.texts("recipients", ("*",)),
            table.text("function", ""),
            synchronous,
            Action(table.word("fallback", kinds, "default")),
            table.integer("timeout-minutes", 30, 0, MAX_TIMEOUT_MINUTES),
        )
    except InvalidRule as error:
        raise table.bad(error.key.replace("_", "-"), found=error.found, expected=error.expected) from None


def _refuse_idle(table: Table, action: RuleAction, *, synchronous: bool) -> None:
    """Keys that would change nothing: whoever writes them means something else."""
    for key in _LAMBDA_KEYS:
        if key in table and action is not RuleAction.LAMBDA:
            raise table.bad(key, found="it", expected='no such key, unless action is "lambda"')
        if key in table and key in _SYNCHRONOUS_KEYS and not synchronous:
            raise table.bad(key, found="it", expected="no such key, as WorkMail does not wait for the function")


def _buckets(table: Table) -> tuple[str, ...]:
    table.only("buckets")
    buckets = table.texts("buckets", ())
    for bucket in buckets:
        if not _BUCKET.fullmatch(bucket):
            raise table.bad("buckets", found=repr(bucket), expected="a name of 3 to 63 characters: a to z, 0 to 9 and, not first, -")
        if buckets.count(bucket) > 1:
            raise table.bad("buckets", found=f"{bucket!r} twice", expected="each bucket once")
    return buckets


def _history(table: Table) -> int:
    table.only("keep")
    return table.integer("keep", _KEEP, 1, _MOST_KEPT)
