#!/usr/bin/env python3
"""Reads an rdfs tier without rdfs: lists what the drive held, and extracts it.

    rdfs-extract.py TIER list [--versions] [PATH]
    rdfs-extract.py TIER extract [--version N] [--no-verify] PATH DEST
    rdfs-extract.py TIER snapshots

TIER is the directory of a tier (REPO/blobs, a NAS), or a copy of a bucket made with any
tool. PATH is a path in the drive; "" is all of it. The state is that of the newest copy
of the catalog and its log. Needs Python 3.9 and zstd: the module zstandard, or the
program zstd. The formats are described in internal/ship/FORMAT.md, catalog/FORMAT.md
and tiers/pack/FORMAT.md; this program shares no code with rdfs.
"""

import argparse
import json
import os
import stat
import struct
import subprocess
import sys

try:
    import zstandard
except ImportError:
    zstandard = None


# ---- zstd and BLAKE3 ----

def unzstd(data):
    """Unpacks zstd frames, one after the other."""
    if zstandard is None:
        return subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout
    out = []
    while data:
        d = zstandard.ZstdDecompressor().decompressobj()
        out.append(d.decompress(data))
        data = d.unused_data
    return b"".join(out)


IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
START, END, PARENT, ROOT = 1, 2, 4, 8
MASK = 0xFFFFFFFF


def compress(cv, block, counter, size, flags):
    """The compression function of BLAKE3."""
    s = list(cv) + list(IV[:4]) + [counter & MASK, counter >> 32, size, flags]
    m = list(block)

    def g(a, b, c, d, x, y):
        s[a] = (s[a] + s[b] + x) & MASK
        v = s[d] ^ s[a]
        s[d] = (v >> 16 | v << 16) & MASK
        s[c] = (s[c] + s[d]) & MASK
        v = s[b] ^ s[c]
        s[b] = (v >> 12 | v << 20) & MASK
        s[a] = (s[a] + s[b] + y) & MASK
        v = s[d] ^ s[a]
        s[d] = (v >> 8 | v << 24) & MASK
        s[c] = (s[c] + s[d]) & MASK
        v = s[b] ^ s[c]
        s[b] = (v >> 7 | v << 25) & MASK

    for n in range(7):
        g(0, 4, 8, 12, m[0], m[1])
        g(1, 5, 9, 13, m[2], m[3])
        g(2, 6, 10, 14, m[4], m[5])
        g(3, 7, 11, 15, m[6], m[7])
        g(0, 5, 10, 15, m[8], m[9])
        g(1, 6, 11, 12, m[10], m[11])
        g(2, 7, 8, 13, m[12], m[13])
        g(3, 4, 9, 14, m[14], m[15])
        if n < 6:
            m = [m[i] for i in ORDER]
    return [s[i] ^ s[i + 8] for i in range(8)]


