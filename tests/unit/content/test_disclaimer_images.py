"""The place of a disclaimer's images, by the parser of the standard library."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from email.message import Message as PythonMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.content.change import Change, OnUnmodifiable
from mailhooks.content.disclaimer import STAMP, Disclaimer, OnNoText
from mailhooks.mime.edits import splice
from mailhooks.mime.message import Message, scan
from mailhooks.mime.text.body import Blocked
from mailhooks.mime.text.wrapping import Image, close_multiparts

LOGO = Disclaimer(html='<img src="cid:logo.png">SAID', images=(Image("logo.png", "png", b"\x89PNG"), Image("unused", "png", b"")))
HEAD = "From: a@example.com\nMIME-Version: 1.0\n"
HTML = "Content-Type: text/html\n\n<p>Hello</p>"
PLAIN = "Content-Type: text/plain\n\nHello"
OWN = "Content-Type: image/gif\nContent-ID: <own>\nContent-Transfer-Encoding: base64\n\nAAAA"
PDF = "Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n\nAAAA"
THERE = "Content-Type: image/png\nContent-ID:\n <logo.png>\nContent-Transfer-Encoding: base64\n\nAAAA"


def multipart(kind: str, *parts: str, boundary: str = "", end: str | None = None) -> str:
    """Return a multipart. `kind` may have parameters; `end` replaces the closing delimiter."""
    boundary = boundary or kind.partition(";")[0][:3]
    closing = f"\n--{boundary}--" if end is None else end
    return f"Content-Type: multipart/{kind}; boundary={boundary}\n\n" + "\n".join(f"--{boundary}\n{part}" for part in parts) + closing


def mail(entity: str) -> bytes:
    return (HEAD + entity + "\n").replace("\n", "\r\n").encode()


def changed_by(disclaimer: Disclaimer, raw: bytes) -> tuple[bytes, Change]:
    change = disclaimer.change(Message(raw))
    changed = splice(raw, change.edits)
    assert disclaimer.change(Message(changed)).edits == []
    return changed, change


def tree(part: PythonMessage) -> object:
    """Return the types as `html` or `[related, html, png]`, also of a forwarded message."""
    children = [tree(child) for child in part.get_payload()] if part.is_multipart() else []
    return [part.get_content_subtype(), *children] if children else part.get_content_subtype()


def count(raw: bytes) -> tuple[int, int]:
    """Return the number of parts by both parsers. A forwarded message is one part."""
    parsed = message_from_bytes(raw)
    waiting, for_python = [parsed], 0
    while waiting:
        part = waiting.pop()
        for_python += 1
        waiting += part.get_payload() if part.get_content_maintype() == "multipart" else []
    return for_python, sum(not part.embedded for part in scan(raw).root.walk())


@pytest.mark.parametrize(
    "entity, wanted",
    [
        (multipart("related", HTML, OWN), ["related", "html", "gif", "png"]),
        (multipart("related", HTML), ["related", "html", "png"]),
        (
            multipart("related", multipart("alternative", PLAIN, HTML), OWN),
            ["related", ["alternative", "plain", "html"], "gif", "png"],
        ),
        (
            multipart("related", multipart("mixed", multipart("alternative", PLAIN, HTML), PDF), OWN),
            ["related", ["mixed", ["alternative", "plain", "html"], "pdf"], "gif", "png"],
        ),
        (
            multipart("mixed", multipart("alternative", PLAIN, multipart("related", HTML, OWN)), PDF),
            ["mixed", ["alternative", "plain", ["related", "html", "gif", "png"]], "pdf"],
        ),
        (
            multipart("related", multipart("alternative", PLAIN, multipart("related", HTML, OWN, boundary="in")), OWN),
            ["related", ["alternative", "plain", ["related", "html", "gif", "png"]], "gif"],
        ),
        (
            multipart('related; start="<root>"', OWN, "Content-ID: <root>\n" + HTML),
            ["related", "gif", "html", "png"],
        ),
        (
            multipart("alternative", HTML, multipart("related", HTML, OWN)),
            ["alternative", "html", ["related", "html", "gif", "png"]],
        ),
    ],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_images_are_added_to_the_nearest_related(entity: str, wanted: list[object], ending: str):
    raw = mail(entity).replace(b"\r\n", ending.encode())
    changed, change = changed_by(LOGO, raw)
    assert tree(message_from_bytes(changed)) == wanted
    assert count(changed) == tuple(parts + 1 for parts in count(raw))
    assert change.added_parts == 1
    [image] = [part for part in message_from_bytes(changed).walk() if part["Content-ID"] == "<logo.png>"]
    assert image.get_payload(decode=True) == b"\x89PNG"


@pytest.mark.parametrize(
    "entity, wanted",
    [
        (HTML, ["related", "html", "png"]),
        (multipart("alternative", PLAIN, HTML), ["alternative", "plain", ["related", "html", "png"]]),
        (multipart("mixed", HTML, OWN), ["mixed", ["related", "html", "png"], "gif"]),
        (
            multipart("mixed", HTML, multipart("related", HTML, OWN)),
            ["mixed", ["related", "html", "png"], ["related", "html", "gif"]],
        ),
        (
            multipart("mixed", HTML, f"Content-Type: message/rfc822\n\n{HEAD}{multipart('related', HTML, THERE)}"),
            ["mixed", ["related", "html", "png"], ["rfc822", ["related", "html", "png"]]],
        ),
    ],
)
def test_images_get_a_new_related_if_there_is_none(entity: str, wanted: list[object]):
    raw = mail(entity)
    changed, change = changed_by(LOGO, raw)
    assert tree(message_from_bytes(changed)) == wanted
    assert count(changed) == tuple(parts + 2 for parts in count(raw))
    assert change.added_parts == 2


@pytest.mark.parametrize(
    "end",
    [
        "\n--rel--\nepilogue\n--rel\n\nno part\n--rel--\n",
        "\n--rel--",
        "\n--rel-- \n\n",
        "",
        "\n",
        "\n\n",
        "\n--rel\n\n--rel--",
        "\n--rel\n\n",
    ],
)
@pytest.mark.parametrize("outer", [True, False])
def test_images_come_before_the_end_of_the_related(end: str, outer: bool):
    related = multipart("related", multipart("alternative", PLAIN, HTML), OWN, end=end)
    raw = mail(multipart("mixed", related, PDF) if outer else related)
    changed, change = changed_by(LOGO, raw)
    before, after = (message_from_bytes(each) for each in (raw, changed))
    [related_before], [related_after] = ([p for p in each.walk() if p.get_content_subtype() == "related"] for each in (before, after))
    # Python reads the last line end of the message as part of the missing delimiter.
    others_before, others_after = (
        [part.as_bytes().rstrip() for part in parts] for parts in (related_before.get_payload()[1:], related_after.get_payload()[1:-1])
    )
    assert others_after == others_before
    assert related_after.get_payload()[-1].get_payload(decode=True) == b"\x89PNG"
    assert (related_after.preamble, related_after.epilogue) == (related_before.preamble, related_before.epilogue)
    assert [part.get_content_type() for part in after.walk() if part["Content-ID"] != "<logo.png>"] == [
        part.get_content_type() for part in before.walk()
    ]
    assert change.added_parts == 1


@pytest.mark.parametrize(
    "entity",
    [
        multipart("related", HTML, THERE),
        multipart("related", HTML, multipart("mixed", OWN, THERE)),
        multipart("related", multipart("alternative", PLAIN, HTML), THERE, end=""),
    ],
)
def test_an_image_is_not_added_twice(entity: str):
    raw = mail(entity)
    changed, change = changed_by(LOGO, raw)
    assert tree(message_from_bytes(changed)) == tree(message_from_bytes(raw))
    assert b"SAID" in changed
    assert change.added_parts == 0


def test_only_the_missing_image_is_added():
    both = Disclaimer(html="cid:logo.png cid:b", images=(Image("logo.png", "png", b"\x89PNG"), Image("b", "png", b"second")))
    changed, change = changed_by(both, mail(multipart("related", HTML, THERE)))
    assert [part["Content-ID"] and part["Content-ID"].strip() for part in message_from_bytes(changed).get_payload()] == [
        None,
        "<logo.png>",
        "<b>",
    ]
    assert change.added_parts == 1


def test_an_image_of_a_forwarded_message_does_not_count():
    forwarded = f"Content-Type: message/rfc822\n\n{HEAD}{THERE}"
    changed, _ = changed_by(LOGO, mail(multipart("related", HTML, forwarded)))
    assert tree(message_from_bytes(changed)) == ["related", "html", ["rfc822", "png"], "png"]


@pytest.mark.parametrize("end", ["", "\n"])
def test_images_are_not_added_after_a_cut_multipart(end: str):
    raw = mail(multipart("related", multipart("alternative", PLAIN, HTML, end=end), end=""))
    change = LOGO.change(Message(raw))
    changed = splice(raw, close_multiparts(Message(raw), change.edits))
    assert tree(message_from_bytes(changed)) == ["related", ["alternative", "plain", ["related", "html", "png"]]]
    assert message_from_bytes(changed).get_payload()[0].get_payload()[1].get_payload()[1].get_payload(decode=True) == b"\x89PNG"
    assert scan(changed).defects == frozenset()
    assert change.added_parts == 2


@st.composite
def entities(draw: st.DrawFn, level: int = 0) -> str:
    """Generate nested multiparts of all kinds, closed or not."""
    leaves = st.sampled_from([HTML, HTML, PLAIN, OWN, PDF, THERE, "\n", f"Content-Type: message/rfc822\n\n{HEAD}{THERE}"])
    if level == 4 or draw(st.integers(0, 2 + level)) == 4:
        return draw(leaves)
    parts = draw(st.lists(st.one_of(leaves, entities(level + 1)), min_size=1, max_size=3))
    kind = draw(st.sampled_from(["mixed", "alternative", "related", "related"]))
    return multipart(
        kind, *parts, boundary=f"{level}{draw(st.integers(0, 10**6))}", end=draw(st.sampled_from([None, None, None, "", "\n"]))
    )


@pytest.mark.fuzz
@given(entities())
def test_the_image_is_added_once_and_no_other_part_changes(entity: str):
    raw = mail(entity)
    try:
        change = LOGO.change(Message(raw))
    except Blocked:
        return
    changed = splice(raw, close_multiparts(Message(raw), change.edits))
    assert count(changed) == tuple(parts + change.added_parts for parts in count(raw))
    assert scan(changed).defects == frozenset()
    parsed = message_from_bytes(changed)
    before, after = ([part for part in each.walk() if not part.is_multipart()] for each in (message_from_bytes(raw), parsed))
    # The image of the disclaimer differs from the existing one by its content.
    new = [part for part in after if part.get_payload(decode=True) == b"\x89PNG"]
    others = [part for part in after if part not in new]
    assert [part.get_content_type() for part in others] == [part.get_content_type() for part in before]
    changes = [
        (one, other) for one, other in zip(before, others, strict=True) if one.get_payload().rstrip() != other.get_payload().rstrip()
    ]
    assert all("SAID" not in one.get_payload() and "SAID" in other.get_payload() for one, other in changes)
    last = next((other for _, other in reversed(changes) if other.get_content_subtype() == "html"), None)
    assert len(new) == (change.added_parts > 0)
    if last is not None:
        relateds = [part for part in parsed.walk() if part.get_content_subtype() == "related"]
        neighbours = list([each for each in relateds if last in each.walk()][-1].walk())
        assert all(part in neighbours for part in new)
        assert any(part["Content-ID"] and part["Content-ID"].strip() == "<logo.png>" for part in neighbours)


def message(text: str, html: str | None) -> bytes:
    made = EmailMessage(policy=policy.SMTP)
    made.set_content(text)
    if html:
        made.add_alternative(html, subtype="html")
    return made.as_bytes()


@pytest.mark.parametrize("html", ["<body><p>x</p></body>\n", None])
def test_images_are_added_once_to_the_html(html: str | None):
    disclaimer = Disclaimer(html='<img src="cid:logo.png">Ü', images=(Image("logo.png", "png", b"\x89PNG"), Image("unused", "png", b"")))
    raw = message("x\n", html)
    change = disclaimer.change(Message(raw))
    changed = splice(raw, change.edits)
    parsed = message_from_bytes(changed, policy=policy.default)
    images = [part for part in parsed.walk() if part.get_content_type() == "image/png"]
    assert [(image["Content-ID"], image.get_content()) for image in images] == ([("<logo.png>", b"\x89PNG")] if html else [])
    assert len(list(scan(changed).root.walk())) == len(list(scan(raw).root.walk())) + change.added_parts
    if html:
        assert "cid:logo.png" in parsed.get_body(("html",)).get_content()
    assert disclaimer.change(Message(changed)).edits == []


def test_a_reply_with_the_image_gets_no_second_copy():
    disclaimer = Disclaimer(html='<img src="cid:logo.png">Ü', images=(Image("logo.png", "png", b"\x89PNG"),))
    first = splice(message("x\n", "<p>x</p>\n"), disclaimer.change(Message(message("x\n", "<p>x</p>\n"))).edits)
    reply = first.replace(f"{STAMP}: {disclaimer.stamp}\r\n".encode(), b"")
    again = disclaimer.change(Message(reply))
    assert splice(reply, again.edits).count(b"Content-ID: <logo.png>") == 1
    assert again.added_parts == 0


@pytest.mark.parametrize("kind", ['multipart/signed; boundary="b"', "application/pdf"])
def test_an_added_part_has_its_images(kind: str):
    raw = f"From: a@example.com\r\nMIME-Version: 1.0\r\nContent-Type: {kind}\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n".encode()
    disclaimer = Disclaimer(
        html='<img src="cid:logo.png">Ü',
        images=(Image("logo.png", "png", b"\x89PNG"),),
        on_unmodifiable=OnUnmodifiable.WRAP,
        on_no_text=OnNoText.ADD_PART,
    )
    change = disclaimer.change(Message(raw))
    parsed = message_from_bytes(splice(raw, change.edits), policy=policy.default)
    [image] = [part for part in parsed.walk() if part.get_content_type() == "image/png"]
    assert image["Content-ID"] == "<logo.png>"
    counts = [sum(not part.embedded for part in scan(each).root.walk()) for each in (raw, splice(raw, change.edits))]
    assert counts[1] - counts[0] == change.added_parts
