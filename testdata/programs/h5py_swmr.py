"""HDF5 in single-writer-multiple-reader mode: its files are locked, flushed and grown in another way."""
import os
import sys

import h5py
import numpy as np

what, base = sys.argv[1:]
path = os.path.join(base, "swmr.h5")

if what == "save":
    with h5py.File(path, "w", libver="latest") as f:
        d = f.create_dataset("x", shape=(0,), maxshape=(None,), chunks=(1024,), dtype="i8")
        f.swmr_mode = True
        for i in range(20):
            d.resize(((i + 1) * 500,))
            d[i * 500:] = np.arange(i * 500, (i + 1) * 500)
            d.flush()
        with h5py.File(path, "r", libver="latest", swmr=True) as g:
            assert np.array_equal(g["x"][...], np.arange(10000))

with h5py.File(path, "r") as f:
    assert np.array_equal(f["x"][...], np.arange(10000))
