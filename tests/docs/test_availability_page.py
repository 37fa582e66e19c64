"""The examples of docs/availability.md have the documented results."""

import doctest
import json
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mailhooks.availability.function import config

PAGE = Path(__file__).parents[2] / "docs/availability.md"
BLOCKS = re.findall(r"```json\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


def test_the_examples_on_the_page_have_the_documented_results() -> None:
    assert doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8").failed == 0


def test_the_whole_example_is_a_configuration() -> None:
    provider = config.load(BLOCKS[0]).provider
    assert provider.routes.find_backend("bob@sub.example.net") == "exchange"


@pytest.mark.parametrize("block", BLOCKS[1:], ids=lambda block: json.loads(block)["type"])
def test_the_example_of_each_backend_is_valid(block: str) -> None:
    backend = json.loads(block)
    if backend["type"] == "workmail":
        backend |= {"organizationId": "m-" + "0" * 32, "impersonationRoleId": "role-1"}
    document = {"backends": {"x": backend}, "routes": [{"mailboxes": ["*"], "backend": "x"}]}
    if backend["type"] == "google":
        key = rsa.generate_private_key(65537, 2048)
        backend["serviceAccount"]["client_email"] = "free-busy@example.com"
        backend["serviceAccount"]["private_key"] = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    config.load(json.dumps(document))
