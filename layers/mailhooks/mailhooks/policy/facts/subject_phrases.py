"""Words with which programs begin the subjects of automatic replies, forwards and bounces, in many languages.

Subjects are compared in the form of `fold_subject`. Each row has its language for the reader of the code.
"""

# ruff: noqa: RUF001 - letters of other alphabets that look like Latin ones are meant
from typing import Final

from mailhooks.mime.case_folding import read_phrases

_AWAY: Final = tuple(
    read_phrases("""
    en: automatic reply, automatic response, auto reply, auto-reply, autoreply, auto response, auto-response, autoresponse
    en: out of office, out of the office, yahoo! auto response
    en: away from my, away from the, away from mail, i am on vacation, on vacation, vacation re:, vacation reply, vacation notice
    de: automatische antwort, automatische beantwortung, abwesenheit
    de: abwesend, nicht im büro, außer haus
    fr: réponse automatique, absence du bureau, absent du bureau, message d'absence, message d’absence, notification d'absence
    es, ca, eu: respuesta automática, fuera de la oficina, fuera de oficina, resposta automàtica, erantzun automatikoa
    pt: resposta automática, fora do escritório, ausência temporária
    it: risposta automatica, fuori sede, fuori ufficio
    nl: automatisch antwoord, afwezig
    sv, da, no, is: automatiskt svar, automatisk svar, autosvar, frånvaro, fraværende, ikke til stede, sjálfvirkt svar
    fi, et: automaattinen vastaus, poissa, automaatvastus, automaatne vastus
    lv, lt: automātiskā atbilde, automātiska atbilde, automatinis atsakymas
    pl: automatyczna odpowiedź, odpowiedź automatyczna
    cs, sk: automatická odpověď, automatická odpoveď
    hr, bs, sl, sr: automatski odgovor, samodejni odgovor, аутоматски одговор
    hu, ro, tr: automatikus válasz, răspuns automat, otomatik yanıt
    ru, uk, bg: автоматический ответ, автоответ, автоматична відповідь, автоматичен отговор
    el: αυτόματη απάντηση
    he, ar, fa: תשובה אוטומטית, מענה אוטומטי, رد تلقائي, الرد التلقائي, پاسخ خودکار
    vi, th, id, ms, hi: trả lời tự động, ตอบกลับอัตโนมัติ, balasan otomatis, balasan automatik, jawaban otomatis, स्वचालित उत्तर
    ja, zh, ko: 自動応答, 自動返信, 自動回覆, 自動回復, 自动答复, 自动回复, 자동 회신, 자동 응답
    """)
)

_IS_AWAY: Final = ("is out of the office", "is out of office", "is currently out of")
"""Parts of the subject of such a reply by Domino: `AUTO: Ana is out of the office (returning 12/01/2026)`."""

_LONGEST_MARK: Final = 60
"""Characters of a mark up to its colon."""

_FORWARD_MARKS: Final = read_phrases("""
    en, de: fw, fwd, wg
    fr, es, it, pt: tr, rv, i, enc
    nl, sv, da, no, fi: doorst, vb, vs, vl, videresendt, vidarebefordrat
    pl, cs, hu, ro, tr, et: pd, przekazano, továbbítás, redirecționare, ilt, edasi
    ru, uk, el: пересл, переслать, πρθ
    he, ar: הועבר, إعادة توجيه, إعادة التوجيه
    ja, zh, ko, vi: 転送, 转发, 轉寄, 转寄, 전달, chuyển tiếp
    """)

_FAILURE_PHRASES: Final = tuple(
    read_phrases("""
    en: undeliver, nondeliver, non-deliver, non deliver, returned mail, returned message, returned to sender, mail delivery
    en: delivery status, delivery failure, delivery failed, delivery report, delivery delay, delivery has, delivery notification
    en: failure notice, mail failure, message status - undeliv, message not delivered, message could not be delivered, message undeliver
    en: could not send message, warning: could not send, warning: message, mail could not be delivered, mail system error
    en: permanent delivery failure, delayed mail, recipient unknown
    de: unzustellbar, nicht zustellbar, zustellung fehlgeschlagen, zustellung verzögert, weiterleitung fehlgeschlagen
    fr: non remis, échec de la remise, remise différée
    es, pt, it: no se puede entregar, mensaje no entregado, no entregado, não é possível entregar, não foi possível entregar, não entregue
    it: impossibile recapitare, mancato recapito, non recapitabile
    nl, sv, da, no, fi: onbestelbaar, det går inte att leverera, kan ikke leveres, toimitus epäonnistui, toimittaminen ei onnistu
    ru, pl: не удается доставить, недоставленное, niedostarczone, nie można dostarczyć, niedostarczalne
    cs, hu, tr, el: nedoručitelné, kézbesíthetetlen, teslim edilemedi, teslim edilemeyen, ανεπίδοτο
    ja, zh, ko: 配信不能, メール配信に失敗, メッセージを配信できません, 未送达, 無法傳遞, 无法传递, 배달되지 않음
    """)
)


_PARCEL_PHRASES: Final = ("delivery ", "warning: message")


def is_away(subject: str) -> bool:
    """Return whether a folded subject is that of an automatic reply. A person may write it too."""
    if any(part in subject for part in _IS_AWAY):
        return True
    words = subject.removeprefix("auto:").lstrip()
    # Up to a colon, or the whole subject: `Out of Office AutoReply: Order`.
    return words.startswith(_AWAY) and (words.find(":") if ":" in words else len(words)) <= _LONGEST_MARK


def is_forward(subject: str) -> bool:
    """Return whether a folded subject is that of a forward: `FW: Order`, `WG[2]: Order`."""
    mark, colon, _ = subject.partition(":")
    return bool(colon) and mark.partition("[")[0].partition("(")[0].strip(" .") in _FORWARD_MARKS


def is_failure(subject: str, *, by_server: bool) -> bool:
    """Return whether a folded subject is that of a bounce. A person may write it too, and shops write some of them about parcels.

    Args:
        by_server: whether the sender has the name of a mail server.
    """
    return subject.startswith(_FAILURE_PHRASES) and (by_server or not subject.startswith(_PARCEL_PHRASES))
