"""Ten and more bad values for each type of backend: each is refused at load, by its place, and no value is quoted."""

import json
from typing import Any, Final

import pytest

from mailhooks.availability.function import config
from mailhooks.availability.function.handler import availability_handler
from mailhooks.errors import SettingsError
from tests.support.backends import request
from tests.support.hooks import settings

SECRET: Final = "hunter2-is-secret"
PEM: Final = f"-----BEGIN CERTIFICATE-----\n{SECRET}\n-----END CERTIFICATE-----"
KEY: Final = f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----"
ACCOUNT: Final = {"client_email": "a@example.net", "private_key": KEY, "token_uri": "https://t.example.net/token"}

GOOD: Final[dict[str, dict[str, Any]]] = {
    "ews": {"url": "https://mail.example.net", "auth": {"type": "basic", "username": "svc", "password": SECRET}},
    "workmail": {"organizationId": "m-" + "0" * 32, "impersonationRoleId": "role-1", "region": "eu-west-1"},
    "graph": {"tenantId": "t", "clientId": "c", "clientSecret": SECRET},
    "google": {"serviceAccount": ACCOUNT},
    "caldav": {"url": "https://dav.example.net/{mailbox}/", "username": "svc", "password": SECRET},
    "ics": {"feeds": [{"mailbox": "room1@example.net", "url": f"https://cal.example.net/{SECRET}.ics"}]},
}


def basic(**changes: Any) -> dict[str, Any]:
    return {"auth": GOOD["ews"]["auth"] | changes}


def oauth(**changes: Any) -> dict[str, Any]:
    return {"auth": {"type": "oauth", "tokenUrl": "https://t.example.net", "clientId": "c", "clientSecret": SECRET} | changes}


def feed(**changes: Any) -> dict[str, Any]:
    return {"feeds": [GOOD["ics"]["feeds"][0] | changes]}


BAD_URLS: Final = [
    SECRET, "", "ftp://mail.example.net", "https://", "https:///path", "https://mail.example.net:99999", "https://mail.example.net:0",
    "https://mail.example.net:port", "https://[::1", "https://mail..example.net", "https://-.example.net", "https://mail.example.net/a b",
    "https://" + "a" * 64 + ".example.net", "https://mail,example.net", "https://mail.example.net\n", "https://mail\\example.net", 7, None,
]  # fmt: skip

