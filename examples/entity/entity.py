#!/usr/bin/env python3
"""A small account-servicing entity: customers with balances, beside an instance of Rafiki.

It keeps its books in SQLite, takes the events of the instance, funds payments, credits what arrives, serves exchange rates and
asks customers for consent. It needs nothing but Python. docs/adoption.md leads through its settings step by step.

    entity.py serve                          take events until it is stopped
    entity.py pay FROM TO AMOUNT             a customer pays, for example: pay ada https://other.example/bob 5.00
    entity.py balances                       what each customer has, as JSON
"""

import base64
import hashlib
import hmac
import html
import json
import os
import sqlite3
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY_MAX = 64 * 1024
SIGNATURE_AGE_MAX_MS = 5 * 60 * 1000
CALL_SECONDS = 10
WRONG_PINS_MAX, WRONG_PINS_FORGOTTEN = 5, 15 * 60


def setting(name, default=None):
    value = os.environ.get(name, default)
    if value is None:
        sys.exit(f"set {name}; examples/entity/README.md lists what the entity needs")
    return value


def canonical(value):
    """RFC 8785, for the texts, whole numbers, lists and objects of events and requests."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(secret, milliseconds, value):
    return hmac.new(secret.encode(), f"{milliseconds}.".encode() + canonical(value), hashlib.sha256).hexdigest()


# --- calls to the instance ---------------------------------------------------------------------------------------------------


class Refused(Exception):
    """The instance answered, and refused. `code` is one that a program can act on."""

    def __init__(self, error):
        super().__init__(error["message"])
        self.code = error.get("extensions", {}).get("code")


def send(url, body=None, headers=None, method=None):
    request = urllib.request.Request(url, data=body, headers=headers or {}, method=method)
    with urllib.request.urlopen(request, timeout=CALL_SECONDS) as response:
        return json.load(response) if response.headers.get_content_type() == "application/json" else None


class Admin:
    """The Admin API, signed with the tenant's secret, or with tokens of a provider if OAUTH_TOKEN_URL is set."""

    def __init__(self):
        self.url, self.tenant = setting("GRAPHQL_URL"), setting("TENANT_ID")
        self.token_url, self.token, self.token_ends = os.environ.get("OAUTH_TOKEN_URL"), None, 0.0
        self.last, self.lock = 0, threading.Lock()

    def proof(self, body):
        if self.token_url:
            return {"authorization": f"Bearer {self.access_token()}"}
        with self.lock:
            # A signature is good once, so no two requests may have the same time.
            self.last = max(int(time.time() * 1000), self.last + 1)
            return {"signature": f"t={self.last}, v1={digest(setting('ADMIN_SECRET'), self.last, body)}"}

    def access_token(self):
        with self.lock:
            if time.time() >= self.token_ends:
                wanted = {"grant_type": "client_credentials", "audience": "backend-admin",
                          "scope": "payments:write liquidity:write addresses:write assets:write"}
                client = f"{setting('OAUTH_CLIENT_ID')}:{setting('OAUTH_CLIENT_SECRET')}"
                headers = {"authorization": "Basic " + base64.b64encode(client.encode()).decode()}
                issued = send(self.token_url, urllib.parse.urlencode(wanted).encode(), headers)
                self.token, self.token_ends = issued["access_token"], time.time() + 0.8 * issued["expires_in"]
            return self.token

    def ask(self, document, variables):
        body = {"query": document, "variables": variables}
        headers = {"content-type": "application/json", "tenant-id": self.tenant, **self.proof(body)}
        answer = send(self.url, canonical(body), headers)
        if answer.get("errors"):
            raise Refused(answer["errors"][0])
        return answer["data"]

    def change(self, name, what, **given):
        kind = name[0].upper() + name[1:] + "Input"
        return self.ask(f"mutation M($input: {kind}!) {{ {name}(input: $input) {{ {what} }} }}", {"input": given})[name]

    def change_once(self, name, **given):
        """A repetition is refused with DUPLICATE: the first one has succeeded."""
        try:
            self.change(name, "success", **given)
        except Refused as refused:
            if refused.code != "DUPLICATE":
                raise


