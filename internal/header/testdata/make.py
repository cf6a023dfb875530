#!/usr/bin/env python3
"""Writes the test files with the programs that people use.

Debian 12: python3-{numpy,scipy,h5py,netcdf4,astropy,nibabel,pydicom,pil,tifffile,pandas}.
Parquet is written by make-parquet.mjs, EDF and BDF by make-edf.sh. Run it in this
directory; the files are committed, because programs of other versions write other bytes.
"""
import gzip, json, wave
import h5py, netCDF4, nibabel, numpy as np, pandas as pd, pydicom, scipy.io, tifffile
from astropy.io import fits
from astropy.table import Table
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian

rng = np.random.default_rng(1)

# numpy
np.save("plain.npy", np.arange(12, dtype="<i4").reshape(3, 4))
np.save("record.npy", np.zeros(5, dtype=[("t", "<f8"), ("label", "U8"), ("xyz", "<f4", (3,))]))
np.savez("two.npz", a=np.zeros((2, 3)), b=np.arange(4, dtype=np.uint8))
np.savez_compressed("packed.npz", signal=np.zeros((100, 2), dtype=np.float32), ok=np.array(True))

# pandas and R style text
df = pd.DataFrame({"id": [1, 2, 3], "mass": [0.5, np.nan, 2.25], "good": [True, False, True],
                   "day": pd.to_datetime(["2026-11-20", "2026-11-21", "2026-11-22"]), "note": ["a", 'with "quotes", and a\nline', "c"]})
df.to_csv("table.csv", index=False)
df.to_csv("table.tsv", index=False, sep="\t")
df[["id", "mass"]].to_csv("table.csv.gz", index=False, compression={"method": "gzip", "mtime": 1})
df.to_json("records.json", orient="records", date_format="iso")
df.to_json("lines.jsonl", orient="records", lines=True)
with open("excel.csv", "wb") as f:
    f.write("\ufeffName;Größe;Datum\r\nä;1,5;2026-11-20\r\nb;2,25;2026-11-21\r\n".encode())
with open("latin1.csv", "wb") as f:
    f.write("name,größe\nmüller,1\nmeier,2\n".encode("latin-1"))
np.savetxt("numbers.csv", np.arange(6).reshape(2, 3), delimiter=",")
with open("sidecar.json", "w") as f:
    json.dump({"RepetitionTime": 2.0, "SliceTiming": [0, 1], "Manual": True, "TaskName": "rest", "N": 3, "Null": None}, f, indent=2)

# HDF5
with h5py.File("old.h5", "w") as f:
    f.attrs["title"] = "a test"
    g = f.create_group("raw/deep")
    g.create_dataset("signal", data=np.zeros((10, 3), dtype="<f4"), chunks=True, compression="gzip").attrs["units"] = "mV"
    f.create_dataset("flags", data=np.array([True, False]))
    f.create_dataset("names", data=["a", "bc"], dtype=h5py.string_dtype())
    f.create_dataset("events", data=np.zeros(4, dtype=[("onset", "<f8"), ("code", "<i2"), ("v", "<f4", (2,))]))
    f.create_dataset("scalar", data=7)
    f.create_dataset("empty", data=h5py.Empty("f4"))
    f["alias"] = f["flags"]
    f["soft"] = h5py.SoftLink("/flags")
    f["type"] = np.dtype("<f8")
    f.create_dataset("named", (2,), dtype=f["type"])
    for i in range(40):
        g.create_dataset(f"d{i:02}", data=np.int16(i))
with h5py.File("new.h5", "w", libver="latest") as f:
    for i in range(60):
        f.create_dataset(f"dense{i:02}", data=np.zeros(i + 1, dtype=np.uint8))
    f.create_group("few").create_dataset("x", data=np.zeros((2, 2), dtype=">i8"))
with h5py.File("many.h5", "w", libver="latest") as f:
    for i in range(400):
        f.create_dataset(f"n{i:04}", data=np.int8(0))
with h5py.File("block.h5", "w", userblock_size=1024) as f:
    f.create_dataset("x", data=np.zeros(3))

# NetCDF
for name, kind in (("classic.nc", "NETCDF3_CLASSIC"), ("offset64.nc", "NETCDF3_64BIT_OFFSET"), ("data64.nc", "NETCDF3_64BIT_DATA"), ("four.nc", "NETCDF4")):
    with netCDF4.Dataset(name, "w", format=kind) as d:
        d.Conventions = "CF-1.8"
        d.createDimension("time", None)
        d.createDimension("lat", 3)
        d.createDimension("lon", 4)
        d.createDimension("nv", 2)
        d.createVariable("time", "f8", ("time",)).units = "hours since 1900-01-01"
        t = d.createVariable("temperature", "f4", ("time", "lat", "lon"))
        t.units = "K"
        t[0:2] = 273.15
        d["time"][0:2] = [0, 1]
        d.createVariable("flag", "i1", ("lat",))[:] = 1

