"""Which mailboxes are exported, and the reasons of the others."""

from datetime import UTC, datetime, timedelta

import pytest

from mailhooks.aws.export_jobs import ListedMailbox
from mailhooks.mailbox_export.manifest import Attempt, Check, File, Mailbox, Manifest, State
from mailhooks.mailbox_export.plan import make_folder, plan_mailboxes

NOW = datetime(2026, 11, 30, 8, tzinfo=UTC)
EMPTY = Manifest("m-1", NOW, NOW)


def listed(name: str = "ana", *, state: str = "ENABLED", role: str = "USER", disabled_days: int | None = None) -> ListedMailbox:
    disabled_at = None if disabled_days is None else NOW - timedelta(days=disabled_days)
    return ListedMailbox(f"id-{name}", "user", name, f"{name}@example.com", state, role, disabled_at)


def plan(
    *mailboxes: ListedMailbox, before: Manifest = EMPTY, wanted: tuple[str, ...] = (), execution: str = "e1", again: bool = False
) -> Manifest:
    return plan_mailboxes(before, mailboxes, wanted, execution=execution, again=again, now=NOW)


def known(state: State, reason: str = "", tries: int = 0) -> Manifest:
    """Return a manifest with ana in a state."""
    file = File("mailboxes/a.zip", 1, 1, Check.MATCHES)
    attempt = Attempt("token", "mailboxes/a/", NOW, job_id="j")
    ana = Mailbox("id-ana", "user", "ana", "ana@example.com", state, reason=reason, tries=tries, file=file, attempts=(attempt,))
    return Manifest("m-1", NOW, NOW, "e0", {"id-ana": ana})


@pytest.mark.parametrize(
    "mailbox, reason",
    [
        (listed(role="SYSTEM_USER"), "system user"),
        (listed(role="REMOTE_USER"), "not in WorkMail"),
        (listed(state="DISABLED"), "never enabled"),
        (listed(state="DELETED"), "deleted"),
        (listed(state="DISABLED", disabled_days=31), "disabled for more than 30 days"),
        (listed(state="DELETED", disabled_days=31), "deleted for more than 30 days"),
    ],
)
def test_a_user_without_a_mailbox_is_skipped_with_the_reason(mailbox: ListedMailbox, reason: str) -> None:
    [found] = plan(mailbox).mailboxes.values()
    assert found.state is State.SKIPPED
    assert reason in found.reason


@pytest.mark.parametrize("state", ["DISABLED", "DELETED"])
def test_a_mailbox_is_tried_for_30_days_after_its_user_was_disabled(state: str) -> None:
    [found] = plan(listed(state=state, disabled_days=29)).mailboxes.values()
    assert (found.state, found.is_uncertain) == (State.PENDING, True)


def test_a_list_chooses_by_address_name_or_id_and_names_those_that_do_not_exist() -> None:
    found = plan(*map(listed, ("ana", "ben", "cem", "dora")), wanted=("ANA@example.com", "ben", "id-cem", "nora@example.com"))
    assert {each.label: each.state for each in found.mailboxes.values()} == {
        "ana@example.com": State.PENDING,
        "ben@example.com": State.PENDING,
        "cem@example.com": State.PENDING,
        "nora@example.com": State.SKIPPED,
    }
    assert "no such user" in found.mailboxes["nora@example.com"].reason
    assert plan(listed("nora"), before=found, execution="e2").mailboxes.keys() == {"id-ana", "id-ben", "id-cem", "id-nora"}


def test_a_new_run_keeps_what_is_exported_and_tries_the_others_again() -> None:
    assert plan(listed(), before=known(State.EXPORTED)).mailboxes["id-ana"].state is State.EXPORTED
    for state in (State.FAILED, State.CANCELLED, State.SKIPPED):
        assert plan(listed(), before=known(state, reason="x", tries=3)).mailboxes["id-ana"].state is State.PENDING


def test_a_new_run_leaves_a_job_that_is_under_way() -> None:
    for state in (State.STARTING, State.RUNNING, State.CHECKING):
        assert plan(listed(), before=known(state), again=True).mailboxes["id-ana"].state is state


def test_exported_mailboxes_are_exported_again_only_on_request_and_once_for_an_execution() -> None:
    again = plan(listed(), before=known(State.EXPORTED), again=True)
    assert again.mailboxes["id-ana"].state is State.PENDING
    assert again.mailboxes["id-ana"].file is not None
    done = known(State.EXPORTED).mailboxes["id-ana"]
    assert plan(listed(), before=again.with_mailboxes([done]), again=True).mailboxes["id-ana"].state is State.EXPORTED


def test_the_export_of_a_user_who_is_deleted_meanwhile_stays_exported() -> None:
    gone = listed(state="DELETED", disabled_days=40)
    assert plan(gone, before=known(State.EXPORTED), again=True).mailboxes["id-ana"].state is State.EXPORTED


def test_a_folder_has_only_characters_that_workmail_accepts() -> None:
    assert make_folder(Mailbox("id", "user", "x", "a+b'c@bücher.example")) == "mailboxes/a_b_c_b_cher.example/"
