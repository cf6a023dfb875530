package naming

import (
	"fmt"
	"slices"
)

// Presets are the schemes that come with rdfs, by name. "free" has no rule.
var Presets = []string{"hierarchical", "flat", "by_experiment", "bids", "free"}

// Preset returns the configuration of a scheme that comes with rdfs; the caller may
// change it. Its mode is Enforce, that of free Off.
func Preset(name string) (Config, error) {
	switch name {
	case "hierarchical":
		return hierarchical(), nil
	case "flat":
		return flat(), nil
	case "by_experiment":
		return byExperiment(), nil
	case "bids":
		return bids(), nil
	case "free":
		return Config{}, nil
	}
	return Config{}, fmt.Errorf("naming scheme %q is not known: want hierarchical, flat, by_experiment, bids or free", name)
}

// extensions of data that research programs write.
var extensions = []string{
	"csv", "tsv", "txt", "json", "jsonl", "xml", "yaml", "yml", "md", "html", "pdf",
	"csv.gz", "tsv.gz", "txt.gz", "json.gz",
	"xlsx", "xls", "ods", "docx", "odt", "pptx", "odp",
	"h5", "hdf5", "nc", "npy", "npz", "pkl", "parquet", "feather", "arrow", "mat", "rds", "RData", "rda", "sav", "dta",
	"db", "sqlite", "sqlite3", "duckdb",
	"nii", "nii.gz", "dcm", "mgz", "edf", "bdf", "vhdr", "vmrk", "eeg", "set", "fdt", "fif", "nwb",
	"tif", "tiff", "ome.tif", "ome.tiff", "png", "jpg", "jpeg", "svg", "czi", "nd2", "lif", "fits",
	"fastq", "fastq.gz", "fasta", "fa", "fa.gz", "bam", "bai", "sam", "vcf", "vcf.gz", "bed", "gff", "gtf",
	"wav", "flac", "mp3", "mp4", "avi", "mkv", "mov",
	"zip", "tar", "tar.gz", "tar.zst", "gz", "zst", "log", "bin", "dat",
}

// bundles are extensions of directories that are one thing.
var bundles = []string{"zarr", "ome.zarr", "n5", "ds", "mefd", "mff", "dicom"}

func commonFields() map[string]Field {
	return map[string]Field{
		"experiment_id": {Pattern: "EXP[0-9]{4}", Example: "EXP0042", Description: "the experiment"},
		"subject_id":    {Pattern: "sub-[0-9A-Za-z]+", Example: "sub-01", Description: "the person, animal or sample"},
		"session_id":    {Pattern: "ses-[0-9A-Za-z]+", Example: "ses-01", Description: "the visit or day of measurement"},
		"data_type": {Pattern: "[A-Za-z][0-9A-Za-z]*(?:-[0-9A-Za-z]+)*", Example: "eeg",
			Description: "what was measured: a word, or words joined by -"},
		"extension": {Enum: slices.Clone(extensions), Example: "csv", Description: "the file format"},
		"bundle":    {Enum: slices.Clone(bundles), Example: "zarr", Description: "the format of a directory that is one thing"},
	}
}

// Documents that stand beside the data, and directories in which every name is right.
const (
	documents = "(README|CHANGES|LICENSE|NOTES|PROTOCOL|participants|metadata)(|.md|.txt|.tsv|.csv|.json|.pdf|.docx)"
	freeTrees = "(code|docs|derivatives|results|sourcedata|stimuli|scratch)"
)

func hierarchical() Config {
	return Config{Mode: Enforce, Fields: commonFields(), Rules: []Rule{
		{ID: "data", Description: "measured data, one file for each kind",
			Paths: []string{"{experiment_id}/{subject_id}/{session_id}/{data_type}[_run-{run:int(2)}].{extension}"}},
		{ID: "bundle", Bundle: true, Description: "a directory that is one thing, such as a Zarr store",
			Paths: []string{"{experiment_id}/{subject_id}/{session_id}/{data_type}[_run-{run:int(2)}].{bundle}"}},
		{ID: "documents", Description: "what people should read first",
			Paths: []string{"[{experiment_id}/[{subject_id}/]]" + documents}},
		{ID: "free", Description: "programs, results, documents: every name is right",
			Paths: []string{"[{experiment_id}/]" + freeTrees + "/**"}},
	}}
}

func flat() Config {
	return Config{Mode: Enforce, Fields: commonFields(), Rules: []Rule{
		{ID: "data", Description: "measured data, one file for each kind",
			Paths: []string{"{experiment_id}_{subject_id}[_{session_id}]_{data_type}[_{date:20060102}][_run-{run:int(2)}].{extension}"}},
		{ID: "bundle", Bundle: true, Description: "a directory that is one thing, such as a Zarr store",
			Paths: []string{"{experiment_id}_{subject_id}[_{session_id}]_{data_type}[_{date:20060102}][_run-{run:int(2)}].{bundle}"}},
		{ID: "documents", Description: "what people should read first", Paths: []string{"[{experiment_id}_]" + documents}},
		{ID: "free", Description: "programs, results, documents: every name is right", Paths: []string{freeTrees + "/**"}},
	}}
}

func byExperiment() Config {
	return Config{Mode: Enforce, Fields: commonFields(), Rules: []Rule{
		{ID: "data", Description: "measured data, by experiment and kind",
			Paths: []string{"{experiment_id}/{data_type}/{subject_id}[_{session_id}]_{date:20060102}[_run-{run:int(2)}].{extension}"}},
		{ID: "bundle", Bundle: true, Description: "a directory that is one thing, such as a Zarr store",
			Paths: []string{"{experiment_id}/{data_type}/{subject_id}[_{session_id}]_{date:20060102}[_run-{run:int(2)}].{bundle}"}},
		{ID: "documents", Description: "what people should read first",
			Paths: []string{"[{experiment_id}/[{data_type}/]]" + documents}},
		{ID: "free", Description: "programs, results, documents: every name is right",
			Paths: []string{"[{experiment_id}/]" + freeTrees + "/**"}},
	}}
}
