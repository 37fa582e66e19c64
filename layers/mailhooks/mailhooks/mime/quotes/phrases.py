"""Phrases that mail programs write around a quote, in many languages: data for `attribution`.

All are in lower case by `str.casefold`, with one space between words.
"""

# ruff: noqa: RUF001 - letters of other alphabets that look like Latin ones are meant
from enum import Enum
from typing import Final


class Label(Enum):
    """A field in the block above an original message."""

    FROM = "from"
    DATE = "date"
    TO = "to"
    COPY = "cc"
    SUBJECT = "subject"
    OTHER = "importance, attachments, ..."
    TRACE = "a field of a complete header, which people paste when they ask for help; no program writes it above a quote"


def _read_phrases(rows: str) -> frozenset[str]:
    """Return the phrases of all rows `language: phrase, phrase`. The language is for the reader of the code."""
    return frozenset(
        phrase.strip().casefold() for row in rows.strip().splitlines() for phrase in row.partition(":")[2].split(",") if phrase.strip()
    )


OPENERS: Final = tuple(
    f"{phrase} "
    for phrase in sorted(
        _read_phrases("""
        en: on, at, in message
        fr: le
        de: am
        es: el
        it: il, il giorno, in data
        pt: em, no dia, às, a
        nl: op
        pl: w dniu, dnia, wiadomość napisana przez, użytkownik
        ru: в
        cs, sk: dne, dňa
        da, sv, no: den, på
        ca: el dia
        ro: la, pe data de, în data de
        el: στις
        """)
    )
)
"""First words of an attribution, before the date."""

CJK_OPENERS: Final = ("在", "于", "於")

VERBS: Final = _read_phrases("""
    en: wrote, writes, wrote the following, said
    fr: a écrit, a ecrit, écrit, ecrit, nous a dit
    de: schrieb, geschrieben, schrieben, schreibt
    es: escribió, escribio, ha escrito, escribe
    it: ha scritto, scrisse, scrive
    pt: escreveu, escreve, escreveram
    nl: schreef, geschreven, schrijft
    pl: pisze, napisał, napisała, napisał(a), napisana przez, napisano
    ru: пишет, написал, написала, написал(а), написал(a), писал, писал(а), писала
    uk: пише, написав, написала, написав(ла), написав(-ла), писав
    da, no, sv: skrev, skreiv, skriver, skrev følgende, følgende
    cs: napsal, napsala, napsal(a), píše
    sk: napísal, napísala, napísal(a)
    fi: kirjoitti
    hu: írta, ezt írta
    ro: a scris
    tr: yazdı, şunu yazdı, şunları yazdı
    el: έγραψε
    ca: va escriure, ha escrit
    hr: napisao, napisala, napisao/la
    sl: je napisal, je napisala
    bg: написа
    et: kirjutas
    lt: rašė
    lv: rakstīja
    id: menulis
    vi: đã viết
    he: כתב, כתבה, כתב/ה
    ar: كتب
""")
"""Verbs of writing."""

CJK_VERBS: Final = _read_phrases("""
    ja: のメール, のメッセージ, さんは書きました, さんが書きました, は書きました
    zh: 写道, 寫道, 写于, 来信
    ko: 작성, 쓴 글
""")

