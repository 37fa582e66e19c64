"""The configuration document, and its errors, which quote no credential."""

import json
from datetime import timedelta
from typing import Any

import pytest

from mailhooks.availability.cache import Cache
from mailhooks.availability.errors import NotRouted
from mailhooks.availability.function import config
from mailhooks.availability.privacy import Show
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import DayOfWeek
from mailhooks.errors import SettingsError
from tests.support.backends import DAY

SECRET = "hunter2-is-secret"
CALDAV = {"type": "caldav", "url": "https://dav.example.net/{mailbox}/", "username": "svc", "password": SECRET}
GRAPH = {"type": "graph", "tenantId": "t", "clientId": "c", "clientSecret": SECRET}
ROUTES = [{"mailboxes": ["example.net"], "backend": "dav"}]
DAY_WINDOW = Window(DAY, DAY + timedelta(days=1))


def document(**changes: Any) -> dict[str, Any]:
    return {"backends": {"dav": CALDAV}, "routes": ROUTES} | changes


def hours(zone: str, start: str, end: str) -> dict[str, Any]:
    return {"timeZone": zone, "periods": [{"days": ["MON"], "start": start, "end": end}]}


def load(**changes: Any) -> config.Configuration:
    return config.load(json.dumps(document(**changes)))


def test_the_defaults_match_the_documentation() -> None:
    configured = load()
    provider = configured.provider
    assert (configured.budget_s, provider.cache.seconds) == (20.0, 60.0)
    assert provider.privacy.show("anybody@example.com") is Show.BUSY
    assert provider.default_hours(DAY_WINDOW) is None
    assert (provider.new_breaker().failures, provider.new_breaker().seconds) == (5, 30.0)


def test_all_settings_are_read() -> None:
    configured = load(
        routes=[{"mailboxes": ["example.net", "*.example.org"], "backend": "dav"}],
        details=[{"requesters": ["example.com"], "show": "details"}],
        workingHours={"timeZone": "W. Europe Standard Time", "periods": [{"days": ["MON", "TUE"], "start": "09:00", "end": "24:00"}]},
        budgetSeconds=12.5,
        cacheSeconds=0,
        breaker={"failures": 2, "seconds": 5},
    )
    provider = configured.provider
    assert configured.budget_s == 12.5
    assert provider.routes.find_backend("a@sub.example.org") == "dav"
    assert isinstance(provider.routes.find_backend("a@example.com"), NotRouted)
    assert provider.privacy.show("ana@example.com") is Show.DETAILS
    assert provider.cache.seconds == 0
    assert (provider.new_breaker().failures, provider.new_breaker().seconds) == (2, 5)
    found = provider.default_hours(DAY_WINDOW)
    assert found is not None
    [period] = found.working_periods
    assert (period.start_minutes, period.end_minutes, period.days) == (540, 1440, (DayOfWeek.MON, DayOfWeek.TUE))
    assert provider.convert(found).timezone.bias == -60


def test_the_sign_of_biases_is_configurable() -> None:
    provider = load(workingHours=hours("Europe/Berlin", "09:00", "17:00"), biasSign="gmt").provider
    found = provider.default_hours(DAY_WINDOW)
    assert found is not None
    turned = provider.convert(found).timezone
    assert turned.standard_time is not None
    assert turned.daylight_time is not None
    assert (turned.bias, turned.standard_time.offset, turned.daylight_time.offset) == (60, 0, 60)


def test_a_new_configuration_keeps_the_cache() -> None:
    cache = Cache(60)
    configured = config.load(json.dumps(document(cacheSeconds=5)), cache=cache)
    assert configured.provider.cache is cache
    assert cache.seconds == 5


@pytest.mark.parametrize(
    "changes, place",
    [
        ({"backends": {}}, "/backends"),
        ({"backends": {"dav": CALDAV | {"url": SECRET}}}, "/backends/dav/url"),
        ({"backends": {"dav": CALDAV | {"url": "https://dav.example.net/"}}}, "/backends/dav"),
        ({"backends": {"dav": CALDAV | {"pasword": SECRET}}}, "/backends/dav"),
        ({"backends": {"dav": {"type": SECRET}}}, "/backends/dav/type"),
        ({"backends": {"dav": {"url": SECRET}}}, "/backends/dav/type"),
        ({"backends": {f"no name {SECRET}": CALDAV}}, "/backends"),
        ({"backends": {"dav": GRAPH | {"clientSecret": [SECRET]}}}, "/backends/dav/clientSecret"),
        ({"backends": {"dav": {"type": "graph", "tenantId": "t", "clientId": "c"}}}, "/backends/dav/clientSecret"),
        ({"backends": {"dav": GRAPH | {"certificate": {"privateKey": SECRET}}}}, "/backends/dav/"),
        ({"routes": []}, "/routes"),
        ({"routes": [{"mailboxes": ["example.net"], "backend": "exchange"}]}, "/routes/0/backend"),
        ({"routes": [{"mailboxes": ["example.net", "not a pattern"], "backend": "dav"}]}, "/routes/0/mailboxes/1"),
        ({"details": [{"requesters": ["+"], "show": "details"}]}, "/details/0/requesters/0"),
        ({"details": [{"requesters": ["example.com"], "show": SECRET}]}, "/details/0/show"),
        (
            {"workingHours": {"timeZone": "Mars/Base", "periods": [{"days": ["MON"], "start": "09:00", "end": "17:00"}]}},
            "/workingHours/timeZone",
        ),
        (
            {"workingHours": {"timeZone": "UTC", "periods": [{"days": ["MON"], "start": "17:00", "end": "09:00"}]}},
            "/workingHours/periods/0/end",
        ),
        (
            {"workingHours": {"timeZone": "UTC", "periods": [{"days": ["MON"], "start": "9", "end": "17:00"}]}},
            "/workingHours/periods/0/start",
        ),
        ({"biasSign": "utc"}, "/biasSign"),
        ({"budgetSeconds": 25}, "/budgetSeconds"),
        ({"cacheSeconds": -1}, "/cacheSeconds"),
        ({"breaker": {"failures": 0}}, "/breaker/failures"),
        ({"unknown": SECRET}, "at the top"),
    ],
)
def test_an_error_names_the_place_and_quotes_no_value(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(**changes)
    assert place in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("text", ["", "{", f'{{"backends": "{SECRET}"', "[]", "null"])
def test_invalid_json_is_reported_without_quoting_it(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        config.load(text)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_unreadable_key_is_not_quoted() -> None:
    pem = f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n"
    google = {
        "type": "google",
        "serviceAccount": {"client_email": "a@example.net", "private_key": pem, "token_uri": "https://t.example.net/"},
    }
    with pytest.raises(SettingsError) as caught:
        load(backends={"dav": google})
    assert "/backends/dav" in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("time", ["24:01", "9:00", "09:60", "", "0900", "09:00:00"])
def test_a_working_period_ends_at_a_time_of_day(time: str) -> None:
    with pytest.raises(SettingsError, match=r"at /workingHours/periods/0/end: expected a time of day \(hh:mm, at most 24:00\)"):
        load(workingHours={"timeZone": "UTC", "periods": [{"days": ["MON"], "start": "00:00", "end": time}]})
