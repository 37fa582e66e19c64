"""Measure the search of the local WorkMail among 10,000 messages, each with a text of 2 KB."""

import random
import statistics
import tempfile
from contextlib import closing
from functools import partial
from pathlib import Path

from mailhooks.contract import FlowDirection
from tools.bench.measure import print_bar, print_times, time_call
from workmail_local.mail.history import RuleRun, State
from workmail_local.mail.job import DeliveryJob, QueuedMessage
from workmail_local.mail.search_query import SearchQuery
from workmail_local.mail.submission import Submission
from workmail_local.storage.spool import Spool

MESSAGES = 10_000
WORDS = 330
"""Words of a text, 2 KB."""

LIMIT_MS = 100
ROUNDS = 7
QUERIES = {
    "no search": "",
    "a word in one message": "unique4711",
    "a word in every message": "common",
    "a word in no message": "nowhere",
    "two letters in no message": "qq",
    "several conditions": 'from:nora subject:777 common -nowhere rule:Tag after:2020-01-01 "common w"',
}


def main() -> None:
    print(f"\nThe search of the local WorkMail: {MESSAGES:,} messages with a text of 2 KB, a page of 50")
    with tempfile.TemporaryDirectory() as folder, closing(Spool(Path(folder))) as spool:
        numbers = random.Random(4711)
        words = ["common", *(f"w{numbers.getrandbits(40):x}" for _ in range(5000))]
        for number in range(MESSAGES):
            text = " ".join(("common", f"unique{number}", *numbers.choices(words, k=WORDS)))
            raw = f"From: nora@example.net\r\nTo: ana@example.com\r\nSubject: Message {number}\r\n\r\n{text}\r\n".encode()
            spool.accept(Submission(FlowDirection.INBOUND, "nora@example.net", ("ana@example.com",), raw), _create_jobs)
        index_ms = time_call(lambda: spool.find_done(SearchQuery.parse("nowhere")))
        print(f"  the index of all texts: {index_ms / MESSAGES:.1f} ms for each message, in the background")
        for name, text in QUERIES.items():
            query = SearchQuery.parse(text)
            times = [time_call(partial(spool.summaries, query=query)) for _ in range(ROUNDS)]
            print_times(name, times)
            print_bar(f"search, {name}", statistics.median(times), LIMIT_MS, "ms")


def _create_jobs(message: QueuedMessage) -> list[DeliveryJob]:
    run = RuleRun(f"m{message.number}", "i", message.direction, "Tag", "", "", True, message.recipients, State.DONE)
    return [DeliveryJob(message.number, message.received, message.mail_from, run)]