def blake3(data):
    """BLAKE3-256. Slow, and needs nothing."""
    def chunk(i, flags):
        piece, cv = data[i * 1024:(i + 1) * 1024], IV
        blocks = [piece[k:k + 64] for k in range(0, len(piece), 64)] or [b""]
        for k, b in enumerate(blocks):
            f = (START if k == 0 else 0) | (END | flags if k == len(blocks) - 1 else 0)
            cv = compress(cv, struct.unpack("<16I", b.ljust(64, b"\0")), i, len(b), f)
        return cv

    def tree(first, n, flags):
        if n == 1:
            return chunk(first, flags)
        left = 1 << (n - 1).bit_length() - 1
        both = tree(first, left, 0) + tree(first + left, n - left, 0)
        return compress(IV, both, 0, 64, PARENT | flags)

    return struct.pack("<8I", *tree(0, max(1, -(-len(data) // 1024)), ROOT))


class Damaged(Exception):
    pass


def verify(data, want, what):
    if blake3(data) != want:
        raise Damaged(f"{what}: the bytes are not those that were stored")


# ---- the copies of the catalog ----

def uvarint(b, at):
    value = shift = 0
    while True:
        value |= (b[at] & 127) << shift
        at += 1
        if b[at - 1] < 128:
            return value, at
        shift += 7


def varint(b, at):
    v, at = uvarint(b, at)
    return (v >> 1) ^ -(v & 1), at


def bolt_rows(db):
    """All rows of a bbolt file, by their keys. The values lose their checksum."""
    def meta(at):
        magic, version, page, _, root = struct.unpack_from("<IIIIQ", db, at + 16)
        txid = struct.unpack_from("<Q", db, at + 16 + 48)[0]
        return (txid, page, root) if magic == 0xED0CDAED and version == 2 else None

    page_size = struct.unpack_from("<I", db, 24)[0]
    _, page_size, root = max(m for m in (meta(0), meta(page_size)) if m)

    def walk(page):  # page: the bytes that begin with its header
        flags, count = struct.unpack_from("<HH", page, 8)
        for i in range(count):
            at = 16 + 16 * i
            if flags & 1:  # a branch
                child = struct.unpack_from("<Q", page, at + 8)[0]
                yield from walk(db[child * page_size:])
            elif flags & 2:  # a leaf
                kind, pos, ksize, vsize = struct.unpack_from("<IIII", page, at)
                key = bytes(page[at + pos:at + pos + ksize])
                yield kind, key, bytes(page[at + pos + ksize:at + pos + ksize + vsize])

    db = memoryview(db)
    rows = {}
    for kind, name, bucket in walk(db[root * page_size:]):
        if not kind & 1 or name.startswith(b"."):
            continue
        top = struct.unpack_from("<Q", bucket)[0]
        for _, key, value in walk(db[top * page_size:] if top else memoryview(bucket)[16:]):
            rows[key] = value[:-4]
    return rows


def replay(groups, rows):
    at = 0
    while at < len(groups):
        size, at = uvarint(groups, at)
        end, at = at + size, at + 8
        while at < end:
            n, at = uvarint(groups, at)
            key, at = groups[at:at + n], at + n
            n, at = uvarint(groups, at)
            if n == 0:
                rows.pop(key, None)
            else:
                rows[key], at = groups[at:at + n - 1], at + n - 1


class Tier:
    def __init__(self, root, check):
        self.root, self.check, self.packs = root, check, {}
        if os.path.isdir(os.path.join(root, "keys")):
            sys.exit("rdfs-extract: the tier is encrypted, and Python's standard library has no AES: "
                     "`rdfs recover` reads it with the passphrase, a key file or the exported key")

    def read(self, key):
        with open(os.path.join(self.root, *key.split("/")), "rb") as f:
            return f.read()

    def catalog(self):
        copies = sorted(os.listdir(os.path.join(self.root, "catalog", "copy")))
        if not copies:
            raise Damaged("the tier has no copy of a catalog")
        manifest = json.loads(self.read("catalog/copy/" + copies[-1]))
        if manifest["format"] != 1:
            raise Damaged(f"copy {copies[-1]} has format {manifest['format']}, this program knows 1")
        blocks = []
        for h in manifest["blocks"]:
            block = unzstd(self.read("catalog/block/" + h))
            if self.check:
                verify(block, bytes.fromhex(h), "block " + h)
            blocks.append(block)
        rows = bolt_rows(b"".join(blocks))
        n = 1
        while True:
            try:
                segment = self.read(f"catalog/log/{copies[-1]}/{n:08d}")
            except FileNotFoundError:
                return rows
            if segment[:8] != b"rdfslog1":
                raise Damaged(f"segment {n} of the log")
            groups = unzstd(segment[40:])
            if self.check:
                verify(groups, segment[8:40], f"segment {n} of the log")
            replay(groups, rows)
            n += 1

    def chunk(self, location, chunk_id):
        pack, (offset, stored, size, kind) = location
        name = ulid(pack)
        f = self.packs.get(name)
        if f is None:
            f = self.packs[name] = open(os.path.join(self.root, "packs", name[-2:], name + ".pack"), "rb")
        f.seek(offset)
        data = decode(f.read(stored), kind, size)
        if len(data) != size:
            raise Damaged(f"chunk {chunk_id.hex()}: {len(data)} bytes, not {size}")
        if self.check:
            verify(data, chunk_id, "chunk " + chunk_id.hex())
        return data


def ulid(b):
    n, out = int.from_bytes(b, "big"), ""
    for _ in range(26):
        n, digit = n >> 5, n & 31
        out = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[digit] + out
    return out


# ---- records of packs ----

def decode(record, kind, size):
    if kind == 0:
        return record
    if kind == 1:
        return unzstd(record)
    how, flat = record[0], unzstd(record[1:])
    if kind in (2, 3, 4):
        w = 1 << kind - 1
        n = size // w
        planes = [bytearray(flat[k * n:(k + 1) * n]) for k in range(w)]
        for k in range(w):
            if how >> k & 1:
                for i in range(1, n):
                    planes[k][i] = planes[k][i] + planes[k][i - 1] & 255
        return weave(planes, n, w) + flat[n * w:]
    if kind in (6, 7, 8):
        w = 1 << kind - 5
        order, skip = how & 15, how >> 4
        n = (size - skip) // w
        numbers = weave([flat[k * n:(k + 1) * n] for k in range(w)], n, w)
        half, mask = int.from_bytes(b"\x80" * w, "little"), (1 << 8 * w) - 1
        out, before, last = bytearray(), 0, 0
        for i in range(n):
            x = int.from_bytes(numbers[i * w:(i + 1) * w], "little") - half + last
            if order == 2:
                x += last - before
            before, last = last, x & mask
            out += last.to_bytes(w, "little")
        rest = flat[n * w:]
        after = size - skip - n * w
        return rest[after:] + bytes(out) + rest[:after]
    raise Damaged(f"a record of kind {kind}, which this program does not know")


def weave(planes, n, w):
    out = bytearray(n * w)
    for k in range(w):
        out[k::w] = planes[k]
    return bytes(out)


# ---- the drive ----

class Drive:
    def __init__(self, tier):
        self.tier, self.rows = tier, tier.catalog()
        self.children, self.lists, self.saves = {}, {}, {}
        for key in self.rows:
            table = key[:1]
            if table == b"n":
                self.children.setdefault(key[1:9], []).append(key)
            elif table == b"c":
                self.lists.setdefault(key[1:33], []).append(key)
            elif table == b"v":
                self.saves.setdefault(key[1:9], []).append(key)
        for keys in self.children.values():
            keys.sort()

    def node(self, ino):
        b = self.rows[b"i" + ino]
        _, at = uvarint(b, 0)  # born
        names = ("flags", "mode", "nlink", "uid", "gid", "rdev", "size")
        n = {}
        for name in names:
            n[name], at = uvarint(b, at)
        n["mtime"], at = varint(b, at)
        for _ in range(3):
            _, at = varint(b, at)
        for name in ("file", "parent", "gen", "last gen", "seq"):
            n[name], at = uvarint(b, at)
        if n["flags"] & 1:
            n["content"], at = bytes(b[at:at + 32]), at + 32
        if n["flags"] & 2:
            size, at = uvarint(b, at)
            n["target"] = bytes(b[at:at + size])
        if stat.S_ISREG(n["mode"]) and n["gen"]:  # its newest bytes were never stored: the last version counts
            old = [v for v in self.versions(n["file"]) if v["seq"] == n["seq"]]
            n.update(size=0, **(old[0] if old else {}))
        return n

    def versions(self, file):
        out = []
        for key in self.saves.get(struct.pack(">Q", file), ()):
            b = self.rows[key]
            v = {"seq": struct.unpack(">I", key[9:])[0], "content": bytes(b[:32])}
            v["size"], at = uvarint(b, 32)
            v["mtime"], at = varint(b, at)
            out.append(v)
        return sorted(out, key=lambda v: v["seq"])

    def walk(self, ino, path=b""):
        """Yields (path, node) of what is below a directory, parents first."""
        for key in self.children.get(ino, ()):
            b = self.rows[key]
            _, at = uvarint(b, 0)
            child = bytes(b[at:at + 8])
            name = path + b"/" + key[9:] if path else key[9:]
            n = self.node(child)
            yield name, n
            if stat.S_ISDIR(n["mode"]):
                yield from self.walk(child, name)

    def below(self, path):
        want = os.fsencode(path.strip("/"))
        for name, n in self.walk(struct.pack(">Q", 1)):
            if not want or name == want or name.startswith(want + b"/"):
                yield name, n

    def location(self, chunk_id):
        b = self.rows[b"k" + chunk_id]
        numbers, at = [], 16
        for _ in range(4):
            v, at = uvarint(b, at)
            numbers.append(v)
        return bytes(b[:16]), numbers

    def bytes_of(self, n):
        """Yields the chunks of what a node or a version holds."""
        if n["size"] == 0 or "content" not in n:
            return
        content = n["content"]
        if content not in self.lists:
            yield self.tier.chunk(self.location(content), content)
            return
        b = b"".join(self.rows[k] for k in sorted(self.lists[content]))
        _, at = uvarint(b, 0)
        while at < len(b):
            chunk_id, at = bytes(b[at:at + 32]), at + 32
            _, at = uvarint(b, at)
            yield self.tier.chunk(self.location(chunk_id), chunk_id)


def extract(drive, args):
    found = False
    for name, n in drive.below(args.path):
        found = True
        base = os.fsencode(args.path.strip("/"))
        rest = name[len(base):].lstrip(b"/") if base else name
        to = os.path.join(os.fsencode(args.dest), rest) if rest else os.fsencode(args.dest)
        kind = stat.S_IFMT(n["mode"])
        if kind == stat.S_IFDIR:
            os.makedirs(to, exist_ok=True)
        elif kind == stat.S_IFLNK:
            os.symlink(n["target"], to)
        elif kind == stat.S_IFREG:
            if args.version:
                old = [v for v in drive.versions(n["file"]) if v["seq"] == args.version]
                if not old:
                    raise Damaged(f"{os.fsdecode(name)} has no version {args.version}")
                n.update(old[0])
            os.makedirs(os.path.dirname(to) or b".", exist_ok=True)
            with open(to, "wb") as f:
                for chunk in drive.bytes_of(n):
                    f.write(chunk)
            os.chmod(to, n["mode"] & 0o777)
            os.utime(to, ns=(n["mtime"], n["mtime"]))
        else:
            print(f"passed over {os.fsdecode(name)}: neither a file, a directory nor a link", file=sys.stderr)
    if not found:
        raise Damaged(f"there is no {args.path}")


def show(drive, args):
    for name, n in drive.below(args.path):
        print(f"{stat.filemode(n['mode'])} {n['uid']:5} {n['gid']:5} {n['size']:12} {os.fsdecode(name)}")
        if args.versions and stat.S_ISREG(n["mode"]):
            for v in drive.versions(n["file"]):
                print(f"    version {v['seq']}: {v['size']} bytes, {v['content'].hex()}")


def snapshots(drive, _):
    for key, b in sorted(drive.rows.items()):
        if key[:1] == b"s":
            epoch, at = uvarint(b, 0)
            taken, _ = varint(b, at)
            print(f"{os.fsdecode(key[1:])}: epoch {epoch}, {taken / 1e9:.3f} s since 1970")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("tier")
    p.add_argument("--no-verify", action="store_true", help="do not compute hashes, which is slow here")
    sub = p.add_subparsers(dest="command", required=True)
    s = sub.add_parser("list")
    s.add_argument("--versions", action="store_true")
    s.add_argument("path", nargs="?", default="")
    s.set_defaults(do=show)
    s = sub.add_parser("extract")
    s.add_argument("--version", type=int, help="this version of the file, not the newest")
    s.add_argument("path")
    s.add_argument("dest")
    s.set_defaults(do=extract)
    s = sub.add_parser("snapshots")
    s.set_defaults(do=snapshots)
    args = p.parse_args()
    sys.setrecursionlimit(10_000)
    try:
        args.do(Drive(Tier(args.tier, not args.no_verify)), args)
    except (Damaged, OSError, KeyError, IndexError, struct.error) as e:
        sys.exit(f"rdfs-extract: {type(e).__name__}: {e}")


if __name__ == "__main__":
    main()