ORIGINAL: Final = _read_phrases("""
    en: original message, original, original appointment, reply message, replied message, forwarded message, forwarded by, reply separator,
    en: begin forwarded message, original mail, original email, forwarded mail
    fr: message original, message d'origine, message d’origine, message initial, message transféré, message transmis
    fr: mail original, e-mail original, courriel original, début du message réexpédié, début du message transféré, courrier d'origine
    de: ursprüngliche nachricht, original-nachricht, originalnachricht, urspr. nachricht, ursprüngliche mitteilung, ursprüngliche e-mail
    de: weitergeleitete nachricht, anfang der weitergeleiteten nachricht, weitergeleitete mail, original e-mail, original-mail
    es: mensaje original, mensaje reenviado, inicio del mensaje reenviado, mensaje de origen, correo original
    it: messaggio originale, messaggio inoltrato, inizio messaggio inoltrato, messaggio d'origine
    pt: mensagem original, mensagem encaminhada, mensagem reencaminhada, início da mensagem encaminhada
    pt: início da mensagem reencaminhada
    nl: oorspronkelijk bericht, origineel bericht, doorgestuurd bericht, begin doorgestuurd bericht, oorspronkelijke bericht
    pl: oryginalna wiadomość, wiadomość oryginalna, wiadomość pierwotna, treść oryginalnej wiadomości, przekazana wiadomość
    pl: treść przekazanej wiadomości, wiadomość przekazana dalej, początek przekazywanej wiadomości, wiadomość oryginalna
    ru: исходное сообщение, оригинальное сообщение, пересылаемое сообщение, пересланное сообщение, перенаправленное сообщение
    ru: начало переадресованного сообщения, начало переадресованного письма, пересылаемое письмо, исходное письмо
    uk: початкове повідомлення, вихідне повідомлення, переслане повідомлення, перенаправлене повідомлення, початок листа що пересилається
    ja: 元のメッセージ, 元のメール, 転送メッセージ, 転送されたメッセージ, 転送メール, original message
    zh: 原始邮件, 原始郵件, 原始消息, 原邮件, 转发邮件, 回复的原邮件, 回复的邮件, 转发的邮件, 轉寄郵件, 原始信件, 转发邮件信息, 邮件原件
    ko: 원본 메시지, 원본 메일, 전달된 메시지, 원본 메세지
    da: oprindelig meddelelse, oprindelig besked, videresendt meddelelse, videresendt besked, start på videresendt besked
    no: opprinnelig melding, opphavleg melding, videresendt melding, videresendt e-post
    sv: ursprungligt meddelande, originalmeddelande, vidarebefordrat meddelande, vidarebefordrat mejl, ursprungligt mejl
    cs: původní zpráva, původní e-mail, přeposlaná zpráva, začátek přeposílané zprávy
    sk: pôvodná správa, preposlaná správa, začiatok preposlanej správy
    fi: alkuperäinen viesti, välitetty viesti, välitetty viesti alkaa
    hu: eredeti üzenet, továbbított üzenet, továbbított levél kezdete
    ro: mesajul original, mesaj original, mesaj redirecționat, începe mesajul redirecționat
    tr: özgün ileti, orijinal mesaj, iletilmiş mesaj, iletilen ileti, ileti başlangıcı, orijinal ileti
    el: αρχικό μήνυμα, προωθημένο μήνυμα
    hr, sl, bg: izvorna poruka, proslijeđena poruka, izvirno sporočilo, оригинално писмо
    ca, gl, et, lt, id, vi: missatge original, mensaxe orixinal, algne kiri, originalus laiškas, pesan asli, thư gốc
    he, ar: הודעה מקורית, הודעה שהועברה, الرسالة الأصلية, رسالة معاد توجيهها
""")
"""The line above an original or forwarded message, without the dashes around it."""

