"""What looks like a value: names from APIs are shown, tokens are hidden, and how often either goes wrong.

The shares below are measured with seeded random tokens; they are the reason to trust the reveal rule and the limit
of that trust: four random letters look like a word, sixteen do not.
"""

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.summary.looks import hidden
from whimbrel.summary import formats
from whimbrel.summary.testing_format import is_value

SEED = 5
TRIES = 2000

# Names of public APIs, headers and paths: what a reader wants to see.
NAMES = """
users user orders order_items items v1 v2 v10 createdAt updated_at X-Request-Id index.html api oauth2 .well-known
openid-configuration account accounts address addresses address_line_1 line_2 admin amount auth authorize
authentication avatar_url balance base_url batch billing billing_address birthday body brand callback
cancel_at_period_end cart cartItems categories category channel channels charge charges checkout children city
client_id client_secret code collection_method color comments company config configuration confirm contact
content_type count country coupon created created_by credentials currency current_period_end customer customerId
customers data date_of_birth default_payment_method deleted description destination device_id devices dimensions
discount discounts display_name documents domain download draft due_date dueDate duration email emails enabled
end_date endpoint entries environment errors event event_type events exchange_rate expires_at expires_in external_id
failure_code favorites features fields file fileName files filter first_name firstName flags folder followers_count
format frequency friends from full_name gateway gender geo given_name graphql group_id groups has_more hash headers
health healthz heartbeat height help href htmlUrl http_status icon id ids image images imageUrl import in_stock
industry info ingredients integration interval invoice invoice_settings invoices ip_address isActive is_admin
isDefault issued_at item itemCount job_title jobs jti jwks.json key keys keywords kind label labels language
last_four last_login last_name lastName latitude legal license limit line_items link links list listing_id livemode
locale location login logo logout longitude mailing manager manufacturer max_results maxLength media member members
merchant message messages meta metadata method middle_name minLength mobile mode model modified month multiplier
name namespace nationality next next_page next_page_token nextPageToken nickname node nodes notes notifications
number object offset oldValue on_behalf_of onboarding operation options order orderBy organization orgs origin owner
package page pageInfo page_size pageSize paid parameters parent_id partner password patch path paused payload
payment payment_intent payment_method_types payments percent_off period permissions phone phone_number photo photos
picture pipeline plan platform playlists plugin policies policy position post postal_code posts preferences prev
price prices priority privacy privateKey processing product product_id products profile progress project projects
properties provider public publicKey published quantity query queue quote quotes rank rate rate_limit rating raw
reactions read_only reason receipt_email receipts recipient records recurring redirect_uri ref reference referral
refresh_token refund refunds region registration relationships release remaining replies report reports repository
request requestId required reserved reset resource response result results retry_after revenue reviews role roles
room routes rows rules salary sandbox schedule schema scope scopes score search secret section security self sender
sentiment sequence serialNumber series server service services session session_id sessions settings severity shares
shipments shipping shipping_address size sizes skills sku slug snapshot social source specialties spec speed sql ssn
staff start_date startDate starts_at state statement statements statistics stats status statusCode steps stock
storage store street streets student subject subscribe subscription subscriptions subtotal success suggestions
summary support swagger sync synced_at system tag tags target task tasks tax tax_id taxes team teams template tenant
tenantId terms text theme thread threshold thumbnail ticket tickets tier time timeout timestamp timezone title token
token_type topics total total_count totalPages tracking tracking_number transaction transactionId transactions
transfer translations trial_end type types unit_price units unread unsubscribe update updatedAt upload uploads uri
url urls usage user_agent user_id userAgent username uuid valid value values variables variants vat vehicle vendor
verification verified version versions video videos view views visibility visitor volume voucher wallet warehouse
warnings watchers weather webhooks website week weight width wishlist workflow workflows workspace xml year zip
zip_code zipcode zone Accept Accept-Encoding Accept-Language Authorization Cache-Control Connection Content-
Disposition Content-Length Content-Type Cookie ETag Host If-None-Match Idempotency-Key Location Origin Referer
Retry-After Set-Cookie Strict-Transport-Security Transfer-Encoding User-Agent Vary WWW-Authenticate X-Amzn-Trace-Id
X-Api-Key X-Content-Type-Options X-CSRF-Token X-Forwarded-For X-Forwarded-Proto X-Frame-Options X-RateLimit-
Remaining X-Requested-With X-XSS-Protection Sec-CH-UA-Mobile Sec-Fetch-Mode Access-Control-Allow-Origin traceparent
robots.txt favicon.ico sitemap.xml main.js app.css openapi.json wp-admin wp-json wp-login.php phpmyadmin xmlrpc.php
ws socket.io rpc jsonrpc actuator prometheus metrics livez readyz debug pprof __typename @type @id @context $ref
$schema _id _source _links _embedded user[name] filter[created_at][gte] items[0] utm_source utm_medium fbclid gclid
XMLHttpRequest getUserById deleteAllOrders iOSVersion OAuthToken URLPath sha256 md5 base64 ipv4 x509 v1beta1 mp4_url
s3_bucket ec2 k8s-clusters i18n utf8 is2FAEnabled page_2 level1 address1 line1 option_a http2 users:batchGet v1.2
2.0 hmac_sha256 jwt jwks saml sso scim ldap kyc aml iban bic swift_code cvc cvv
"""

