# SPDX-License-Identifier: Apache-2.0
"""A bad day between a client and the API server: a proxy that ends TLS, reads every request, and spoils what it is told to.

It answers in the server's place (429, 410, 5xx), delays, cuts watches or lets them fall silent, and counts who asked for
what. Clients come with tokens: their certificates would end here.
"""
import asyncio
import collections
import dataclasses
import json
import re
import ssl
import struct
import threading
import time
import urllib.parse
from socket import SO_LINGER, SOL_SOCKET

from .space import Failure

LIMIT = 64 * 1024  # bytes of a request's or an answer's head


@dataclasses.dataclass
class Fault:
    """Spoils requests that match. `times` of them, or all until `until` (monotonic) or lift()."""
    method: str = ""           # "" is any; "WATCH" and "LIST" are what Kubernetes calls them
    path: str = ""             # a regular expression, searched in path and query
    status: int = 0            # answered instead of the server; 0: the request goes through, late
    delay: float = 0.0         # seconds before it goes on, or is answered
    headers: dict = dataclasses.field(default_factory=dict)
    reason: str = ""
    drop: bool = False         # the connection is cut instead of an answer
    after: bool = False        # cut only after the server has done it: the client cannot know whether it was done
    times: int = -1
    until: float = float("inf")
    hits: int = 0

    def matches(self, request):
        return (self.hits != self.times and time.monotonic() < self.until and self.method in ("", request.method, request.verb)
                and re.search(self.path, request.target) is not None)


@dataclasses.dataclass
class Request:
    method: str
    target: str
    headers: list
    body: bytes
    at: float = 0.0
    status: int = 0
    done: bool = False

    @property
    def verb(self):
        """Kubernetes' word: GET, LIST, WATCH, POST, PUT, PATCH, DELETE."""
        path, _, query = self.target.partition("?")
        if self.method != "GET":
            return self.method
        if urllib.parse.parse_qs(query).get("watch", [""])[0] in ("true", "1"):
            return "WATCH"
        return "LIST" if is_collection(path) else "GET"

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name), "")


def reset(writer):
    """Ends a connection so that the other side sees an error (RST), never an end (FIN) that might be meant."""
    socket = writer.get_extra_info("socket")
    if socket is not None and socket.fileno() >= 0:
        socket.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def is_collection(path):
    """/api/v1/services, /apis/G/V/eips, .../namespaces/N/services; not an object, not /readyz."""
    parts = path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:] if parts[0] == "apis" else []
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        rest = rest[2:]
    return len(rest) == 1


class Watch:
    """One answer that streams. Its commands are obeyed between two lines."""

    def __init__(self, request, writer):
        self.request, self.writer = request, writer
        self.silent = False
        self.ending = None      # bytes of a last line, or b"" for an orderly end
        self.changed = asyncio.Event()


