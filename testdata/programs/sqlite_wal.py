"""SQLite with the write-ahead log: one process commits while another reads and must always see whole commits."""
import os
import sqlite3
import subprocess
import sys

what, base = sys.argv[1:]
path = os.path.join(base, "wal.db")
COMMITS, ROWS = 150, 20

if what == "read":  # the second process: every commit adds ROWS rows whose values sum to zero
    db = sqlite3.connect(path, timeout=60)
    seen = last = 0
    while last < COMMITS * ROWS:
        n, total = db.execute("select count(*), coalesce(sum(v), 0) from t").fetchone()
        assert n % ROWS == 0 and total == 0 and n >= last, (n, total, last)
        last, seen = n, seen + 1
        if seen == 1:
            print("ready", flush=True)  # the writer begins when the reader reads
    assert seen > 1
    sys.exit(0)

if what == "save":
    db = sqlite3.connect(path, timeout=60)
    assert db.execute("pragma journal_mode=wal").fetchone() == ("wal",)
    db.execute("pragma wal_autocheckpoint=50")
    db.execute("create table t(v integer, pad blob)")
    db.commit()
    reader = subprocess.Popen([sys.executable, __file__, "read", base], stdout=subprocess.PIPE, text=True)
    assert reader.stdout.readline() == "ready\n"
    for i in range(COMMITS):
        with db:
            for j in range(ROWS):
                db.execute("insert into t values(?, ?)", ((i + 1) * (1 if j % 2 else -1), b"x" * (j * 37 % 500)))
    assert reader.wait(120) == 0, "the reader saw half a commit"
    db.execute("pragma wal_checkpoint(truncate)")
    db.close()
    out = subprocess.run(["sqlite3", path, "pragma integrity_check; select count(*) from t;"], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["ok", str(COMMITS * ROWS)], out.stdout
    assert sorted(os.listdir(base)) == ["wal.db"], os.listdir(base)

db = sqlite3.connect(path, timeout=60)
assert db.execute("pragma integrity_check").fetchone() == ("ok",)
assert db.execute("select count(*), sum(v) from t").fetchone() == (COMMITS * ROWS, 0)
db.close()
