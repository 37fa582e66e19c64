import base64
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.mime import transfer_encoding
from mailhooks.mime.edits import CannotEdit, Reason, splice

_TEXT = st.lists(st.sampled_from([b"word ", b"=", b"\xc3\xa9", b"\r\n", b" \r\n", b".", b"<br>", b"x" * 70, b"\t"]), max_size=40).map(
    b"".join
)


def inserted(body: bytes, encoding: str, at: int, octets: bytes, around: tuple[bytes, bytes] = (b"head\r\n", b"\r\n--b")) -> bytes:
    """Return the body after the edit. The rest of the message must not matter."""
    before, after = around
    raw = before + body + after
    changed = splice(raw, [transfer_encoding.insert(raw, len(before), len(before) + len(body), encoding, at, octets, b"\r\n")])
    assert changed.startswith(before)
    assert changed.endswith(after)
    return changed[len(before) : len(changed) - len(after)]


def test_an_insertion_keeps_the_encoded_form_of_quoted_printable():
    body = b"caf=E9 and a soft=\r\n break=20\r\n</body>\r\n</html>=\r\n"
    at = transfer_encoding.decode(body, "quoted-printable").index(b"</body>")
    changed = inserted(body, "quoted-printable", at, b"\r\n<p>\xe9</p>\r\n")
    assert changed == b"caf=E9 and a soft=\r\n break=20\r\n\r\n<p>=E9</p>\r\n</body>\r\n</html>=\r\n"


def test_an_insertion_in_a_quoted_printable_line_is_joined_by_soft_breaks():
    assert inserted(b"one two\r\n", "quoted-printable", 4, b"and a half ") == b"one =\r\nand a half=20=\r\ntwo\r\n"


@pytest.mark.parametrize("body", [b"ends in a soft break=", b"ends in an escape=4", b"=\r\n", b"", b"a==b", b"=ZZ", b"tail =20 \r\n\r\n"])
def test_an_insertion_after_damaged_quoted_printable_is_complete(body: bytes):
    changed = inserted(body, "quoted-printable", len(transfer_encoding.decode(body, "quoted-printable")), b"\r\nNEW")
    assert transfer_encoding.decode(changed, "quoted-printable") == transfer_encoding.decode(body, "quoted-printable") + b"\r\nNEW"


@pytest.mark.parametrize(
    "body, octets",
    [
        (b"aGVsbG8=", b"hello"),
        (b"aGVs\r\nbG8=\r\n", b"hello"),
        (b"aGVsbG8", b"hello"),
        (b"aG VsbG8=", b"hello"),
        (b"", b""),
    ],
)
def test_base64_is_decoded_as_mail_programs_do(body: bytes, octets: bytes):
    assert transfer_encoding.decode(body, "base64") == octets


@pytest.mark.parametrize("body", [b"aGVsbG8=\r\naGVsbG8=", b"aGVsbG8=\r\n--\r\nA list", b"a", b"aGVs!"])
def test_base64_with_other_octets_is_rejected(body: bytes):
    with pytest.raises(CannotEdit):
        transfer_encoding.decode(body, "base64")


def test_quoted_printable_keeps_line_ends_and_escapes_a_bare_cr():
    assert transfer_encoding.encode(b"a\r\nb\nc\rd \r\n", "quoted-printable", b"\r\n") == b"a\r\nb=0A=\r\nc=0Dd=20\r\n"


def test_an_unknown_encoding_is_rejected():
    with pytest.raises(CannotEdit) as caught:
        transfer_encoding.decode(b"x", "x-uuencode")
    assert caught.value.reason is Reason.ENCODING


def test_octets_may_not_fit_an_identity_encoding():
    assert transfer_encoding.fits(b"x" * 998 + b"\r\ny", "7bit")
    assert not transfer_encoding.fits(b"x" * 999, "8bit")
    assert not transfer_encoding.fits(b"\xe9", "7bit")
    assert transfer_encoding.fits(b"\xe9", "8bit")
    assert transfer_encoding.fits(b"\xe9" * 2000, "base64")


@pytest.mark.fuzz
@given(_TEXT, st.binary(max_size=80), st.data(), st.sampled_from(["quoted-printable", "base64"]))
def test_a_body_decodes_to_its_content_with_the_insertion(text: bytes, new: bytes, data: st.DataObject, encoding: str):
    new = new.replace(b"\r", b"").replace(b"\n", b"\r\n")
    body = quopri.encodestring(text) if encoding == "quoted-printable" else base64.encodebytes(text).replace(b"\n", b"\r\n")
    decoded = transfer_encoding.decode(body, encoding)
    at = data.draw(st.integers(0, len(decoded)))
    at -= decoded[at - 1 : at + 1] == b"\r\n"  # no insertion is between the two
    changed = inserted(body, encoding, at, new)
    wanted = decoded[:at] + new + decoded[at:]
    shown = transfer_encoding.decode(changed, encoding)
    if encoding == "quoted-printable":  # a line end may become that of the message
        wanted, shown = wanted.replace(b"\r\n", b"\n"), shown.replace(b"\r\n", b"\n")
    assert shown == wanted
    assert max(map(len, changed.split(b"\n"))) <= max(77, *map(len, body.split(b"\n")))


@pytest.mark.fuzz
@given(st.binary(max_size=200), st.binary(max_size=20), st.data())
def test_any_quoted_printable_accepts_an_insertion(body: bytes, new: bytes, data: st.DataObject):
    at = data.draw(st.integers(0, len(transfer_encoding.decode(body, "quoted-printable"))))
    inserted(body, "quoted-printable", at, new)
