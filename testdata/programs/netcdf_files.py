"""netCDF: the HDF5 kind and the classic kind, whose record count at offset 4 is rewritten at every append."""
import os
import sys

import netCDF4
import numpy as np

what, base = sys.argv[1:]
rng = np.random.RandomState(5)
field = rng.standard_normal((12, 60, 90)).astype("f4")

for kind in ["NETCDF4", "NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET"]:
    path = os.path.join(base, kind.lower() + ".nc")
    if what == "save":
        with netCDF4.Dataset(path, "w", format=kind) as f:
            f.createDimension("time", None)
            f.createDimension("lat", 60)
            f.createDimension("lon", 90)
            v = f.createVariable("temperature", "f4", ("time", "lat", "lon"))
            v.units = "K"
            v[0:6] = field[0:6]
        for step in range(6, 12):
            with netCDF4.Dataset(path, "a") as f:
                f["temperature"][step] = field[step]
        with netCDF4.Dataset(path, "r+") as f:
            f["temperature"][3, 10:20, :] = 1.0
            f.history = "patched"
    want = field.copy()
    want[3, 10:20, :] = 1.0
    with netCDF4.Dataset(path, "r") as f:
        assert np.array_equal(np.asarray(f["temperature"][:]), want), kind
        assert f["temperature"].units == "K" and f.history == "patched"
