"""Several processes of one function at once."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.functions import app
from workmail_local.runtime.invocation import Invocation
from workmail_local.runtime.sandbox import Pool

# Waits until as many calls run as the event asks for.
MEET = """
    import os, pathlib, time
    def handler(event, context):
        here = pathlib.Path(event["folder"])
        (here / context.aws_request_id).touch()
        while len(list(here.iterdir())) < event["others"]:
            time.sleep(0.005)
        return os.getpid()
    """


@pytest.fixture
def meeting(tmp_path: Path) -> Path:
    folder = tmp_path / "meeting"
    folder.mkdir()
    return folder


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    with Pool(app(tmp_path / "code", MEET), {}, limit=3) as running:
        yield running


def at_once(pool: Pool, events: list[dict[str, Any]], timeout_s: float = 20) -> list[Invocation]:
    with ThreadPoolExecutor(len(events)) as threads:
        return list(threads.map(lambda item: pool.invoke(item[1], f"r-{item[0]}", timeout_s), enumerate(events)))


def test_processes_up_to_the_limit_run_at_once(pool: Pool, meeting: Path) -> None:
    done = at_once(pool, [{"folder": str(meeting), "others": 3}] * 3)
    assert [each.error for each in done] == [None] * 3
    assert len({each.response for each in done}) == 3


def test_no_more_processes_than_the_limit_run(pool: Pool, meeting: Path) -> None:
    # Four calls that wait for each other never meet: the fourth starts after the timeout of another.
    done = at_once(pool, [{"folder": str(meeting), "others": 4}] * 4, timeout_s=1.5)
    assert sorted(each.error is None for each in done) == [False, False, False, True]


def test_many_calls_share_few_processes_and_get_their_own_responses(tmp_path: Path) -> None:
    function = app(tmp_path, "import os\ndef handler(event, context):\n    print(event)\n    return [event, os.getpid()]")
    with Pool(function, {}, limit=3) as pool, ThreadPoolExecutor(12) as threads:
        done = list(threads.map(lambda number: pool.invoke({"n": number}, f"r-{number}", 20), range(300)))
    assert [each.response[0] for each in done] == [{"n": number} for number in range(300)]
    assert [each.log for each in done] == [f"{{'n': {number}}}\n" for number in range(300)]
    assert len({each.response[1] for each in done}) <= 3
    assert sum(each.cold for each in done) == len({each.response[1] for each in done})


def test_consecutive_calls_use_the_same_process(pool: Pool, meeting: Path) -> None:
    at_once(pool, [{"folder": str(meeting), "others": 3}] * 3)
    last = [pool.invoke({"folder": str(meeting), "others": 0}, "r", 10) for _ in range(5)]
    assert len({each.response for each in last}) == 1
    assert not any(each.cold for each in last)


def test_a_failed_call_frees_its_process(tmp_path: Path) -> None:
    source = "import os\ndef handler(event, context):\n    if event['die']:\n        os._exit(1)\n    return 'well'"
    with Pool(app(tmp_path, source), {}, limit=1) as pool:
        ended = [pool.invoke({"die": True}, f"r-{number}", 10).error for number in range(3)]
        assert ended == ["Runtime.ExitError: its process ended (exit status 1)"] * 3
        assert pool.invoke({"die": False}, "r-4", 10).response == "well"


def test_the_wait_for_a_free_process_does_not_count(tmp_path: Path) -> None:
    source = "import time\ndef handler(event, context):\n    time.sleep(event['s'])\n    return 'done'"
    with Pool(app(tmp_path, source), {}, limit=1) as pool:
        pool.invoke({"s": 0}, "r", 20)  # so that no cold start counts
        # All five together need longer than the timeout of one.
        done = at_once(pool, [{"s": 0.45}] * 5, timeout_s=2)
    assert [each.response for each in done] == ["done"] * 5


class TestClose:
    def test_ends_current_and_waiting_calls(self, tmp_path: Path, meeting: Path) -> None:
        pool = Pool(app(tmp_path / "code", MEET), {}, limit=2)
        done: list[Invocation] = []
        event = {"folder": str(meeting), "others": 99}
        threads = [threading.Thread(target=lambda n=n: done.append(pool.invoke(event, f"r-{n}", 600))) for n in range(4)]
        for thread in threads:
            thread.start()
        while len(list(meeting.iterdir())) < 2:
            time.sleep(0.005)
        pool.close()
        for thread in threads:
            thread.join(20)
        assert [each.error for each in done] == ["its sandbox was closed"] * 4

    def test_twice_is_allowed_and_later_calls_fail(self, tmp_path: Path) -> None:
        pool = Pool(app(tmp_path, "def handler(event, context):\n    return 1"), {})
        pool.invoke({}, "r-1", 10)
        pool.close()
        pool.close()
        assert pool.invoke({}, "r-2", 10).error == "its sandbox was closed"
