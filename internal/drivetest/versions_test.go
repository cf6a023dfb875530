package drivetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Three saves by each pattern make exactly three versions with the bytes of each save; a save that changes no
// byte makes none; what people set as attributes survives; a restored version is a new one.
func TestEverySavePatternMakesAVersion(t *testing.T) {
	d := newDrive(t)
	savePatterns(t, d)
	d.check()
}

func savePatterns(t *testing.T, d *drive) {
	for _, p := range patterns {
		t.Run(p.name, func(t *testing.T) {
			d := d.with(t)
			rng := rand.New(rand.NewPCG(1, uint64(len(p.name))))
			dir := d.path(strings.ReplaceAll(p.name, " ", "-"))
			must(t, os.Mkdir(dir, 0o755))
			file := filepath.Join(dir, "table.csv")
			var saves [][]byte
			var old []byte
			for i := range 3 {
				content := p.next(rng, old)
				p.save(t, file, old, content)
				saves = append(saves, content)
				d.wantVersions(file, saves...)
				wantBytes(t, file, content)
				if i == 0 {
					must(t, setAttr(file, "user.instrument", "MEG", 0))
					must(t, setAttr(file, "user.xdg.tags", "pilot,left", 0))
				}
				d.wantAttr(file, "user.instrument", "MEG")
				d.wantAttr(file, "user.xdg.tags", "pilot,left")
				old = content
			}
			p.save(t, file, old, old)
			d.sync(file)
			d.wantVersions(file, saves...)
			if d.plain {
				return
			}
			d.must(d.rdfs("restore", file, "--version", "1"))
			wantBytes(t, file, saves[0])
			saves = append(saves, saves[0])
			d.wantVersions(file, saves...)
			d.wantAttr(file, "user.instrument", "MEG")
			d.wantAttr(file, "user.xdg.tags", "pilot,left")
		})
	}
	if d.plain {
		return
	}
	d.umount()
	d.evict()
	d.mount()
	for _, p := range patterns {
		t.Run("later/"+p.name, func(t *testing.T) {
			d := d.with(t)
			file := d.path(strings.ReplaceAll(p.name, " ", "-"), "table.csv")
			log := d.history(file)
			if len(log) != 4 || log[0].Content != log[3].Content || log[0].Content == log[1].Content {
				t.Fatalf("four versions, the last as the first, are wanted: %+v", log)
			}
			for i, v := range d.versions(file) {
				if got := b3(get(os.ReadFile(v))(t)); got != log[i].Content {
					t.Errorf("version %d: content %s, want %s", i+1, got, log[i].Content)
				}
			}
			d.wantAttr(file, "user.instrument", "MEG")
		})
	}
}

// with is the same drive for a subtest, which must not mount or unmount it.
func (d *drive) with(t *testing.T) *drive {
	c := *d
	c.t = t
	return &c
}

var versionName = regexp.MustCompile(`^(\d{4,})_\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ(\.\w+)?$`)

// versions are the files of `.versions/FILE/`, oldest first.
func (d *drive) versions(file string) []string {
	d.t.Helper()
	dir := filepath.Join(filepath.Dir(file), ".versions", filepath.Base(file))
	names, err := os.ReadDir(dir) // sorted
	if err != nil && !os.IsNotExist(err) {
		d.t.Fatal(err)
	}
	var all []string
	for _, n := range names {
		m := versionName.FindStringSubmatch(n.Name())
		if m == nil || m[2] != filepath.Ext(file) {
			d.t.Errorf("%q is no name of a version of %s", n.Name(), file)
		}
		all = append(all, filepath.Join(dir, n.Name()))
	}
	return all
}