class ApiProxy:
    """Runs in a thread of its own; the methods may be called from any other."""

    def __init__(self, address, upstream, authority, names=None):
        """`upstream` is (host, port) of the API server; `authority` signs what we show, and has signed what it shows."""
        self.address, self.upstream = address, upstream
        self.faults, self.requests, self.watches = [], collections.deque(maxlen=200_000), set()
        self.connections = set()
        self.edit = None    # a function that may change a Request's target and body before anything else is done with it
        self.latency = 0.0  # seconds, of every request and of every piece of an answer that streams
        self.server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.server_side.load_cert_chain(*authority.issue("proxy", "/CN=api-proxy", "server", names or (
            f"IP:{address}", "DNS:localhost", "DNS:kubernetes.default.svc")))
        self.server_side.set_alpn_protocols(["http/1.1"])
        self.client_side = ssl.create_default_context(cafile=authority.certificate)
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        self.thread = threading.Thread(target=self._serve, args=(started,), daemon=True)
        self.thread.start()
        if not started.wait(10):
            raise Failure("the API proxy did not start")

    @property
    def url(self):
        return f"https://{self.address}:{self.port}"

    # What a test says.
    def fault(self, **how):
        """Adds a Fault; returns it, for lift() and for its `hits`. `seconds=` in place of `until`."""
        seconds = how.pop("seconds", None)
        fault = Fault(**how, **({"until": time.monotonic() + seconds} if seconds is not None else {}))
        self.faults.append(fault)
        return fault

    def lift(self, *faults):
        """Ends these faults, or all."""
        self.faults = [f for f in self.faults if faults and f not in faults]

    def _on_watches(self, action, path):
        def act():
            chosen = [w for w in self.watches if re.search(path, w.request.target)]
            for watch in chosen:
                action(watch)
                watch.changed.set()
            return len(chosen)
        return self._call(act)

    def cut_watches(self, path=""):
        """The connections are gone at once, without a last word. How many is returned."""
        return self._on_watches(lambda w: reset(w.writer), path)

    def end_watches(self, path=""):
        """An orderly end of the answer, as the server makes one after its timeout."""
        return self._on_watches(lambda w: setattr(w, "ending", b""), path)

    def expire_watches(self, path=""):
        """An ERROR event with code 410, as after a compaction."""
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Expired", "code": 410,
                  "message": "too old resource version"}
        line = json.dumps({"type": "ERROR", "object": status}).encode() + b"\n"
        return self._on_watches(lambda w: setattr(w, "ending", line), path)

    def silence_watches(self, path="", silent=True):
        """The connections stay, nothing comes any more; what came meanwhile comes when they are let speak again."""
        return self._on_watches(lambda w: setattr(w, "silent", silent), path)

    def cut_connections(self):
        """Every connection, idle ones too."""
        async def act():
            for writer in list(self.connections):
                reset(writer)
        self._await(act())

    def refuse(self, refusing=True):
        """Nobody listens any more, and every connection is cut; False: the same port listens again."""
        async def act():
            if refusing:
                self.server.close()
            else:
                self.server = await self._listen(self.port)
        self._await(act())
        self.cut_connections()

    def open_watches(self, path=""):
        return self._call(lambda: sum(1 for w in self.watches if re.search(path, w.request.target)))

    def seen(self, verb="", path="", since=0.0):
        """The requests so far, as [Request]; `since` is time.monotonic()."""
        return self._call(lambda: [r for r in self.requests if r.at >= since and verb in ("", r.verb, r.method)
                                   and re.search(path, r.target)])

    def writes(self, path="", since=0.0):
        """What changed something, Leases left out: those are renewed all the time."""
        return [r for r in self.seen(path=path, since=since)
                if r.method not in ("GET", "HEAD") and "/leases" not in r.target]

    def stop(self):
        if self.thread.is_alive():
            self.loop.call_soon_threadsafe(self._stopping.set)
            self.thread.join(10)

    # The inside: all of it in the loop's thread.
    def _call(self, action):
        async def run():
            return action()
        return self._await(run())

    def _await(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def _serve(self, started):
        asyncio.set_event_loop(self.loop)

        async def main():
            self._stopping = asyncio.Event()
            self.server = await self._listen(0)
            self.port = self.server.sockets[0].getsockname()[1]
            started.set()
            await self._stopping.wait()
            self.server.close()
            tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self.loop.run_until_complete(main())
        self.loop.close()

    async def _listen(self, port):
        return await asyncio.start_server(self._client, self.address, port, ssl=self.server_side, backlog=512, limit=LIMIT)

    async def _client(self, reader, writer):
        upstream = None
        self.connections.add(writer)
        try:
            while (request := await read_request(reader)) is not None:
                if self.edit:
                    self.edit(request)
                self.requests.append(request)
                await asyncio.sleep(self.latency)
                fault = next((f for f in self.faults if f.matches(request)), None)
                if fault:
                    fault.hits += 1
                    await asyncio.sleep(fault.delay)
                    if fault.drop and not fault.after:
                        writer.transport.abort()
                        return
                    if fault.status:
                        await self._answer(request, fault, writer)
                        continue
                if upstream is None:
                    upstream = await asyncio.open_connection(*self.upstream, ssl=self.client_side, limit=LIMIT)
                    self.connections.add(upstream[1])
                if not await self._forward(request, upstream, writer, cut=bool(fault and fault.after)):
                    return
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, ssl.SSLError):
            pass  # one of the two ends is gone: so is the other
        except asyncio.CancelledError:
            pass  # stop(); asyncio's servers complain of tasks that end cancelled
        finally:
            for end in filter(None, (writer, upstream and upstream[1])):
                self.connections.discard(end)
                end.transport.abort()

    async def _answer(self, request, fault, writer):
        request.status, request.done = fault.status, True
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": fault.status,
                  "reason": fault.reason or {410: "Expired", 429: "TooManyRequests", 403: "Forbidden"}.get(fault.status, "InternalError"),
                  "message": "said by the lab's API proxy"}
        body = json.dumps(status).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **fault.headers}
        writer.write(head(f"HTTP/1.1 {fault.status} Fault", headers.items()) + body)
        await writer.drain()

    async def _forward(self, request, upstream, writer, cut):
        """Passes one request and its answer on. False: the connection is of no more use."""
        source, sink = upstream
        sent = [(k, v) for k, v in request.headers if k.lower() not in ("transfer-encoding", "content-length")]
        if request.body or request.method not in ("GET", "HEAD", "DELETE"):
            sent.append(("Content-Length", str(len(request.body))))
        sink.write(head(f"{request.method} {request.target} HTTP/1.1", sent) + request.body)
        await sink.drain()
        while True:
            start, headers = parse_head(await source.readuntil(b"\r\n\r\n"))
            request.status = int(start.split()[1])
            if request.status >= 200:
                break
            writer.write(head(start, headers))  # 100 Continue and the like
        values = {key.lower(): value for key, value in headers}
        if cut:
            if request.verb != "WATCH":  # it would take minutes to end, and hold the client in suspense
                await drain_answer(request, source, values)
            return False
        writer.write(head(start, headers))
        if "chunked" in values.get("transfer-encoding", "").lower():
            await self._stream(request, source, writer)
        elif "content-length" in values:
            left = 0 if request.method == "HEAD" or request.status in (204, 304) else int(values["content-length"])
            while left:
                piece = await source.readexactly(min(left, LIMIT))
                left -= len(piece)
                writer.write(piece)
                await writer.drain()
        await writer.drain()
        request.done = True
        return values.get("connection", "").lower() != "close"

    async def _stream(self, request, source, writer):
        """A chunked answer: passed on chunk by chunk, with a word of our own between two lines if one is wanted."""
        watch = Watch(request, writer)
        if request.verb == "WATCH":
            self.watches.add(watch)
        arrived = asyncio.Queue(64)
        tasks = [asyncio.ensure_future(pump(source, arrived))]
        try:
            at_line_end, item = True, None
            while True:
                item = item or asyncio.ensure_future(arrived.get())
                changed = asyncio.ensure_future(watch.changed.wait())
                tasks[1:] = [item, changed]
                await asyncio.wait({item, changed}, return_when=asyncio.FIRST_COMPLETED)
                watch.changed.clear()
                changed.cancel()
                if writer.transport.is_closing():
                    raise ConnectionResetError
                if watch.ending is not None and at_line_end:
                    await write_chunk(writer, watch.ending)
                    if watch.ending:
                        await write_chunk(writer, b"")
                    raise ConnectionResetError  # the server still streams: its connection cannot be used again
                if watch.silent:
                    await watch.changed.wait()
                    continue
                if not item.done():
                    continue
                (at, data), item = item.result(), None
                if isinstance(data, Exception):
                    raise data
                await asyncio.sleep(at + self.latency - time.monotonic())
                await write_chunk(writer, data)
                if not data:
                    return
                at_line_end = data.endswith(b"\n")
        finally:
            for task in tasks:
                task.cancel()
            self.watches.discard(watch)


