"""The ranges of numbers, for options and for arguments."""

import math

import pytest

from workmail_local.config.numbers import MESSAGES, PORT, SPEED, NumberRange
from workmail_local.errors import InvalidArgument
from workmail_local.workmail import LocalWorkMail


@pytest.mark.parametrize(
    "numbers, text, value",
    [(SPEED, "60", 60.0), (SPEED, ".5", 0.5), (SPEED, "1e3", 1000.0), (SPEED, "1000000", 1e6), (PORT, "0", 0), (PORT, "65535", 65535)],
)
def test_a_number_in_the_range_is_read(numbers: NumberRange, text: str, value: float):
    assert numbers.parse(text) == value
    assert isinstance(numbers.parse(text), int if numbers.whole else float)


@pytest.mark.parametrize("numbers", [SPEED, PORT, MESSAGES])
@pytest.mark.parametrize("text", ["", "-1", "nan", "inf", "1e400", "text", "1_0", "٣", " 1", "0x1", "9" * 5000])
def test_any_other_text_is_an_error_that_names_the_range(numbers: NumberRange, text: str):
    with pytest.raises(ValueError, match=r"is not a (number|port)") as raised:
        numbers.parse(text)
    assert str(numbers) in str(raised.value)
    assert len(str(raised.value)) < 150


@pytest.mark.parametrize("speed", [0, -1, math.nan, math.inf, True, "60", None, 10**400])
def test_an_invalid_speed_is_an_error_that_names_the_argument(speed: float):
    with pytest.raises(InvalidArgument, match=r"^speed: .* is not a number from 0.001 to 1,000,000$"):
        LocalWorkMail(speed=speed)


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf, True, "60", None])
def test_an_invalid_time_to_wait_is_an_error_before_a_message_is_sent(seconds: float):
    wm = LocalWorkMail()
    text = r"(wait|timeout)_s: .* is not a number of seconds from 0 to 31,536,000"
    for wait in (
        lambda: wm.send(b"", wait_s=seconds),
        lambda: wm.send_again(1, wait_s=seconds),
        lambda: wm.wait_for(1, seconds),
        lambda: wm.wait(timeout_s=seconds),
        lambda: wm.wait_until_idle(seconds),
    ):
        with pytest.raises(InvalidArgument, match=text):
            wait()


@pytest.mark.parametrize("port", [-1, 65536, 80.0, True, "80", None])
@pytest.mark.parametrize("name", ["port", "s3_port"])
def test_an_invalid_port_is_an_error_that_names_the_argument(name: str, port: int):
    with pytest.raises(InvalidArgument, match=rf"^{name}: .* is not a port from 0 to 65535"):
        LocalWorkMail(**{name: port})
