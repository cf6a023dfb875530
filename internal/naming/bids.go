package naming

import (
	"slices"
	"strings"
)

// The bids preset accepts the names of raw datasets by the Brain Imaging Data Structure, version 1.10: MRI (anat, func,
// dwi, fmap, perf), spectroscopy (mrs), EEG, iEEG, MEG, PET, near-infrared spectroscopy (nirs), motion, microscopy
// (micr), behavioural data, their sidecars also higher up (the principle of inheritance), and the files at the top.
// The drive is one dataset. What BIDS leaves to its authors (code, derivatives, sourcedata, stimuli) is free. What came
// with version 1.11 (electromyography) needs rules of one's own, but for the events of an eye tracker.

// bidsEntities in the order in which they stand in a name. The value of some is a
// number or a word of a list.
var bidsEntities = []struct{ key, spec string }{
	{"sample", ""}, {"task", ""}, {"tracksys", ""}, {"acq", ""}, {"nuc", ""}, {"voi", ""}, {"ce", ""}, {"trc", ""},
	{"stain", ""}, {"rec", ""}, {"dir", ""}, {"run", "/[0-9]+/"}, {"mod", ""},
	{"echo", "/[0-9]+/"}, {"flip", "/[0-9]+/"}, {"inv", "/[0-9]+/"}, {"mt", "enum(on|off)"},
	{"part", "enum(mag|phase|real|imag)"}, {"proc", ""}, {"space", ""}, {"split", "/[0-9]+/"},
	{"recording", ""}, {"chunk", "/[0-9]+/"},
}

// bidsGroup is a set of files of one data type that may have the same entities.
type bidsGroup struct {
	id       string
	types    string // directories, joined by |
	entities string // that may be there; with ! those that must
	suffixes string // joined by |
	exts     string // joined by |
	dirs     string // extensions of bundles, joined by |; "-" is none
}

const (
	nifti      = "nii.gz|nii|json"
	table      = "tsv|json"
	recordings = "physio|physioevents|stim"
	recording  = "tsv.gz|json"
)

