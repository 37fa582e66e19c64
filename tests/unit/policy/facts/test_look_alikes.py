import pytest

from mailhooks.policy.facts.look_alikes import list_skeletons

ALIKE = [
    ("paypal", "p\u0430yp\u0430l"),  # a Cyrillic a
    ("paypal", "PAYPAL"),
    ("PayPal", "\u0420\u0410\u0423\u0420\u0410L"),  # Cyrillic capitals
    ("paypal", "PaypaI"),  # a capital I
    ("paypal", "Paypa\u0406"),  # a Ukrainian capital I
    ("paypal", "paypa1"),
    ("Ian Miller", "lan  Mi1ler"),
    ("microsoft", "rnicrosoft"),
    ("microsoft", "MICROSOFT"),
    ("microsoft", "\u041c\u0406\u0421R\u041eS\u041eFT"),
    ("apple", "\u0430\u0440\u0440\u04cf\u0435"),  # all Cyrillic
    ("google", "g00gle"),
    ("google", "g\u03bf\u043egle"),  # an o of Greek and one of Cyrillic
    ("amazon", "\u0430m\u0430z\u043en"),
    ("netflix", "\u0274\u1d07\u1d1b\ua730\u029f\u026ax"),  # small capitals
    ("paypal", "\U0001d429\U0001d41a\U0001d432\U0001d429\U0001d41a\U0001d425"),  # mathematical letters
    ("paypal", "pay\u200bp\u0430l"),
    ("M\u00fcller", "\u041cu\u0308ll\u0435r"),
    ("bank", "\u042can\u039a"),
    ("tot", "\u0442\u043e\u0442"),
    ("o'brien", "\u041e\u2019brien"),
    ("cisco", "\u03f2is\u03f2o"),  # lunate sigmas
    ("skype", "\u0455kype"),
    ("cisco", "\u0441\u0456sco"),
    ("\u043f\u043e\u0447\u0442\u0430", "\u043fo\u0447\u0442a"),  # Latin letters in a Russian word
]  # fmt: skip

UNLIKE = [("paypal", "paypol"), ("mail", "mall"), ("muller", "m\u00fcller"), ("bank", "dank"), ("paypal", "pay pal"), ("", "a")]


@pytest.mark.parametrize("one, other", ALIKE, ids=ascii)
def test_texts_that_look_alike_share_a_skeleton(one, other):
    assert list_skeletons(one) & list_skeletons(other)


@pytest.mark.parametrize("one, other", UNLIKE, ids=ascii)
def test_texts_that_a_reader_tells_apart_share_no_skeleton(one, other):
    assert not list_skeletons(one) & list_skeletons(other)
