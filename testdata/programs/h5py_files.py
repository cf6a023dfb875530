"""HDF5: create, append by resizing, change in place through 'r+' and 'a'."""
import os
import sys

import h5py
import numpy as np

what, base = sys.argv[1:]
path = os.path.join(base, "recording.h5")
rng = np.random.RandomState(7)
signal = np.cumsum(rng.standard_normal((64, 20000)), axis=1).astype("f4")
more = np.cumsum(rng.standard_normal((64, 5000)), axis=1).astype("f4")
patch = rng.standard_normal((8, 100)).astype("f4")

if what == "save":
    with h5py.File(path, "w") as f:
        d = f.create_dataset("signal", data=signal, maxshape=(64, None), chunks=(16, 4096))
        d.attrs["rate"] = 1000.0
        f.create_dataset("packed", data=signal, compression="gzip", shuffle=True)
        f.create_dataset("plain", data=np.arange(1_000_000, dtype="f8"))
    with h5py.File(path, "a") as f:
        d = f["signal"]
        d.resize(25000, axis=1)
        d[:, 20000:] = more
    with h5py.File(path, "r+") as f:
        f["signal"][8:16, 300:400] = patch
        f["plain"][::1000] = -1.0
        f.create_group("events")["onset"] = np.array([1.5, 2.5, 9.0])
        f.flush()
        f.attrs["subject"] = "sub-01"
    with h5py.File(path, "a") as f:
        del f["events/onset"]
        f["events"]["onset"] = np.array([1.5, 2.5, 9.5])

with h5py.File(path, "r") as f:
    whole = np.concatenate([signal, more], axis=1)
    whole[8:16, 300:400] = patch
    plain = np.arange(1_000_000, dtype="f8")
    plain[::1000] = -1.0
    assert np.array_equal(f["signal"][...], whole)
    assert np.array_equal(f["packed"][...], signal)
    assert np.array_equal(f["plain"][...], plain)
    assert list(f["events/onset"][...]) == [1.5, 2.5, 9.5]
    assert f["signal"].attrs["rate"] == 1000.0 and f.attrs["subject"] == "sub-01"
