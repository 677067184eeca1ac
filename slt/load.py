"""What connections and slow readers cost a node; slt/load starts it. Sockets without a driver."""

import argparse
import asyncio
import os
import socket
import struct
import time

parser = argparse.ArgumentParser()
for name in ("pid", "port", "connections", "burst", "idle", "rows", "slow"):
    parser.add_argument(f"--{name}", type=int, required=True)
args = parser.parse_args()

# MiB that may stay for good: what the allocator keeps of the first use of everything.
KEPT_MIB = 96
# MiB of one slow reader: two batches ahead, the batch that is sent, and the buffers of both sockets.
READER_MIB = 96
# KiB of an idle session: its task, its settings, its buffers.
SESSION_KIB = 128


def packet(kind, body):
    return kind + struct.pack("!I", len(body) + 4) + body


STARTUP = packet(b"", struct.pack("!I", 196608) + b"user\0postgres\0database\0mem\0\0")
TERMINATE = packet(b"X", b"")


def query(text):
    return packet(b"Q", text.encode() + b"\0")


class Node:
    """What the kernel says of the node's process."""

    def __init__(self):
        self.first = self.now()

    @staticmethod
    def now():
        status = dict(
            line.split(":", 1) for line in open(f"/proc/{args.pid}/status").read().splitlines()
        )
        return (
            int(status["VmRSS"].split()[0]) // 1024,
            int(status["Threads"]),
            len(os.listdir(f"/proc/{args.pid}/fd")),
        )

    def tell(self, what):
        mib, threads, descriptors = self.now()
        print(f"{what}: {mib} MiB, {threads} threads, {descriptors} descriptors", flush=True)
        return mib

    def is_back(self, what):
        """Descriptors and threads as they were, memory nearly."""
        for _ in range(100):
            mib, threads, descriptors = self.now()
            back = descriptors <= self.first[2] + 2 and threads <= self.first[1] + 8
            if back and mib <= self.first[0] + KEPT_MIB:
                break
            time.sleep(0.1)
        else:
            raise SystemExit(f"{what}: {self.now()} is not back at {self.first}")
        self.tell(what)


async def session():
    """Opens a session: its streams after ReadyForQuery, or the SQLSTATE of a refusal."""
    reader, writer = await asyncio.open_connection("127.0.0.1", args.port)
    writer.write(STARTUP)
    while True:
        kind, length = struct.unpack("!cI", await reader.readexactly(5))
        body = await reader.readexactly(length - 4)
        if kind == b"Z":
            return reader, writer
        if kind == b"E":
            writer.close()
            code = next(field[1:] for field in body.split(b"\0") if field.startswith(b"C"))
            return code.decode()


async def opened_and_closed():
    _, writer = await session()
    writer.write(TERMINATE)
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def connections(node):
    begun = time.monotonic()
    for _ in range(args.connections):
        await opened_and_closed()
    each = (time.monotonic() - begun) / args.connections
    node.is_back(f"{args.connections} connections one after another, {each * 1e3:.2f} ms each")
    begun = time.monotonic()
    for _ in range(args.connections // args.burst):
        await asyncio.gather(*(opened_and_closed() for _ in range(args.burst)))
    each = (time.monotonic() - begun) / args.connections
    node.is_back(f"and in bursts of {args.burst}, {each * 1e3:.2f} ms each")


async def idle(node):
    before = node.now()[0]
    sessions = [await session() for _ in range(args.idle)]
    refused = [s for s in sessions if isinstance(s, str)]
    assert not refused, f"{len(refused)} sessions were refused: {refused[0]}"
    mib = node.tell(f"{args.idle} idle sessions")
    assert mib <= before + KEPT_MIB + args.idle * SESSION_KIB // 1024, "idle sessions are large"
    for _, writer in sessions:
        writer.close()
        await writer.wait_closed()
    node.is_back("and all of them gone")


def slow_reader(node):
    client = socket.create_connection(("127.0.0.1", args.port))
    client.settimeout(60)
    before = node.now()[0]
    client.sendall(STARTUP)
    select = f"SELECT g, repeat('x', 100) FROM generate_series(1, {args.rows}) AS s (g)"
    client.sendall(query(select))
    end, read, most = time.monotonic() + args.slow, 0, 0
    while time.monotonic() < end:
        piece = client.recv(4096)
        assert piece, "the node has closed"
        read += len(piece)
        most = max(most, node.now()[0])
        time.sleep(0.02)
    node.tell(f"a slow reader of {args.rows} rows, {read} bytes read in {args.slow} s, {most} MiB at most")
    assert most <= before + READER_MIB, f"memory grew from {before} to {most} MiB"
    client.close()
    node.is_back("and gone in the middle")


def whole_answer(node):
    """The same answer read to its end: every row is there, memory bounded."""
    client = socket.create_connection(("127.0.0.1", args.port))
    stream = client.makefile("rb", buffering=1 << 20)
    client.sendall(STARTUP + query(f"SELECT g FROM generate_series(1, {args.rows}) AS s (g)") + TERMINATE)
    rows, most, begun = 0, 0, time.monotonic()
    while header := stream.read(5):
        kind, length = struct.unpack("!cI", header)
        stream.read(length - 4)
        rows += kind == b"D"
        if rows % 100_000 == 0:
            most = max(most, node.now()[0])
    assert rows == args.rows, f"{rows} rows"
    node.is_back(f"{rows} rows read whole in {time.monotonic() - begun:.1f} s, {most} MiB at most")


async def main():
    await opened_and_closed()
    node = Node()
    node.tell("at first")
    await connections(node)
    await idle(node)
    slow_reader(node)
    whole_answer(node)


asyncio.run(main())