_LABELS: Final = {
    Label.FROM: """
        en, fr: from, de, exp, expéditeur, de la part de
        de: von, absender
        it, nl: da, mittente, van, afzender
        pl, cs, sk: od, nadawca, odesílatel, odosielateľ
        ru, uk, bg: от, от кого, отправитель, від, від кого, відправник
        ja, zh, ko: 差出人, 送信者, 送信元, from, 发件人, 發件人, 寄件者, 寄件人, 发信人, 보낸 사람, 보낸사람
        da, sv, fi, hu: fra, från, avsändare, lähettäjä, feladó
        ro, tr, el, hr, et: de la, expeditor, expeditorul, kimden, gönderen, από, šalje, saatja
        es, pt: remitente, remetente
        he, ar: מאת, من
    """,
    Label.DATE: """
        en: sent, date, sent on, date sent
        fr: envoyé, envoyé le, date, date d'envoi
        de: gesendet, datum, gesendet am
        es: enviado, fecha, enviado el, fecha de envío
        it: inviato, data, inviato il, data invio
        pt: enviado, enviada, data, enviada em, enviado em, data de envio
        nl: verzonden, datum, verzonden op
        pl: wysłano, data, wysłane
        ru, uk, bg: отправлено, дата, дата отправки, надіслано, відправлено, изпратено
        ja, zh, ko: 日付, 日時, 送信日時, 送信日, 发送时间, 日期, 時間, 时间, 寄件日期, 傳送日期, 發送時間, 傳送時間, 보낸 날짜, 날짜
        da, sv, fi, hu: sendt, dato, skickat, datum, lähetetty, päivämäärä, päiväys, elküldve, dátum
        cs, sk: odesláno, datum, odoslané, dátum
        ro, tr, el, hr: trimis, data, dată, gönderildi, gönderilen, gönderme tarihi, tarih, ημερομηνία, στάλθηκε, poslano
        he, ar: נשלח, תאריך, تاريخ, التاريخ, تم الإرسال
    """,
    Label.TO: """
        en: to, to whom
        fr: à, a, pour, destinataire, dest
        de: an, empfänger
        es, pt: para, destinatario, destinatário
        it, nl: a, aan
        pl, cs, sk, hr: do, adresat, komu, pre, prima
        ru, uk, bg: кому, до
        ja, zh, ko: 宛先, 送信先, 收件人, 收件者, 收信人, 받는 사람, 받는사람
        da, sv, fi, hu: til, till, vastaanottaja, címzett
        ro, tr, el, et: către, destinatarul, kime, alıcı, προς, saaja
        he, ar: אל, إلى
    """,
    Label.COPY: """
        en: cc, bcc
        fr, de: copie, copie à, kopie, kopie (cc)
        es, pt: cc, cco, con copia
        pl, cs: dw, do wiadomości, kopia, kopie
        ru, uk: копия, копія
        ja, zh, ko: cc, 抄送, 副本, ｃｃ, 참조
        da, sv, fi, hu, sk, tr: kopi, kopia, kopio, másolatot kap, másolat, kópia, bilgi
    """,
    Label.SUBJECT: """
        en: subject
        fr: objet, sujet
        de: betreff, betr
        es, pt, it: asunto, assunto, oggetto
        nl, pl: onderwerp, temat
        ru, uk, bg: тема, относно
        ja, zh, ko: 件名, 主题, 主題, 主旨, 题目, 标题, 제목
        da, no, sv: emne, ämne
        cs, sk, hr: předmět, věc, predmet, naslov
        fi, hu, ro, tr, el: aihe, tárgy, subiect, subiectul, konu, θέμα
        he, ar: נושא, الموضوع
    """,
    Label.OTHER: """
        en: importance, attachments, reply-to, priority, sensitivity, organization, on behalf of, attachment, when, where, categories
        fr, de: importance, pièces jointes, anlagen, wichtigkeit, priorität, antwort an, répondre à
        es, pt, it: importancia, datos adjuntos, anexos, prioridade, allegati, priorità, rispondi a, responder a
        nl, pl, ru: bijlagen, urgentie, załączniki, ważność, вложения, важность
    """,
    Label.TRACE: """
        en: received, return-path, message-id, mime-version, content-type, delivered-to, dkim-signature, authentication-results, user-agent
        en: content-transfer-encoding, x-mailer, list-id, references, in-reply-to, arc-seal, received-spf, x-spam-status
    """,
}

LABELS: Final = {phrase: label for label, rows in _LABELS.items() for phrase in _read_phrases(rows)}

DIGEST: Final = ("today's topics", "topics in this digest", "topics covered in this issue", "topic digest", "digest summary")
"""First words of lines above the contents of a mailing list's digest: header blocks in a digest are not quotes."""

TRAILERS: Final = (
    *("sent from ", "sent with ", "sent via "),
    # phones
    *_read_phrases("""
        en: get outlook for
        fr: envoyé de mon, envoyé depuis, envoyé à partir, télécharger outlook, obtenez outlook
        de: von meinem, von unterwegs gesendet, gesendet von, gesendet mit, outlook für
        es: enviado desde, obtener outlook
        it: inviato da, scarica outlook, ottieni outlook
        pt: enviado do, enviado a partir, obter o outlook
        nl: verzonden vanaf, verstuurd vanaf, outlook voor
        pl: wysłane z, wysłano z, pobierz
        ru: отправлено с, отправлено из
        sv: skickat från
        da, no: sendt fra
        cs: odesláno z
        fi: lähetetty
        zh: 发自我的, 發自我的
        ja: iphoneから送信, ipadから送信, androidから送信
    """),
    # mailing lists
    *_read_phrases("""
        en: you received this message because, to unsubscribe, unsubscribe
    """),
    # virus scanners
    *_read_phrases("""
        en: this email has been checked for viruses, this e-mail has been checked for viruses, virus-free
        de: virenfrei, diese e-mail wurde von
        fr: garanti sans virus, sans virus
        es: libre de virus
        it: privo di virus
        pt: livre de vírus
        nl: virusvrij
    """),
)
"""First words of texts that programs add at the end."""
