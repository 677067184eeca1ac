#!/usr/bin/env python3
"""An independent reader of AerieDB storage, written from crates/storage/FORMAT.md alone.

read.py DEVICE...                       names every structure and record of an image
read.py --expect expected.txt DEVICE... says nothing but a summary, and fails unless the live
                                        records at the time in expected.txt are those in it

Python 3 and its standard library; Zstandard bodies need Python 3.14 or the command `zstd`.
"""
import struct
import subprocess
import sys

PAGE, UNIT = 4096, 16
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
        assert tag in (0x0C, 0x0D), f"tag {tag:#x}"
        size = self.num(3)
        end = self.at + size
        count = self.leb()
        if tag == 0x0C:
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


class Record:
    def __init__(self, data, at, seed):
        """Raises AssertionError unless a whole record is at this offset of a block."""
        word = num(data, at + 4, 4)
        size, self.flags = (word & 0xFFFFF) * UNIT, word >> 23
        self.at, self.end, self.kind = at, at + size, word >> 20 & 7
        assert size >= 36 and self.end <= len(data) and self.kind < 7 and word >> 30 == 0
        assert num(data, at, 4) == crc32c(data[at + 4:self.end], crc32c(struct.pack("<I", at), seed))
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


class Image:
    def __init__(self, paths, say):
        self.devices, self.say = [open(path, "rb").read() for path in paths], say
        for n, device in enumerate(self.devices):
            copies = [device[at:at + PAGE] for at in (0, PAGE)]
            whole = [c for i, c in enumerate(copies) if sealed(c, b"AERIEDB1") and c[52] == i]
            best = max(whole, key=lambda c: num(c, 32, 8))
            assert num(best, 12, 4) == 1, "another version of the format"
            assert (num(best, 48, 2), num(best, 50, 2)) == (n, len(paths)), "not this device"
            self.id, self.block_size = best[16:32], num(best, 40, 4)
            say(f"superblock of device {n}: namespace {best[54:54 + best[53]].decode()}, opened "
                f"{num(best, 32, 8)} times, blocks of {self.block_size}, clean {num(best, 44, 4)}")
        self.blocks, self.records, self.names, self.markers = {}, [], ({0: ""}, {}), {}
        longest = max(map(len, self.devices)) // self.block_size
        for id in range(len(paths), longest * len(paths)):
            self.header(id)
        log = sorted((h for h in self.blocks.values() if h["stream"] < 2), key=lambda h: h["seq"])
        for header in log:
            after = [h for h in log if (h["stream"], h["previous"]) == (header["stream"], header["id"])
                     and h["seq"] > header["seq"]]
            self.block(header, after[0]["previous_end"] if after else None)
        self.checkpoint()

    def header(self, id):
        at = id // len(self.devices) * self.block_size
        data = self.devices[id % len(self.devices)][at:at + self.block_size]
        for copy in (data[:512], data[2048:2560]):
            if sealed(copy, b"AERIEBLK") and copy[16:32] == self.id and num(copy, 32, 8) == id:
                names = "id incarnation seq base_lsn first_group previous".split()
                header = {name: num(copy, 32 + 8 * i, 8) for i, name in enumerate(names)}
                header.update(previous_end=num(copy, 80, 4), stream=num(copy, 84, 2), data=data)
                header["seed"] = crc32c(copy[16:32] + copy[32:48])
                self.blocks[id] = header
                return
        assert not any(data[:PAGE]), f"both headers of block {id} are damaged"

    def block(self, header, proved):
        data, seed, id = header["data"], header["seed"], header["id"]
        self.say(f"block {id}: " + ", ".join(f"{k} {v}" for k, v in header.items() if k != "data"))
        footer = data[-PAGE:]
        footer = footer if sealed(footer, b"AERIEFTR") and num(footer, 12, 4) == seed else None
        end = num(footer, 16, 4) if footer else proved
        at, open_group, found, groups = PAGE, [], [], 0
        while at < (end or self.block_size):
            try:
                record = Record(data, at, seed)
            except AssertionError:
                assert end is None, f"block {id} offset {at}: damage in what is proved"
                break
            at = record.end
            if record.kind != 5:
                open_group.append(record)
                continue
            assert record.end % PAGE == 0 and record.start == (open_group or [record])[0].at
            assert record.count == (len(open_group) if header["stream"] == 0 else 0)
            for n, one in enumerate(open_group):
                one.lsn, one.block = record.base + n if one.lsn is None else one.lsn, id
            groups, found, open_group = groups + 1, found + open_group, []
            header["end"] = record.end
        assert end in (None, header["end"]) and (end is None or not open_group)
        if open_group or end is None:
            self.say(f"  the stream ends at {header['end']}; {len(open_group)} records are torn off")
        for one in found:
            self.note(one, one.block * self.block_size + one.at)
        if footer:
            self.footer(footer, data, found)
        self.say(f"  {len(found)} records in {groups} groups")

    def note(self, one, place):
        what = f"{self.names[0].get(one.set)!r} {one.digest.hex()} {one.key} {one.bins}" \
            if one.kind <= 1 else str(vars(one).get("said") or (one.id, one.name))
        self.say(f"  {one.at}: lsn {one.lsn} {KINDS[one.kind]} {what}")
        if one.kind <= 1:
            self.records.append((one.lsn, place // UNIT, one))
        elif one.kind <= 3:
            assert self.names[one.kind - 2].setdefault(one.id, one.name) == one.name
        elif self.markers.get(one.lsn - 1) != one.said:  # else it is the second of a pair
            self.markers[one.lsn] = one.said

    def footer(self, page, data, found):
        users = [one for one in found if one.kind <= 1]
        counts = [sum(one.kind == 1 for one in users), sum(one.kind == 0 and one.void > 0 for one in users),
                  len(found) - len(users)]
        newest = max([one.lsn for one in users if one.kind == 1], default=0)
        assert [num(page, at, 4) for at in (36, 40, 44)] == counts and num(page, 48, 8) == newest
        begin, size, crc, count = (num(page, at, 4) for at in (20, 24, 28, 32))
        self.say(f"  footer: {count} entries, {num(page, 56, 2)} shapes, {counts}")
        if count == 0xFFFFFFFF:
            return
        rest, before = Bytes(data[begin:begin + size]), (0, 0, 0)
        assert crc32c(rest.data) == crc and count == len(users)
        for one in users:
            flags, units, tag, generation = rest.num(1), rest.leb(), rest.take(11), rest.leb()
            take = lambda bit, size, other: rest.num(size) if flags >> bit & 1 else other
            void, set_id = take(3, 4, 0), take(4, 2, before[0])
            lsn, offset = take(5, 6, before[1] + 1), take(6, 4, before[2] // UNIT) * UNIT
            before = set_id, lsn, offset + units * UNIT
            assert (flags & 7, tag, generation, void, set_id, lsn, offset, before[2]) == (
                one.kind, one.digest[:11], one.generation, one.void, one.set, one.lsn, one.at, one.end)
        assert rest.at == size

    def checkpoint(self):
        sectors = [self.devices[0][at:at + 512] for at in (8192, 12288)]
        whole = [s for i, s in enumerate(sectors) if sealed(s, b"AERIECKP") and num(s, 12, 4) == i]
        if not whole:
            return
        number, lsn, blocks, chunks, size, shards = struct.unpack_from(
            "<QQIIII", max(whole, key=lambda s: num(s, 32, 8)), 32)
        mine = [h for h in self.blocks.values() if h["stream"] == 2 and h["first_group"] == number]
        assert len(mine) == blocks
        meta, entries, seen = b"", [], 0
        for header in sorted(mine, key=lambda h: h["seq"]):
            data, at = header["data"], PAGE
            while at + 16 <= len(data) and num(data, at + 4, 4):
                crc, kind, n, length = struct.unpack_from("<IIII", data, at)
                end = at + 16 + length
                assert n == seen and crc == crc32c(data[at + 4:end], crc32c(struct.pack("<I", at), header["seed"]))
                meta += data[at + 16:end] if kind == 1 else b""
                rest, seen = Bytes(data[:end], at + 16), seen + 1
                while kind == 2 and rest.at < end:
                    shard, count = rest.num(4), rest.num(4)
                    entries += [(shard, struct.unpack("<IIIII", rest.take(20))) for _ in range(count)]
                at = (end + PAGE - 1) // PAGE * PAGE
        assert (seen, len(meta)) == (chunks, size)
        self.say(f"checkpoint {number} of LSN {lsn}: {chunks} chunks, {shards} shards, {len(entries)} entries")
        self.check_meta(Bytes(meta), entries, shards)

    def check_meta(self, meta, entries, shards):
        known = {}
        for _ in range(meta.leb()):
            id, incarnation = meta.num(8), meta.num(8)
            known[id] = incarnation
            self.say(f"  knows block {id}, full {meta.num(1)}, {[meta.num(n) for n in (4, 4, 4, 8)]}")
        for family in self.names:
            for _ in range(meta.leb()):
                id, name = meta.num(2), meta.take(meta.leb()).decode()
                assert family[id] == name and [meta.num(8), meta.num(8)]
        for _ in range(meta.leb()):
            lsn, _places, evict = meta.num(8), meta.take(16), meta.num(1)
            said = ("evict", meta.num(4), meta.num(4), meta.num(2),
                    tuple(meta.num(2) for _ in range(meta.leb()))) if evict else \
                   ("truncate", meta.num(4) & 0xFFFF, meta.num(8))
            assert self.markers.get(lsn, said) == said
            self.markers[lsn] = said
        sets = Bytes(meta.take(meta.leb()))
        assert meta.at == len(meta.data)
        while sets.at < len(sets.data):
            id, types, count = sets.num(2), sets.num(4), sets.num(2)
            bins = [(sets.take(sets.num(1)).decode(), sets.num(4)) for _ in range(count)]
            self.say(f"  set {self.names[0][id]!r}: key types {types:#x}, bins {bins}")
        there, stale = {place: one for _, place, one in self.records}, 0
        for shard, (high, low, meta_word, place, more) in entries:
            place |= (more & 63) << 32
            id = place * UNIT // self.block_size
            header = self.blocks.get(id)
            if not header or header["stream"] == 2 or known.get(id) != header["incarnation"]:
                stale += 1
                continue
            one, bits = there[place], (shards // 4096).bit_length() - 1
            partition = num(one.digest, 0, 2) & 4095
            order = int.from_bytes(one.digest[2:18], "big")
            assert shard == partition << bits | order >> 128 - bits
            assert high << 32 | low == order >> 64 - bits & (1 << 64) - 1
            assert (meta_word >> 17 & 4095, more >> 14 & 65535) == (one.set, one.generation)
            hours = max((one.void - 1735689600) // 3600, 1) if one.void else 0
            assert meta_word & 0x1FFFF == min(hours, 0x1FFFF)
        self.say(f"  {stale} of {len(entries)} entries are stale")

    def live(self, now_ms):
        """Lines of the records that are there at this time."""
        newest = {}
        for lsn, _, one in self.records:
            known = newest.setdefault(one.digest, one)
            if (known.lsn, known.kind) < (lsn, one.kind):
                newest[one.digest] = one
        for one in newest.values():
            gone = one.kind == 1 or 0 < one.void * 1000 <= now_ms
            if not gone and not any(self.removes(one, lsn, *said) for lsn, said in self.markers.items()):
                bins = "".join(f"\t{self.names[1][id]}={text}" for id, text in one.bins)
                yield (f'record\t"{self.names[0][one.set]}"\t{one.digest.hex()}\t{one.key}\t'
                       f"{one.generation}\t{one.void}\t{one.lut}{bins}")

    def removes(self, one, lsn, what, *said):
        if one.lsn >= lsn:
            return False
        if what == "truncate":
            return said[0] in (0xFFFF, one.set) and one.lut <= said[1]
        there = num(one.digest, 0, 2) & 4095 < said[2]
        return 0 < one.void < said[1 if there else 0] and one.set not in said[3]


def main(args):
    expected = args[1] if args[0] == "--expect" else None
    image = Image(args[2:] if expected else args, (lambda _: None) if expected else print)
    if expected:
        lines = open(expected).read().splitlines()
        wanted = {line for line in lines if line.startswith("record")}
        found = set(image.live(int(lines[0].split("\t")[1])))
        for line in sorted(wanted ^ found)[:20]:
            print("missing" if line in wanted else "too much", line)
        print(f"{len(image.records)} versions in the log, {len(found)} records live")
        sys.exit(wanted != found)


main(sys.argv[1:])
