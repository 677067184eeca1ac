"""Checksums, numbers, values and records: crates/storage/FORMAT.md, its top, sections 5 and 6."""
import struct
import subprocess

UNIT = 16
KINDS = "record tombstone set-name bin-name truncate group-end evict".split()
TABLE = []
for n in range(256):
    for _ in range(8):
        n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
    TABLE.append(n)


def crc32c(data, begin=0):
    crc = begin ^ 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def num(data, at, size):
    return int.from_bytes(data[at:at + size], "little")


def sealed(page, magic):
    return page[:8] == magic and num(page, 8, 4) == crc32c(page[12:], crc32c(page[:8]))


class Bytes:
    """What is taken from the front of some bytes."""

    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def take(self, size):
        assert self.at + size <= len(self.data), "the bytes end too early"
        self.at += size
        return self.data[self.at - size:self.at]

    def num(self, size, signed=False):
        return int.from_bytes(self.take(size), "little", signed=signed)

    def leb(self):
        n = shift = 0
        while True:
            byte = self.num(1)
            n, shift = n | (byte & 127) << shift, shift + 7
            if byte < 128:
                return n

    def value(self):
        """A value as text, as in expected.txt."""
        tag = self.num(1)
        if tag >= 0x80:
            return str(tag - 0x80 - 16)
        if tag >= 0x40:
            return quoted("", self.take(tag - 0x40))
        if tag in (0, 1, 2):
            return ("nil", "false", "true")[tag]
        if tag <= 6:
            return str(self.num(1 << tag - 3, signed=True))
        if tag == 7:
            return "double:%016x" % self.num(8)
        if tag <= 0x0B:
            return quoted(("", "blob", "geojson", "hll")[tag - 8], self.take(self.leb()))
        assert tag <= 0x10, f"tag {tag:#x}"
        size = self.num(3)
        end = self.at + size
        count = self.leb()
        if tag in (0x0C, 0x0E):
            text = "[" + ", ".join(self.value() for _ in range(count)) + "]"
        else:
            text = "{" + ", ".join(f"{self.value()}: {self.value()}" for _ in range(count)) + "}"
        assert self.at == end, "a list or map has another size than it says"
        return text


def quoted(prefix, data):
    if len(data) > 300:
        h = 0xCBF29CE484222325
        for byte in data:
            h = (h ^ byte) * 0x100000001B3 & (1 << 64) - 1
        return f"{prefix}#{len(data)}:{h:016x}"
    one = lambda b: "\\" + chr(b) if b in b'"\\' else chr(b) if 32 <= b <= 126 else f"\\x{b:02x}"
    return f'{prefix}"' + "".join(map(one, data)) + '"'


def unlz4(data):
    src, out = Bytes(data), bytearray()

    def length(n):
        more = 255 if n == 15 else 0
        while more == 255:
            more = src.num(1)
            n += more
        return n
    while True:
        token = src.num(1)
        out += src.take(length(token >> 4))
        if src.at == len(data):
            return bytes(out)
        back = src.num(2)
        for _ in range(length(token & 15) + 4):
            out.append(out[-back])


def unzstd(data):
    try:
        from compression import zstd
        return zstd.decompress(data)
    except ImportError:
        return subprocess.run(["zstd", "-dc"], input=data, stdout=-1, check=True).stdout


def placed_crc(data, at, seed):
    return crc32c(data, crc32c(struct.pack("<I", at), seed))


class Record:
    def __init__(self, data, at, seed):
        """Raises AssertionError unless a whole record is at this offset of a block."""
        word = num(data, at + 4, 4)
        size, self.flags = (word & 0xFFFFF) * UNIT, word >> 23
        self.at, self.end, self.kind = at, at + size, word >> 20 & 7
        assert size >= 36 and self.end <= len(data) and self.kind < 7 and word >> 30 == 0
        assert num(data, at, 4) == placed_crc(data[at + 4:self.end], at, seed)
        self.digest, self.generation = data[at + 8:at + 28], num(data, at + 28, 2)
        self.lut, rest = num(data, at + 30, 6), Bytes(data[:self.end], at + 36)
        flag = lambda bit, size: rest.num(size) if self.flags >> bit & 1 else None
        self.lsn = flag(4, 6)
        if self.kind <= 1:
            self.void, self.set = flag(0, 4) or 0, flag(1, 2) or 0
            self.body(rest)
        elif self.kind <= 3:
            self.id, self.name = rest.num(2), rest.take(rest.num(1)).decode()
        elif self.kind == 4:
            self.said = ("truncate", rest.num(2), rest.num(8))
        elif self.kind == 5:
            self.group, self.start, self.count, self.base = (rest.num(n) for n in (8, 4, 4, 8))
        else:
            self.said = ("evict", rest.num(4), rest.num(4), rest.num(2),
                         tuple(rest.leb() for _ in range(rest.leb())))
        assert not any(data[rest.at:self.end]), "padding is not zero"

    def body(self, rest):
        inner = rest
        if self.flags >> 5 & 3:
            size, packed = rest.leb(), rest.take(rest.leb())
            plain = unlz4(packed) if self.flags >> 5 & 1 else unzstd(packed)
            assert len(plain) == size, "a body decompresses to another size"
            inner = Bytes(plain)
        self.key = inner.value() if self.flags >> 2 & 1 else "-"
        count = inner.leb() if self.flags >> 3 & 1 else 0
        self.bins = [(inner.leb(), inner.value()) for _ in range(count)]
        assert inner is rest or inner.at == len(inner.data)
