// Python programs for LiteLLM's own image, which has no other program with which a check could send requests.

/** A command that exits 0 once LiteLLM has its database. Status 200 is not enough: it may come with "Not connected". */
export const askConnected = (port: number): string[] => [
  'python3',
  '-c',
  `import json, urllib.request
answer = urllib.request.urlopen("http://127.0.0.1:${port}/health/readiness", timeout=4)
raise SystemExit(0 if json.load(answer).get("db") == "connected" else 1)`,
]

/** The path of `checksSource` in the pod of the checks. */
export const checksProgram = '/etc/keybuzz/checks.py'

/**
 * The program of the checks' pod.
 * `serve PORT`: a model provider with OpenAI's API that costs nothing; each of its streams takes 1.75 s.
 * `ask JSON`: sends a list of requests, and prints status and text of each response. It reads keys from the
 * environment, and derives a temporary key from the master key: none of them is an argument, or in its output.
 * `migrations`: prints how many migrations this image contains.
 */
export const checksSource = String.raw`import hashlib, hmac, importlib.util, json, os, sys, time
import urllib.error, urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# A value of Vault is in a file, which the variable of its name with _FILE names.
for key in ("LITELLM_MASTER_KEY", "QDRANT_API_KEY"):
    if os.environ.get(key + "_FILE"):
        with open(os.environ[key + "_FILE"]) as file:
            os.environ[key] = file.read()

WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight"]


class Provider(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def log_message(self, *_words):
        pass

    def do_GET(self):
        self.whole(200 if self.path == "/health" else 404, {"status": "ok"})

    def do_POST(self):
        length = min(int(self.headers.get("content-length") or 0), 1 << 20)
        try:
            asked = json.loads(self.rfile.read(length) or b"{}")
        except ValueError:
            return self.whole(400, {"error": {"message": "not JSON"}})
        if not self.path.endswith("/chat/completions"):
            return self.whole(404, {"error": {"message": "not found"}})
        shown = {"id": "check", "created": int(time.time()), "model": str(asked.get("model"))}
        if asked.get("stream"):
            return self.stream(shown)
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": " ".join(WORDS)}}
        usage = {"prompt_tokens": 1, "completion_tokens": 8, "total_tokens": 9}
        self.whole(200, {**shown, "object": "chat.completion", "choices": [choice], "usage": usage})

    def whole(self, status, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def stream(self, shown):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for at, word in enumerate(WORDS):
            if at:
                time.sleep(0.25)
            choice = {"index": 0, "delta": {"role": "assistant", "content": word + " "}, "finish_reason": None}
            self.piece({**shown, "object": "chat.completion.chunk", "choices": [choice]})
        choice = {"index": 0, "delta": {}, "finish_reason": "stop"}
        self.piece({**shown, "object": "chat.completion.chunk", "choices": [choice]})
        self.raw("data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def piece(self, value):
        self.raw("data: " + json.dumps(value) + "\n\n")

    def raw(self, text):
        data = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()


def temporary(name):
    made = hmac.new(os.environ["LITELLM_MASTER_KEY"].encode(), name.encode(), hashlib.sha256)
    return "sk-keybuzz-check-" + made.hexdigest()[:40]


def headers_for(who, name):
    if who == "master":
        return {"authorization": "Bearer " + os.environ["LITELLM_MASTER_KEY"]}
    if who == "temporary":
        return {"authorization": "Bearer " + temporary(name)}
    if who == "wrong":
        return {"authorization": "Bearer sk-keybuzz-check-wrong"}
    if who == "qdrant":
        return {"api-key": os.environ["QDRANT_API_KEY"]}
    if who == "qdrant-wrong":
        return {"api-key": "wrong"}
    return {}


def ask(one, name):
    body = one.get("json")
    data = None
    if body is not None:
        data = json.dumps(body)
        if "$TEMPORARY" in data:
            data = data.replace("$TEMPORARY", temporary(name))
        data = data.encode()
    headers = {"content-type": "application/json", **headers_for(one.get("as"), name)}
    request = urllib.request.Request(one["url"], data=data, headers=headers, method=one.get("method") or "GET")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=15) as answer:
            return answer.status, answer.read(200000).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read(200000).decode("utf-8", "replace")
    except (OSError, ValueError) as error:
        return 0, str(error)


def hidden(text, name):
    for key in ("LITELLM_MASTER_KEY", "QDRANT_API_KEY"):
        if os.environ.get(key):
            text = text.replace(os.environ[key], "***")
    return text.replace(temporary(name), "***") if name else text


def ask_all(work):
    name = work.get("name") or ""
    answers = []
    for one in work["requests"]:
        status, text = ask(one, name)
        answers.append({"status": status, "text": hidden(text, name)})
    print(json.dumps(answers))


def migrations():
    found = importlib.util.find_spec("litellm_proxy_extras")
    roots = [os.path.join(place, "migrations") for place in (found.submodule_search_locations or [])] if found else []
    print(sum(os.path.isfile(os.path.join(root, one, "migration.sql")) for root in roots for one in os.listdir(root)))


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        ThreadingHTTPServer(("", int(sys.argv[2])), Provider).serve_forever()
    elif sys.argv[1] == "ask":
        ask_all(json.loads(sys.argv[2]))
    elif sys.argv[1] == "migrations":
        migrations()
`