var bidsGroups = []bidsGroup{
	{"anat", "anat", "task acq ce rec run echo part",
		"T1w|T2w|PDw|T2starw|FLAIR|inplaneT1|inplaneT2|PDT2|angio|T2star|FLASH|PD", nifti, ""},
	{"anat-maps", "anat", "task acq ce rec run",
		"T1map|T2map|T2starmap|R1map|R2map|R2starmap|PDmap|MTRmap|MTsat|UNIT1|T1rho|MWFmap|MTVmap|Chimap|S0map|M0map", nifti, ""},
	{"anat-defacemask", "anat", "task acq ce rec run mod", "defacemask", nifti, ""},
	{"anat-multiecho", "anat", "task acq ce rec run echo! part", "MESE|MEGRE", nifti, ""},
	{"anat-multiflip", "anat", "task acq ce rec run echo flip! part", "VFA", nifti, ""},
	{"anat-multiinversion", "anat", "task acq ce rec run inv! part", "IRT1", nifti, ""},
	{"anat-mp2rage", "anat", "task acq ce rec run echo flip inv! part", "MP2RAGE", nifti, ""},
	{"anat-mpm", "anat", "task acq ce rec run echo flip! mt! part", "MPM|MTS", nifti, ""},
	{"anat-mtr", "anat", "task acq ce rec run mt! part", "MTR", nifti, ""},

	{"func", "func", "task! acq ce rec dir run echo part", "bold|cbv|sbref|noRF", nifti, ""},
	{"func-phase", "func", "task! acq ce rec dir run echo", "phase", nifti, ""},
	{"func-events", "func", "task! acq ce rec dir run", "events", table, ""},
	{"func-recordings", "func", "task! acq ce rec dir run recording", recordings, recording, ""},

	{"dwi", "dwi", "acq rec dir run part chunk", "dwi", nifti + "|bval|bvec", ""},
	{"dwi-sbref", "dwi", "acq rec dir run part chunk", "sbref", nifti, ""},
	{"dwi-maps", "dwi", "acq rec dir run chunk", "ADC|FA|S0map|colFA|expADC|trace", nifti, ""},
	{"dwi-recordings", "dwi|perf", "task! acq rec dir run recording", recordings, recording, ""},

	{"fmap", "fmap", "acq run", "phasediff|phase1|phase2|magnitude1|magnitude2|magnitude|fieldmap", nifti, ""},
	{"fmap-pepolar", "fmap", "acq ce dir! run", "epi", nifti + "|bval|bvec", ""},
	{"fmap-m0scan", "fmap", "acq ce dir! run", "m0scan", nifti, ""},
	{"fmap-TB1DAM", "fmap", "acq ce rec run flip! inv part", "TB1DAM", nifti, ""},
	{"fmap-TB1EPI", "fmap", "acq ce rec run echo! flip! inv part", "TB1EPI", nifti, ""},
	{"fmap-RF", "fmap", "acq ce rec run echo flip inv part", "TB1AFI|TB1TFL|TB1RFM|RB1COR", nifti, ""},
	{"fmap-TB1SRGE", "fmap", "acq ce rec run echo flip! inv! part", "TB1SRGE", nifti, ""},
	{"fmap-maps", "fmap", "acq ce rec run", "TB1map|RB1map", nifti, ""},

	{"perf", "perf", "acq rec dir run", "asl|m0scan|noRF", nifti, ""},
	{"perf-context", "perf", "acq rec dir run", "aslcontext", table, ""},
	{"perf-labeling", "perf", "acq rec run", "asllabeling", "jpg", ""},

	{"mrs", "mrs", "task acq nuc voi rec run echo inv", "svs|mrsi|unloc|mrsref", nifti, ""},
	{"mrs-events", "mrs", "task! acq nuc voi rec run", "events", table, ""},
	{"mrs-recordings", "mrs", "task! acq nuc voi rec run recording", recordings, recording, ""},

	{"eeg", "eeg", "task! acq run", "eeg", "json|edf|vhdr|vmrk|eeg|set|fdt|bdf|nwb", ""},
	{"ieeg", "ieeg", "task! acq run", "ieeg", "json|edf|vhdr|vmrk|eeg|set|fdt|nwb", "mefd"},
	{"meg", "meg", "task! acq run proc split", "meg", "json|fif|sqd|con|ave|raw|raw.mhd|kdf|chn|trg", "ds|-"},
	{"meg-digitizer", "meg", "task! acq run proc split", "digitizer", "txt", ""},
	{"meg-markers", "meg", "task acq space", "markers", "sqd|mrk", ""},
	{"channels", "eeg|ieeg|nirs", "task! acq run", "channels", table, ""},
	{"meg-channels", "meg", "task! acq run proc", "channels", table, ""},
	{"coordsystem", "eeg|ieeg", "acq space", "coordsystem", "json", ""},
	{"meg-coordsystem", "meg", "acq", "coordsystem", "json", ""},
	{"electrodes", "eeg|ieeg", "acq run space", "electrodes", table, ""},
	{"meg-electrodes", "meg", "acq run proc space", "electrodes", table, ""},
	{"photo", "eeg|ieeg|meg|nirs", "acq", "photo", "jpg|png|tif", ""},
	{"events", "beh|eeg|ieeg|meg|nirs", "task! acq run", "events", table, ""},
	{"recordings", "beh|eeg|ieeg|nirs", "task! acq run recording", recordings, recording, ""},
	{"meg-recordings", "meg", "task! acq run proc recording", recordings, recording, ""},

	{"nirs", "nirs", "task! acq run", "nirs", "snirf|json", ""},
	{"nirs-coordsystem", "nirs", "acq", "coordsystem", "json", ""},
	{"nirs-optodes", "nirs", "acq", "optodes", table, ""},

	{"motion", "motion", "task! tracksys! acq run", "motion|channels", table, ""},
	{"motion-events", "motion", "task! tracksys acq run", "events", table, ""},

	{"micr", "micr", "sample! acq stain run chunk",
		"TEM|SEM|uCT|BF|DF|PC|DIC|FLUO|CONF|PLI|CARS|2PE|MPE|SR|NLO|OCT|SPIM|hipCT", "ome.tif|ome.btf|tif|png|nwb|json", "ome.zarr"},
	{"micr-photo", "micr", "sample! acq", "photo", "jpg|png|tif|json", ""},

	{"pet", "pet", "task trc rec run", "pet", nifti, ""},
	{"pet-blood", "pet", "task trc rec run recording!", "blood", table, ""},
	{"pet-events", "pet", "task! trc rec run", "events", table, ""},
	{"pet-recordings", "pet", "task trc rec run recording", recordings, recording, ""},

	{"beh", "beh", "task! acq run", "beh", table, ""},
}

// bidsSubject is the way to a data type's directory.
const bidsSubject = "sub-{sub}/[ses-{ses}/]"

// entityPart returns the template of the entities that a group may have.
func entityPart(entities string) string {
	var b strings.Builder
	words := strings.Fields(entities)
	for _, e := range bidsEntities {
		part := e.key + "-{" + e.key
		if e.spec != "" {
			part += ":" + e.spec
		}
		part += "}_"
		switch {
		case slices.Contains(words, e.key+"!"):
			b.WriteString(part)
		case slices.Contains(words, e.key):
			b.WriteString("[" + part + "]")
		}
	}
	return b.String()
}

