package drivetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/tiers/s3/s3test"
)

// shipOften makes the drive ship its catalog each second.
func shipOften(d *drive) {
	file := filepath.Join(d.repo, "rdfs.yaml")
	text, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return // called before init as well
	}
	must(d.t, err)
	changed := bytes.Replace(text, []byte("ship_every: 1min"), []byte("ship_every: 1s"), 1)
	if bytes.Equal(changed, text) {
		d.t.Fatalf("no ship_every in %s", file)
	}
	must(d.t, os.WriteFile(file, changed, 0o644))
}

// fillForDrill saves a little of everything.
func fillForDrill(d *drive) {
	d.t.Helper()
	must(d.t, os.MkdirAll(d.path("exp/sub-01"), 0o750))
	for i := range 50 {
		must(d.t, os.WriteFile(d.path("exp", fmt.Sprintf("trial-%02d.csv", i)), []byte(strings.Repeat(fmt.Sprintln(i), 20*i)), 0o640))
	}
	must(d.t, os.WriteFile(d.path("exp/sub-01/raw.bin"), noise(5<<20, 9), 0o600))
	must(d.t, os.Link(d.path("exp/trial-01.csv"), d.path("also")))
	must(d.t, os.Symlink("exp/trial-02.csv", d.path("link")))
	must(d.t, unix.Setxattr(d.path("exp/trial-03.csv"), "user.xdg.tags", []byte("good,raw"), 0))
	d.sync()
	must(d.t, os.WriteFile(d.path("exp/trial-04.csv"), []byte("second\n"), 0o640))
	d.must(d.rdfs("snapshot", "create", "before", "-R", d.repo))
	must(d.t, os.WriteFile(d.path("exp/trial-04.csv"), []byte("third\n"), 0o640))
	must(d.t, os.Rename(d.path("exp/trial-05.csv"), d.path("exp/sub-01/renamed.csv")))
	must(d.t, os.Remove(d.path("exp/trial-06.csv")))
	past := time.Date(2020, 2, 3, 4, 5, 6, 7, time.UTC)
	must(d.t, os.Chtimes(d.path("exp/trial-07.csv"), past, past))
	d.sync()
}

// picture tells all that a program can see below the mount, and what rdfs knows of it.
func picture(d *drive) string {
	d.t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(d.mnt, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(p, &st); err != nil {
			return err
		}
		rel, _ := filepath.Rel(d.mnt, p)
		fmt.Fprintf(&b, "%s ino %d mode %o nlink %d uid %d gid %d size %d mtime %d", rel, st.Ino, st.Mode, st.Nlink, st.Uid, st.Gid, st.Size, st.Mtim.Nano())
		switch {
		case e.Type() == fs.ModeSymlink:
			target, err := os.Readlink(p)
			fmt.Fprintf(&b, " -> %s %v", target, err)
		case e.Type().IsRegular():
			data, err := os.ReadFile(p)
			fmt.Fprintf(&b, " bytes %x %v", sha256.Sum256(data), err)
			tags := make([]byte, 100)
			if n, err := unix.Getxattr(p, "user.xdg.tags", tags); err == nil {
				fmt.Fprintf(&b, " tags %s", tags[:n])
			}
			for _, v := range d.history(p) {
				fmt.Fprintf(&b, "\n  version %d of %s: %d bytes %s by %s", v.Seq, v.Time, v.Size, v.Content, v.Author)
			}
		}
		b.WriteByte('\n')
		return nil
	})
	must(d.t, err)
	b.WriteString(d.must(d.rdfs("snapshot", "list", "-R", d.repo)))
	for _, v := range d.history(d.path("exp/trial-06.csv")) {
		fmt.Fprintf(&b, "deleted: version %d %s\n", v.Seq, v.Content)
	}
	return b.String()
}

func wantPicture(t *testing.T, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		switch {
		case i >= len(g):
			t.Fatalf("missing: %s", w[i])
		case i >= len(w):
			t.Fatalf("too much: %s", g[i])
		case g[i] != w[i]:
			t.Fatalf("got  %s\nwant %s", g[i], w[i])
		}
	}
}

