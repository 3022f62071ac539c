"""Words by which a name is told from what else stands on a document, without accents and in lower case."""

from __future__ import annotations

import re

FORM = re.compile(
    r"(?<![^\W_])(?:"
    r"(?:ag|se|gmbh|ug|kg)(?: ?& ?co\.? ?kg(?:aa)?)|g?gmbh|mbh|ohg|kgaa|e\.? ?k\.|e\.v\.|(?<=\w )(?:ag|kg|se|ug)|"
    r"ltd\.?|limited|plc|llc|llp|inc\.?|corp\.?|corporation|company|"
    r"s\.?a\.?r\.?l\.?|s\.a\.s\.?|sasu?|eurl|s\.a\.?|s\.?c\.?s\.?|"
    r"s\.l\.u?\.?|s\.l\b|s\.r\.l\.?|srl|s\.p\.a\.?|spa|lda\.?|"
    r"b\.v\.?|bv|n\.v\.?|nv|v\.o\.f\.?|vof|bvba|"
    r"sp\. ?z ?o\. ?o\.?|spolka (?:akcyjna|z o\.?o\.?|jawna)|s\.c\.|"
    r"a/s|aps|ab|oy|oyj|asa"
    r")(?![^\W_])"
)
LABEL = re.compile(
    r"(?:seller|vendor|supplier|from|issued by|service provider|sold by|account holder|beneficiary|payee|"
    r"verkaufer|lieferant|rechnungssteller|kontoinhaber|zahlungsempfanger|aussteller|"
    r"vendeur|emetteur|fournisseur|titulaire du compte|beneficiaire|"
    r"vendedor|emisor|proveedor|titular|"
    r"verkoper|leverancier|ten name van|t\.n\.v\.?|rekeninghouder|"
    r"sprzedawca|wystawca|odbiorca przelewu)[ \t]*:?[ \t]*(?:\([^)]*\))?[ \t]*"
)
BUYER = re.compile(
    r"bill(?:ed|ing)? ?to|billing address|sold to|ship(?:ped)? ?to|shipping address|deliver to|customer\b|"
    r"attn|attention|invoice to|buyer|client\b|"
    r"rechnung(?:sadresse|sempfanger| an\b)|lieferadresse|lieferanschrift|empfanger|kunde\b|kaufer|"
    r"facture a\b|adresse de (?:facturation|livraison)|factur[ee] a|destinataire|acheteur|"
    r"facturar a|direccion de (?:facturacion|envio)|cliente\b|comprador|"
    r"factuur ?adres|aflever ?adres|bezorgadres|klant\b|t\.a\.v|"
    r"nabywca|odbiorca\b|kupujacy|platnik"
)
OFFICIAL = re.compile(
    r"\b(?:ust|vat|tva|btw|nip|cif|nif|siret|siren|kvk|rcs|hrb|uid|steuer|krs|regon|mwst-nr|tax id|reg\.? ?no|"
    r"company no|iban|bic|swift|siege|geschaftsfuhrer|vorstand)"
)
NO_NAME = re.compile(
    r"\b(?:invoice|receipt|rechnung|quittung|kassenbon|kundenbeleg|handlerbeleg|beleg|facture|recu|ticket|factura|recibo|"
    r"factuur|bon\b|faktura|paragon|page|seite|pagina|strona|copy|kopie|original|duplicate|"
    r"date|datum|fecha|data\b|number|nummer|numero|nr\b|no\.|tel|fax|phone|e-?mail|www|http|iban|bic|"
    r"total|summe|totaal|suma|subtotal|amount|betrag|description|quantity|menge|beschreibung|item|artikel|article|"
    r"thank|danke?|vielen|merci|gracias|bedankt|dzieku|welcome|willkommen|bienvenue|"
    r"payment|zahlung|paiement|pago|betaling|uhr|offnungszeiten|opening|terminal|mastercard|visa|girocard|"
    r"due|terms|summary|eur|euro|usd|gbp|pln|details?|tax|vat|mwst|steuer)"
)
BANK = re.compile(r"bank|banque|banco|sparkasse|volksbank|raiffeisen|caisse|credit ")
STREET = re.compile(
    r"str\.|stra(?:ss|ß)e\b|\bweg\b|platz\b|allee|street|avenue|\brue\b|calle|plaza|\bul\.|straat|laan|plein|"
    r"\b(?:road|rd|ave|blvd|st|box|floor|suite|building)\b"
)
PLACE = re.compile(
    r"\b(?:deutschland|germany|france|espana|spain|nederland|netherlands|polska|poland|united states|usa|"
    r"united kingdom|hong kong|osterreich|schweiz|belgie|belgique)\b"
)
SITE = re.compile(
    r"(?:www\.|https?://(?:www\.)?|@)([a-z0-9-]{3,40})\.(?:[a-z]{2,3}\.)?[a-z]{2,6}\b|"
    r"\b([a-z0-9-]{3,40})\.(?:com|de|fr|es|nl|pl|eu|net|org|co\.uk)\b"
)
PUBLIC_SITES = (
    "gmail googlemail hotmail outlook yahoo gmx web live icloud aol t-online example fake orange free wanadoo wp onet "
    "tcpdf aws facebook twitter instagram linkedin youtube"
)
