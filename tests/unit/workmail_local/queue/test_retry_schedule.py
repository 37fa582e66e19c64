from workmail_local.queue.retry_schedule import next_asynchronous_pause, next_pause


def test_pauses_double_up_to_five_minutes() -> None:
    assert [next_pause(attempt, 0.0, 14_400.0) for attempt in (1, 2, 3, 9, 10, 60)] == [1.0, 2.0, 4.0, 256.0, 300.0, 300.0]


def test_the_last_pause_ends_with_the_rules_timeout() -> None:
    assert next_pause(6, 50.0, 60.0) == 10.0
    assert next_pause(7, 60.0, 60.0) is None
    assert next_pause(1, 0.5, 0.0) is None


def test_an_asynchronous_function_is_called_three_times() -> None:
    assert [next_asynchronous_pause(attempt) for attempt in (1, 2, 3)] == [60.0, 120.0, None]