HIDDEN_NAMES = {"phpmyadmin"}  # two pairs of letters that hardly ever meet; the one price of this list

VALUES = [
    "17", "42", "2024", "007", "12345678", "user17", "user-17", "item_42", "bob42", "page12", "items[17]", "order-7",
    "2024-01-02", "2024-01", "20240102", "12:30", "1.50", "127.0.0.1", "10.0.0.1", "1234.5",
    "123e4567-e89b-12d3-a456-426614174000", "d41d8cd98f00b204e9800998ecf8427e", "deadbeef", "cafebabe", "a1b2c3d4",
    "alice@example.com", "a@b", "%41lice", "j%C3%B6rg", "jörg", "日本", "John Smith", "a b", "x=1",
    "a,b", "a;b", "50%",
    "x7Gh2kQ9", "kd83hd72", "qwrtpsdfgh", "zxcvbnmq", "xkqjwvzp", "QWRTPSDF", "IKAIOSFODNN7ABCDEFGH",
    "key_4eC39HqLyjWD",
    "eyJhbGciOiJIUzI1NiJ9", "aGVsbG8gd29ybGQ", "aGVsbG8gd29ybGQ=", "cus_NffrFeUfNV2Hib",
    "pi_3MtwBwLkdIwHu7ix28a3tqPa", "dQw4w9WgXcQ", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "T0G9PQBBK", "VFRBJXKL",
    "how-to-bake-a-cake-for-my-mother", "x" * 65, "DE89370400440532013000", "+14155550123", "\x00", "a\nb", "\xff",
    "0", "7", "v1234", "1_2_3_4", "a1b2",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES.split())
def test_a_name_is_shown(name: str) -> None:
    assert hidden(name) == (name in HIDDEN_NAMES)


@pytest.mark.parametrize("text", VALUES)
def test_a_value_is_hidden(text: str) -> None:
    assert hidden(text)


def shown_share(alphabet: str, length: int) -> float:
    rng = random.Random(SEED)
    return sum(not hidden("".join(rng.choices(alphabet, k=length))) for _ in range(TRIES)) / TRIES


# (alphabet, length, the share of random tokens that is taken for a name, at most)
SHARES = [
    (string.digits, 2, 0.0),
    (string.hexdigits[:16], 6, 0.05),
    (string.hexdigits[:16], 8, 0.01),
    (string.hexdigits[:16], 12, 0.001),
    (string.ascii_lowercase + string.digits, 8, 0.07),
    (string.ascii_lowercase + string.digits, 12, 0.005),
    (string.ascii_lowercase + string.digits, 16, 0.001),
    (string.ascii_letters + string.digits, 8, 0.12),
    (string.ascii_letters + string.digits, 12, 0.015),
    (string.ascii_letters + string.digits, 16, 0.001),
    (string.ascii_letters + string.digits + "-_", 22, 0.001),
    (string.ascii_uppercase + "234567", 16, 0.005),
    (string.ascii_lowercase, 8, 0.10),
    (string.ascii_lowercase, 12, 0.01),
    (string.ascii_lowercase, 16, 0.003),
    (string.ascii_letters, 16, 0.005),
]


@pytest.mark.parametrize("alphabet, length, most", SHARES)
def test_few_random_tokens_look_like_names(alphabet: str, length: int, most: float) -> None:
    assert shown_share(alphabet, length) <= most


def test_short_letters_say_nothing() -> None:
    assert shown_share(string.ascii_lowercase, 4) > 0.5  # the limit of the rule, stated so that nobody relies on more


@given(st.integers(0, 2**63))
def test_numbers_are_hidden(number: int) -> None:
    assert hidden(str(number)) and hidden(f"id-{number}") and hidden(f"user{number + 100}")


@given(st.text(min_size=1).filter(lambda text: not text.isascii() or not text.isprintable()))
def test_what_is_not_printable_ascii_is_hidden(text: str) -> None:
    assert is_value(text.encode(errors="surrogatepass"))


@given(st.binary(max_size=80))
def test_any_bytes_get_an_answer(data: bytes) -> None:
    assert is_value(data) in (True, False)
    assert is_value(data) or len(data) <= 64


@pytest.mark.parametrize(
    "words, length",
    [
        (formats.COUNTRIES, 2),
        (formats.LANGUAGES, 2),
        (formats.CURRENCIES, 3),
        (formats.DOMAINS, None),
        (formats.DOUBTFUL_DOMAINS, 2),
        (formats.DIGIT_WORDS, None),
        (formats.ABBREVIATIONS, None),
    ],
)
def test_lists_are_sorted_and_fit(words: str, length: int | None) -> None:
    found = words.split()
    assert found == sorted(set(found))
    assert all(len(word) == length if length else len(word) <= 8 for word in found)


def test_costs_are_for_every_pair_of_letters() -> None:
    assert len(formats.LETTER_COSTS) == 26
    assert all(len(row) == 26 and set(row) <= set("0123") for row in formats.LETTER_COSTS)
