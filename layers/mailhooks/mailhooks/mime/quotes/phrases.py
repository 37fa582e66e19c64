"""Phrases that mail programs write around a quote, in many languages: data for `attribution`.

All are in lower case by `str.casefold`, with one space between words.
"""

# ruff: noqa: RUF001 - letters of other alphabets that look like Latin ones are meant
from enum import Enum
from typing import Final

from mailhooks.mime.case_folding import read_phrases


class Label(Enum):
    """A field in the block above an original message."""

    FROM = "from"
    DATE = "date"
    TO = "to"
    COPY = "cc"
    SUBJECT = "subject"
    OTHER = "importance, attachments, ..."
    UNKNOWN = "a field with an address, perhaps in a language that is in no table"
    SEPARATOR = "no field, but a line that may be a separator such as -----Original Message-----"
    TRACE = "a field of a complete header, which people paste when they ask for help; no program writes it above a quote"


FIELDS: Final = frozenset({Label.FROM, Label.DATE, Label.TO, Label.COPY, Label.SUBJECT})


OPENERS: Final = tuple(
    f"{phrase} "
    for phrase in sorted(
        read_phrases("""
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
        ca, gl, eo: el dia, en, o, o día, je
        ro: la, pe data de, în data de, în
        el: στις
        is, fo: þann, tann
        cy, ga: ar
        sq: më, ditën e
        hr, sr, bg, mk: dana, u, дана, у, на
        id, ms, vi: pada, pada tanggal, vào, vào lúc, vào ngày, lúc
        he, ar, fa: בתאריך, ביום, في, على, بتاريخ, در, در تاریخ, روز
        """)
    )
)
"""First words of an attribution, before the date."""

GLUED_OPENERS: Final = ("在", "于", "於", "เมื่อ", "ในวันที่", "วันที่", "កាលពី")
"""First words in languages without spaces."""

VERBS: Final = read_phrases("""
    en: wrote, writes, wrote the following, said
    fr: a écrit, a ecrit, écrit, ecrit, nous a dit
    de: schrieb, geschrieben, schrieben, schreibt
    es: escribió, escribio, ha escrito, escribe
    it: ha scritto, scrisse, scrive
    pt: escreveu, escreve, escreveram
    nl: schreef, geschreven, schrijft
    pl: pisze, napisał, napisała, napisał(a), napisana przez, napisano
    ru: пишет, написал, написала, написал(а), написал(a), писал, писал(а), писала, писали, написали
    uk: пише, написав, написала, написав(ла), написав(-ла), писав
    da, no, sv: skrev, skreiv, skriver, skrev følgende, følgende, följande
    cs: napsal, napsala, napsal(a), píše
    sk: napísal, napísala, napísal(a)
    fi: kirjoitti
    hu: írta, ezt írta
    ro: a scris
    tr: yazdı, şunu yazdı, şunları yazdı
    el: έγραψε
    ca, gl, eu: va escriure, ha escrit, va escriure el següent, escribiu, idatzi zuen, idatzi du, idatzi
    hr, sr: napisao, napisala, napisao/la, napisao(la), piše, пише, написао, написала, написао/ла, napisao je
    sl: je napisal, je napisala, je napisal(a), napisal/-a
    bg, mk, be: написа, напиша, напісаў, напісала
    et: kirjutas
    lt: rašė
    lv: rakstīja
    id, ms: menulis, membalas
    vi: đã viết, viết
    he: כתב, כתבה, כתב/ה, כתב(ה), נכתב על ידי
    ar, fa, ur: كتب, كتبت, كتب/ت, نوشت, نوشته است, نے لکھا
    hi, mr, ne: ने लिखा, लिखा, ने लिहिले, लिहिले, लेख्नुभयो
    bn, pa, gu: লিখেছেন, লিখেছিলেন, ਲਿਖਿਆ, લખ્યું
    ta, te, kn, ml, si: எழுதியது, எழுதினார், ఇలా రాసారు, వ్రాశారు, ಬರೆದಿದ್ದಾರೆ, എഴുതി, ලියන ලඳි
    is, fo: skrifaði, skrivaði
    sq: shkroi, ka shkruar, shkruajti
    cy, ga, gd, br: ysgrifennodd, scríobh, sgrìobh, skrivet
    af, fy, lb: skryf, geskryf, skreau, schreift
    tr, az, uz, kk: yazmış, yazıb, yozdi, жазды, жазған
    ka, hy: წერს, დაწერა, գրել է, գրեց
    dsb, hsb, be, kab, ku, xh, ug, as: napisal, napisa, napisaŭ, yura, nivîsî, ubhale, يازدى, يازدىكى, লিখিছিল, എഴുതിയിരിക്കുന്നു
    sw, fil, eo, oc, rm: scrit, aliandika, sumulat, isinulat ni, skribis, escriguèt, ha scrit
""")
"""Verbs of writing."""