# MATLAB
scipy.io.savemat("five.mat", {"x": np.zeros((2, 3)), "name": "text", "n": np.int32(4), "z": np.array([1 + 2j]), "s": {"a": 1}, "c": np.array([1, "b"], dtype=object), "ok": np.array([True, False])})
scipy.io.savemat("packed.mat", {"signal": np.zeros((50, 4), dtype=np.float32), "label": "eeg"}, do_compression=True)
with h5py.File("seven.mat", "w", userblock_size=512) as f:  # as MATLAB lays it out
    f.create_dataset("x", data=np.zeros((3, 2))).attrs["MATLAB_class"] = np.bytes_("double")
    f.create_dataset("ok", data=np.zeros((1, 2), dtype=np.uint8)).attrs["MATLAB_class"] = np.bytes_("logical")
    f.create_group("#refs#").create_dataset("a", data=1)
with open("seven.mat", "r+b") as f:
    f.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Sun Nov 22 10:00:00 2026 HDF5 schema 1.00 .".ljust(124) + b"\x00\x02IM")

# images of the brain, of the body, of the sky
img = nibabel.Nifti1Image(np.zeros((4, 5, 6, 7), dtype=np.int16), np.diag([2, 2, 3, 1]))
img.header.set_xyzt_units("mm", "sec")
img.header["pixdim"][4] = 1.5
nibabel.save(img, "one.nii")
with open("one.nii", "rb") as f, open("one.nii.gz", "wb") as g:
    with gzip.GzipFile(fileobj=g, mode="wb", mtime=1, filename="") as z:
        z.write(f.read())
nibabel.save(nibabel.Nifti2Image(np.zeros((3, 3, 3), dtype=np.float64), np.eye(4)), "two.nii")
be = nibabel.Nifti1Image(np.zeros((2, 2, 2), dtype=np.uint8), np.eye(4)).header.as_byteswapped(">")
with open("big.nii", "wb") as f:
    f.write(be.binaryblock + b"\0" * 12)

def dicom(name, syntax, little, implicit, **extra):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    meta.TransferSyntaxUID = syntax
    d = FileDataset(name, {}, file_meta=meta, preamble=b"\0" * 128)
    d.is_little_endian, d.is_implicit_VR = little, implicit
    d.PatientName, d.PatientID, d.Modality = "Doe^Jane", "4711", "MR"
    d.ReferencedImageSequence = pydicom.Sequence([pydicom.Dataset(), pydicom.Dataset()])
    d["ReferencedImageSequence"].is_undefined_length = True
    for item in d.ReferencedImageSequence:
        item.ReferencedSOPInstanceUID = "1.2.4"
        item.is_undefined_length_sequence_item = True
    d.SamplesPerPixel, d.PhotometricInterpretation = 1, "MONOCHROME2"
    d.Rows, d.Columns, d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 3, 5, 16, 12, 11, 1
    for k, v in extra.items():
        setattr(d, k, v)
    d.PixelData = b"\0" * (30 * int(extra.get("NumberOfFrames", 1)))
    d.save_as(name)
dicom("explicit.dcm", ExplicitVRLittleEndian, True, False)
dicom("implicit.dcm", ImplicitVRLittleEndian, True, True)
dicom("frames.dcm", ExplicitVRBigEndian, False, False, NumberOfFrames=2)

fits.HDUList([fits.PrimaryHDU(np.zeros((4, 3), dtype=np.int16)),
              fits.ImageHDU(np.zeros((2, 5), dtype=np.float32), name="ERR"),
              fits.table_to_hdu(Table({"ra": np.zeros(6), "name": ["star"] * 6, "flux": np.zeros((6, 2), dtype=np.float32)}, units={"ra": "deg"}))]).writeto("sky.fits", overwrite=True)

tifffile.imwrite("stack.tif", np.zeros((5, 8, 6), dtype=np.uint16), photometric="minisblack")
tifffile.imwrite("big.tif", np.zeros((8, 6), dtype=np.float32), bigtiff=True)
tifffile.imwrite("motorola.tif", np.zeros((4, 4, 3), dtype=np.uint8), byteorder=">", photometric="rgb")
Image.new("RGBA", (7, 5)).save("rgba.png")
Image.new("I;16", (7, 5)).save("gray16.png")
Image.new("RGB", (9, 4)).save("photo.jpg", progressive=True)
Image.new("L", (9, 4)).save("gray.jpg")
Image.new("RGB", (6, 4)).save("pillow.tif")

with wave.open("sound.wav", "wb") as w:
    w.setnchannels(2); w.setsampwidth(2); w.setframerate(44100); w.writeframes(b"\0" * 400)
scipy.io.wavfile.write("float.wav", 8000, np.zeros(50, dtype=np.float32))
