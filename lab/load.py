# SPDX-License-Identifier: Apache-2.0
"""HTTP requests, a connection each: python3 -m lab.load ADDRESS COUNT [PER_SECOND]

COUNT 0: until SIGTERM. Prints JSON: {"ok": N, "failed": N, "by_node": {...}, "errors": {...}, "longest_ms": N,
"failures": [[BEGAN, ENDED], ...]}, the last in Unix seconds.
"""
import asyncio
import collections
import json
import signal
import sys
import time

TIMEOUT = 5
AT_ONCE = 16


class Load:
    def __init__(self, address):
        self.address = address
        self.ok = self.failed = 0
        self.by_node, self.errors = collections.Counter(), collections.Counter()
        self.failures = []
        self.longest = 0.0

    async def request(self):
        began, began_at = time.monotonic(), time.time()
        try:
            body = await asyncio.wait_for(self.fetch(), TIMEOUT)
            self.ok += 1
            self.by_node[body.split()[0]] += 1
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, IndexError) as error:
            self.failed += 1
            self.errors[f"{type(error).__name__}: {error}"] += 1
            self.failures.append((began_at, time.time()))
        self.longest = max(self.longest, time.monotonic() - began)

    async def fetch(self):
        reader, writer = await asyncio.open_connection(self.address, 80)
        try:
            writer.write(b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            return (await reader.read()).decode()
        finally:
            writer.close()

    async def run(self, count, per_second):
        stopped = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
        slots = asyncio.Semaphore(AT_ONCE)
        tasks, began, sent = set(), time.monotonic(), 0

        async def one():
            async with slots:
                await self.request()

        while not stopped.is_set() and (count == 0 or sent < count):
            await slots.acquire()
            slots.release()
            task = asyncio.create_task(one())
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            sent += 1
            due = began + sent / per_second - time.monotonic() if per_second else 0
            await asyncio.sleep(max(due, 0))
        await asyncio.gather(*tasks)

    def report(self):
        return {"ok": self.ok, "failed": self.failed, "by_node": dict(sorted(self.by_node.items())),
                "errors": dict(self.errors), "longest_ms": round(self.longest * 1000), "failures": self.failures}


def main():
    load = Load(sys.argv[1])
    asyncio.run(load.run(int(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 0))
    print(json.dumps(load.report()), flush=True)


if __name__ == "__main__":
    main()