func TestALostRepositoryComesBackFromItsBucket(t *testing.T) {
	s3test.SetEnv(t)
	server := s3test.Start(t, "lab-data")
	d := newDrive(t, inBucket(server.Endpoint), shipOften)
	fillForDrill(d)
	want := picture(d)
	now := time.Now()
	if !eventually(time.Minute, func() bool {
		var st struct {
			CatalogShipped time.Time `json:"catalog_shipped"`
		}
		d.decode(d.rdfs("status", "--json", d.mnt), &st)
		return st.CatalogShipped.After(now)
	}) {
		t.Fatalf("the catalog is not shipped: %v", d.rdfs("status", d.mnt))
	}
	d.kill()
	detach(d.mnt)
	must(t, os.RemoveAll(d.repo))

	out := d.must(d.rdfs("recover", "--from", "s3://lab-data/mouse", "--endpoint", server.Endpoint, d.repo))
	if !strings.Contains(out, "recovered") {
		t.Errorf("recover says %q", out)
	}
	d.mount()
	wantPicture(t, picture(d), want)
	d.check()
	must(t, os.WriteFile(d.path("exp/trial-04.csv"), []byte("fourth\n"), 0o640)) // and it goes on
	d.sync()
	if n := len(d.history(d.path("exp/trial-04.csv"))); n != 4 {
		t.Errorf("%d versions, want 4", n)
	}
	d.remount()
	d.check()
	d.refused(d.rdfs("recover", "--from", "s3://lab-data/nothing", "--endpoint", server.Endpoint, d.repo+"2"), "is not a tier")
}

func TestALostCatalogComesBackFromTheDirectoryOfPacks(t *testing.T) {
	d := newDrive(t)
	fillForDrill(d)
	want := picture(d)
	d.umount()
	must(t, os.Rename(filepath.Join(d.repo, "blobs"), filepath.Join(d.dir, "blobs")))
	must(t, os.RemoveAll(d.repo))
	d.must(d.rdfs("recover", "--from", filepath.Join(d.dir, "blobs"), d.repo))
	d.mount()
	wantPicture(t, picture(d), want)
	d.check()
	d.refused(d.rdfs("recover", "--from", filepath.Join(d.dir, "blobs"), d.repo), "is a repository already")
	d.refused(d.rdfs("recover", "--from", d.mnt, d.repo+"2"), "offline", "rdfs-tier")
}

// The tier is read by a program that shares no code with rdfs.
func TestATierIsReadWithoutRdfs(t *testing.T) {
	need(t, "zstd", "zstd")
	d := newDrive(t)
	fillForDrill(d)
	must(t, os.WriteFile(d.path("floats"), smooth(1<<16), 0o644)) // of another kind in the pack
	must(t, os.WriteFile(d.path("empty"), nil, 0o600))
	d.sync()
	want := map[string][]byte{}
	must(t, filepath.WalkDir(d.mnt, func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			rel, _ := filepath.Rel(d.mnt, p)
			want[rel], err = os.ReadFile(p)
		}
		return err
	}))
	d.umount()
	script := func(args ...string) *exec.Cmd {
		cmd := exec.Command("python3", append([]string{"../../scripts/rdfs-extract.py", filepath.Join(d.repo, "blobs")}, args...)...)
		cmd.Env = programEnv(d.dir)
		return cmd
	}
	out := filepath.Join(d.dir, "out")
	run(t, script("--no-verify", "extract", "", out))
	for name, data := range want {
		got, err := os.ReadFile(filepath.Join(out, name))
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes, %v; want %d", name, len(got), err, len(data))
		}
	}
	if target, err := os.Readlink(filepath.Join(out, "link")); target != "exp/trial-02.csv" {
		t.Errorf("the link: %q, %v", target, err)
	}
	if list := run(t, script("list", "--versions", "exp/trial-04.csv")); strings.Count(list, "version ") != 3 {
		t.Errorf("list says\n%s", list)
	}
	if list := run(t, script("snapshots")); !strings.HasPrefix(list, "before: epoch ") {
		t.Errorf("snapshots says\n%s", list)
	}
	second := filepath.Join(d.dir, "second")
	run(t, script("extract", "--version", "2", "exp/trial-04.csv", second))
	if got, err := os.ReadFile(second); string(got) != "second\n" {
		t.Errorf("version 2: %q, %v", got, err)
	}
	// One bit of each pack is another: nothing wrong is written as if it were right.
	must(t, filepath.WalkDir(filepath.Join(d.repo, "blobs", "packs"), func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		for at := 64; at < len(text); at += 40 {
			text[at] ^= 4
		}
		return os.WriteFile(p, text, 0o600)
	}))
	if text, err := script("extract", "exp/trial-04.csv", filepath.Join(d.dir, "third")).CombinedOutput(); err == nil {
		t.Errorf("a damaged pack was extracted: %s", text)
	}
}

// smooth returns n float32 of a signal.
func smooth(n int) (b []byte) {
	for i := range n {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(math.Sin(float64(i)/500))))
	}
	return b
}
