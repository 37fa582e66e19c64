"""The names by which the web page may be opened."""

import pytest

from workmail_local.config.web import read_names
from workmail_local.errors import InvalidArgument


@pytest.mark.parametrize(
    "name",
    [
        *("mail.example.com", "mail.example.com:8443", "MAIL", "my_host:8025", "a-b.example", "192.0.2.7:8443", "[2001:db8::1]:8443"),
        *("xn--bcher-kva.example", "a" * 63, "h:1", "h:65535"),
    ],
)
def test_a_name_with_or_without_a_port_is_accepted(name: str) -> None:
    assert read_names([name]) == [name]


@pytest.mark.parametrize(
    "name",
    [
        *("http://mail.example.com/", "https://mail.example.com", "mail.example.com/", "ma il", " mail", "mail ", "mail\n", "", "*", "*.x"),
        *(
            "a..b",
            ".a",
            "a.",
            "-a",
            "a-",
            "a" * 64,
            "a:",
            "a:x",
            "a:0",
            "a:65536",
            "a:99999",
            "a:1:2",
            "::1",
            "[::1",
            "a,b",
            "a@b",
            "bücher.x",
        ),
    ],
)
def test_another_text_is_rejected_with_an_example(name: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        read_names(["mail.example.com", name])
    assert str(caught.value).startswith(f"--allow-host: {name!r} is not a name such as mail.example.com")
