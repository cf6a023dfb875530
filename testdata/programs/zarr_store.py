"""zarr: a store of many small files, each written beside and renamed into place, then grown and patched."""
import os
import sys

import numpy as np
import zarr

what, base = sys.argv[1:]
path = os.path.join(base, "store.zarr")
rng = np.random.RandomState(9)
cube = np.cumsum(rng.standard_normal((100, 80, 60)), axis=0).astype("f4")

if what == "save":
    root = zarr.open_group(zarr.DirectoryStore(path), mode="w")
    a = root.create_dataset("cube", shape=(60, 80, 60), chunks=(10, 20, 20), dtype="f4")
    a[:] = cube[:60]
    a.append(cube[60:])
    a[5:7, 3:9, :] = 0
    root.create_group("meta").attrs["note"] = "three"
    root.create_dataset("gone", data=np.arange(10))
    del root["gone"]

root = zarr.open_group(zarr.DirectoryStore(path), mode="r")
want = cube.copy()
want[5:7, 3:9, :] = 0
assert np.array_equal(root["cube"][:], want)
assert root["meta"].attrs["note"] == "three" and "gone" not in root
