package volume

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/naming"
	"github.com/rdfs/rdfs/internal/schema"
)

// sidecars gives a volume a scheme in which data files have sidecars.
func sidecars(t testing.TB) func(*Options) {
	with := enforced(t, naming.Enforce, naming.Rule{ID: "fed", Sidecar: true,
		Paths: []string{"{experiment_id}/{subject_id}/{session_id}/{data_type}[_run-{run:int(2)}].{extension}"}})
	s, err := schema.Compile([]schema.Field{{Name: "temperature", Type: schema.Quantity, Unit: "degC"}})
	if err != nil {
		t.Fatal(err)
	}
	return func(o *Options) { with(o); o.Schema = s }
}

// values are the attributes of a file that people would list, and not the program's name.
func (r *rig) values(p string) string {
	r.t.Helper()
	i := r.attr(p).Ino
	names, err := r.v.Listxattr(i)
	if err != nil {
		r.t.Fatal(err)
	}
	slices.Sort(names)
	var all []string
	for _, n := range names {
		all = append(all, strings.TrimPrefix(n, "user.")+"="+r.xattr(p, n))
	}
	return strings.Join(all, " ")
}

// setBy says who set the value that an attribute has.
func (r *rig) setBy(p, name string) (by string) {
	r.t.Helper()
	f := r.attr(p).File
	r.v.cat.View(func(tx *catalog.Tx) error {
		for _, s := range tx.AttrSpans(f) {
			if ch, err := tx.AttrChange(f, s.Born, name); err == nil && s.Name == name {
				by = ch.Program
			}
		}
		return nil
	})
	return by
}

func TestASidecarIsTheMetadataOfItsFile(t *testing.T) {
	r := newRig(t, sidecars(t))
	dir := r.session()
	scan, json := dir+"eeg.nii.gz", dir+"eeg.json"
	r.write(scan, "data")
	r.write(dir+"eeg.csv", "1") // has the same sidecar
	r.write(dir+"meg.csv", "1") // has another one
	r.sync()
	want := func(p, want string) {
		t.Helper()
		if got := r.values(p); got != want {
			t.Errorf("%s: got %s, want %s", p, got, want)
		}
	}
	r.write(json, `{"EchoTime": 0.03, "Good": true, "Task": "rest", "Slices": [0.5, 1], "Odd": ["a,b"], "Deep": {"a": [1, "<"]}, "None": null, "tags": "pilot", "temperature": "4 degC"}`)
	r.sync()
	all := `Deep={"a":[1,"<"]} EchoTime=0.03 Good=true Odd=["a,b"] Slices=0.5,1 Task=rest temperature=4 degC xdg.tags=pilot`
	want(scan, all)
	want(dir+"eeg.csv", all)
	want(dir+"meg.csv", "")
	want(json, "")
	if got := r.setBy(scan, "user.Task"); got != "rdfs sidecar eeg.json" {
		t.Errorf("the history says %q", got)
	}

	// What people set stays; what only a sidecar said changes with it, and goes.
	r.setxattr(scan, "user.Task", "walk")
	r.write(json, `{"EchoTime": 0.04, "Task": "sleep"}`)
	r.sync()
	want(scan, "EchoTime=0.04 Task=walk")
	want(dir+"eeg.csv", "EchoTime=0.04 Task=sleep")
	r.setxattr(scan, "user.EchoTime", "0.04") // the same value, and by a person
	r.write(json, `{"EchoTime": 0.05}`)
	r.sync()
	want(scan, "EchoTime=0.04 Task=walk")
	want(dir+"eeg.csv", "EchoTime=0.05")

	// A file that comes later takes what is there, once.
	r.write(dir+"eeg.edf", "new")
	r.sync()
	want(dir+"eeg.edf", "EchoTime=0.05")
	if got := r.setBy(dir+"eeg.edf", "user.EchoTime"); got != "rdfs sidecar eeg.json" {
		t.Errorf("the history says %q", got)
	}
	if err := r.v.Removexattr(r.attr(dir+"eeg.edf").Ino, "user.EchoTime", ada); err != nil {
		t.Fatal(err)
	}
	r.write(dir+"eeg.edf", "newer")
	r.sync()
	want(dir+"eeg.edf", "")

	// A file that is saved by deleting it and making it anew is still the sidecar's.
	r.unlink(dir + "eeg.csv")
	r.write(dir+"eeg.csv", "2")
	r.sync()
	want(dir+"eeg.csv", "EchoTime=0.05")
	r.write(json, `{"EchoTime": 0.06}`)
	r.sync()
	want(dir+"eeg.csv", "EchoTime=0.06")
	if got := r.v.RejectionLines(0); len(got) > 0 {
		t.Errorf("something was wrong: %s", got)
	}
}