GLUED_VERBS: Final = read_phrases("""
    ja: のメール, のメッセージ, さんは書きました, さんが書きました, は書きました
    zh: 写道, 寫道, 写于, 寫於, 来信, 寫到, 提到
    ko: 작성, 쓴 글, 쓴 내용
    th: เขียนว่า, เขียนเมื่อ, เขียน
    km: បានសរសេរ
""")
"""Verbs in languages without spaces, or with endings."""

ORIGINAL: Final = read_phrases("""
    en: original message, original, original appointment, reply message, replied message, forwarded message, forwarded by, reply separator,
    en: begin forwarded message, original mail, original email, forwarded mail, original e-mail, original text
    en: please type your reply above this line, please reply above this line, reply above this line, please do not write below this line
    en, de, fr, es, it, nl, pl: write above this line to reply, bitte oberhalb dieser linie antworten, bitte über dieser linie antworten
    fr, es, it, nl, pl: répondre au-dessus de cette ligne, veuillez répondre au-dessus de cette ligne, responda por encima de esta línea
    it, nl, pl: rispondi sopra questa linea, reageer boven deze lijn, antwoord boven deze lijn, proszę odpowiadać powyżej tej linii
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
    hr, sl, bg: izvorna poruka, proslijeđena poruka, izvirno sporočilo, izvorno sporočilo, posredovano sporočilo, оригинално писмо
    bg, mk, sr, be: препратено писмо, препратено съобщение, оригинално съобщение, препратена порака, оригинална порака
    sr, bs, be: изворна порука, оригинална порука, прослеђена порука, originalna poruka, prosleđena poruka, зыходнае паведамленне
    be, uk: арыгінальнае паведамленне, перанакіраванае паведамленне, оригінальне повідомлення, пересланий лист
    ca, gl, ast, eu: missatge original, missatge reenviat, mensaxe orixinal, mensaxe reenviada, jatorrizko mezua, birbidalitako mezua
    et, lt, lv: algne kiri, edastatud kiri, algne sõnum, originalus laiškas, persiųstas laiškas, sākotnējā vēstule, pārsūtītā vēstule
    lv, et, lt: sākotnējais ziņojums, esialgne kiri, originalus pranešimas, persiųstas pranešimas
    id, ms, vi: pesan asli, pesan terusan, mesej asal, mesej dimajukan, thư gốc, thư đã chuyển tiếp, tin nhắn đã chuyển tiếp
    th: ข้อความต้นฉบับ, ข้อความเดิม, ข้อความที่ส่งต่อ, ข้อความส่งต่อ
    is, fo: upprunalegur póstur, upprunaleg skilaboð, áframsendur póstur, áframsent skeyti, uppruna boð
    sq: mesazhi origjinal, mesazh origjinal, mesazhi i përcjellë, mesazh i përcjellë
    cy, ga, gd, br: neges wreiddiol, neges wedi'i hanfon ymlaen, teachtaireacht bhunaidh, an teachtaireacht bhunaidh, kemennadenn orinel
    af, fy, lb: oorspronklike boodskap, aangestuurde boodskap, oarspronklik berjocht, trochstjoerd berjocht, original-message
    az, uz, kk, tr: orijinal məktub, asl xabar, түпнұсқа хабарлама, yönlendirilen ileti, yönlendirilmiş ileti, iletilen mesaj
    ka, hy: საწყისი წერილი, გადაგზავნილი წერილი, ორიგინალი შეტყობინება, բնօրինակ նամակը, փոխանցվող նամակը
    hi, mr, bn: मूल संदेश, मौलिक संदेश, अग्रेषित संदेश, मुळ संदेश, मूळ संदेश, আসল বার্তা, মূল বার্তা, ফরওয়ার্ড করা বার্তা
    he, ar: הודעה מקורית, הודעה שהועברה, הודעה מועברת, الرسالة الأصلية, رسالة معاد توجيهها, الرسالة الأساسية, رسالة ممررة, رسالة محولة
    da, dsb, hsb, rm, ku, ga, gd: original besked, oprindeligt brev, originalna powěsć, messadi original, peyama orîjînal, bunteachtaireacht
    ar, hy, kk, mr, nl, uz: الرسالة الأصليَّة, առաջին հաղորդագրությունը, түпнұсқа хабарламасы, खरा संदेश, orgineel bericht, asl xat
    fi, sk: alkuperäinen viesti / orig.msg., välitetty viesti / fwd.msg, pôvodná správa --- original message
    sk: preposlaná správa --- forwarded message
    ar, bg, it: الرسالة الأصليَّة, رسالة ممرّرة, оригинално съобщение, messaggio inoltrato
    fa, sw, fil, eo: پیام اصلی, پیام بازارسال‌شده, پیغام ارجاع شده, ujumbe wa asili, orihinal na mensahe, originala mesaĝo, origina mesaĝo
""")
"""The line above an original or forwarded message, without the dashes around it."""

