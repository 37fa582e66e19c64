"""docs/gateway.md and docs/after.md: each configuration loads, and the tables have each key of the reader with its default."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mail_gateway.config import Configuration, load_configuration
from mail_gateway.toml_reader import ConfigurationError
from tools.pages import read_fences
from workmail_local.config.functions import ROOT

PAGE = (ROOT / "docs/gateway.md").read_text("utf-8")
FOLDER = "/etc/ssl/certs/"
FILES = ("policy.yaml", "certificate.pem", "tls-key", "ca-certificates.crt")
LEAST = """
policy = "policy.yaml"
mark_secret_file = "mark-secret"
"""
LISTENER = """
[[listener]]
name = "inbound"
protocol = "lmtp"
listen = "127.0.0.1:10025"
direction = "inbound"
networks = ["127.0.0.1/32"]
next_host = "127.0.0.1:10026"
"""


def configurations() -> Iterator[Any]:
    """Yield each configuration of the pages, and the sample."""
    for page in ("gateway.md", "after.md"):
        for fence in read_fences((ROOT / "docs" / page).read_text("utf-8")):
            if fence.language == "toml":
                yield pytest.param(fence.text, id=f"{page}:{fence.line}")
    yield pytest.param((ROOT / "gateway/gateway.toml").read_text("utf-8"), id="gateway/gateway.toml")


def load(text: str, folder: Path) -> Configuration:
    """Load a configuration whose files are in a folder of the test."""
    for name in FILES:
        (folder / name).write_text("")
    secret = folder / "mark-secret"
    secret.touch(0o600)
    secret.write_text("0123456789abcdef0123456789abcdef")
    (folder / "gateway.toml").write_text(text.replace(FOLDER, f"{folder}/"))
    return load_configuration(folder / "gateway.toml")


@pytest.mark.parametrize("text", list(configurations()))
def test_each_configuration_of_the_pages_loads(text: str, tmp_path: Path) -> None:
    assert load(text, tmp_path).listeners


def accepted_keys(text: str, tmp_path: Path) -> set[str]:
    """Return the keys that the reader accepts in the table at the end of a configuration."""
    with pytest.raises(ConfigurationError) as raised:
        load(f"{text}\nno_such_key = 1\n", tmp_path)
    return set(raised.value.expected.removeprefix("one of ").split(", "))


def described_keys(first: str) -> set[str]:
    """Return the keys in the first column of the table that begins with a key."""
    return {key for row in rows(first) for key in re.findall(r"`\[?(\w+)", row[0])}


def rows(first: str) -> list[list[str]]:
    """Return the cells of the table on the page whose first row begins with a key."""
    [table] = re.findall(rf"^\|---.*\n((?:\| `{first}`.*\n)(?:\|.*\n)*)", PAGE, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|\n").split(" | ")] for line in table.splitlines()]


def test_the_tables_have_each_key_of_the_reader(tmp_path: Path) -> None:
    assert described_keys("policy") == accepted_keys(LEAST, tmp_path) - {"listener"}
    milter = LISTENER.replace("lmtp", "milter")
    assert described_keys("name") == accepted_keys(LEAST + LISTENER, tmp_path) | accepted_keys(LEAST + milter, tmp_path)


def test_the_table_of_settings_has_each_setting_that_the_reader_accepts(tmp_path: Path) -> None:
    assert described_keys("policy_max_age") == accepted_keys(f"{LEAST}{LISTENER}[settings]", tmp_path)


def test_the_defaults_in_the_table_are_those_of_the_reader(tmp_path: Path) -> None:
    [listener] = load(LEAST + LISTENER, tmp_path).listeners
    assert listener.next_host
    defaults = {
        "tls": listener.tls,
        "next_host_tls": listener.next_host.tls,
        "max_message_octets": listener.max_message_octets,
        "max_connections": listener.max_connections,
    }
    described = {row[0].strip("`"): row[1].strip('`"') for row in rows("name")}
    assert {name: described[name] for name in defaults} == {name: str(value) for name, value in defaults.items()}