// wantVersions fails unless the file has exactly these versions, in `.versions` and in the log.
func (d *drive) wantVersions(file string, want ...[]byte) {
	d.t.Helper()
	if d.plain {
		return
	}
	// close(2) returns before the daemon hears of it, so the first sync may come too early.
	var files []string
	eventually(20*time.Second, func() bool {
		d.sync(file)
		files = d.versions(file)
		return len(files) >= len(want)
	})
	if len(files) != len(want) {
		d.t.Fatalf("%s has %d versions, want %d: %v", file, len(files), len(want), files)
	}
	log := d.history(file)
	if len(log) != len(want) {
		d.t.Fatalf("the log of %s has %d entries, want %d: %+v", file, len(log), len(want), log)
	}
	for i, content := range want {
		got, err := os.ReadFile(files[i])
		if err != nil {
			d.t.Fatal(err)
		}
		if !bytes.Equal(got, content) {
			d.t.Errorf("%s: got %d bytes %.12s, want %d bytes %.12s", files[i], len(got), b3(got), len(content), b3(content))
		}
		last := i == len(want)-1
		e := log[i]
		if e.Seq != i+1 || e.Size != int64(len(content)) || e.Content != b3(content) || e.Current != last {
			d.t.Errorf("the log says %+v of version %d, which has %d bytes %s, current %v", e, i+1, len(content), b3(content), last)
		}
		if seq, _ := strconv.Atoi(versionName.FindStringSubmatch(filepath.Base(files[i]))[1]); seq != i+1 {
			d.t.Errorf("version %d is named %s", i+1, files[i])
		}
	}
}

func wantBytes(t *testing.T, file string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%s: got %d bytes %.12s, want %d bytes %.12s", file, len(got), b3(got), len(want), b3(want))
	}
}

// wantAttr fails unless the attribute has the value. On a plain directory attributes do not survive most patterns.
func (d *drive) wantAttr(file, name, want string) {
	d.t.Helper()
	if d.plain {
		return
	}
	if got, err := getAttr(file, name); err != nil || got != want {
		d.t.Errorf("attribute %s of %s: got %q, %v, want %q", name, file, got, err, want)
	}
}

