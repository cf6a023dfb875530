package drivetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// metadataOf are the attributes of a file that are listed, as text.
func metadataOf(t *testing.T, file string) string {
	t.Helper()
	names := get(listAttrs(file))(t)
	slices.Sort(names)
	var all []string
	for _, n := range names {
		if strings.HasPrefix(n, "user.") {
			all = append(all, fmt.Sprintf("%s=%q", n, get(getAttr(file, n))(t)))
		}
	}
	return strings.Join(all, " ")
}

// What people say about a file stays with it, whatever programs do to the file, and goes along with copies.
func TestMetadataSurviveWhatProgramsDo(t *testing.T) {
	for program, debian := range map[string]string{"rsync": "rsync", "tar": "tar", "cp": "coreutils", "setfattr": "attr"} {
		need(t, program, debian)
	}
	d := newDrive(t)
	outside := tempDir(t)
	set := map[string]string{"user.temperature": "4 degC", "user.xdg.tags": "pilot,good", "user.raw": "\x00\xff\n", "user.empty": ""}
	data := []byte("id,mass\n1,2\n")
	file := d.path("exp/a.csv")
	must(t, os.Mkdir(d.path("exp"), 0o755))
	must(t, os.WriteFile(file, data, 0o644))
	must(t, setAttr(d.path("exp"), "user.operator", "ada", 0))
	for name, value := range set {
		must(t, setAttr(file, name, value, 0))
	}
	want := metadataOf(t, file)
	if strings.Count(want, "user.") != len(set) {
		t.Fatalf("set: %s", want)
	}
	check := func(what, p string) {
		t.Helper()
		if got := metadataOf(t, p); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", what, got, want)
		}
	}
	tool := func(name string, args ...string) {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Env = programEnv(outside)
		run(t, cmd)
	}

	// Out and in again, by the three programs that keep attributes.
	tool("cp", "-a", d.path("exp"), filepath.Join(outside, "cp"))
	check("cp -a out", filepath.Join(outside, "cp/a.csv"))
	tool("cp", "-a", filepath.Join(outside, "cp"), d.path("cp"))
	check("cp -a in", d.path("cp/a.csv"))
	tool("rsync", "-aX", d.path("exp")+"/", filepath.Join(outside, "rsync"))
	check("rsync -aX out", filepath.Join(outside, "rsync/a.csv"))
	tool("rsync", "-aX", filepath.Join(outside, "rsync"), d.mnt+"/")
	check("rsync -aX in", d.path("rsync/a.csv"))
	archive := filepath.Join(outside, "a.tar")
	tool("tar", "--xattrs", "-C", d.mnt, "-cf", archive, "exp")
	must(t, os.Mkdir(filepath.Join(outside, "tar"), 0o755))
	tool("tar", "--xattrs", "--xattrs-include=user.*", "-C", filepath.Join(outside, "tar"), "-xf", archive)
	check("tar --xattrs out", filepath.Join(outside, "tar/exp/a.csv"))
	must(t, os.Mkdir(d.path("tar"), 0o755))
	tool("tar", "--xattrs", "--xattrs-include=user.*", "-C", d.path("tar"), "-xf", archive)
	check("tar --xattrs in", d.path("tar/exp/a.csv"))
	if got := get(getAttr(d.path("cp"), "user.operator"))(t); got != "ada" {
		t.Errorf("of the directory: got %q", got)
	}
	if d.plain {
		return
	}

	// Saved by a rename over it, and by deleting and making it again.
	must(t, os.WriteFile(d.path("exp/.a.tmp"), []byte("id,mass\n1,3\n"), 0o644))
	must(t, os.Rename(d.path("exp/.a.tmp"), file))
	check("rename over", file)
	must(t, os.Remove(file))
	must(t, os.WriteFile(file, []byte("id,mass\n1,4\n"), 0o644))
	check("delete and make again", file)
	must(t, os.Rename(file, d.path("exp/b.csv")))
	check("rename", d.path("exp/b.csv"))
	must(t, os.Rename(d.path("exp/b.csv"), file))

	// Mounted again.
	d.must(d.rdfs("sync", d.mnt))
	d.remount()
	check("remount", file)

	// An old version comes back without its metadata, unless they are asked for.
	must(t, setAttr(file, "user.temperature", "20 degC", 0))
	now := metadataOf(t, file)
	d.must(d.rdfs("restore", file, "--version", "1"))
	if got := metadataOf(t, file); got != now {
		t.Errorf("restore:\ngot  %s\nwant %s", got, now)
	}
	d.must(d.rdfs("restore", file, "--version", "1", "--with-metadata"))
	check("restore with metadata", file)
}

// A file may have more attributes than a listing holds. Each is kept and answers by its name; the list comes back when
// it fits again, and with it what copies files.
func TestTenThousandAttributes(t *testing.T) {
	need(t, "cp", "coreutils")
	d := newDrive(t)
	if d.plain {
		return // an inode of ext4 has no room for them
	}
	const all, fit = 10_000, 5000
	file := d.path("f")
	must(t, os.WriteFile(file, []byte("x"), 0o644))
	name := func(k int) string { return fmt.Sprintf("user.k%05d", k) }
	for k := range all {
		must(t, setAttr(file, name(k), fmt.Sprint(k), 0))
	}
	check := func(when, p string, n int) {
		t.Helper()
		for k := range n {
			if got, err := getAttr(p, name(k)); err != nil || got != fmt.Sprint(k) {
				t.Fatalf("%s: attribute %d is %q, %v", when, k, got, err)
			}
		}
	}
	check("set", file, all)
	_, err := listAttrs(file)
	wantErrno(t, "a list of more than 64 KiB", err, unix.E2BIG)
	d.remount()
	check("remount", file, all)
	for k := fit; k < all; k++ {
		must(t, unix.Removexattr(file, name(k)))
	}
	if names := get(listAttrs(file))(t); len(names) != fit {
		t.Errorf("%d are listed, want %d", len(names), fit)
	}
	cmd := exec.Command("cp", "-a", file, d.path("copy"))
	cmd.Env = programEnv(tempDir(t))
	run(t, cmd)
	check("cp -a", d.path("copy"), fit)
	d.check()
}
