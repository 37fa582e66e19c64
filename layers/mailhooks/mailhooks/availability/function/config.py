"""Loads the configuration of the availability provider, a JSON document.

It contains credentials, so errors name the place and never quote the value.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from mailhooks.address_patterns import Pattern
from mailhooks.availability import timezones
from mailhooks.availability.cache import Cache
from mailhooks.availability.circuit_breaker import CircuitBreaker
from mailhooks.availability.model import Backend
from mailhooks.availability.privacy import Privacy, Show
from mailhooks.availability.provider import BUDGET_S, Provider
from mailhooks.availability.routes import Routes
from mailhooks.contract import ContractError
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import DayOfWeek, WorkingHours, WorkingPeriod
from mailhooks.contract.schema import check
from mailhooks.errors import SettingsError

_BACKENDS: Final = {
    "ews": ("ews.backend", "EwsBackend"),
    "workmail": ("workmail", "WorkMailBackend"),
    "graph": ("graph.backend", "GraphBackend"),
    "google": ("google.backend", "GoogleBackend"),
    "caldav": ("caldav", "CalDavBackend"),
    "ics": ("ics", "IcsBackend"),
}
"""The module, below `mailhooks.availability.backends`, and the class of each type of backend."""


_URLS: Final = frozenset({"authority", "endpoint", "tokenUrl", "token_uri", "url"})
_PLACEHOLDER: Final = re.compile(r"\{\w*\}")
_MAX_LABEL: Final = 63
_LABEL: Final = re.compile(r"\w(?:[\w-]*\w)?")
_KEY: Final = re.compile(r"[A-Za-z$][\w-]{0,39}", re.ASCII)


class Configuration(NamedTuple):
    """A provider and its time for a response, in seconds."""

    provider: Provider
    budget_s: float


def load(text: str, *, cache: Cache | None = None) -> Configuration:
    """Create the provider that a configuration describes. Sends no request.

    Args:
        text: JSON that fits `contract/schemas/availability-config.json`.
        cache: the cache of an earlier provider, to keep its content.

    Raises:
        SettingsError: the text is not JSON, breaks the schema, or has an invalid value. Names the place and does not quote the value.
    """
    document = _parse(text)
    names = document["backends"]
    for name, backend in names.items():
        _check_urls(backend, f"/backends/{name}")
    for index, route in enumerate(document["routes"]):
        if route["backend"] not in names:
            raise SettingsError(f"at /routes/{index}/backend: expected the name of one of the backends, got another")
    routes = Routes(tuple((pattern, route["backend"]) for pattern, route in _parse_patterns(document, "routes", "mailboxes", "backend")))
    privacy = Privacy(tuple((pattern, Show(rule["show"])) for pattern, rule in _parse_patterns(document, "details", "requesters", "show")))
    breaker = document.get("breaker", {})
    cache = cache or Cache()
    cache.seconds = document.get("cacheSeconds", Cache.seconds)
    provider = Provider(
        {name: _create_backend(name, backend) for name, backend in names.items()},
        routes,
        privacy,
        _default_hours(document.get("workingHours")),
        timezones.flip_bias if document.get("biasSign") == "gmt" else lambda hours: hours,
        cache,
        lambda: CircuitBreaker(breaker.get("failures", CircuitBreaker.failures), breaker.get("seconds", CircuitBreaker.seconds)),
    )
    return Configuration(provider, document.get("budgetSeconds", BUDGET_S))


class _RepeatedKey(dict[str, Any]):
    """A JSON object with a key that occurs twice. Python would ignore the first."""

    key = ""


def _parse(text: str) -> dict[str, Any]:
    repeated: list[_RepeatedKey] = []

    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        marked = _RepeatedKey(found)
        marked.key = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        repeated.append(marked)
        return marked

    try:
        document = json.loads(text, object_pairs_hook=build, parse_constant=_reject_constant)
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        # Not chained: json's error contains the document.
        raise SettingsError(f"the configuration is not JSON{where}") from None
    if repeated:
        raise SettingsError(f"at {_find_repeated_key(document) or 'the top'}: expected each key once, got one twice")
    try:
        check("availability-config", document)
    except ContractError as error:
        raise SettingsError(str(error)) from None
    result: dict[str, Any] = document
    return result


def _reject_constant(name: str) -> Any:
    """Reject NaN and Infinity, which Python reads and JSON does not have: NaN passes every limit."""
    raise ValueError(name)


def _find_repeated_key(document: Any) -> str:
    """Return the place of a key that occurs twice, as a JSON Pointer. A key of an unusual form is omitted: it may be a secret."""
    waiting: list[tuple[str, Any]] = [("", document)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, _RepeatedKey):
            return f"{place}/{value.key}" if _KEY.fullmatch(value.key) else place
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        waiting += ((f"{place}/{key}", child) for key, child in items if isinstance(child, dict | list))
    return ""


def _check_urls(config: Any, place: str) -> None:
    """Check each address of a backend. requests would reject it only when a request is sent.

    Raises:
        SettingsError: an address has no usable host or port.
    """
    items = config.items() if isinstance(config, dict) else enumerate(config) if isinstance(config, list) else ()
    for key, value in items:
        if key in _URLS and isinstance(value, str) and not _has_server(value):
            raise SettingsError(f"at {place}/{key}: expected an address with a host's name and a valid port, got another")
        _check_urls(value, f"{place}/{key}")


def _has_server(url: str) -> bool:
    try:
        parts = urlsplit(_PLACEHOLDER.sub("x", url))
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    labels = host.removesuffix(".").split(".")
    return port != 0 and (":" in host or all(len(label) <= _MAX_LABEL and _LABEL.fullmatch(label) for label in labels))


def _parse_patterns(document: Mapping[str, Any], section: str, patterns: str, value: str) -> list[tuple[Pattern, Mapping[str, Any]]]:
    """Parse the patterns of a section, in which each entry gives a value to its patterns.

    Raises:
        SettingsError: a pattern is invalid, or an earlier entry gives another value to the same pattern.
    """
    rules: dict[Pattern, Mapping[str, Any]] = {}
    for number, entry in enumerate(document.get(section, ())):
        for nth, text in enumerate(entry[patterns]):
            place = f"at /{section}/{number}/{patterns}/{nth}"
            try:
                pattern = Pattern.parse(text)
            except ValueError as error:
                raise SettingsError(f"{place}: expected {error}") from None
            if rules.setdefault(pattern, entry)[value] != entry[value]:
                raise SettingsError(f"{place}: expected a pattern of one entry only, got one that an earlier entry has")
    return list(rules.items())


def _create_backend(name: str, config: Mapping[str, Any]) -> Backend:
    # Imported late for the cold start: exchangelib needs 330 ms of CPU time, and only EWS and WorkMail need it.
    module_name, class_name = _BACKENDS[config["type"]]
    module = import_module(f"mailhooks.availability.backends.{module_name}")
    try:
        backend: Backend = getattr(module, class_name)(config)
    except SettingsError as error:
        # The error begins with the place inside of the backend.
        raise SettingsError(f"at /backends/{name}/{error}") from None
    except Exception as error:  # noqa: BLE001 - a library's error for an unreadable key may quote the key
        raise SettingsError(
            f"at /backends/{name}: it cannot be set up ({type(error).__name__}): check the form of its credentials"
        ) from None
    return backend


def _default_hours(config: Mapping[str, Any] | None) -> Callable[[Window], WorkingHours | None]:
    if config is None:
        return lambda _: None
    zone = timezones.find_zone(config["timeZone"])
    if zone is None:
        raise SettingsError("at /workingHours/timeZone: expected a time zone's name, such as Europe/Berlin, got another")
    periods = tuple(
        WorkingPeriod(_to_minutes(period["start"]), _to_minutes(period["end"]), tuple(map(DayOfWeek, period["days"])))
        for period in config["periods"]
    )
    for index, period in enumerate(periods):
        if period.end_minutes <= period.start_minutes:
            raise SettingsError(f"at /workingHours/periods/{index}/end: expected a time after start, got an earlier or equal one")

    def hours(window: Window) -> WorkingHours | None:
        # The time zone database ends before the end of the year 9999.
        with suppress(ValueError, OverflowError):
            return WorkingHours(timezones.build_time_zone(zone, window), periods)
        return None

    return hours


def _to_minutes(clock: str) -> int:
    hour, minute = map(int, clock.split(":"))
    return hour * 60 + minute