# --- the books ---------------------------------------------------------------------------------------------------------------

SCHEMA = """
CREATE TABLE IF NOT EXISTS customers (path TEXT PRIMARY KEY, wallet_address TEXT UNIQUE, asset TEXT NOT NULL, scale INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS entries (id TEXT PRIMARY KEY, path TEXT NOT NULL, amount INTEGER NOT NULL, about TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS holds (payment TEXT PRIMARY KEY, path TEXT NOT NULL, amount INTEGER NOT NULL,
                                  grant_id TEXT, state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, body TEXT NOT NULL,
                                   done INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS entries_of ON entries (path);
CREATE INDEX IF NOT EXISTS holds_of ON holds (path);
CREATE INDEX IF NOT EXISTS holds_under ON holds (grant_id);
CREATE INDEX IF NOT EXISTS events_to_do ON events (seq) WHERE done = 0;
"""


class Books:
    """Entries are never changed. What a customer has is their sum; what may be spent is less by what is held."""

    def __init__(self):
        self.database = sqlite3.connect(setting("DATABASE"), isolation_level=None, check_same_thread=False, timeout=CALL_SECONDS)
        self.database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;" + SCHEMA)
        self.lock = threading.RLock()

    def __enter__(self):
        self.lock.acquire()
        try:
            self.database.execute("BEGIN IMMEDIATE")
        except BaseException:
            self.lock.release()
            raise
        return self.database

    def __exit__(self, failed, *_):
        try:
            self.database.execute("ROLLBACK" if failed else "COMMIT")
        finally:
            if self.database.in_transaction:
                self.database.execute("ROLLBACK")
            self.lock.release()

    def rows(self, query, *values):
        with self.lock:
            return self.database.execute(query, values).fetchall()

    def spendable(self, path):
        [(has,)] = self.rows("SELECT COALESCE(SUM(amount), 0) FROM entries WHERE path = ?", path)
        [(held,)] = self.rows("SELECT COALESCE(SUM(amount), 0) FROM holds WHERE path = ? AND state = 'held'", path)
        return has - held

    def owner_of(self, wallet_address_id):
        found = self.rows("SELECT path FROM customers WHERE wallet_address = ?", wallet_address_id)
        return found[0][0] if found else None

    def enter(self, entry, path, amount, about):
        """Writes an entry once: its id is that of the event that caused it."""
        self.database.execute("INSERT INTO entries VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING", (entry, path, amount, about))


# --- what each event means ---------------------------------------------------------------------------------------------------


