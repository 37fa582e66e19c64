"""The names of the folders with a special use (RFC 6154), in the languages of mail programs and of WorkMail's web application.

WorkMail creates these folders with names in the language of the mailbox, and an export has nothing but their names.
"""

import unicodedata
from enum import StrEnum
from typing import Final


class Use(StrEnum):
    """What a folder is for. The value of SENT, DRAFTS, TRASH, JUNK and ARCHIVE is the attribute of RFC 6154."""

    INBOX = "INBOX"
    SENT = "\\Sent"
    DRAFTS = "\\Drafts"
    TRASH = "\\Trash"
    JUNK = "\\Junk"
    ARCHIVE = "\\Archive"
    CALENDAR = "calendar"


STANDARD_NAMES: Final = {
    Use.INBOX: "INBOX",
    Use.SENT: "Sent",
    Use.DRAFTS: "Drafts",
    Use.TRASH: "Trash",
    Use.JUNK: "Junk",
    Use.ARCHIVE: "Archive",
}
"""The name of a folder that the server lacks."""

# Lines: en; de, nl, da, nb, sv, fi; fr, es, it, pt, ca, ro; pl, cs, hu, ru, uk, bg, el, tr; ja, ko, zh; ar, he, id, vi, th.
_NAMES: Final = {
    Use.INBOX: """
        Inbox
        Posteingang|Postvak IN|Indbakke|Innboks|Inkorgen|Inkorg|Saapuneet
        Boîte de réception|Bandeja de entrada|Posta in arrivo|Caixa de Entrada|A Receber|Safata d'entrada|Mesaje primite
        Skrzynka odbiorcza|Doručená pošta|Beérkezett üzenetek|Входящие|Вхідні|Входящи|Εισερχόμενα|Gelen Kutusu
        受信トレイ|받은 편지함|收件箱|收件匣
        صندوق الوارد|علبة الوارد|תיבת דואר נכנס|דואר נכנס|Kotak Masuk|Hộp thư đến|กล่องจดหมายเข้า|กล่องขาเข้า
    """,
    Use.SENT: """
        Sent|Sent Items|Sent Mail|Sent Messages
        Gesendete Elemente|Gesendete Objekte|Gesendet|Verzonden items|Verzonden|Sendt post|Sendte elementer|Sendt|Skickat|Skickade objekt
        Lähetetyt
        Éléments envoyés|Messages envoyés|Elementos enviados|Enviados|Posta inviata|Itens enviados|Elements enviats|Mesaje trimise
        Elemente trimise|Elementy wysłane|Wysłane|Odeslaná pošta|Elküldött elemek|Elküldött üzenetek|Отправленные|Надіслані|Изпратени
        Απεσταλμένα|Gönderilmiş Öğeler|Gönderilmiş
        送信済みアイテム|送信済みメール|送信済み|보낸 편지함|已发送邮件|已发送|寄件備份|已傳送的郵件
        العناصر المرسلة|פריטים שנשלחו|Item Terkirim|Mục đã gửi|รายการที่ถูกส่ง|รายการที่ส่ง
    """,
    Use.DRAFTS: """
        Drafts|Draft
        Entwürfe|Concepten|Kladder|Utkast|Luonnokset
        Brouillons|Borradores|Bozze|Rascunhos|Esborranys|Schițe|Ciorne
        Wersje robocze|Koncepty|Piszkozatok|Черновики|Чернетки|Чернови|Πρόχειρα|Taslaklar
        下書き|임시 보관함|草稿|草稿箱
        المسودات|مسودات|טיוטות|Draf|Konsep|Thư nháp|แบบร่าง
    """,
    Use.TRASH: """
        Trash|Deleted Items|Deleted Messages|Deleted
        Gelöschte Elemente|Gelöschte Objekte|Papierkorb|Verwijderde items|Prullenbak|Slettet post|Slettede elementer|Papirkurv|Borttaget
        Borttagna objekt|Papperskorgen|Poistetut|Roskakori
        Éléments supprimés|Corbeille|Elementos eliminados|Papelera|Posta eliminata|Cestino|Itens excluídos|Itens eliminados|Lixeira
        Elements suprimits|Elemente șterse
        Elementy usunięte|Kosz|Odstraněná pošta|Törölt elemek|Удаленные|Удалённые|Корзина|Видалені|Изтрити|Διαγραμμένα|Silinmiş Öğeler
        削除済みアイテム|ごみ箱|지운 편지함|휴지통|已删除邮件|已删除|刪除的郵件|垃圾桶
        العناصر المحذوفة|פריטים שנמחקו|Item yang Dihapus|Mục đã xóa|รายการที่ถูกลบ
    """,
    Use.JUNK: """
        Junk|Junk E-mail|Junk Email|Spam|Bulk Mail
        Junk-E-Mail|Spamverdacht|Ongewenste e-mail|Uønsket e-mail|Uønsket mail|Søppelpost|Skräppost|Roskaposti
        Courrier indésirable|Pourriel|Correo no deseado|Posta indesiderata|Lixo Eletrônico|Lixo Electrónico|Correu brossa|Mesaje nedorite
        Wiadomości-śmieci|Wiadomości śmieci|Nevyžádaná pošta|Levélszemét|Нежелательная почта|Спам|Небажана пошта|Нежелана поща
        Ανεπιθύμητη αλληλογραφία|Önemsiz E-posta
        迷惑メール|정크 메일|스팸 메일함|垃圾邮件|垃圾郵件
        البريد الإلكتروني غير الهام|דואר זבל|Email Sampah|Thư rác|อีเมลขยะ
    """,
    Use.ARCHIVE: """
        Archive|Archives
        Archiv|Archief|Arkiv|Arkisto|Archivo|Archivio|Arquivo Morto|Archiwum|Архив|アーカイブ|보관|存档|封存
    """,
    Use.CALENDAR: """
        Calendar
        Kalender|Agenda|Kalenteri
        Calendrier|Calendario|Calendário|Calendari
        Kalendarz|Kalendář|Naptár|Календарь|Календар|Ημερολόγιο|Takvim
        予定表|カレンダー|일정|캘린더|日历|行事曆
        التقويم|לוח שנה|Lịch|ปฏิทิน
    """,
}


def fold(name: str) -> str:
    """Return a form of a name in which case and composition of characters do not count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", name).casefold()).strip()


_USES: Final = {fold(name): use for use, names in _NAMES.items() for line in names.splitlines() for name in line.split("|") if name.strip()}


def find_use(name: str) -> Use | None:
    """Return the use of a top-level folder by its name, in any of the languages.

    >>> find_use("Gesendete Elemente")
    <Use.SENT: '\\\\Sent'>
    """
    return _USES.get(fold(name))
