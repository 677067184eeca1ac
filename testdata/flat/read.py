#!/usr/bin/env python3
"""An independent reader of AerieDB storage, written from crates/storage/FORMAT.md alone.

read.py DEVICE...                       names every structure and record of an image
read.py --expect expected.txt DEVICE... says nothing but a summary, and fails unless the live
                                        records at the time in expected.txt are those in it

Python 3 and its standard library; Zstandard bodies need Python 3.14 or the command `zstd`.
"""
import struct
import sys

from records import KINDS, UNIT, Bytes, Record, crc32c, num, placed_crc, sealed

PAGE = 4096


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
            later = [h for h in log if h["stream"] == header["stream"] and h["seq"] > header["seq"]]
            proved = later and later[0]["previous"] == header["id"] and later[0]["previous_end"]
            self.block(header, proved or None)
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
        at, open_group, found, groups, header["end"] = PAGE, [], [], 0, PAGE
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
        for one in found:
            self.note(one, one.block * self.block_size + one.at)
        if footer:
            self.footer(footer, data, found)
        torn = f"; {len(open_group)} whole ones torn off" if open_group else ""
        self.say(f"  {len(found)} records in {groups} groups up to {header['end']}{torn}")

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
        dead = [one.lsn for one in users if one.kind == 1]
        mortal = sum(one.kind == 0 and one.void > 0 for one in users)
        counts = [len(dead), mortal, len(found) - len(users)]
        assert [num(page, at, 4) for at in (36, 40, 44)] == counts
        assert num(page, 48, 8) == max(dead, default=0)
        begin, size, crc, count = (num(page, at, 4) for at in (20, 24, 28, 32))
        self.say(f"  footer: {count} entries, {num(page, 56, 2)} shapes, {counts}")
        if count == 0xFFFFFFFF:  # left out
            return
        rest, before = Bytes(data[begin:begin + size]), (0, 0, 0)
        assert crc32c(rest.data) == crc and count == len(users)
        for one in users:
            flags, units, tag, generation = rest.num(1), rest.leb(), rest.take(11), rest.leb()
            take = lambda bit, size, other: rest.num(size) if flags >> bit & 1 else other
            void, set_id = take(3, 4, 0), take(4, 2, before[0])
            lsn, offset = take(5, 6, before[1] + 1), take(6, 4, before[2] // UNIT) * UNIT
            before = set_id, lsn, offset + units * UNIT
            said = flags & 7, tag, generation, void, set_id, lsn, offset, before[2]
            assert said == (one.kind, one.digest[:11], one.generation, one.void, one.set, one.lsn,
                            one.at, one.end)
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
                assert (n, crc) == (seen, placed_crc(data[at + 4:end], at, header["seed"]))
                meta += data[at + 16:end] if kind == 1 else b""
                rest, seen = Bytes(data[:end], at + 16), seen + 1
                while kind == 2 and rest.at < end:
                    shard, count = rest.num(4), rest.num(4)
                    entries += [(shard, struct.unpack("<5I", rest.take(20))) for _ in range(count)]
                at = (end + PAGE - 1) // PAGE * PAGE
        assert (seen, len(meta)) == (chunks, size)
        self.say(f"checkpoint {number} of LSN {lsn}: {chunks} chunks, {len(entries)} entries")
        self.check_meta(Bytes(meta), entries, shards)

    def check_meta(self, meta, entries, shards):
        known = {}
        for _ in range(meta.leb()):
            id, incarnation = meta.num(8), meta.num(8)
            known[id] = incarnation
            self.say(f"  knows block {id}: {[meta.num(n) for n in (1, 4, 4, 4, 8)]}")
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
            if not gone and not any(self.removes(one, *marker) for marker in self.markers.items()):
                bins = [f"{self.names[1][id]}={text}" for id, text in one.bins]
                yield "\t".join(["record", f'"{self.names[0][one.set]}"', one.digest.hex(), one.key,
                                 *map(str, (one.generation, one.void, one.lut)), *bins])

    def removes(self, one, lsn, marker):
        what, *said = marker
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
