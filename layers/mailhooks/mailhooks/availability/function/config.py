"""The configuration of the availability provider: one JSON document, checked, made into a `Provider`.

It holds credentials: no error here quotes it, each names the place.
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
class Configured:
    """A provider, and how long it may take for an answer (seconds)."""

    provider: Provider
    budget_s: float


def load(text: str, *, cache: Cache | None = None) -> Configured:
    """The provider that a configuration describes. Connects to nothing.

    Args:
        text: JSON; `contract/schemas/availability-config.json` is its schema.
        cache: that of an earlier provider, to go on with.

    Raises:
        SettingsError: it is no JSON, breaks the schema, or refers to what is not there. Names the place, never what stands there.
    """
    document = _parsed(text)
    names = document["backends"]
    for index, route in enumerate(document["routes"]):
        if route["backend"] not in names:
            raise SettingsError(f"at /routes/{index}/backend: expected the name of one of the backends, got another")
    routes = Routes(tuple((pattern, route["backend"]) for pattern, route in _by_pattern(document, "routes", "mailboxes")))
    privacy = Privacy(tuple((pattern, Show(rule["show"])) for pattern, rule in _by_pattern(document, "details", "requesters")))
    breaker = document.get("breaker", {})
    cache = cache or Cache()
    cache.seconds = document.get("cacheSeconds", Cache.seconds)
    provider = Provider(
        {name: _backend(name, backend) for name, backend in names.items()},
        routes,
        privacy,
        _default_hours(document.get("workingHours")),
        timezones.flipped if document.get("biasSign") == "gmt" else _as_ews_has_it,
        cache,
        lambda: CircuitBreaker(breaker.get("failures", CircuitBreaker.failures), breaker.get("seconds", CircuitBreaker.seconds)),
    )
    return Configured(provider, document.get("budgetSeconds", BUDGET_S))


def _parsed(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        where = f"line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else "somewhere"
        # Not chained: json's error holds the document.
        raise SettingsError(f"the configuration is no JSON: see {where}") from None
    try:
        check("availability-config", document)
    except ContractError as error:
        raise SettingsError(str(error)) from None
    checked: dict[str, Any] = document
    return checked


def _by_pattern(document: Mapping[str, Any], section: str, patterns: str) -> list[tuple[Pattern, Mapping[str, Any]]]:
    found = []
    for number, entry in enumerate(document.get(section, ())):
        for nth, text in enumerate(entry[patterns]):
            try:
                found.append((Pattern.parse(text), entry))
            except ValueError as error:
                raise SettingsError(f"at /{section}/{number}/{patterns}/{nth}: expected {error}") from None
    return found


def _backend(name: str, config: Mapping[str, Any]) -> Backend:
    # Imported when it is asked for: exchangelib takes its time, and who has only Graph needs none of it.
    module_name, class_name = _BACKENDS[config["type"]]
    module = import_module(f"mailhooks.availability.backends.{module_name}")
    try:
        backend: Backend = getattr(module, class_name).from_config(config)
    except SettingsError as error:
        raise SettingsError(f"at /backends/{name}: {error}") from None
    except Exception as error:  # noqa: BLE001 - a library's own words for a key that it cannot read may quote the key
        raise SettingsError(f"at /backends/{name}: it cannot be set up ({type(error).__name__}): check its credentials' form") from None
    return backend


def _default_hours(config: Mapping[str, Any] | None) -> Callable[[Window], WorkingHours | None]:
    if config is None:
        return lambda _: None
    zone = timezones.zone(config["timeZone"])
    if zone is None:
        raise SettingsError("at /workingHours/timeZone: expected a time zone's name, such as Europe/Berlin, got another")
    periods = tuple(
        WorkingPeriod(timezones.minutes(period["start"]), timezones.minutes(period["end"]), tuple(map(DayOfWeek, period["days"])))
        for period in config["periods"]
    )
    for index, period in enumerate(periods):
        if period.end_minutes <= period.start_minutes:
            raise SettingsError(f"at /workingHours/periods/{index}/end: expected a time after start, got one that is not")

    def hours(window: Window) -> WorkingHours | None:
        # The calendar of the time zone database ends before the year 9999 does.
        with suppress(ValueError, OverflowError):
            return timezones.working_hours(zone, periods, window)
        return None

    return hours


def _as_ews_has_it(hours: WorkingHours) -> WorkingHours:
    return hours