// Whatever a sidecar holds, it is stored, and people are told.
func TestABadSidecarIsAFinding(t *testing.T) {
	long := fmt.Sprintf(`{"x": %q}`, strings.Repeat("x", maxAttrValue+1))
	many := strings.Builder{}
	many.WriteString(`{"f": 1`)
	for k := range maxSidecarFields {
		fmt.Fprintf(&many, `, "f%d": 1`, k)
	}
	many.WriteString("}")
	for _, tt := range []struct{ name, json, want, values string }{
		{"cut off", `{"EchoTime": 0.`, `want a JSON object`, "Task=rest"},
		{"no object", `[1, 2]`, `want a JSON object`, "Task=rest"},
		{"null", `null`, `it is null`, "Task=rest"},
		{"two", `{} {}`, `something stands behind it`, "Task=rest"},
		{"not UTF-8", "\xff\xfe", `want a JSON object`, "Task=rest"},
		{"too many", many.String(), `at most 1000 fields, it has 1001`, "Task=rest"},
		{"wrong type", `{"temperature": 4, "EchoTime": 1}`, `temperature = "4": want a number and a unit`, "EchoTime=1"},
		{"against the path", `{"subject_id": "sub-02", "session_id": "ses-01", "EchoTime": 1}`, `subject_id = "sub-02": want "sub-01", as the path says`, "EchoTime=1"},
		{"computed", `{"rdfs.seq": 7, "": 1, "EchoTime": 1}`, `rdfs.seq = "7": want a field with another name`, "EchoTime=1"},
		{"long value", long, `at most 65536 bytes`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, sidecars(t))
			dir := r.session()
			r.write(dir+"eeg.csv", "1")
			r.write(dir+"eeg.json", `{"Task": "rest"}`)
			r.sync()
			r.write(dir+"eeg.json", tt.json)
			r.sync()
			if a := r.attr(dir + "eeg.json"); a.Seq != 2 || a.Gen != 0 {
				t.Errorf("the sidecar is not stored: %+v", a)
			}
			if got := r.values(dir + "eeg.csv"); got != tt.values {
				t.Errorf("got %s, want %s", got, tt.values)
			}
			if got := r.v.LastRejection(ada.UID); !strings.Contains(got, tt.want) || !strings.Contains(got, "sidecar EXP0042/sub-01/ses-01/eeg.json: stored, but not all of it is metadata now") {
				t.Errorf("told: %s, want %s", got, tt.want)
			}
		})
	}
}

func TestASidecarGivesNothingToFilesOfOthers(t *testing.T) {
	r := newRig(t, sidecars(t))
	dir := r.session()
	r.write(dir+"eeg.csv", "1")
	r.sync()
	i := r.attr(dir + "eeg.csv").Ino
	uid, mode := uint32(4711), uint32(0o644)
	if _, err := r.v.Setattr(bg(t), i, SetAttr{UID: &uid, GID: &uid, Mode: &mode}, Caller{}); err != nil {
		t.Fatal(err)
	}
	r.write(dir+"eeg.json", `{"Task": "rest"}`)
	r.sync()
	if got := r.values(dir + "eeg.csv"); got != "" {
		t.Errorf("got %s", got)
	}
	if got := r.v.LastRejection(ada.UID); !strings.Contains(got, `"eeg.csv": want a file that you may write to`) {
		t.Errorf("told: %s", got)
	}
}

// Of two sidecars the one with the longer name counts, and a rule that does not ask for it gets nothing.
func TestASidecarHasTheNameOfItsFile(t *testing.T) {
	r := newRig(t, sidecars(t))
	r.mkdir("code")
	r.write("code/a.csv", "1")
	r.write("code/a.json", `{"x": 1}`)
	r.sync()
	if got := r.values("code/a.csv"); got != "" {
		t.Errorf("without a rule: %s", got)
	}
	i := r.attr("code/a.json").Ino
	r.v.cat.Update(func(tx *catalog.Tx) error {
		dir, _ := tx.Lookup(catalog.Root, "code")
		for _, name := range []string{"v1.json", "v1.2.json"} {
			tx.PutName(dir, name, i, catalog.TypeRegular)
		}
		for name, want := range map[string]string{"v1.2.csv": "v1.2.json", "v1.nii.gz": "v1.json", "v2.csv": "", "v1": "", ".v1.csv": "", "a.csv": "a.json"} {
			if got, _ := sidecarOf(tx, dir, name); got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
		for _, name := range []string{"v1.json", "v1.2.json"} {
			tx.DeleteName(dir, name)
		}
		return nil
	})
}
