"""Failed logins by address, with a clock that the test sets."""

from workmail_local.smtp.login_guard import FAILURES_AN_ADDRESS, FORGET_S, LoginGuard


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_each_failure_makes_the_next_login_slower_up_to_a_limit() -> None:
    guard = LoginGuard(Clock())
    pauses = []
    for _ in range(12):
        pauses.append(guard.pause("a"))
        guard.add_failure("a")
    assert pauses[:4] == [0.0, 0.1, 0.2, 0.4]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 5.0
    assert guard.pause("b") == 0.0


def test_an_address_is_refused_until_its_last_failure_is_forgotten() -> None:
    clock = Clock()
    guard = LoginGuard(clock)
    for _ in range(FAILURES_AN_ADDRESS):
        assert not guard.is_refused("a")
        guard.add_failure("a")
    assert guard.is_refused("a")
    assert not guard.is_refused("b")
    clock.now += FORGET_S
    assert not guard.is_refused("a")
    assert guard.pause("a") == 0.0


def test_a_login_forgets_the_failures_before() -> None:
    guard = LoginGuard(Clock())
    guard.add_failure("a")
    guard.forget("a")
    guard.forget("b")
    assert guard.pause("a") == 0.0


def test_the_addresses_are_bounded_and_the_oldest_is_forgotten() -> None:
    guard = LoginGuard(Clock())
    for number in range(3000):
        guard.add_failure(str(number))
        guard.add_failure("0")
    assert len(guard._failures) == 1000
    assert guard.is_refused("0")
    assert guard.pause("1") == 0.0
    assert guard.pause("2999") == 0.1
