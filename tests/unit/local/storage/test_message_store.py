import pytest

from local.aws.faults import Faults
from local.storage.message_store import MessageStore


def test_a_message_is_found_for_24_hours_and_not_a_second_longer() -> None:
    now = [1000.0]
    store = MessageStore(lambda: now[0])
    message_id = store.add(b"x")
    now[0] += 24 * 60 * 60
    assert store.find(message_id) is not None
    assert store.age(message_id) == 86400
    now[0] += 1
    assert store.find(message_id) is None
    assert store.content(message_id) == b"x"


def test_an_accepted_put_replaces_the_content_and_keeps_the_original() -> None:
    store = MessageStore()
    message_id = store.add(b"old", direction="OUTBOUND")
    store.replace(message_id, b"new")
    assert (store.content(message_id), store.get(message_id).original, store.puts(message_id)) == (b"new", b"old", 1)


def test_an_id_that_is_added_again_starts_again() -> None:
    store = MessageStore()
    store.add(b"old", "m-1")
    store.replace("m-1", b"new")
    store.add(b"other", "m-1")
    assert (store.content("m-1"), store.puts("m-1"), len(store)) == (b"other", 0, 1)


def test_an_unknown_message_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        MessageStore().content("m-1")


def test_faults_come_in_the_order_in_which_they_were_ordered_as_often_as_ordered() -> None:
    faults = Faults()
    faults.add("get", error="A", times=2)
    faults.add("get", error="B")
    faults.add("put", delay_s=0.5, times=None)
    assert [fault and fault.error for fault in (faults.next("get") for _ in range(4))] == ["A", "A", "B", None]
    assert [fault and fault.delay_s for fault in (faults.next("put") for _ in range(3))] == [0.5, 0.5, 0.5]
    faults.clear()
    assert faults.next("put") is None


def test_a_fault_that_does_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="error, a delay"):
        Faults().add("get")
    with pytest.raises(ValueError, match="no operation"):
        Faults().add("post", error="A")  # type: ignore[arg-type]