_LABELS: Final = {
    Label.FROM: """
        en, fr: from, sender, de, exp, expéditeur, de la part de
        de: von, absender
        it, nl: da, mittente, van, afzender
        pl, cs, sk: od, nadawca, odesílatel, odosielateľ
        ru, uk, bg: от, от кого, отправитель, від, від кого, відправник
        ja, zh, ko: 差出人, 送信者, 送信元, from, 发件人, 發件人, 寄件者, 寄件人, 发信人, 보낸 사람, 보낸사람
        da, sv, fi, hu: fra, från, avsändare, lähettäjä, feladó
        ro, tr, el, hr, et: de la, expeditor, expeditorul, kimden, gönderen, gönderici, από, αποστολέας, šalje, pošiljatelj, saatja
        es, pt, ca: remitente, remetente, remitent
        he, ar, fa: מאת, השולח, من, المرسل, از, فرستنده
        da, nb, nn, zh, ja, bg, ar: afsender, avsender, frå, 從, 発信者, подател, مِن
        lb, dsb, hsb, mn, si: vun, wót, wot, хэнээс, වෙතින්
        is, sq, cy, ga: frá, sendandi, nga, dërguesi, oddi wrth, seolaí, ó
        lt, lv, eu, sl: kas, siuntėjas, nuo, no, nork, igorlea, pošiljatelj
        sr, mk, be: шаље, од, пошиљалац, испраќач, ад
        id, ms, vi, th: dari, pengirim, daripada, từ, gửi từ, người gửi, จาก, ผู้ส่ง
        hi, bn, ta, te: प्रेषक, से, প্রেরক, থেকে, அனுப்புநர், அனுப்புனர், పంపినవారు, నుండి
        af, fy, az, uz, kk: fan, kimdən, göndərən, kimdan, кімнен
        ka, hy, eo, sw, fil: ვინ, გამგზავნი, ումից, ուղարկող, sendanto, kutoka kwa, mula kay, mula sa
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
        ro, tr, el, hr: trimis, data, dată, gönderildi, gönderilen, gönderme tarihi, tarih, ημερομηνία, στάλθηκε, εστάλη, poslano, datum
        he, ar, fa: נשלח, תאריך, تاريخ, التاريخ, تم الإرسال, أرسلت, تاریخ, ارسال شده
        fo, ne, mn, ku, si: tann, तारिख, огноо, dîrok, දිනය
        ca, eu, sl: enviat, enviat el, bidalia, bidaltze-data, poslano
        is, sq, cy, ga: sent þann, sent, dagsetning, dërguar, datë, data, anfonwyd, dyddiad, seolta, dáta
        et, lt, lv: saadetud, kuupäev, išsiųsta, data, nosūtīts, datums
        sr, mk, be: послато, датум, poslato, испратено, адпраўлена
        id, ms, vi, th: terkirim, dikirim, tanggal, dihantar, tarikh, đã gửi, ngày, ส่ง, ส่งเมื่อ, วันที่
        hi, bn, ta, te: भेजा गया, दिनांक, तारीख, তারিখ, প্রেরিত, அனுப்பப்பட்டது, தேதி, పంపబడింది, తేదీ
        af, az, uz, kk: gestuur, göndərildi, sana, yuborildi, күні, жіберілді
        ka, hy, eo, sw, fil: თარიღი, გაიგზავნა, ամսաթիվ, ուղարկվել է, dato, imetumwa, tarehe, ipinadala, petsa
    """,
    Label.TO: """
        en: to, to whom, receiver, recipient, recipients
        fr: à, a, pour, destinataire, dest
        de: an, empfänger, bis
        es, pt: para, destinatario, destinatário
        it, nl: a, aan
        pl, cs, sk, hr: do, adresat, komu, pre, prima
        ru, uk, bg: кому, до
        ja, zh, ko: 宛先, 送信先, 收件人, 收件者, 收信人, 받는 사람, 받는사람
        da, sv, fi, hu: til, till, vastaanottaja, címzett
        ro, tr, el, et: către, destinatarul, kime, alıcı, προς, παραλήπτης, saaja
        he, ar, fa: אל, إلى, المستلم, به, گیرنده
        da, nb, zh, ast, rm, lb, mn, ne, si: modtager, mottaker, 到, pa, a, un, хэнд, प्रापक, වෙත
        ca, eu, sl: per a, destinatari, nori, za
        is, sq, cy, ga: til, për, at, i, derbyniwr, chuig
        lt, lv: kam, gavėjas, uz, saņēmējs
        sr, mk, be: прима, за, коме, примач, каму
        id, ms, vi, th: kepada, penerima, tới, đến, người nhận, ถึง, ผู้รับ
        hi, bn, ta, te: को, प्रति, प्राप्तकर्ता, প্রতি, প্রাপক, பெறுநர், பெறுனர், వీరికి
        af, fy, az, uz, kk: oan, kimə, kimga, кімге
        ka, hy, eo, sw, fil: ვის, ում, ստացող, ricevanto, kwa, kay, para kay
    """,
    Label.COPY: """
        en: cc, bcc
        fr, de: copie, copie à, kopie, kopie (cc)
        es, pt: cc, cco, con copia
        pl, cs: dw, do wiadomości, kopia, kopie
        ru, uk: копия, копія
        ja, zh, ko: cc, 抄送, 副本, ｃｃ, 참조
        da, sv, fi, hu, sk, tr: kopi, kopia, kopio, másolatot kap, másolat, kópia, bilgi
        el, ro, bg, sr, he, ar, fa: κοιν, κοινοποίηση, copie, копие, копия, цц, עותק, לידיעה, نسخة, نسخة إلى, رونوشت
        ca, eu, is, et, lt, lv: còpia, amb còpia, kopia, afrit, koopia, kopija
        id, vi, th: tembusan, salinan, đồng gửi, đồng kính gửi, สำเนา, สำเนาถึง
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
        he, ar, fa: נושא, الموضوع, موضوع
        ast, rm, ia, fo, bg, th, ga, mn: asuntu, object, subjecto, evni, заглавие, หัวจดหมาย, ábhair, гарчиг, sujed, danvez, underwerp
        ca, eu, sl: assumpte, tema, gaia, zadeva
        is, sq, cy, ga: efni, viðfangsefni, titill, subjekt, subjekti, tema, pwnc, ábhar
        et, lt, lv: teema, pealkiri, tema, temats
        sr, mk, be: тема, наслов, предмет, тэма
        id, ms, vi, th: subjek, perihal, judul, chủ đề, tiêu đề, เรื่อง, หัวเรื่อง, หัวข้อ
        hi, bn, ta, te: विषय, বিষয়, பொருள், தலைப்பு, విషయం
        af, fy, az, uz, kk: onderwerp, ûnderwerp, mövzu, mavzu, тақырыбы
        ka, hy, eo, sw, fil: თემა, სათაური, վերնագիր, թեմա, temo, mada, paksa
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

LABELS: Final = {phrase: label for label, rows in _LABELS.items() for phrase in read_phrases(rows)}

DIGEST: Final = ("today's topics", "topics in this digest", "topics covered in this issue", "topic digest", "digest summary")
"""First words of lines above the contents of a mailing list's digest: header blocks in a digest are not quotes."""

TRAILERS: Final = (
    *("sent from ", "sent with ", "sent via "),
    # phones
    *read_phrases("""
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
        tr, el, hu, ro: iphone'umdan gönderildi, ipad'imden gönderildi, στάλθηκε από, az iphone-omról küldve, trimis de pe
        uk, sk, ca, hr, sl: надіслано з, odoslané z, enviat des, poslano s, poslano z
        ko, th, vi, id: 나의 iphone에서 보냄, 내 iphone에서 보냄, ส่งจาก, đã gửi từ, gửi từ, dikirim dari
        he, ar: נשלח מ, أُرسلت من, مرسل من
    """),
    # mailing lists
    *read_phrases("""
        en: you received this message because, to unsubscribe, unsubscribe
    """),
    # virus scanners
    *read_phrases("""
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