class Entity:
    def __init__(self):
        self.books, self.admin, self.wake = Books(), Admin(), threading.Event()
        with open(setting("CUSTOMERS_FILE"), encoding="utf-8") as file:
            self.known = {customer["path"]: customer for customer in json.load(file)}
        self.wrong_pins = {path: [] for path in self.known}

    def prepare(self):
        """Gives each customer of the file an account, the opening balance and a wallet address. May be repeated."""
        found = "query A($url: String!) { walletAddressByUrl(url: $url) { id } }"
        assets = "query S($code: String!, $scale: UInt8!) { assetByCodeAndScale(code: $code, scale: $scale) { id } }"
        for path, customer in self.known.items():
            url = f"{setting('OPEN_PAYMENTS_URL')}/{path}"
            address = self.admin.ask(found, {"url": url})["walletAddressByUrl"]
            if not address:
                asset = self.admin.ask(assets, {"code": customer["asset"], "scale": customer["scale"]})["assetByCodeAndScale"]
                made = self.admin.change("createWalletAddress", "walletAddress { id }", assetId=asset["id"], address=url,
                                         publicName=customer["name"], additionalProperties=[], idempotencyKey=url)
                address = made["walletAddress"]
            with self.books as database:
                values = (path, address["id"], customer["asset"], customer["scale"])
                database.execute("INSERT OR IGNORE INTO customers VALUES (?, ?, ?, ?)", values)
                self.books.enter(f"opening {path}", path, customer["opening"], "opening balance")

    def receive(self, event):
        with self.books as database:
            database.execute("INSERT INTO events (id, body) VALUES (?, ?) ON CONFLICT (id) DO NOTHING", (event["id"], json.dumps(event)))
        self.wake.set()

    def work(self):
        """Does what stored events ask for, oldest first. An event that fails waits and is tried again, and others go on."""
        while True:
            self.wake.clear()
            failed = False
            for event_id, body in self.books.rows("SELECT id, body FROM events WHERE done = 0 ORDER BY seq"):
                try:
                    event = json.loads(body)
                    getattr(self, "on_" + event["type"].replace(".", "_"), lambda *_: None)(event_id, event["data"])
                    with self.books as database:
                        database.execute("UPDATE events SET done = 1 WHERE id = ?", (event_id,))
                except Exception as error:  # Whatever it is, the event is still there.
                    failed = True
                    print(f"event {event_id} waits: {error!r}", file=sys.stderr, flush=True)
            self.wake.wait(1 if failed else None)

    def on_outgoing_payment_created(self, event_id, payment):
        path, amount = self.books.owner_of(payment["walletAddressId"]), int(payment["debitAmount"]["value"])
        with self.books as database:
            held = self.books.rows("SELECT state FROM holds WHERE payment = ?", payment["id"])
            reason = None if held else self.reason_against(path, payment, amount)
            if not held and not reason:
                database.execute("INSERT INTO holds VALUES (?, ?, ?, ?, 'held')", (payment["id"], path, amount, payment.get("grantId")))
        if held and held[0][0] != "held":
            return  # Its end came first.
        try:
            if reason:
                self.admin.change("cancelOutgoingPayment", "payment { id }", id=payment["id"], reason=reason)
            else:
                self.admin.change_once("depositOutgoingPaymentLiquidity", outgoingPaymentId=payment["id"], idempotencyKey=event_id)
        except Refused:
            # Funded or ended before. Only a payment that ended without money gives the hold back.
            state = self.admin.ask("query P($id: String!) { outgoingPayment(id: $id) { state } }", {"id": payment["id"]})
            if state["outgoingPayment"]["state"] in ("CANCELLED", "FAILED"):
                with self.books as database:
                    database.execute("UPDATE holds SET state = 'released' WHERE payment = ? AND state = 'held'", (payment["id"],))
            elif state["outgoingPayment"]["state"] == "FUNDING":
                raise

    def reason_against(self, path, payment, amount):
        """Why the payment is not funded, in the customer's words; None if it is."""
        sending, cap = setting("SENDING", "nothing"), os.environ.get("AGREEMENT_CAP")
        if path is None:
            return "unknown account"
        if sending == "nothing" or (sending == "own" and payment.get("grantId")):
            return "this institution does not offer such payments yet"
        if cap and payment.get("grantId"):
            [(used,)] = self.books.rows("SELECT COALESCE(SUM(amount), 0) FROM holds WHERE grant_id = ? AND state <> 'released'",
                                        payment["grantId"])
            if used + amount > int(cap):
                return "agreement limit"
        return "insufficient funds" if self.books.spendable(path) < amount else None

    def on_outgoing_payment_completed(self, event_id, payment):
        # The customer pays what the quote said. What remains of it is the fee of this entity.
        self.settle(event_id, payment, int(payment["debitAmount"]["value"]))

    def on_outgoing_payment_failed(self, event_id, payment):
        self.settle(event_id, payment, int(payment["sentAmount"]["value"]))

    def settle(self, event_id, payment, paid):
        if int(payment["balance"]) > 0:
            self.admin.change_once("createOutgoingPaymentWithdrawal", outgoingPaymentId=payment["id"],
                                   idempotencyKey=event_id, timeoutSeconds=0)
        path = self.books.owner_of(payment["walletAddressId"])
        with self.books as database:
            database.execute("INSERT INTO holds VALUES (?, ?, ?, ?, 'settled') ON CONFLICT DO UPDATE SET state = 'settled', amount = ?",
                             (payment["id"], path, paid, payment.get("grantId"), paid))
            self.books.enter(event_id, path, -paid, f"payment {payment['id']}")

    def on_incoming_payment_completed(self, event_id, payment):
        path, amount = self.books.owner_of(payment["walletAddressId"]), int(payment["receivedAmount"]["value"])
        if path is None:  # The money stays at the instance until a person has looked into it.
            raise ValueError("the wallet address belongs to no account")
        self.admin.change_once("createIncomingPaymentWithdrawal", incomingPaymentId=payment["id"],
                               idempotencyKey=event_id, timeoutSeconds=0)
        with self.books:
            self.books.enter(event_id, path, amount, f"incoming payment {payment['id']}")

    on_incoming_payment_expired = on_incoming_payment_completed

    def pay(self, path, payee, amount):
        """A customer pays. The event of the payment holds the money, or cancels the payment if there is too little."""
        [(address, code, scale)] = self.books.rows("SELECT wallet_address, asset, scale FROM customers WHERE path = ?", path)
        value = Decimal(amount).scaleb(scale)
        if value <= 0 or value != value.to_integral_value():
            sys.exit(f"{amount} is no amount of {code}, which has {scale} decimal places")
        receiver = self.admin.change("createReceiver", "receiver { id }", walletAddressUrl=payee)["receiver"]
        debit = {"value": str(int(value)), "assetCode": code, "assetScale": scale}
        quote = self.admin.change("createQuote", "quote { id }", walletAddressId=address, receiver=receiver["id"], debitAmount=debit)
        payment = self.admin.change("createOutgoingPayment", "payment { id state }", walletAddressId=address,
                                    quoteId=quote["quote"]["id"], idempotencyKey=str(uuid.uuid4()))
        return payment["payment"]


