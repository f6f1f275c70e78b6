#!/usr/bin/python3
# A stand-in of Qdrant over the real engine: of its API what module 15 uses, with the keys, statuses and words of 1.19.
# It starts under the name of the entrypoint of Qdrant’s image.
import hmac
import json
import os
import re
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from urllib.parse import parse_qs, unquote, urlsplit

# Whatever is in this folder is part of what the image is named after.
sys.dont_write_bytecode = True
from qdrant_store import Refused, Store

EXACT = {
    "RUN_MODE": "production",
    "QDRANT__TELEMETRY_DISABLED": "true",
    "QDRANT__SERVICE__ENABLE_SNAPSHOT_URL_RECOVERY": "false",
}
KEY, STORAGE, SNAPSHOTS = "QDRANT__SERVICE__API_KEY", "QDRANT__STORAGE__STORAGE_PATH", "QDRANT__STORAGE__SNAPSHOTS_PATH"
MARK = "QDRANT_INIT_FILE_PATH"
# As often as Qdrant.
FLUSH_SECONDS = 5
# More than the 32 MB that Qdrant takes.
MOST_BYTES = 32 << 20


def end(*lines):
    print(*lines, sep="\n", file=sys.stderr, flush=True)
    sys.exit(1)


def refusal(headers):
    """Why a request is not let in; None when it has the key."""
    key, bearer = headers.get("api-key"), headers.get("authorization", "")
    if key is None and bearer.startswith("Bearer "):
        key = bearer.removeprefix("Bearer ")
    if key is None:
        return "Must provide an API key or an Authorization bearer token"
    return None if hmac.compare_digest(key.encode(), os.environ[KEY].encode()) else "Invalid API key or JWT"


def without_key(path):
    """What everybody may ask: Qdrant's own list, but for its web pages."""
    if path == "/":
        return {"title": "qdrant - vector search engine", "version": os.environ["CONTRACT_VERSION"]}
    if path.startswith("/readyz"):
        return "all shards are ready"
    if path == "/healthz" or path.startswith("/livez"):
        return "healthz check passed"
    return None


def result_of(store, method, path, query, body):
    kind, name, *rest = [unquote(one) for one in path.split("/")[1:]] + [""]
    below = "/".join(rest).rstrip("/")
    if name in (".", "..") or len(name) > 255 or re.search(r'[<>:"/\\|?*\x00-\x1f]', name):
        raise Refused(422, "Validation error in path parameters: [name: invalid]")
    match (method, kind, name != "", below):
        case ("GET", "collections", False, ""):
            return store.names()
        case ("GET", "collections", True, ""):
            return store.describe(name)
        case ("PUT", "collections", True, ""):
            return store.create(name, body)
        case ("DELETE", "collections", True, ""):
            return store.delete(name)
        case ("PUT", "collections", True, "points"):
            return store.upsert(name, body, query.get("wait") == ["true"])
        case ("POST", "collections", True, "points/query"):
            return {"points": store.nearest(name, body, "query")}
        case ("POST", "collections", True, "points/search"):
            return store.nearest(name, body, "vector")
    raise Refused(404, f"this stand-in has no {method} {path}")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Longer than a caller keeps an idle connection.
    timeout = 120
    # The whole response is sent at once.
    wbufsize = 1 << 16

    def log_message(self, *_words):
        pass

    def answer(self):
        length = int(self.headers.get("content-length") or 0)
        if length > MOST_BYTES:
            self.close_connection = True
            return self.send(413, "JSON payload is larger than allowed (limit: 33554432 bytes).")
        content = self.rfile.read(length)
        url = urlsplit(self.path)
        free, refused = without_key(url.path), refusal(self.headers)
        if free is not None:
            self.send(200, free)
        elif refused is not None:
            self.send(401, refused)
        else:
            self.send(*self.asked(url, content))

    do_GET = do_PUT = do_POST = do_DELETE = answer

    def asked(self, url, content):
        """Status and body of a request with the key."""
        started = time.monotonic()
        try:
            body = json.loads(content) if content else {}
            with self.server.store.lock:
                result = result_of(self.server.store, self.command, url.path, parse_qs(url.query), body)
            return 200, {"result": result, "status": "ok", "time": time.monotonic() - started}
        except Refused as error:
            status, words = error.status, str(error)
        except (ValueError, TypeError, OverflowError) as error:
            # What the engine's package cannot make a point or a vector of.
            status, words = 400, f"Format error in JSON body: {error}"
        except Exception as error:
            words = str(error)
            if words.startswith("Service runtime error"):
                print(f"{self.command} {url.path}: {words}", file=sys.stderr, flush=True)
                status, words = 500, f"Service internal error: {words}"
            else:
                status, words = 400, f"Wrong input: {words}"
        return status, {"status": {"error": words}, "time": time.monotonic() - started}

    def send(self, status, body):
        text = body if isinstance(body, str) else json.dumps(body)
        self.send_response(status)
        self.send_header("content-type", "text/plain" if isinstance(body, str) else "application/json")
        self.send_header("content-length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())


class Server(ThreadingHTTPServer):
    daemon_threads = True


def main():
    release = os.environ.get("CONTRACT_VERSION")
    what = f"a small HTTP server over the real engine (qdrant-edge {version('qdrant-edge-py')})"
    print(f"STAND-IN of Qdrant {release}: {what}", flush=True)
    needed = ("CONTRACT_VERSION", KEY, STORAGE, SNAPSHOTS, MARK)
    unset = [f"{name} is not set" for name in needed if not os.environ.get(name)]
    wrong = [f"{name} must be {value}" for name, value in EXACT.items() if os.environ.get(name) != value]
    if unset or wrong:
        end(*unset, *wrong)
    try:
        os.makedirs(os.path.dirname(os.environ[MARK]), exist_ok=True)
        open(os.environ[MARK], "w").close()
    except OSError as error:
        print(f"Failed to create init file indicator: {error.strerror}", file=sys.stderr, flush=True)
    try:
        os.makedirs(os.environ[SNAPSHOTS], exist_ok=True)
    except OSError as error:
        end(f"Can't create Snapshots directory: {error.strerror}")
    try:
        store = Store(os.environ[STORAGE])
    except OSError as error:
        end(f"Can't create Collections directory: {error.strerror}")
    except Exception as error:
        end(f"a collection cannot be loaded: {error}")
    # Before there are threads, which inherit it: the signal is for sigtimedwait below.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    host, port = os.environ.get("QDRANT__SERVICE__HOST", ""), os.environ.get("QDRANT__SERVICE__HTTP_PORT", "6333")
    server = Server((host, int(port)), Handler)
    server.store = store
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"listening on {port}", flush=True)
    while signal.sigtimedwait({signal.SIGTERM}, FLUSH_SECONDS) is None:
        with store.lock:
            store.flush()
    print("Received SIGTERM. Shutting down...", flush=True)
    server.shutdown()
    with store.lock:
        store.close()


main()
