"""The data sets that scikit-learn ships, saved as CSV and as HDF5."""
import os
import sys

import h5py
import numpy as np
from sklearn import datasets

what, base = sys.argv[1:]
sets = {
    "iris": datasets.load_iris, "digits": datasets.load_digits, "wine": datasets.load_wine,
    "diabetes": datasets.load_diabetes, "breast_cancer": datasets.load_breast_cancer, "linnerud": datasets.load_linnerud,
}

for name, load in sets.items():
    data = load()
    x, y = np.asarray(data.data, dtype="f8"), np.asarray(data.target, dtype="f8").reshape(len(data.data), -1)
    csv, hdf = os.path.join(base, name + ".csv"), os.path.join(base, name + ".h5")
    if what == "save":
        np.savetxt(csv, np.hstack([x, y]), delimiter=",", fmt="%.17g")
        with h5py.File(hdf, "w") as f:
            f.create_dataset("data", data=x)
            f.create_dataset("target", data=y, compression="gzip")
            f.attrs["features"] = [str(s) for s in data.feature_names]
    assert np.array_equal(np.loadtxt(csv, delimiter=","), np.hstack([x, y])), name
    with h5py.File(hdf, "r") as f:
        assert np.array_equal(f["data"][...], x) and np.array_equal(f["target"][...], y), name
        assert list(f.attrs["features"]) == [str(s) for s in data.feature_names]
