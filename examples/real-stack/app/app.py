"""The application of the real stack: counts visits.

POST /visit    one more, kept by PostgreSQL          {"visits": 3}
GET  /visits   how many, remembered by Redis for 2 s {"visits": 3, "from": "cache"}
GET  /health   200 when both answer, else 503, with what is wrong
"""

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg2
import redis

CACHE_SECONDS = 2
KEY = "visits"

cache = redis.Redis(
    host="127.0.0.1",
    port=int(os.environ["CACHE_PORT"]),
    password=os.environ["REDIS_PASSWORD"],
    socket_timeout=1,
    socket_connect_timeout=1,
)


class Database:
    """One connection, made anew when it was lost. A statement that failed is tried once more: the
    only one that writes adds a row, and a row whose commit was not acknowledged may count twice at
    worst, never get lost."""

    def __init__(self):
        self.lock = threading.Lock()
        self.connection = None

    def ask(self, sql):
        with self.lock:
            try:
                return self.once(sql)
            except psycopg2.Error:
                self.close()
                return self.once(sql)

    def once(self, sql):
        if self.connection is None:
            self.connection = psycopg2.connect(
                host="127.0.0.1",
                port=os.environ["DB_PORT"],
                user="stack",
                dbname="stack",
                connect_timeout=1,
                options="-c statement_timeout=1000",
            )
            self.connection.autocommit = True
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchone()[0]

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


database = Database()


def count():
    return database.ask("select count(*) from visit")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self):
        if self.path == "/health":
            self.health()
        elif self.path == "/visits":
            self.guarded(self.visits)
        else:
            self.answer(404, {"error": "there is POST /visit, GET /visits and GET /health"})

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/visit":
            self.guarded(self.visit)
        else:
            self.answer(404, {"error": "there is POST /visit"})

    def visit(self):
        number = database.ask("insert into visit default values returning id")
        try:
            cache.delete(KEY)
        except redis.RedisError as error:
            print(f"app: the cache could not be told: {error}", file=sys.stderr)
        self.answer(200, {"visits": count(), "id": number})

    def visits(self):
        try:
            known = cache.get(KEY)
        except redis.RedisError:
            known = None  # a cache that is away costs time, not answers
        if known is not None:
            return self.answer(200, {"visits": int(known), "from": "cache"})
        number = count()
        try:
            cache.set(KEY, number, ex=CACHE_SECONDS)
        except redis.RedisError:
            pass
        self.answer(200, {"visits": number, "from": "database"})

    def health(self):
        checks = {}
        for name, check in (("db", lambda: database.ask("select 1")), ("cache", cache.ping)):
            try:
                check()
                checks[name] = "pass"
            except (psycopg2.Error, redis.RedisError) as error:
                checks[name] = str(error).strip().splitlines()[0]
        well = all(value == "pass" for value in checks.values())
        self.answer(200 if well else 503, {"status": "pass" if well else "fail", "pid": os.getpid(), "checks": checks})

    def guarded(self, act):
        try:
            act()
        except psycopg2.Error as error:
            self.answer(503, {"error": str(error).strip()})

    def answer(self, code, body):
        payload = (json.dumps(body) + "\n").encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, form, *values):
        if not self.path.startswith("/health"):
            print(f"app: {form % values}", flush=True)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
    server.daemon_threads = True
    print(f"app: listening on 127.0.0.1:{os.environ['PORT']}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
