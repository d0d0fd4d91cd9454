# SPDX-License-Identifier: Apache-2.0
"""rpm's databases in each of their forms, written by others than sealift: python's sqlite3, perl's DB_File, and ndb by hand.

As a program: rpm_databases.py FOLDER writes one of each into the folder.
"""

import contextlib
import pathlib
import sqlite3
import struct
import subprocess
import sys

RPM = {"name": 1000, "version": 1001, "release": 1002, "epoch": 1003, "license": 1014, "arch": 1022, "source": 1044}


def rpm_header(epoch=None, **fields):
    """A header as rpm keeps it: counts, an index, a store of data."""
    index, store = [], b""
    for name, text in fields.items():
        index.append((RPM[name], 9 if name == "license" else 6, len(store), 1))
        store += text.encode() + b"\0"
    if epoch is not None:
        store += bytes(-len(store) % 4)
        index.append((RPM["epoch"], 4, len(store), 1))
        store += struct.pack(">I", epoch)
    store += b"\0" * int(fields.get("version", "").isdigit() and 9000)  # Beyond one page of any database.
    return struct.pack(">II", len(index), len(store)) + b"".join(struct.pack(">IIII", *entry) for entry in index) + store


def rpm_rows(count):
    """[(header, name, version)] of packages, some of them larger than a page; a key is among them."""
    rows = []
    for number in range(count):
        version = str(number) if number % 7 == 0 else f"{number}.0"
        epoch = number % 3 or None
        header = rpm_header(epoch, name=f"rpm-{number}", version=version, release="1.el9", license="MIT and GPLv2+",
                            arch="x86_64", source=f"rpm-{number}-{version}.src.rpm")
        rows.append((header, f"rpm-{number}", (f"{epoch}:" if epoch else "") + f"{version}-1.el9"))
    return rows


KEY = rpm_header(name="gpg-pubkey", version="fd431d51", release="4ae0493b")


def sqlite_database(rows, path):
    """rpm's database as SQLite."""
    with contextlib.closing(sqlite3.connect(path)) as base:
        base.execute("PRAGMA page_size = 4096")
        base.execute("CREATE TABLE 'Name' (key TEXT, hnum INTEGER)")
        base.execute("CREATE TABLE IF NOT EXISTS 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
        base.executemany("INSERT INTO Packages (blob) VALUES (?)", [(row[0],) for row in rows] + [(KEY,)])
        base.execute("DELETE FROM Packages WHERE blob = ?", (rows[0][0],))
        base.execute("INSERT INTO Packages (blob) VALUES (?)", (rows[0][0],))
        base.commit()
    return path.read_bytes()


def ndb_database(rows, _):
    """The same in rpm's own form: a table of slots of 16 bytes, then blobs between marks."""
    slots, blobs, place = b"", b"", 2 * 4096 // 16
    for number, (header, *_) in enumerate([*rows, (KEY,)], 1):
        body = struct.pack("<4sIII", b"BlbS", number, 1, len(header)) + header
        body += bytes(-(len(body) + 12) % 16)
        body += struct.pack("<II4s", 0, len(header), b"BlbE")
        slots += struct.pack("<4sIII", b"Slot", number, place, len(body) // 16)
        place += len(body) // 16
        blobs += body
    slots = struct.pack("<4sIIII", b"RpmP", 0, 1, 2, len(rows) + 2).ljust(32, b"\0") + slots
    return (slots + b"Slot".ljust(16, b"\0") * ((8192 - len(slots)) // 16)) + blobs


def berkeley_database(rows, path):
    """The same as a hash of Berkeley DB, which Debian's perl writes."""
    lines = "".join(f"{number} {row[0].hex()}\n" for number, row in enumerate([*rows, (KEY,)], 1))
    program = ('use DB_File; tie(my %h, "DB_File", $ARGV[0], O_RDWR|O_CREAT, 0644, $DB_HASH) or die;'
               '$h{pack("V", 0)} = pack("V", 99);'
               'while (<STDIN>) { my ($k, $v) = split; $h{pack("V", $k)} = pack("H*", $v); } untie %h;')
    done = subprocess.run(["perl", "-e", program, path], input=lines, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return path.read_bytes()


SQLITE = (sqlite_database, "var/lib/rpm/rpmdb.sqlite")
NDB = (ndb_database, "usr/lib/sysimage/rpm/Packages.db")
BERKELEY = (berkeley_database, "var/lib/rpm/Packages")

if __name__ == "__main__":
    for write, place in (SQLITE, NDB, BERKELEY):
        target = pathlib.Path(sys.argv[1]) / place.rsplit("/", 1)[1]
        target.write_bytes(write(rpm_rows(20), target.with_suffix(".made")))