func bids() Config {
	label := Field{Pattern: "[0-9A-Za-z+]+", Example: "01"}
	c := Config{Mode: Enforce, Fields: map[string]Field{
		"sub": {Pattern: label.Pattern, Example: "01", Description: "the label of a participant"},
		"ses": {Pattern: label.Pattern, Example: "01", Description: "the label of a session, if there are several"},
	}}
	for _, e := range bidsEntities {
		c.Fields[e.key] = label
	}
	c.Fields["task"] = Field{Pattern: label.Pattern, Example: "rest", Description: "the label of a task"}
	c.Fields["acq"] = Field{Pattern: label.Pattern, Example: "highres", Description: "the label of a set of acquisition parameters"}
	c.Fields["dir"] = Field{Pattern: label.Pattern, Example: "AP", Description: "the direction of phase encoding"}
	var suffixes, tables []string
	for _, g := range bidsGroups {
		types := g.types
		if strings.Contains(types, "|") {
			types = "(" + types + ")"
		}
		stem := bidsSubject + types + "/sub-{sub}_[ses-{ses}_]" + entityPart(g.entities)
		c.Rules = append(c.Rules, Rule{ID: g.id, Paths: []string{stem + "{suffix:enum(" + g.suffixes + ")}.{extension:enum(" + g.exts + ")}"}})
		for _, ext := range split1(g.dirs) {
			r := Rule{ID: g.id + "-" + ext, Bundle: true, Paths: []string{stem + "{suffix:enum(" + g.suffixes + ")}." + ext}}
			if ext == "-" { // BTi/4D: a directory without an extension
				r.ID, r.Paths = g.id+"-directory", []string{stem + "{suffix:enum(" + g.suffixes + ")}"}
			}
			c.Rules = append(c.Rules, r)
		}
		exts := strings.Split(g.exts, "|")
		for _, s := range strings.Split(g.suffixes, "|") {
			if slices.Contains(exts, "json") && !slices.Contains(suffixes, s) {
				suffixes = append(suffixes, s)
			}
			if slices.Contains(exts, "tsv") && !slices.Contains(tables, s) && s != "beh" && s != "motion" { // those two are data
				tables = append(tables, s)
			}
		}
	}
	// The calibration files of MEGIN systems have names of their own, and each maker of digitizers a format.
	meg := bidsSubject + "meg/sub-{sub}_[ses-{ses}_]"
	c.Rules = append(c.Rules,
		Rule{ID: "meg-calibration", Paths: []string{meg + "acq-calibration_meg.dat"}},
		Rule{ID: "meg-crosstalk", Paths: []string{meg + "acq-crosstalk_meg.fif"}},
		Rule{ID: "meg-headshape", Paths: []string{meg + "[acq-{acq}_]headshape.{format:/[0-9A-Za-z]+/}"}},
		Rule{ID: "scans", Description: "what was measured when", Paths: []string{bidsSubject + "sub-{sub}_[ses-{ses}_]scans.(tsv|json)"}},
		Rule{ID: "sessions", Description: "the sessions of a participant", Paths: []string{"sub-{sub}/sub-{sub}_sessions.(tsv|json)"}},
	)
	// Sidecars hold for all files below them that have their entities.
	all := make([]string, len(bidsEntities))
	for i, e := range bidsEntities {
		all[i] = e.key
	}
	entities := entityPart(strings.Join(all, " "))
	inherited := func(id, suffixes, ext string) {
		rest := entities + "{suffix:enum(" + suffixes + ")}." + ext
		c.Rules = append(c.Rules,
			Rule{ID: "inherited-" + id, Description: "holds for every file below that has the same entities", Paths: []string{
				rest,
				"sub-{sub}/sub-{sub}_" + rest,
				"sub-{sub}/ses-{ses}/sub-{sub}_ses-{ses}_" + rest,
			}})
	}
	inherited("json", strings.Join(suffixes, "|"), "json")
	inherited("tables", strings.Join(tables, "|"), "tsv")
	inherited("gradients", "dwi", "(bval|bvec)")
	c.Rules = append(c.Rules,
		Rule{ID: "dataset", Description: "what the dataset is", Paths: []string{
			"dataset_description.json", "README(|.md|.rst|.txt)", "CHANGES(|.md)", "LICENSE(|.md|.rst|.txt)", "CITATION.cff",
			"(participants|samples).(tsv|json)", "(scans|sessions).json", "genetic_info.json", ".bidsignore"}},
		Rule{ID: "phenotype", Description: "questionnaires and other measures of participants",
			Paths: []string{"phenotype/{measure:/[0-9A-Za-z_-]+/}.(tsv|json)"}},
		Rule{ID: "free", Description: "programs, results, originals, stimuli: every name is right",
			Paths: []string{"(code|derivatives|sourcedata|stimuli)/**"}},
	)
	return c
}

func split1(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "|")
}
