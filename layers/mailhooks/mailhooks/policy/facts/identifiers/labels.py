"""Words that label a number, in the languages of most mail."""

import re
from typing import Final

_THINGS: Final = (
    "order|invoice|ticket|tracking|shipment|parcel|consignment|booking|reservation|transaction|reference|ref|contract|customer"
    "|serial|s/n|sn|imei|imeisv|iccid|isbn|ean|gtin|upc|sku|phone|tel|telephone|fax|mobile"
    "|bestell|bestellung|auftrags?|rechnungs?|sendungs?|sendung|paket|buchungs?|kunden|vertrags?|vorgangs?|referenz|serien"
    "|mandatsreferenz|zähler|po(?!s)|rma|ordre|beställnings|tilaus|objednávk[ay]"
    "|rendelés|παραγγελίας|הזמנה|الطلب|đơn hàng|pesanan|comanda|ordem"
    "|commande|facture|colis|suivi|référence|réf|pedido|factura|envío|seguimiento|referencia|ordine|fattura|spedizione|riferimento"
    "|encomenda|fatura|rastreio|zamówieni[ea]|faktur[ay]|przesyłk[ai]|bestelling|bestel|factuur|zending|заказа?|накладная|sipariş"
)
_THINGS_WITHOUT_SPACES: Final = "คำสั่งซื้อ|订单|訂單|发票|快递|运单|注文|請求書|주문|송장"
_THINGS_WITH_NUMBERS: Final = "case|policy|claim|meeting|file|akten|fall|policen|versicherungs|versicherungsschein|mitglieds|mandats"
"""These may be before the number of a card too: "in this case 4111...". They need a word for a number behind them."""
_VERBS: Final = "is|was|are|ist|lautet|war|est|es|è|é"
_NUMBERS: Final = "no|nr|n|num|number|id|code|nummer|numéro|número|numero|numer|szám|nº|n°|номер|号|號|番号|번호"

_LABEL_WITH_NUMBER: Final = (
    rf"(?:(?<![^\W_])(?:{_THINGS})s?|{_THINGS_WITHOUT_SPACES})[ \u00a0\t_./(-]{{0,2}}(?:{_NUMBERS})(?![^\W\d_])[.ºo°]?"
)
LOOSE_LABEL: Final = re.compile(rf".*{_LABEL_WITH_NUMBER}(?P<between>(?:[^\d\n.!?]|[.!?](?!\s)){{0,60}})\Z", re.IGNORECASE)
"""A label with the word number in the line before a number, without another number or the end of a sentence between them."""

OTHER_LABEL: Final = re.compile(
    rf"(?:(?:(?<![^\W_])(?:{_THINGS})s?|{_THINGS_WITHOUT_SPACES})[ \u00a0\t_./-]{{0,2}}(?:(?:{_NUMBERS})[.ºo°]?)?"
    rf"|(?<![^\W_])(?:{_THINGS_WITH_NUMBERS})[ \u00a0\t_./-]{{0,2}}(?:{_NUMBERS})[.ºo°]?)"
    rf"(?:\s(?:{_VERBS}))?[\s:\uff1a=#\u2116.\u2013*\"'-]{{0,4}}\Z",
    re.IGNORECASE,
)
"""A label directly before a number of an order, a parcel, a device or the like. Search for it in a text that ends at the number."""

CARD_LABEL: Final = re.compile(
    r"(?<![^\W\d_])(?:credit|kredit|debit|bank|giro|visa|prepaid)?"
    r"(?:card|kart|carte|carta|cartão|cartao|tarjeta|kaart|kort|kártya|κάρτα|карт|visa|master|maestro|amex|american express|discover|diners"
    r"|jcb|union ?pay|pan\b|cc\b|cc_?n)|カード|卡|카드|บัตร|بطاقة|כרטיס",
    re.IGNORECASE,
)

CARD_PARAMETER: Final = re.compile(rf"(?:{CARD_LABEL.pattern})[\w.-]{{0,12}}=\Z", re.IGNORECASE)
"""A parameter of a URL for a number of a card. Search for it in a text that ends at the number."""

SSN_LABEL: Final = re.compile(r"\bssn|\bsoc(?:ial|\.)?[ -]?sec|\btaxpayer id|\btin\b", re.IGNORECASE)
DNI_LABEL: Final = re.compile(r"\b(?:d\.?n\.?i|n\.?i\.?[fe])\b|\bdocumento|\bidentidad", re.IGNORECASE)