async def pump(source, arrived):
    """Reads chunks as they come, so that a latency delays them without slowing them down."""
    data = None
    while data != b"":
        try:
            data = await read_chunk(source)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
            await arrived.put((0, ConnectionResetError(str(error))))
            return
        await arrived.put((time.monotonic(), data))


async def write_chunk(writer, data):
    writer.write(b"%x\r\n%s\r\n" % (len(data), data))
    await writer.drain()


def parse_head(raw):
    """(first line, [(name, value)])."""
    lines = raw.decode("latin-1").split("\r\n")
    headers = [(name.strip(), value.strip()) for name, colon, value in (line.partition(":") for line in lines[1:]) if colon]
    return lines[0], headers


def head(start, headers):
    return (start + "\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n").encode("latin-1")


async def read_request(reader):
    """The next request with all of its body; None at the end of the connection."""
    try:
        start, headers = parse_head(await reader.readuntil(b"\r\n\r\n"))
    except asyncio.IncompleteReadError as rest:
        if rest.partial:
            raise
        return None
    method, target, _ = start.split(" ", 2)
    request = Request(method, target, headers, b"", time.monotonic())
    if request.header("content-length"):
        request.body = await reader.readexactly(int(request.header("content-length")))
    elif "chunked" in request.header("transfer-encoding"):
        while data := await read_chunk(reader):
            request.body += data
    return request


async def read_chunk(reader):
    """The data of one chunk; b"" is the last."""
    size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
    data = await reader.readexactly(size)
    await reader.readexactly(2)
    return data


async def drain_answer(request, source, values):
    """Reads an answer to its end, so that the server has surely done what was asked."""
    if "chunked" in values.get("transfer-encoding", "").lower():
        while await read_chunk(source):
            pass
    elif "content-length" in values:
        await source.readexactly(int(values["content-length"]))
    request.done = True
