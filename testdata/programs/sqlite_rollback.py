"""SQLite with the rollback journal: commits, a rollback, a vacuum, a growing and a shrinking file."""
import os
import sqlite3
import sys

what, base = sys.argv[1:]
path = os.path.join(base, "trials.db")

if what == "save":
    db = sqlite3.connect(path)
    db.execute("pragma journal_mode=delete")
    db.execute("create table trial(id integer primary key, subject text, rt real)")
    for i in range(200):
        with db:
            db.executemany("insert into trial values(?,?,?)", [(i * 50 + j, "sub-%02d" % (j % 7), (i * j % 997) / 100) for j in range(50)])
    try:
        with db:
            db.execute("delete from trial")
            raise RuntimeError("changed my mind")
    except RuntimeError:
        pass
    with db:
        db.execute("create index by_subject on trial(subject, rt)")
        db.execute("update trial set rt = rt + 1 where id % 3 = 0")
        db.execute("delete from trial where id % 5 = 0")
    db.execute("vacuum")
    db.execute("pragma journal_mode=truncate")
    with db:
        db.execute("insert into trial values(1000000, 'last', 0.5)")
    db.close()

db = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
assert db.execute("pragma integrity_check").fetchone() == ("ok",)
assert db.execute("select count(*) from trial").fetchone() == (8001,)
assert db.execute("select rt from trial where subject = 'last'").fetchone() == (0.5,)
assert db.execute("select round(sum(rt), 2) from trial where id < 10000").fetchone()[0] == round(
    sum((i * j % 997) / 100 + (1 if (i * 50 + j) % 3 == 0 else 0)
        for i in range(200) for j in range(50) if (i * 50 + j) % 5), 2)
