"""Loads the configuration of the availability provider, a JSON document.

It contains credentials, so errors name the place and never quote the value.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

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


@dataclass(frozen=True, slots=True)
class Configuration:
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
    for index, route in enumerate(document["routes"]):
        if route["backend"] not in names:
            raise SettingsError(f"at /routes/{index}/backend: expected the name of one of the backends, got another")
    routes = Routes(tuple((pattern, route["backend"]) for pattern, route in _parse_patterns(document, "routes", "mailboxes")))
    privacy = Privacy(tuple((pattern, Show(rule["show"])) for pattern, rule in _parse_patterns(document, "details", "requesters")))
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


def _parse(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        # Not chained: json's error contains the document.
        raise SettingsError(f"the configuration is not JSON{where}") from None
    try:
        check("availability-config", document)
    except ContractError as error:
        raise SettingsError(str(error)) from None
    result: dict[str, Any] = document
    return result


def _parse_patterns(document: Mapping[str, Any], section: str, patterns: str) -> list[tuple[Pattern, Mapping[str, Any]]]:
    rules = []
    for number, entry in enumerate(document.get(section, ())):
        for nth, text in enumerate(entry[patterns]):
            try:
                rules.append((Pattern.parse(text), entry))
            except ValueError as error:
                raise SettingsError(f"at /{section}/{number}/{patterns}/{nth}: expected {error}") from None
    return rules


def _create_backend(name: str, config: Mapping[str, Any]) -> Backend:
    # Imported late for the cold start: exchangelib needs 330 ms of CPU time, and only EWS and WorkMail need it.
    module_name, class_name = _BACKENDS[config["type"]]
    module = import_module(f"mailhooks.availability.backends.{module_name}")
    try:
        backend: Backend = getattr(module, class_name)(config)
    except SettingsError as error:
        raise SettingsError(f"at /backends/{name}: {error}") from None
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
