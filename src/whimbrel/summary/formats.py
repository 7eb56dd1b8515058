"""What a string can look like: the names of the formats, and the facts that recognising them needs.

A row's place is its number: format.pxd's enum, and the number in a batch; numbers are never reused.  Names are
those of JSON Schema and OpenAPI where they have one.  The lists are facts, kept short and sorted: format.pyx and
words.pyx turn them into tables of bits when they are loaded.  Lists are strings with blanks between the words.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FormatRow:
    name: str  # what a summary says
    sentence: str  # what it means, for people


FORMATS = (
    FormatRow("", "a string like any other"),
    FormatRow("empty", "no characters"),
    FormatRow("integer", "decimal digits, perhaps with a minus"),
    FormatRow("number", "a number as JSON writes it, with a fraction or an exponent"),
    FormatRow("boolean", "true or false"),
    FormatRow("uuid", "RFC 9562: 8-4-4-4-12 hexadecimal digits"),
    FormatRow("date", "RFC 3339 full-date, a day that exists"),
    FormatRow("date-time", "RFC 3339, also with a blank for the T, and without an offset"),
    FormatRow("unix-time", "10 digits (seconds) or 13 (milliseconds) between 2001 and 2096"),
    FormatRow("email", "RFC 5321 dot-string, at a name with a dot"),
    FormatRow("ipv4", "four decimal bytes"),
    FormatRow("ipv6", "RFC 4291, section 2.2"),
    FormatRow("hostname", "lower-case labels under a top-level domain that is common"),
    FormatRow("uri", "a scheme and ://, or urn: mailto: data: tel:"),
    FormatRow("jwt", "RFC 7519: three base64url parts, the first beginning as JSON does"),
    FormatRow("hex", "8 or more hexadecimal digits of one case, an even number, with letters and digits"),
    FormatRow("base64", "16 or more characters of either alphabet, with capitals, small letters and digits, or padded"),
    FormatRow("phone", "+ and 7 to 15 digits, perhaps grouped"),
    FormatRow("currency", "ISO 4217, three capitals"),
    FormatRow("country", "ISO 3166-1 alpha-2, two capitals"),
    FormatRow("language", "BCP 47: a language of ISO 639-1, perhaps with script and region"),
    FormatRow("card", "13 to 19 digits with a payment card's prefix that pass Luhn's check"),
    FormatRow("word", "letters, digits, - and _, at most 32, that do not look random: perhaps one of an enumeration"),
    FormatRow("binary", "the bytes of a file"),
)

# ISO 4217: active currencies and funds, without metals and test codes.
CURRENCIES = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLF
CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF
IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK
MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR
SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED
VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG
"""

# ISO 3166-1 alpha-2.
COUNTRIES = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC
CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD
GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH
KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW
MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC
SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY
UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""

# ISO 639-1, which BCP 47 builds on.
LANGUAGES = """
aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo es
et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki
kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no
nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te
tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
"""

# Top-level domains that are no country's: those one meets, and those that never leave a house (RFC 6761, 6762, 8375).
# Every one is at most eight letters.  `name` is missing because `user.name` is rather a field.
DOMAINS = """
ac academy agency app arpa art asia biz blog cat cloud club com company coop design dev digital edu email eu example
exchange expert express finance gov group health home host info int internal invalid jobs lan life live local media
mil mobi money museum net network news ninja onion online org page pay plus pro run sale school science security
services shop site social software space store studio su support systems team tech tel test tips today tools top
travel uk wiki work works world xyz zone
"""

# Countries' domains that are rather a file's suffix, a word or a field when there is only one more label before them.
DOUBTFUL_DOMAINS = """
am as at be by cc do ga id in io is it la md me ml mo mp my no pa pl pm ps py rs sc sh so st to us
"""

# Words with digits in them that are structure, not data.
DIGIT_WORDS = """
1d 1h 1m 1st 1y 24h 2d 2fa 2nd 30d 3d 3ds 3rd 4th 5m 7d a11y aes128 aes256 arm64 b2b b2c base16 base32 base58 base64
crc32 e164 e2e ec2 ed25519 es256 es384 es512 float32 float64 h264 h265 hs256 hs384 hs512 http2 http3 i18n ie11 int16
int32 int64 int8 ipv4 ipv6 iso3166 iso4217 iso639 iso8601 k8s l10n latin1 md5 mp3 mp4 n8n oauth10 oauth2 p50 p75 p90
p95 p99 p999 ps256 rfc3339 rs256 rs384 rs512 s3 sha1 sha224 sha256 sha3 sha384 sha512 tls12 tls13 top10 top100 u2f
uint16 uint32 uint64 uint8 utf16 utf32 utf8 v1alpha1 v1alpha2 v1beta v1beta1 v1beta2 v1beta3 v2alpha1 v2beta1 v2beta2
w3c web3 win32 win64 x11 x509 x64 x86
"""

# Abbreviations that look like noise and are not.
ABBREVIATIONS = """
bzip cgi csrf dhcp dkim dmarc fqdn gdpr graphql grpc gzip hmac https jdbc jpeg jpg jsonl jsonp jsonrpc jwk jwks kyc
ldap lzma mqtt mssql mtls mysql ndjson nginx oauth odbc oidc openapi passwd pgsql pkcs psql rsvp saml smtp snmp sqlite
ssml tcp tls udp ulid urljoin uuid vpn webhook webhooks whatsapp wifi workflow wsdl xhr xhtml xls xlsx xmlns xmlrpc
xsrf yaml youtube yyyy zlib
"""

# How unlikely one letter is after another in English and in the names programs use: 0 usual, 3 hardly ever.  Counted
# over 15,800 different words from the identifiers and comments of 10,900 source files (120 words and more: 0; 40: 1;
# 12: 2).  A row is the first letter, a column the second, from a to z.
LETTER_COSTS = (
    "10002102031000303000001112",  # a
    "01120223023022023002033313",  # b
    "02010230030012023010023313",  # c
    "01210122023122023102022323",  # d
    "01000002121000101000101012",  # e
    "02220033033122023011133323",  # f
    "03220211033121123012133323",  # g
    "03320333033222023121133323",  # h
    "00000003231000003000203130",  # i
    "13331333233333133323133333",  # j
    "13220322033232123212232323",  # k
    "02210223032022013200013303",  # l
    "01220333032103003312033323",  # m
    "02000002021120013100012312",  # n
    "10001102121000003000000223",  # o
    "02220220032022003010032313",  # p
    "33333333333233333333033333",  # q
    "01000112031100013000012303",  # r
    "02020120031011002200022313",  # s
    "02110120033011013000022302",  # t
    "00010113032000203000333233",  # u
    "03330333033333133323333333",  # v
    "03320331033221133113333333",  # w
    "23121333133323213321333233",  # x
    "12231323133211203211233333",  # y
    "13330333133333233332333333",  # z
)
