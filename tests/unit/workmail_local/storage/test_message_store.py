import pytest

from workmail_local.aws.faults import Faults
from workmail_local.storage.message_store import MessageStore, StoredMessage


def test_a_message_is_found_for_24_hours() -> None:
    now = [1000.0]
    store = MessageStore(lambda: now[0])
    message_id = store.add(b"x")
    now[0] += 24 * 60 * 60
    assert not store.is_expired(store.get(message_id))
    now[0] += 1
    assert store.is_expired(store.get(message_id))
    assert store.content(message_id) == b"x"


def test_an_accepted_put_replaces_the_content_but_not_the_original() -> None:
    store = MessageStore()
    message_id = store.add(b"old", direction="OUTBOUND")
    store.replace(message_id, b"new")
    assert (store.content(message_id), store.get(message_id).original, store.puts(message_id)) == (b"new", b"old", 1)


def test_the_reasons_of_rejected_puts_are_kept_in_order_and_have_their_old_name_too() -> None:
    store = MessageStore()
    message_id = store.add(b"x")
    assert store.rejections(message_id) == ()
    store.get(message_id).rejections += ["first", "second"]
    assert store.rejections(message_id) == store.refusals(message_id) == ("first", "second")


def test_adding_an_id_again_replaces_the_message() -> None:
    store = MessageStore()
    store.add(b"old", "m-1")
    store.replace("m-1", b"new")
    store.add(b"other", "m-1")
    assert (store.content("m-1"), store.puts("m-1")) == (b"other", 0)


def test_an_unknown_message_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        MessageStore().content("m-1")


def test_faults_occur_in_their_order_and_number() -> None:
    faults = Faults()
    faults.add("get", error="A", times=2)
    faults.add("get", error="B")
    faults.add("put", delay_s=0.5, times=None)
    assert [fault and fault.error for fault in (faults.next("get") for _ in range(4))] == ["A", "A", "B", None]
    assert [fault and fault.delay_s for fault in (faults.next("put") for _ in range(3))] == [0.5, 0.5, 0.5]
    faults.clear()
    assert faults.next("put") is None


def test_a_fault_without_effect_is_an_error() -> None:
    with pytest.raises(ValueError, match="error, a delay"):
        Faults().add("get")
    with pytest.raises(ValueError, match="no operation"):
        Faults().add("post", error="A")


def test_a_removed_message_comes_from_the_loader() -> None:
    store = MessageStore()
    store.add(b"x", "m-1")
    delivered = store.get("m-1")
    store.remove("m-1")
    assert "m-1" not in store
    store.loader = {"m-1": delivered}.get
    assert store.content("m-1") == b"x"


def test_updates_of_delivered_messages_are_bounded_by_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workmail_local.storage.message_store._MAX_UPDATES", 1000)
    store = MessageStore()
    store.loader = lambda message_id: StoredMessage(message_id, 0.0, "INBOUND", b"x" * 100, b"x" * 100)
    for number in range(20):
        store.replace(str(number), b"y" * 100)
    assert [store.content(str(number))[:1] for number in range(20)] == [b"x"] * 15 + [b"y"] * 5
    assert store.find_update("0") is None
