package drivetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A BIDS dataset whose sidecars are metadata: who said what is told, and people's own values stay.
func TestABIDSSidecarBecomesMetadata(t *testing.T) {
	if suite.plain {
		return
	}
	d := newDrive(t, scheme("bids", "sidecars: [func]"))
	dir := d.path("sub-01", "func")
	must(t, os.MkdirAll(dir, 0o755))
	scan := filepath.Join(dir, "sub-01_task-rest_bold.nii.gz")
	sidecar := filepath.Join(dir, "sub-01_task-rest_bold.json")
	must(t, os.WriteFile(scan, []byte("scan"), 0o644))
	must(t, setAttr(scan, "user.TaskName", "my own", 0))
	must(t, os.WriteFile(sidecar+".tmp", []byte(`{"RepetitionTime": 2, "TaskName": "rest"}`), 0o644))
	must(t, os.Rename(sidecar+".tmp", sidecar))
	d.sync()
	if got, want := metadataOf(t, scan), `user.RepetitionTime="2" user.TaskName="my own"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := d.must(d.rdfs("log", "--meta", scan)); !strings.Contains(got, "RepetitionTime") || !strings.Contains(got, "(none) -> 2") || !strings.Contains(got, "rdfs sidecar sub-01_task-rest_bold.json") {
		t.Errorf("the history says\n%s", got)
	}
	must(t, os.WriteFile(sidecar, []byte(`{"RepetitionTime": 2,`), 0o644))
	if !eventually(30*time.Second, func() bool {
		return strings.Contains(string(get(os.ReadFile(d.path(".rdfs", "last-error")))(t)), "want a JSON object")
	}) {
		t.Error("nobody is told that the JSON is bad")
	}
	if got := len(d.history(sidecar)); got != 2 {
		t.Errorf("the sidecar has %d versions, want 2", got)
	}
	d.check()
}
