"""pandas: CSV, compressed CSV, pickle and HDF5 through PyTables, which locks and appends."""
import os
import sys

import numpy as np
import pandas as pd

what, base = sys.argv[1:]
here = os.path.dirname(os.path.abspath(__file__))
iris = pd.read_csv(os.path.join(here, "..", "data", "iris.csv"))
rng = np.random.RandomState(3)
trials = pd.DataFrame({
    "subject": np.repeat(["sub-%02d" % i for i in range(40)], 250),
    "rt": rng.gamma(2.0, 0.2, 10000).round(4),
    "correct": rng.rand(10000) > 0.1,
}, index=pd.RangeIndex(10000))
p = lambda name: os.path.join(base, name)

if what == "save":
    iris.to_csv(p("iris.csv"), index=False)
    trials.to_csv(p("trials.csv"))
    trials.to_csv(p("trials.csv.gz"))
    trials.to_pickle(p("trials.pkl"))
    trials.to_hdf(p("trials.h5"), "trials", mode="w", format="table")
    iris.to_hdf(p("trials.h5"), "iris", mode="a")
    with pd.HDFStore(p("trials.h5")) as store:
        for i in range(3):
            store.append("grown", trials.iloc[i * 1000:(i + 1) * 1000])

pd.testing.assert_frame_equal(pd.read_csv(p("iris.csv")), iris)
pd.testing.assert_frame_equal(pd.read_csv(p("trials.csv"), index_col=0), trials)
pd.testing.assert_frame_equal(pd.read_csv(p("trials.csv.gz"), index_col=0), trials)
pd.testing.assert_frame_equal(pd.read_pickle(p("trials.pkl")), trials)
pd.testing.assert_frame_equal(pd.read_hdf(p("trials.h5"), "trials"), trials)
pd.testing.assert_frame_equal(pd.read_hdf(p("trials.h5"), "iris"), iris)
pd.testing.assert_frame_equal(pd.read_hdf(p("trials.h5"), "grown"), trials.iloc[:3000])
