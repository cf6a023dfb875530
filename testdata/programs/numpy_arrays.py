"""numpy: save, savez, and a memory map that is written, closed, mapped again and changed."""
import os
import sys

import numpy as np

what, base = sys.argv[1:]
rng = np.random.RandomState(11)
table = rng.standard_normal((500, 400))
wave = np.sin(np.arange(500_000) / 100).astype("f4")
mapped = os.path.join(base, "map.dat")

if what == "save":
    np.save(os.path.join(base, "table.npy"), np.zeros((10, 10)))
    np.save(os.path.join(base, "table.npy"), table)  # a second save over the first
    np.savetxt(os.path.join(base, "wave.txt"), wave[:5000], fmt="%.8e")
    with open(os.path.join(base, "both.npy"), "wb") as f:
        np.save(f, table)
        np.save(f, wave)
    m = np.memmap(mapped, dtype="f4", mode="w+", shape=wave.shape)
    m[:] = wave
    m.flush()
    del m
    m = np.memmap(mapped, dtype="f4", mode="r+", shape=wave.shape)
    m[1000:2000] = 42.0
    with open(mapped, "rb") as f:  # read(2) sees what the map holds
        f.seek(4000)
        assert np.array_equal(np.frombuffer(f.read(4000), dtype="f4"), np.full(1000, 42.0, dtype="f4"))
    del m
    a = np.lib.format.open_memmap(os.path.join(base, "open.npy"), mode="w+", dtype="i4", shape=(300, 300))
    a[::2] = 7
    del a

assert np.array_equal(np.load(os.path.join(base, "table.npy")), table)
assert np.allclose(np.loadtxt(os.path.join(base, "wave.txt")), wave[:5000], atol=1e-7)
with open(os.path.join(base, "both.npy"), "rb") as f:
    assert np.array_equal(np.load(f), table) and np.array_equal(np.load(f), wave)
m = np.memmap(mapped, dtype="f4", mode="r")
assert np.array_equal(m[:1000], wave[:1000]) and np.all(m[1000:2000] == 42.0) and np.array_equal(m[2000:], wave[2000:])
a = np.load(os.path.join(base, "open.npy"), mmap_mode="r")
assert np.all(a[::2] == 7) and np.all(a[1::2] == 0)
