"""A listener is checked, because its names and fields are written into headers."""

from dataclasses import replace
from typing import Any

import pytest

from mailhooks.relay.listener import HeaderField
from tests.support.relay import INBOUND


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "in"},
        {"name": "Tenant-1.out_2"},
        {"host_name": "gateway"},
        {"host_name": "[192.0.2.1]"},
        {"junk_field": HeaderField("X-Gm-Spam", "1")},
        {"junk_field": None, "bypass_field": HeaderField("X-MS-Exchange-Organization-SCL", "-1")},
    ],
)
def test_a_listener_may_have_any_names_that_a_header_can_have(changes: dict[str, Any]) -> None:
    listener = replace(INBOUND, **changes)
    assert {name: getattr(listener, name) for name in changes} == changes


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "in; h=x"},
        {"name": "x" * 64},
        {"name": "\u00fcber"},
        {"host_name": ""},
        {"host_name": "gateway (x)"},
        {"host_name": "b\u00fccher.example"},
        {"junk_field": HeaderField("X-Spam Flag", "YES")},
        {"junk_field": HeaderField("X-Spam:", "YES")},
        {"junk_field": HeaderField("X-Spam-Flag", "")},
        {"junk_field": HeaderField("X-Spam-Flag", "YES\r\nBcc: eva@example.org")},
        {"bypass_field": HeaderField("X-Skip", "\u00fc")},
        {"junk_field": HeaderField("Subject", "[JUNK]")},
        {"junk_field": HeaderField("Content-Description", "junk")},
        {"bypass_field": HeaderField("x-mailhooks-checked", "yes")},
    ],
)
def test_a_listener_with_a_name_that_could_change_a_header_is_rejected(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"name|field"):
        replace(INBOUND, **changes)