BAD: Final[list[tuple[str, dict[str, Any], str]]] = [
    *(("ews", {"url": url}, "/url") for url in BAD_URLS),
    *(("ews", {"auth": value}, "/auth") for value in (None, {}, {"type": "kerberos"}, {"type": "basic"}, SECRET)),
    *(("ews", basic(username=value), "/auth/username") for value in ("", " ", "a:b", "svc\n", 7, None)),
    *(("ews", basic(password=value), "/auth/password") for value in ("", "  ", f"{SECRET}\n", 7, [SECRET], None)),
    *(("ews", oauth(tokenUrl=value), "/auth/tokenUrl") for value in (SECRET, "https://[::1", "https://t.example.net:70000")),
    ("ews", oauth(password=SECRET), "/auth"),
    *(("ews", {"workingElsewhere": value}, "/workingElsewhere") for value in ("busy", "OOF", "", None, 2)),
    *(("ews", {"caCertificates": value}, "/caCertificates") for value in (SECRET, "", PEM, 7, None, [PEM])),
    ("ews", {"pasword": SECRET}, ""),
    *(("workmail", {"organizationId": value}, "/organizationId") for value in ("", "m-1", "M-" + "0" * 32, "m-" + "0" * 32 + "\n", 7)),
    *(("workmail", {"impersonationRoleId": value}, "/impersonationRoleId") for value in ("", "a b", "a/b", "x" * 65, "role\n", None)),
    *(("workmail", {"region": value}, "/region") for value in ("", "EU-WEST-1", "eu-west", "xx-nowhere-1", "eu-central-1", "x\n", 1)),
    *(("workmail", {"url": url}, "/url") for url in BAD_URLS),
    *(("graph", {"tenantId": value}, "/tenantId") for value in ("", " ", "a b", "a/b", "t\n", "https://t.example.net", 7, None)),
    *(("graph", {"clientId": value}, "/clientId") for value in ("", "a b", "c\n", "\u00fc", 7, None)),
    *(("graph", {"clientSecret": value}, "/clientSecret") for value in ("", "   ", f"{SECRET}\n", [SECRET], {}, None)),
    *(("graph", {"maxMailboxes": value}, "/maxMailboxes") for value in (0, 101, -1, 1.5, "20", True, None)),
    *(("graph", {"user": value}, "/user") for value in ("", " ", "a@example.net\n", 7)),
    *(("graph", {"workingElsewhere": value}, "/workingElsewhere") for value in ("free", "", 0, None)),
    *(("graph", {"unknown": value}, "/unknown") for value in ("busy", "NODATA", 4, None)),
    *(("graph", {"endpoint": url}, "/endpoint") for url in BAD_URLS),
    *(("graph", {"authority": url}, "/authority") for url in (*BAD_URLS, "http://login.example.net")),
    ("graph", {"certificate": {"privateKey": KEY, "thumbprint": "0" * 40}}, "/clientSecret"),
    *(("google", {"serviceAccount": value}, "/serviceAccount") for value in (None, {}, SECRET, [], ACCOUNT, ACCOUNT | {"type": "user"})),
    *(("google", {"serviceAccount": ACCOUNT | {"client_email": value}}, "/serviceAccount/client_email") for value in ("", "a", "a b@c", 7)),
    *(("google", {"serviceAccount": ACCOUNT | {"private_key": value}}, "/serviceAccount/private_key") for value in ("", SECRET, 7, None)),
    *(("google", {"serviceAccount": ACCOUNT | {"token_uri": url}}, "/serviceAccount/token_uri") for url in BAD_URLS),
    *(("google", {"subject": value}, "/subject") for value in ("", "freebusy", "a b@example.net", "a@example.net\n", 7, None)),
    *(("google", {"endpoint": url}, "/endpoint") for url in BAD_URLS),
    *(("caldav", {"url": url}, "/url") for url in (*BAD_URLS, "https://dav.example.net/", "https://{domain}/{mailbox}/")),
    *(("caldav", {"username": value}, "/username") for value in ("", " ", "a:b", "svc\n", 7, None)),
    *(("caldav", {"password": value}, "/password") for value in ("", f"{SECRET}\n", 7, None)),
    *(("caldav", {"caCertificates": value}, "/caCertificates") for value in (SECRET, PEM, 7)),
    ("caldav", {"pasword": SECRET}, ""),
    *(("ics", {"feeds": value}, "/feeds") for value in (None, [], {}, SECRET, [SECRET], [{}])),
    *(("ics", feed(url=url), "/feeds/0/url") for url in BAD_URLS),
    *(("ics", feed(mailbox=value), "/feeds/0/mailbox") for value in ("", "a@b@x.example", "a b", "@x.example", "a@x.example\n", 7)),
    *(("ics", feed(username=value, password=SECRET), "/feeds/0/username") for value in ("", "a:b", "svc\n", 7)),
    ("ics", feed(password=SECRET), "/feeds/0"),
    ("ics", {"feeds": [GOOD["ics"]["feeds"][0], GOOD["ics"]["feeds"][0]]}, "/feeds/1/mailbox"),
    *(("ics", {"timeZone": value}, "/timeZone") for value in ("", "Mars/Base", "+02:00", "../etc/passwd", 7, None)),
]  # fmt: skip


def document(**changes: Any) -> dict[str, Any]:
    backend = {"type": "caldav", **GOOD["caldav"]}
    return {"backends": {"dav": backend}, "routes": [{"mailboxes": ["example.net"], "backend": "dav"}]} | changes