// The log and the computed attributes tell who saved, with which program, and the hash that b3sum prints.
func TestLogAndAttributesTellWhoSavedWhat(t *testing.T) {
	needRoot(t)
	need(t, "getfattr", "attr")
	d := newDrive(t)
	file := d.path("a.txt")
	script := filepath.Join(tempDir(t), "analyse.py")
	must(t, os.WriteFile(script, []byte("import sys\nopen(sys.argv[1], 'w').write('from python')\n"), 0o644))
	run(t, exec.Command("/usr/bin/python3", script, file))
	d.wantVersions(file, []byte("from python"))
	must(t, os.Chown(file, nobody, nobody))
	cmd := helper("save", file, "from a helper")
	cmd.SysProcAttr = userCredential(nobody)
	run(t, cmd)
	d.wantVersions(file, []byte("from python"), []byte("from a helper"))
	if d.plain {
		return
	}
	log := d.history(file)
	if e := log[0]; e.UID == nil || *e.UID != 0 || e.Author != "root" || !strings.Contains(e.Program, "/usr/bin/python3 "+script+" "+file) {
		t.Errorf("version 1: %+v, want root and the command line of Python", e)
	}
	if e := log[1]; e.UID == nil || *e.UID != nobody || e.Author != "nobody" || !strings.Contains(e.Program, file) || !strings.Contains(e.Program, "from a helper") {
		t.Errorf("version 2: %+v, want nobody and the helper's command line", e)
	}
	for _, e := range log {
		if since := time.Since(e.Time); since < 0 || since > 5*time.Minute {
			t.Errorf("version %d is of %v", e.Seq, e.Time)
		}
	}
	computed := func(name string) string {
		return run(t, exec.Command("getfattr", "--absolute-names", "--only-values", "-n", name, file))
	}
	for name, want := range map[string]string{
		"user.rdfs.seq": "2", "user.rdfs.blake3": b3([]byte("from a helper")), "user.rdfs.author": "nobody", "user.rdfs.program": log[1].Program,
	} {
		if got := computed(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if s := computed("user.rdfs.state"); s != "sealed" && s != "stored" {
		t.Errorf("user.rdfs.state: got %q, want sealed or stored", s)
	}
	names := get(listAttrs(file))(t)
	for _, n := range names {
		if strings.HasPrefix(n, "user.rdfs.") {
			t.Errorf("%s is listed: a copy would carry it along", n)
		}
	}
	wantErrno(t, "set a computed attribute", setAttr(file, "user.rdfs.blake3", "x", 0), unix.EPERM)
	text := d.must(d.rdfs("log", file))
	for _, want := range []string{"nobody", "root", log[1].Content[:8]} {
		if !strings.Contains(text, want) {
			t.Errorf("rdfs log does not show %q:\n%s", want, text)
		}
	}
}

// A file that is held open for days gets a version when somebody asks for it.
func TestSealGivesAnOpenFileAVersion(t *testing.T) {
	d := newDrive(t)
	file := d.path("acquisition.dat")
	f := get(os.Create(file))(t)
	defer f.Close()
	first := bytes.Repeat([]byte("sample "), 20_000)
	get(f.Write(first))(t)
	if d.plain {
		return
	}
	d.must(d.rdfs("seal", file))
	log := d.history(file)
	if len(log) == 0 || log[0].Content != b3(first) {
		t.Fatalf("after seal: %+v, want one version with content %s", log, b3(first))
	}
	get(f.WriteString("and more"))(t)
	get(f.WriteAt([]byte("SAMPLE"), 0))(t)
	wantBytes(t, d.versions(file)[0], first)
	must(t, f.Close())
	second := append([]byte("SAMPLE"), first[6:]...)
	d.wantVersions(file, first, append(second, "and more"...))
}

// Saves that follow each other within the quiet time are one version; the quiet time alone makes it, nobody has to ask.
func TestQuietTimeGathersSaves(t *testing.T) {
	t.Run("sync ends it", func(t *testing.T) {
		d := newDrive(t, sealAfter(time.Hour))
		file := d.path("burst.txt")
		for i := range 5 {
			must(t, os.WriteFile(file, fmt.Appendf(nil, "save %d", i), 0o644))
		}
		d.wantVersions(file, []byte("save 4"))
	})
	t.Run("time ends it", func(t *testing.T) {
		d := newDrive(t)
		file := d.path("alone.txt")
		must(t, os.WriteFile(file, []byte("nobody asks"), 0o644))
		if !d.plain && !eventually(30*time.Second, func() bool { return len(d.versions(file)) == 1 }) {
			t.Error("no version after 30 seconds")
		}
	})
	t.Run("umount ends it", func(t *testing.T) {
		d := newDrive(t, sealAfter(time.Hour))
		file := d.path("last.txt")
		must(t, os.WriteFile(file, []byte("before the door shuts"), 0o644))
		d.remount()
		d.wantVersions(file, []byte("before the door shuts"))
	})
}

// Versions can be read by those who may read the file, and changed by nobody.
func TestVersionsAreReadOnly(t *testing.T) {
	needRoot(t)
	d := newDrive(t)
	file := d.path("secret.txt")
	must(t, os.WriteFile(file, []byte("one"), 0o600))
	d.wantVersions(file, []byte("one"))
	if d.plain {
		return
	}
	for _, e := range get(os.ReadDir(d.mnt))(t) {
		if e.Name() == ".versions" {
			t.Error(".versions is listed: find and rsync would walk into it")
		}
	}
	v := d.versions(file)[0]
	dir := filepath.Dir(v)
	_, err := os.OpenFile(v, os.O_WRONLY, 0)
	wantErrno(t, "open a version for writing", err, unix.EROFS)
	wantErrno(t, "truncate a version", os.Truncate(v, 0), unix.EROFS)
	wantErrno(t, "remove a version", os.Remove(v), unix.EROFS)
	wantErrno(t, "rename a version", os.Rename(v, d.path("x")), unix.EROFS, unix.EXDEV, unix.EPERM)
	wantErrno(t, "chmod a version", os.Chmod(v, 0o777), unix.EROFS)
	wantErrno(t, "create among versions", os.WriteFile(filepath.Join(dir, "new"), nil, 0o644), unix.EROFS)
	wantErrno(t, "mkdir .versions", os.Mkdir(d.path(".versions"), 0o755), unix.EEXIST)
	_, err = os.Stat(d.path(".versions", "absent.txt", "0001"))
	wantErrno(t, "a version of a file that never was", err, unix.ENOENT)
	err = as(t, nobody, nobody, func() error { _, err := os.ReadFile(v); return err })
	wantErrno(t, "read another one's secret version", err, unix.EACCES)
	must(t, os.Chmod(file, 0o644))
	must(t, as(t, nobody, nobody, func() error { _, err := os.ReadFile(v); return err }))
	run(t, exec.Command("cp", "-a", v, d.path("copy.txt")))
	wantBytes(t, d.path("copy.txt"), []byte("one"))
}

// Versions move along when the file or a directory above it is renamed, and a copy starts its own history.
func TestHistoryFollowsRenames(t *testing.T) {
	d := newDrive(t)
	must(t, os.Mkdir(d.path("old"), 0o755))
	file := d.path("old", "a.txt")
	must(t, os.WriteFile(file, []byte("one"), 0o644))
	d.wantVersions(file, []byte("one"))
	must(t, os.Rename(file, d.path("old", "b.txt")))
	must(t, os.Rename(d.path("old"), d.path("new")))
	file = d.path("new", "b.txt")
	must(t, os.WriteFile(file, []byte("two"), 0o644))
	d.wantVersions(file, []byte("one"), []byte("two"))
	run(t, exec.Command("cp", file, d.path("copy.txt")))
	d.wantVersions(d.path("copy.txt"), []byte("two"))
	must(t, os.WriteFile(d.path("copy.txt"), []byte("three"), 0o644))
	d.wantVersions(d.path("copy.txt"), []byte("two"), []byte("three"))
	d.wantVersions(file, []byte("one"), []byte("two"))
}

// A version comes back by number, by time, and to another place.
func TestRestoreByNumberTimeAndPlace(t *testing.T) {
	d := newDrive(t)
	file := d.path("a.txt")
	must(t, os.WriteFile(file, []byte("one"), 0o644))
	d.wantVersions(file, []byte("one"))
	afterOne := time.Now()
	must(t, os.WriteFile(file, []byte("two, longer"), 0o640))
	d.wantVersions(file, []byte("one"), []byte("two, longer"))
	if d.plain {
		return
	}
	other := d.path("other.txt")
	d.must(d.rdfs("restore", file, "--version", "1", "--to", other))
	wantBytes(t, other, []byte("one"))
	wantBytes(t, file, []byte("two, longer"))
	d.must(d.rdfs("restore", file, "--at", afterOne.Format(time.RFC3339Nano)))
	wantBytes(t, file, []byte("one"))
	d.wantVersions(file, []byte("one"), []byte("two, longer"), []byte("one"))
	d.refused(d.rdfs("restore", file, "--version", "99"), "99")
	d.refused(d.rdfs("restore", d.path("absent.txt"), "--version", "1"), "absent.txt")
	// Somebody has the file open and mapped while it is restored: a reader sees old or new bytes, never a mixture.
	f := get(os.Open(file))(t)
	defer f.Close()
	d.must(d.rdfs("restore", file, "--version", "2"))
	wantBytes(t, file, []byte("two, longer"))
	buf := make([]byte, 64)
	n, _ := f.ReadAt(buf, 0)
	if got := string(buf[:n]); got != "one" && got != "two, longer" {
		t.Errorf("a reader that had the file open sees %q", got)
	}
}

// Many versions of one file are all kept, and all different.
func TestAHundredVersions(t *testing.T) {
	d := newDrive(t, sealAfter(10*time.Millisecond))
	file := d.path("log.txt")
	var want [][]byte
	var text []byte
	for i := range 100 {
		text = fmt.Appendf(text, "entry %d\n", i)
		must(t, os.WriteFile(file, text, 0o644))
		want = append(want, bytes.Clone(text))
		if !d.plain {
			n := i + 1
			if !eventually(20*time.Second, func() bool { return len(d.versions(file)) == n }) {
				d.sync(file)
			}
		}
	}
	d.wantVersions(file, want...)
}
