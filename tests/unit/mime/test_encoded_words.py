import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.mime import encoded_words


@pytest.mark.parametrize(
    "value, text",
    [
        (b"plain", "plain"),
        (b"=?utf-8?q?caf=C3=A9?=", "café"),
        (b"=?utf-8?q?caf=C3=A9?= =?utf-8?q?_ol=C3=A9?=", "café olé"),
        (b"Re: =?ISO-2022-JP?B?GyRCRnxLXBsoQg==?= x", "Re: 日本 x"),
        ("grüße".encode(), "grüße"),
        (b"gr\xfc\xdfe", "grüße"),
        (b"=?no-such-charset?q?a=FC?=", "aü"),
        (b"=?utf-8?q?gr=FC?=", "grü"),
        (b"=?utf-8?b?!!!?=", ""),
        (b"=?utf-8?Q?Gr=C3=BC=C3=9Fe?_Ja??=", "Grüße? Ja?"),
        (b"=?utf-8?Q?what=?= =?utf-8?Q??= x", "what x"),
        (b"=?utf-8?Q?open =?utf-8?Q?gr=C3=BC?=", "=?utf-8?Q?open grü"),
        (b"=?utf-8?B?Z3I?vA==?=", "=?utf-8?B?Z3I?vA==?="),
        (b"=?utf-8?x?no?=", "=?utf-8?x?no?="),
    ],
)
def test_encoded_words_and_raw_text_are_decoded(value: bytes, text: str):
    assert encoded_words.decode(value) == text


@pytest.mark.fuzz
@given(st.binary(max_size=200))
def test_decoding_never_raises(value: bytes):
    encoded_words.decode(value)
    encoded_words.decode(b"=?utf-8?q?" + value + b"?=")
    encoded_words.decode(b"=?utf-8?b?" + value + b"?= =?" + value)


@pytest.mark.fuzz
@given(
    st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1, max_size=200).map(lambda text: " ".join(text.split())).filter(bool)
)
def test_encoded_text_decodes_to_the_same_text(text: str):
    encoded = encoded_words.encode(text, "X-Name", b"\r\n")
    assert all(0x20 <= octet < 0x7F or octet in b"\r\n" for octet in encoded)
    assert all(line.startswith(b" ") and line.strip() for line in encoded.split(b"\r\n")[1:])
    if not encoded_words.is_plain(text):
        assert all(len(line) <= 78 for line in encoded.split(b"\r\n"))
    assert " ".join(encoded_words.decode(encoded.replace(b"\r\n", b"")).split()) == " ".join(text.split())