# --- pages and machine paths -------------------------------------------------------------------------------------------------

PAGE = "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'><title>{0}</title><h1>{0}</h1>{1}"


class Handler(BaseHTTPRequestHandler):
    entity, timeout = None, CALL_SECONDS

    def log_message(self, *_):
        pass  # Queries hold nonces.

    def answer(self, status, body=b"", kind="text/plain", **headers):
        self.send_response(status)
        for name, value in {"content-type": kind, "content-length": str(len(body)), "cache-control": "no-store", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def page(self, status, title, text):
        self.answer(status, PAGE.format(html.escape(title), text).encode(), "text/html; charset=utf-8",
                    **{"content-security-policy": "default-src 'none'; frame-ancestors 'none'"})

    def body(self):
        length = self.headers.get("content-length", "0")
        is_length = length.isascii() and length.isdigit() and len(length) < 7
        return self.rfile.read(int(length)) if is_length and int(length) <= BODY_MAX else None

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/rates":
            rates = json.loads(setting("RATES", "{}")).get(query.get("base"), {})
            self.answer(200, json.dumps({"base": query.get("base"), "rates": rates}).encode(), "application/json")
        elif url.path == "/consent" and "IDP_SECRET" in os.environ:
            self.consent(query)
        else:
            self.answer(404)

    def do_POST(self):
        body = self.body()
        if body is None:
            self.answer(413)
        elif self.path == "/webhooks":
            self.webhook(body)
        elif self.path == "/consent" and "IDP_SECRET" in os.environ:
            self.decide(dict(urllib.parse.parse_qsl(body.decode(errors="replace"))))
        else:
            self.answer(404)

    def webhook(self, body):
        """Stores the event and answers. 401 to whoever does not know the secret."""
        try:
            event = json.loads(body)
            time_part, *digests = self.headers["rafiki-signature"].split(", v1=")
            sent = int(time_part.removeprefix("t="))
            expected = digest(setting("WEBHOOK_SECRET"), sent, event)
            good = abs(time.time() * 1000 - sent) <= SIGNATURE_AGE_MAX_MS and any(hmac.compare_digest(expected, one) for one in digests)
        except (ValueError, AttributeError, TypeError, RecursionError):
            good = False
        if good:
            self.entity.receive(event)
        self.answer(200 if good else 401)

    def grant(self, form, choice="", method="GET"):
        """The interaction API. The secret stays here; a browser never sees it."""
        path = "/".join(urllib.parse.quote(form[name], safe="") for name in ("interactId", "nonce"))
        url = f"{setting('INTERACTION_URL')}/grant/{path}{choice}"
        return send(url, None if method == "GET" else b"", {"x-idp-secret": setting("IDP_SECRET")}, method)

    def consent(self, query):
        try:
            grant = self.grant(query)
        except (urllib.error.HTTPError, KeyError):
            return self.page(404, "This request is over", "<p>Go back to the application and try again.</p>")
        items = "".join(f"<li>{html.escape(describe(item))}</li>" for item in grant["access"])
        hidden = "".join(f"<input type=hidden name={name} value='{html.escape(query[name])}'>" for name in ("interactId", "nonce"))
        client = html.escape(f"{grant['clientName']} ({grant['clientUri']})")
        self.page(200, "Do you agree?", f"<p>{client} wants to:</p><ul>{items}</ul><form method=post action=/consent>{hidden}"
                  "<label>Account <input name=path required></label> <label>PIN <input name=pin type=password required></label>"
                  "<button name=choice value=accept>Allow</button> <button name=choice value=reject>Don't allow</button></form>")

    def decide(self, form):
        customer, now = self.entity.known.get(form.get("path")), time.time()
        wrong = self.entity.wrong_pins.get(form.get("path"), [])
        if sum(now - one < WRONG_PINS_FORGOTTEN for one in wrong) >= WRONG_PINS_MAX:
            return self.page(429, "Too many wrong PINs", "<p>Nothing was decided. Try again in a quarter of an hour.</p>")
        if not customer or not hmac.compare_digest(customer["pin"].encode(), form.get("pin", "").encode()):
            wrong[:] = [*wrong[-WRONG_PINS_MAX:], now]
            return self.page(403, "Not signed in", "<p>Account or PIN is wrong. Nothing was decided. Go back and try again.</p>")
        try:
            own, grant = f"{setting('OPEN_PAYMENTS_URL')}/{customer['path']}", self.grant(form)
            foreign = grant.get("subject") or any(item.get("identifier", own) != own for item in grant["access"])
            self.grant(form, "/reject" if foreign or form.get("choice") != "accept" else "/accept", "POST")
        except (urllib.error.HTTPError, KeyError):
            return self.page(409, "This request is over", "<p>Nothing was decided. Go back to the application.</p>")
        self.answer(303, location=f"{setting('AUTH_URL')}/interact/{form['interactId']}/{form['nonce']}/finish")


def describe(item):
    limits = item.get("limits") or {}
    amount = limits.get("debitAmount") or limits.get("receiveAmount")
    shown = f"at most {Decimal(amount['value']).scaleb(-amount['assetScale'])} {amount['assetCode']}" if amount else "without a limit"
    often = f", again by {limits['interval']}" if limits.get("interval") else ""
    return f"{', '.join(item['actions'])} {item['type']}s of {item.get('identifier', 'your account')}, {shown}{often}"


def main(arguments):
    entity = Entity()
    match arguments:
        case ["serve"]:
            server = ThreadingHTTPServer(("127.0.0.1", int(setting("PORT"))), Handler)
            Handler.entity = entity
            threading.Thread(target=server.serve_forever, daemon=True).start()
            while True:
                try:
                    entity.prepare()
                    break
                except urllib.error.URLError as error:
                    print(f"the instance does not answer yet: {error}", file=sys.stderr, flush=True)
                    time.sleep(1)
            print("ready", flush=True)
            entity.work()
        case ["pay", path, payee, amount]:
            print(json.dumps(entity.pay(path, payee, amount)))
        case ["balances"]:
            print(json.dumps({path: entity.books.spendable(path) for path in entity.known}))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
