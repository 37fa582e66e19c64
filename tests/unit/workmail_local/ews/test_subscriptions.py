"""When notifications are due, by a clock that the tests set."""

import pytest

from tests.support.ews_documents import read_notification
from workmail_local.ews.soap import EwsError, PushRequest, Status
from workmail_local.ews.subscriptions import Post, Subscriptions

ANA, BEN = "ana@example.com", "ben@example.com"
URL = "http://127.0.0.1/push"


class Clock:
    """A clock that a test sets, in seconds."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Watched:
    """Subscriptions of a test, with the sentences that they report."""

    def __init__(self, *, speed: float = 1.0, keep: int = 1000) -> None:
        self.clock = Clock()
        self.reports: list[str] = []
        self.all = Subscriptions(speed, self.reports.append, clock=self.clock, keep=keep)

    def subscribe(
        self, mailbox: str = ANA, *events: str, folders: frozenset[str] | None = frozenset({"inbox"}), watermark: str = "", minutes: int = 5
    ) -> tuple[str, str]:
        return self.all.subscribe(mailbox, PushRequest(folders, frozenset(events or ("NewMail",)), watermark, minutes, URL))

    def take(self) -> Post:
        post = self.all.start_post()
        assert post is not None
        return post

    def acknowledge(self) -> Post:
        post = self.take()
        self.all.finish(post.subscription_id, Status.OK)
        return post


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_a_heartbeat_is_due_every_status_frequency_minutes(watched: Watched) -> None:
    subscription, watermark = watched.subscribe(minutes=5)
    assert watched.all.start_post() is None
    for _ in range(3):
        watched.clock.now += 299
        assert watched.all.start_post() is None
        watched.clock.now += 1
        heartbeat = read_notification(watched.acknowledge().body)
        assert (heartbeat.subscription_id, heartbeat.previous_watermark) == (subscription, watermark)
        assert [(type(event).__name__, event.watermark) for event in heartbeat.events] == [("StatusEvent", watermark)]


def test_the_speed_divides_the_minutes() -> None:
    watched = Watched(speed=60)
    watched.subscribe(minutes=5)
    watched.clock.now += 5
    assert watched.take().kinds == ("Status",)


def test_an_arrival_is_notified_at_once_with_the_wanted_events_only(watched: Watched) -> None:
    watched.subscribe(ANA, "NewMail", "Created")
    watched.subscribe(BEN)
    watched.all.record_arrival(ANA, "inbox", "one")
    post = watched.acknowledge()
    assert (post.url, post.kinds) == (URL, ("NewMail", "Created"))
    assert watched.all.start_post() is None
    new_mail, created = read_notification(post.body).events
    assert (new_mail.item_id, new_mail.parent_folder_id) == (created.item_id, created.parent_folder_id)
    assert new_mail.watermark != created.watermark


def test_other_folders_are_notified_only_to_a_subscription_of_them(watched: Watched) -> None:
    inbox, _ = watched.subscribe(ANA)
    everything, _ = watched.subscribe(ANA, folders=None)
    watched.all.record_arrival(ANA, "junkemail", "one")
    assert watched.acknowledge().subscription_id == everything
    assert watched.all.start_post() is None
    watched.all.record_arrival(ANA, "inbox", "two")
    assert {watched.acknowledge().subscription_id, watched.acknowledge().subscription_id} == {inbox, everything}


def test_a_removal_is_the_event_deleted_of_the_same_item(watched: Watched) -> None:
    watched.subscribe(ANA, "NewMail", "Deleted")
    watched.all.record_arrival(ANA, "inbox", "one")
    watched.all.record_arrival(ANA, "inbox", "two")
    arrived = read_notification(watched.acknowledge().body).events
    watched.all.record_removals(lambda name: name == "two")
    [deleted] = read_notification(watched.acknowledge().body).events
    assert type(deleted).__name__ == "DeletedEvent"
    assert deleted.item_id == arrived[1].item_id != arrived[0].item_id


def test_many_events_are_several_notifications_in_order(watched: Watched) -> None:
    watched.subscribe()
    for number in range(45):
        watched.all.record_arrival(ANA, "inbox", str(number))
    read = [read_notification(watched.acknowledge().body) for _ in range(3)]
    assert [(len(each.events), each.more_events) for each in read] == [(20, True), (20, True), (5, False)]
    assert [each.previous_watermark for each in read[1:]] == [each.events[-1].watermark for each in read[:-1]]
    assert watched.all.start_post() is None


def test_a_subscription_has_one_notification_under_way(watched: Watched) -> None:
    watched.subscribe()
    watched.all.record_arrival(ANA, "inbox", "one")
    first = watched.take()
    watched.all.record_arrival(ANA, "inbox", "two")
    assert watched.all.start_post() is None
    watched.all.finish(first.subscription_id, Status.OK)
    assert len(read_notification(watched.take().body).events) == 1


def test_an_unacknowledged_notification_is_repeated_with_longer_pauses_until_the_subscription_ends(watched: Watched) -> None:
    subscription, _ = watched.subscribe(minutes=1)
    watched.all.record_arrival(ANA, "inbox", "one")
    attempts = []
    begun = watched.clock.now
    while watched.all.list_states():
        if post := watched.all.start_post():
            attempts.append(watched.clock.now - begun)
            assert [type(event).__name__ for event in read_notification(post.body).events] == ["NewMailEvent"]
            watched.all.finish(subscription, Status.NONE)
        else:
            watched.clock.now += 1
    assert attempts == [0, 1, 3, 7, 15, 31, 60]
    assert watched.reports == ["a push subscription of ana@example.com has ended: no OK for 1 minute"]


def test_events_wait_for_the_pause_and_an_ok_ends_it(watched: Watched) -> None:
    subscription, _ = watched.subscribe()
    watched.all.record_arrival(ANA, "inbox", "one")
    watched.take()
    watched.all.finish(subscription, Status.NONE)
    assert watched.all.list_states()[0].failing
    watched.all.record_arrival(ANA, "inbox", "two")
    assert watched.all.start_post() is None
    watched.clock.now += 1
    assert len(read_notification(watched.acknowledge().body).events) == 2
    assert not watched.all.list_states()[0].failing
    watched.all.record_arrival(ANA, "inbox", "three")
    assert watched.take().kinds == ("NewMail",)


def test_the_answer_unsubscribe_ends_the_subscription(watched: Watched) -> None:
    subscription, _ = watched.subscribe()
    watched.all.record_arrival(ANA, "inbox", "one")
    watched.all.finish(watched.take().subscription_id, Status.UNSUBSCRIBE)
    watched.all.finish(subscription, Status.OK)
    assert (watched.all.list_states(), len(watched.reports)) == ([], 1)


def test_a_mailbox_has_three_subscriptions_at_most(watched: Watched) -> None:
    first, *_ = [watched.subscribe()[0] for _ in range(3)]
    watched.subscribe(BEN)
    with pytest.raises(EwsError, match="ErrorExceededSubscriptionCount"):
        watched.subscribe()
    watched.all.unsubscribe(first)
    watched.subscribe()
    with pytest.raises(EwsError, match="ErrorSubscriptionNotFound"):
        watched.all.unsubscribe(first)


def test_a_subscription_begins_at_the_watermark_of_an_earlier_one(watched: Watched) -> None:
    watched.subscribe()
    watched.all.record_arrival(ANA, "inbox", "one")
    seen = read_notification(watched.acknowledge().body).events[0].watermark
    watched.all.record_arrival(ANA, "inbox", "two")
    missed = read_notification(watched.take().body).events
    again, watermark = watched.subscribe(watermark=seen)
    post = watched.take()
    assert (post.subscription_id, watermark) == (again, seen)
    assert [event.watermark for event in read_notification(post.body).events] == [event.watermark for event in missed]


@pytest.mark.parametrize("watermark", ["AQAAAAAAAAA=", "////////////////", "no Base64", "////////fw=="])
def test_an_old_or_unknown_watermark_is_refused(watermark: str) -> None:
    watched = Watched(keep=4)
    watched.all.record_arrival(ANA, "inbox", "one")
    watched.all.record_arrival(ANA, "inbox", "two")
    watched.all.record_arrival(ANA, "inbox", "three")
    with pytest.raises(EwsError, match="ErrorInvalidWatermark"):
        watched.subscribe(watermark=watermark)
    watched.subscribe(watermark="AgAAAAAAAAA=")


def test_a_reset_removes_everything(watched: Watched) -> None:
    watched.subscribe()
    watched.all.record_arrival(ANA, "inbox", "one")
    watched.all.reset(1.0)
    assert (watched.all.list_states(), watched.all.start_post()) == ([], None)


def test_close_ends_the_wait_for_a_notification(watched: Watched) -> None:
    watched.all.close()
    assert watched.all.wait_for_post() is None
