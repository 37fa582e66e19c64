"""One word of CLDR in many languages, with a sentence around it and the charsets that mailers used for the language."""

# ruff: noqa: RUF001 - letters of other alphabets that look like Latin ones are meant

from typing import Final, NamedTuple


class Sample(NamedTuple):
    """A day or month of CLDR (`calendars/gregorian`, wide format) within a sentence; `{}` is its place."""

    word: str
    sentence: str
    charsets: tuple[str, ...]
    """Charsets of the language; `universal` ones are added up to five."""
    spaced: bool = True
    """Whether the language has spaces between words."""

    def five_charsets(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.charsets, *_UNIVERSAL)))[:5]


_UNIVERSAL: Final = ("utf-8", "gb18030", "utf-16", "utf-16le", "utf-32")

_WESTERN: Final = ("iso-8859-1", "windows-1252", "iso-8859-15")
_CENTRAL: Final = ("iso-8859-2", "windows-1250")
_CYRILLIC: Final = ("koi8-r", "windows-1251", "iso-8859-5")
_ARABIC: Final = ("iso-8859-6", "windows-1256")

LANGUAGES: Final = {
    "am": Sample("ረቡዕ", "ስብሰባው የሚካሄደው {} ከሰዓት ነው።", ()),
    "ar": Sample("الأربعاء", "موعد الاجتماع يوم {} صباحا.", _ARABIC),
    "az": Sample("çərşənbə", "Görüş {} günü keçiriləcək.", ()),
    "bg": Sample("сряда", "Срещата е в {}, в девет часа.", _CYRILLIC),
    "bn": Sample("বুধবার", "সভাটি আগামী {} সকালে হবে।", ()),
    "cs": Sample("středa", "Termín schůzky: {}, devět hodin.", _CENTRAL),
    "da": Sample("onsdag", "Mødet er på {} klokken ni.", _WESTERN),
    "de": Sample("Mittwoch", "Wir treffen uns am {}, früh um neun.", _WESTERN),
    "el": Sample("Τετάρτη", "Η σύσκεψη είναι την {} το πρωί.", ("iso-8859-7", "windows-1253")),
    "es": Sample("miércoles", "La reunión será el {} por la mañana.", _WESTERN),
    "et": Sample("kolmapäev", "Järgmine kohtumine: {}, kell üheksa.", ("iso-8859-15", "windows-1257")),
    "fa": Sample("چهارشنبه", "جلسه روز {} برگزار خواهد شد.", ("utf-8", "utf-16")),
    "fi": Sample("lokakuu", "Seuraava jakso on {} ja päättyy pian.", _WESTERN),
    "fr": Sample("mercredi", "La réunion aura lieu {} à neuf heures.", _WESTERN),
    "he": Sample("אוקטובר", "הפגישה תתקיים בחודש {} בבוקר.", ("iso-8859-8", "windows-1255")),
    "hi": Sample("बुधवार", "बैठक {} को सुबह होगी।", ()),
    "hr": Sample("srijeda", "Sljedeći sastanak: {}, u devet sati.", _CENTRAL),
    "hu": Sample("október", "A következő időszak: {}, délelőtt.", _CENTRAL),
    "hy": Sample("չորեքշաբթի", "Հանդիպումը {} առավոտյան է։", ()),
    "is": Sample("miðvikudagur", "Næsti fundur: {}, klukkan níu.", _WESTERN),
    "it": Sample("mercoledì", "La riunione è {} alle nove.", _WESTERN),
    "ja": Sample("水曜日", "次の会議は{}の午前に行います。", ("iso-2022-jp", "shift_jis", "euc-jp"), spaced=False),
    "ka": Sample("ოთხშაბათი", "შეხვედრის დღე: {}, დილით.", ()),
    "kk": Sample("сәрсенбі", "Кездесу {} күні болады.", ("ptcp154",)),
    "km": Sample("ពុធ", "ការប្រជុំនៅថ្ងៃ{}វេលាព្រឹក។", (), spaced=False),
    "ko": Sample("수요일", "회의는 {}에 열립니다.", ("euc-kr", "iso-2022-kr", "ks_c_5601-1987"), spaced=False),
    "lo": Sample("ວັນພຸດ", "ກອງປະຊຸມແມ່ນ{}ຕອນເຊົ້າ", (), spaced=False),
    "lt": Sample("trečiadienis", "Kitas susitikimas: {}, devintą valandą.", ("iso-8859-13", "windows-1257")),
    "lv": Sample("trešdiena", "Nākamā sanāksme: {}, pulksten deviņos.", ("iso-8859-4", "windows-1257")),
    "ml": Sample("ബുധനാഴ്ച", "യോഗം അടുത്ത {} രാവിലെ നടക്കും.", ()),
    "my": Sample("ဗုဒ္ဓဟူး", "အစည်းအဝေးကို{}နေ့တွင်ကျင်းပမည်။", (), spaced=False),
    "pl": Sample("środa", "Następne spotkanie: {}, godzina dziewiąta.", _CENTRAL),
    "pt": Sample("março", "A reunião será em {} às nove.", _WESTERN),
    "ro": Sample("miercuri", "Întâlnirea este {} dimineață.", ("iso-8859-16",)),
    "ru": Sample("среда", "День встречи: {}, девять часов.", _CYRILLIC),
    "si": Sample("බදාදා", "රැස්වීම {} උදේ පැවැත්වේ.", ()),
    "sv": Sample("onsdag", "Mötet är på {} klockan nio.", _WESTERN),
    "ta": Sample("புதன்", "கூட்டம் {} காலை நடைபெறும்.", ()),
    "te": Sample("బుధవారం", "సమావేశం {} ఉదయం జరుగుతుంది.", ()),
    "th": Sample("วันพุธ", "การประชุมจะมีขึ้นใน{}ตอนเช้า", ("tis-620", "windows-874"), spaced=False),
    "tr": Sample("Çarşamba", "Toplantı {} günü saat dokuzda.", ("iso-8859-9", "windows-1254")),
    "uk": Sample("середа", "День зустрічі: {}, дев'ята година.", ("koi8-u", "windows-1251")),
    "ur": Sample("بدھ", "اجلاس {} کی صبح ہوگا۔", ()),
    "vi": Sample("tháng", "Cuộc họp diễn ra trong {} này.", ("windows-1258",)),
    "zh": Sample("星期三", "会议定于{}上午举行。", ("gb2312", "gbk", "hz-gb-2312"), spaced=False),
    "zh-Hant": Sample("星期三", "會議訂於{}上午舉行。", ("big5", "big5-hkscs"), spaced=False),
}
