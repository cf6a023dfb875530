// Package header reads what a file is from its first bytes and its headers: format,
// shape, types, column names, number of rows. It knows the formats that research
// programs write: CSV and TSV, JSON and JSON lines, HDF5, NetCDF-3 and -4, MATLAB 5
// and 7.3, Parquet, NumPy npy and npz, NIfTI-1 and -2, DICOM, TIFF, PNG, JPEG, FITS,
// EDF and BDF, WAV; those of them that are gzipped as well, and the media type of
// some more.
//
// Guarantees: Read never fails, and never takes long: it reads at most 4 MiB of a
// file, whatever the file says of itself (the lines of a CSV or JSON lines file up to
// countLines bytes are counted beside that), keeps at most maxItems columns and
// arrays, follows structures to a fixed depth, and reads the same bytes again only so
// often (maxWork). A file that is not what it begins as is a finding in the Info. What
// is read depends on the content alone, never on the name. Nothing about a patient is
// taken out of a DICOM or EDF file.
//
// The parsers are small and read headers only: the libraries for these formats read
// data, trust the file's lengths, or bring more code than all of them together.
//
// # Format
//
// Info is stored as JSON (see AppendJSON), format version 1: the fields of the type
// Info. Fields may be added; a reader passes over those it does not know.
//
// The fingerprint of a schema is the BLAKE3-256 of these lines, each ended by "\n":
// the format; for each column in order "column", its name as a JSON string and its
// type; for each array "array", its name as a JSON string, its type and its rank;
// words are separated by one space. Two files with the same columns or arrays have
// the same fingerprint, however many rows they have.
package header
