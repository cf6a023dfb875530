package drivetest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// linksIn are the links in a directory of .rdfs, as "name -> where".
func linksIn(t *testing.T, dir string) string {
	t.Helper()
	var out []string
	for _, e := range get(os.ReadDir(dir))(t) {
		out = append(out, e.Name()+" -> "+get(os.Readlink(filepath.Join(dir, e.Name())))(t))
	}
	return strings.Join(out, "\n")
}

// Files that lack metadata stand in .rdfs/incomplete until they have it.
func TestIncompleteFilesAreLinkedUntilTheyAreComplete(t *testing.T) {
	if suite.plain {
		return
	}
	needRoot(t)
	d := newDrive(t)
	d.setConfig("metadata", `{fields: {side: {type: enum, values: [left, right], required_for: "*.edf"}}}`)
	d.remount()
	must(t, os.MkdirAll(d.path("a", "deep"), 0o755))
	must(t, os.Mkdir(d.path("b"), 0o750))
	for _, p := range []string{"a/deep/x.edf", "a/one.edf", "b/x.edf", "b/other.csv"} {
		must(t, os.WriteFile(d.path(p), []byte(p), 0o644))
	}
	dir := d.path(".rdfs", "incomplete")
	if got := get(os.ReadDir(dir))(t); len(got) != 3 {
		t.Fatalf("listed: %v", got)
	}
	byTarget := map[string]string{}
	for _, line := range strings.Split(linksIn(t, dir), "\n") {
		name, to, _ := strings.Cut(line, " -> ")
		byTarget[to] = filepath.Join(dir, name)
		want := strings.TrimPrefix(to, "../../")
		if got := string(get(os.ReadFile(filepath.Join(dir, name)))(t)); got != want {
			t.Errorf("%s leads to %q, want %q", name, got, want)
		}
		st := get(os.Lstat(filepath.Join(dir, name)))(t)
		if st.Mode()&os.ModeSymlink == 0 || st.Size() != int64(len(to)) {
			t.Errorf("%s: %v, size %d", name, st.Mode(), st.Size())
		}
	}
	if got := filepath.Base(byTarget["../../a/one.edf"]); got != "one.edf" {
		t.Errorf("without a clash it is called %q", got)
	}
	for what, err := range map[string]error{
		"create":       os.WriteFile(filepath.Join(dir, "new"), nil, 0o644),
		"remove":       os.Remove(byTarget["../../a/one.edf"]),
		"mkdir":        os.Mkdir(filepath.Join(dir, "d"), 0o755),
		"rename":       os.Rename(byTarget["../../a/one.edf"], d.path("a", "two.edf")),
		"rename to it": os.Rename(d.path("a", "one.edf"), filepath.Join(dir, "one.edf")),
	} {
		if !errors.Is(err, syscall.EROFS) && !errors.Is(err, syscall.EPERM) {
			t.Errorf("%s: %v", what, err)
		}
	}

	// Who may not list a directory sees nothing of it here, in its name neither.
	must(t, as(t, nobody, nobody, func() error {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		if len(entries) != 2 {
			t.Errorf("nobody sees %v", entries)
		}
		if _, err := os.Lstat(byTarget["../../b/x.edf"]); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("nobody asks for a link of b: %v", err)
		}
		return nil
	}))
	// The kernel keeps nothing of what root has seen, and the other way round.
	get(os.Lstat(byTarget["../../b/x.edf"]))(t)

	// Through the link, as people would.
	run(t, exec.Command("setfattr", "-n", "user.side", "-v", "left", byTarget["../../a/one.edf"]))
	if got := linksIn(t, dir); strings.Contains(got, "one.edf") {
		t.Errorf("complete and still listed:\n%s", got)
	}
	must(t, os.Rename(d.path("a", "deep"), d.path("moved")))
	if got := get(os.Readlink(byTarget["../../a/deep/x.edf"]))(t); got != "../../moved/x.edf" {
		t.Errorf("after a rename it leads to %s", got)
	}
	must(t, setAttr(d.path("moved"), "user.side", "right", 0))
	must(t, os.WriteFile(d.path("new.edf"), nil, 0o644))
	if !eventually(30*time.Second, func() bool {
		return linksIn(t, dir) == "new.edf -> ../../new.edf\nx.edf -> ../../b/x.edf" ||
			linksIn(t, dir) == "x.edf -> ../../b/x.edf\nnew.edf -> ../../new.edf"
	}) {
		t.Errorf("in the end:\n%s", linksIn(t, dir))
	}
	if got := run(t, exec.Command("find", dir, "-type", "l")); strings.Count(got, "\n") != 2 {
		t.Errorf("find sees\n%s", got)
	}
	d.check()
}