def load_error(text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        config.load(text)
    assert caught.value.__cause__ is None
    assert SECRET not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", [kind for kind in GOOD if kind != "google"])
def test_a_good_backend_is_loaded(kind: str) -> None:
    routes = [{"mailboxes": ["example.net"], "backend": "x"}]
    assert set(config.load(json.dumps({"backends": {"x": {"type": kind, **GOOD[kind]}}, "routes": routes})).provider.backends) == {"x"}


@pytest.mark.parametrize("kind", GOOD)
def test_each_type_has_ten_bad_values(kind: str) -> None:
    assert sum(each == kind for each, _, _ in BAD) >= 10


@pytest.mark.parametrize("kind, changes, place", BAD)
def test_a_bad_value_is_refused_at_load_by_its_place(kind: str, changes: dict[str, Any], place: str) -> None:
    text = json.dumps(document(backends={"x": {"type": kind, **GOOD[kind], **changes}}))
    assert load_error(text.replace('"backend": "dav"', '"backend": "x"')).startswith(f"at /backends/x{place}")


OUTER: Final[list[tuple[dict[str, Any], str]]] = [
    *(({"routes": [{"mailboxes": [value], "backend": "dav"}]}, "/routes/0/mailboxes/0") for value in ("", "@example.net", "a b", "*.*")),
    (
        {
            "backends": {name: {"type": "caldav", **GOOD["caldav"]} for name in ("dav", "other")},
            "routes": [{"mailboxes": ["Example.net"], "backend": "dav"}, {"mailboxes": ["*", "example.NET"], "backend": "other"}],
        },
        "/routes/1/mailboxes/1",
    ),
    ({"details": [{"requesters": ["*"], "show": "busy"}, {"requesters": ["*"], "show": "details"}]}, "/details/1/requesters/0"),
    *(({"budgetSeconds": value}, "/budgetSeconds") for value in (0, -1, 25, "20", None, True)),
    *(({"cacheSeconds": value}, "/cacheSeconds") for value in (-1, 3601, "60", None)),
    *(({"breaker": {"failures": value}}, "/breaker/failures") for value in (0, 101, 1.5, "5")),
    *(({"breaker": {"seconds": value}}, "/breaker/seconds") for value in (0, 3601, "30")),
    *(({"biasSign": value}, "/biasSign") for value in ("utc", "", None, 1)),
]  # fmt: skip


@pytest.mark.parametrize("changes, place", OUTER)
def test_a_bad_value_outside_of_backends_is_refused_at_load_by_its_place(changes: dict[str, Any], place: str) -> None:
    assert load_error(json.dumps(document(**changes))).startswith(f"at {place}:")


@pytest.mark.parametrize(
    "old, new, place",
    [
        ('"backends": {', '"backends": {}, "backends": {', "at /backends:"),
        ('"dav": {', '"dav": {}, "dav": {', "at /backends/dav:"),
        ('"password":', f'"password": "{SECRET}", "password":', "at /backends/dav/password:"),
        ('"backend":', '"backend": "dav", "backend":', "at /routes/0/backend:"),
        ('"backend":', f'"{SECRET} {SECRET}": 1, "{SECRET} {SECRET}": 2, "backend":', "at /routes/0:"),
    ],
)
def test_a_key_that_occurs_twice_is_refused(old: str, new: str, place: str) -> None:
    error = load_error(json.dumps(document()).replace(old, new, 1))
    assert error.startswith(place)
    assert "once" in error


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        f'{{"backends": "{SECRET}"',
        json.dumps(document(budgetSeconds=1.5)).replace("1.5", "NaN"),
        json.dumps(document(budgetSeconds=1.5)).replace("1.5", "Infinity"),
        "[" * 200_000,
        '{"a":' * 200_000,
        "9" * 10_000,
    ],
)
def test_text_that_is_not_json_is_refused(text: str) -> None:
    assert "not JSON" in load_error(text)


@pytest.mark.parametrize("setting", ["AVAILABILITY_CONFIG", "AVAILABILITY_SECRET"])
def test_an_error_names_the_setting(setting: str, tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    class Stored:
        def read(self, *, fresh: bool) -> str:
            return json.dumps(document(biasSign=SECRET))

    (tmp_path / "config.json").write_text(Stored().read(fresh=True))
    changes = {"availability_config": str(tmp_path / "config.json")} if setting == "AVAILABILITY_CONFIG" else {"availability_secret": "x"}
    handler = availability_handler(settings=settings(**changes), source=None if setting == "AVAILABILITY_CONFIG" else Stored())
    [mailbox] = handler(request("a@example.net"), None)["mailboxes"]
    assert mailbox["error"] == "ErrorAvailabilityConfigNotFound"
    printed = capsys.readouterr().out
    assert f"{setting}: at /biasSign: expected" in printed
    assert SECRET not in printed


def test_a_missing_file_is_named_by_its_setting(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    availability_handler(settings=settings(availability_config=str(tmp_path / "none.json")))(request("a@example.net"), None)
    assert "AVAILABILITY_CONFIG: none.json: the configuration cannot be read: no such file or directory" in capsys.readouterr().out


def test_an_empty_file_is_named_by_its_setting(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.json").write_text("")
    availability_handler(settings=settings(availability_config=str(tmp_path / "config.json")))(request("a@example.net"), None)
    assert "AVAILABILITY_CONFIG: " in capsys.readouterr().out
