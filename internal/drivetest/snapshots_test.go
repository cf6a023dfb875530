package drivetest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// snap takes a snapshot as people do, by mkdir, and returns its path in the root.
func (d *drive) snap(name string) string {
	d.t.Helper()
	p := d.path(".snapshots", name)
	must(d.t, os.Mkdir(p, 0o755))
	return p
}

// A snapshotClaim is tried in an empty directory dir of a drive. name is one that no other claim gives to a snapshot.
type snapshotClaim struct {
	words string
	try   func(t *testing.T, d *drive, dir, name string)
}

// in is where a snapshot shows a path of the live tree.
func (d *drive) in(name, path string) string {
	return d.path(".snapshots", name, strings.TrimPrefix(path, d.mnt))
}

// snapshotClaims are tried as those of docs/semantics.md are, and by an ordinary user as well.
var snapshotClaims = []snapshotClaim{
	{"shows the directory as it was, by every way", testSnapshotShows},
	{"is seen from a directory that was renamed, moved or removed", testSnapshotOfMovedDirectory},
	{"is found by name and listed nowhere else", testSnapshotListed},
	{"is read-only", testSnapshotReadOnly},
	{"keeps permissions, owners, times and links", testSnapshotAttributes},
	{"has stable inode numbers of its own", testSnapshotInodes},
	{"has the right places", testSnapshotPlaces},
	{"locks, maps and seeks", testSnapshotLocks},
	{"is dropped by rmdir, and open files stay", testSnapshotDropped},
	{"refuses bad names", testSnapshotNames},
	{"opens any moment", testSnapshotMoments},
	{"what real programs see", testSnapshotPrograms},
}

func trySnapshotClaims(t *testing.T, d *drive) {
	for i, c := range snapshotClaims {
		t.Run(c.words, func(t *testing.T) {
			dir := d.path(fmt.Sprint("claim", i))
			must(t, os.Mkdir(dir, 0o755))
			c.try(t, d, dir, fmt.Sprint("snap", i))
		})
	}
	d.sync()
	d.check()
}

// What docs/semantics.md says of .snapshots, with passthrough and without; TestOrdinaryUser tries it as well.
func TestSnapshotsOnTheMount(t *testing.T) {
	if suite.plain {
		return
	}
	ways := map[string]option{"the kernel reads": func(*drive) {}, "the daemon reads": func(d *drive) { d.args = []string{"-o", "nopassthrough"} }}
	for way, o := range ways {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			trySnapshotClaims(t, newDrive(t, o))
		})
	}
}

func testSnapshotShows(t *testing.T, d *drive, dir, name string) {
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<17) // 2 MiB: passthrough where there is one
	must(t, os.MkdirAll(filepath.Join(dir, "sub/deep"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "sub/deep/f"), []byte("then"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "large"), large, 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "empty"), nil, 0o644))
	must(t, os.Symlink("sub/deep/f", filepath.Join(dir, "link")))
	must(t, unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	want := walk(t, dir)
	d.snap(name)
	must(t, os.WriteFile(filepath.Join(dir, "sub/deep/f"), []byte("now, and longer"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "large"), large[1:], 0o644))
	must(t, os.Rename(filepath.Join(dir, "sub/deep"), filepath.Join(dir, "elsewhere")))
	must(t, os.Remove(filepath.Join(dir, "link")))
	must(t, os.WriteFile(filepath.Join(dir, "new"), nil, 0o644))

	for _, way := range []string{d.in(name, dir), filepath.Join(dir, ".snapshots", name)} {
		wantSame(t, way, walk(t, way), want, same)
		if got := string(get(os.ReadFile(filepath.Join(way, "link")))(t)); got != "then" {
			t.Errorf("through the link: %q", got)
		}
	}
	sub := filepath.Join(dir, "sub/.snapshots", name)
	if got := string(get(os.ReadFile(filepath.Join(sub, "deep/f")))(t)); got != "then" {
		t.Errorf("from below: %q", got)
	}
	d.evict()
	dropCaches()
	wantSame(t, "without cache", walk(t, d.in(name, dir)), want, same)
	for _, none := range []string{"new", "elsewhere", "sub/deep/g", ".snapshots", ".versions", "sub/.snapshots", ".rdfs"} {
		_, err := os.Lstat(filepath.Join(d.in(name, dir), none))
		wantErrno(t, none, err, unix.ENOENT)
	}
}

func testSnapshotOfMovedDirectory(t *testing.T, d *drive, dir, name string) {
	must(t, os.MkdirAll(filepath.Join(dir, "a/b"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "a/b/f"), []byte("x"), 0o644))
	d.snap(name)
	must(t, os.Rename(filepath.Join(dir, "a/b"), filepath.Join(dir, "moved")))
	if got := string(get(os.ReadFile(filepath.Join(dir, "moved/.snapshots", name, "f")))(t)); got != "x" {
		t.Errorf("from the moved directory: %q", got)
	}
	must(t, os.RemoveAll(filepath.Join(dir, "moved")))
	must(t, os.RemoveAll(filepath.Join(dir, "a")))
	if got := string(get(os.ReadFile(filepath.Join(dir, ".snapshots", name, "a/b/f")))(t)); got != "x" {
		t.Errorf("from above the removed directory: %q", got)
	}
	must(t, os.MkdirAll(filepath.Join(dir, "a/b/new"), 0o755))
	if got := string(get(os.ReadFile(filepath.Join(dir, "a/b/.snapshots", name, "f")))(t)); got != "x" {
		t.Errorf("from a directory that was made at the old place: %q", got)
	}
	_, err := os.Lstat(filepath.Join(dir, "a/b/new/.snapshots", name))
	wantErrno(t, "from one that had no place then", err, unix.ENOENT)
	if list := get(os.ReadDir(filepath.Join(dir, "a/b/new/.snapshots")))(t); slices.ContainsFunc(list, func(e os.DirEntry) bool { return e.Name() == name }) {
		t.Errorf("%s is listed where nothing was then", name)
	}
}

func testSnapshotListed(t *testing.T, d *drive, dir, name string) {
	must(t, os.Mkdir(filepath.Join(dir, "sub"), 0o755))
	before := time.Now()
	d.snap(name)
	after := time.Now()
	for _, at := range []string{d.mnt, dir, filepath.Join(dir, "sub")} {
		for _, e := range get(os.ReadDir(at))(t) {
			if strings.HasPrefix(e.Name(), ".") {
				t.Errorf("%s is listed in %s", e.Name(), at)
			}
		}
		list := get(os.ReadDir(filepath.Join(at, ".snapshots")))(t)
		k := slices.IndexFunc(list, func(e os.DirEntry) bool { return e.Name() == name })
		if k < 0 {
			t.Fatalf("not listed in .snapshots of %s: %v", at, list)
		}
		info := get(list[k].Info())(t)
		if mtime := info.ModTime(); at == d.mnt && (mtime.Before(before.Add(-time.Second)) || mtime.After(after.Add(time.Second))) {
			t.Errorf("its time is %v, it was taken at %v", mtime, before)
		}
		if !list[k].IsDir() || !info.IsDir() {
			t.Errorf("in %s it is no directory", at)
		}
	}
	// Nobody walks into it.
	for _, cmd := range [][]string{{"find", d.mnt}, {"du", "-a", d.mnt}, {"ls", "-aR", d.mnt}} {
		if out := run(t, exec.Command(cmd[0], cmd[1:]...)); strings.Contains(out, ".snapshots") || strings.Contains(out, name) {
			t.Errorf("%s walks into snapshots:\n%s", cmd[0], out)
		}
	}
	must(t, os.Remove(filepath.Join(dir, "sub"))) // rmdir: .snapshots does not count
}

func testSnapshotReadOnly(t *testing.T, d *drive, dir, name string) {
	f := filepath.Join(dir, "f")
	must(t, os.WriteFile(f, []byte("x"), 0o666))
	must(t, setAttr(f, "user.k", "v", 0))
	d.snap(name)
	was := d.in(name, dir)
	p := filepath.Join(was, "f")
	now := []unix.Timespec{{}, {}}
	_, create := os.Create(filepath.Join(was, "new"))
	_, open := os.OpenFile(p, os.O_RDWR, 0)
	_, trunc := os.OpenFile(p, os.O_RDONLY|os.O_TRUNC, 0)
	_, app := os.OpenFile(p, os.O_WRONLY|os.O_APPEND, 0)
	for what, err := range map[string]error{
		"create": create, "open": open, "O_TRUNC": trunc, "O_APPEND": app, "unlink": os.Remove(p), "mkdir": os.Mkdir(filepath.Join(was, "d"), 0o755),
		"rmdir": unix.Rmdir(was), "rename": os.Rename(p, p+"2"), "rename out": os.Rename(p, filepath.Join(dir, "out")), "rename in": os.Rename(f, filepath.Join(was, "in")),
		"link": os.Link(p, p+"2"), "symlink": os.Symlink("f", p+"2"), "mkfifo": unix.Mkfifo(p+"2", 0o600), "chmod": os.Chmod(p, 0o600),
		"chown": os.Lchown(p, os.Getuid(), os.Getgid()), "utimens": unix.UtimesNanoAt(unix.AT_FDCWD, p, now, 0), "truncate": os.Truncate(p, 0),
		"setxattr": setAttr(p, "user.k", "w", 0), "removexattr": unix.Lremovexattr(p, "user.k"),
		"rename of the snapshot": os.Rename(d.path(".snapshots", name), d.path(".snapshots", name+"x")),
		"mkdir elsewhere":        os.Mkdir(filepath.Join(dir, ".snapshots", "mine"), 0o755), "rmdir elsewhere": unix.Rmdir(filepath.Join(dir, ".snapshots", name)),
		"create beside": os.WriteFile(d.path(".snapshots", "f"), nil, 0o644),
	} {
		wantErrno(t, what, err, unix.EROFS)
	}
	wantErrno(t, "link out", os.Link(p, filepath.Join(dir, "out")), unix.EXDEV)
	if got := string(get(os.ReadFile(p))(t)); got != "x" {
		t.Errorf("it holds %q now", got)
	}
	// A program may ask for a file that is there with O_CREAT.
	must(t, get(os.OpenFile(p, os.O_RDONLY|os.O_CREATE, 0o644))(t).Close())
}

func testSnapshotAttributes(t *testing.T, d *drive, dir, name string) {
	f, secret := filepath.Join(dir, "f"), filepath.Join(dir, "secret")
	must(t, os.WriteFile(f, []byte("x"), 0o644))
	must(t, os.Link(f, filepath.Join(dir, "hard")))
	must(t, os.WriteFile(secret, []byte("x"), 0o600))
	must(t, unix.Chmod(f, 0o6755))
	must(t, setAttr(f, "user.k", "then", 0))
	must(t, os.Mkdir(filepath.Join(dir, "sub"), 0o2750))
	old := time.Date(2001, 2, 3, 4, 5, 6, 789, time.UTC)
	must(t, os.Chtimes(f, old, old))
	var before, dirBefore, after, dirAfter unix.Stat_t
	must(t, unix.Stat(f, &before))
	must(t, unix.Stat(dir, &dirBefore))
	d.snap(name)
	must(t, os.Remove(f))
	must(t, os.WriteFile(f, []byte("other"), 0o600))
	must(t, os.Mkdir(filepath.Join(dir, "sub2"), 0o755))
	was := filepath.Join(d.in(name, dir), "f")
	must(t, unix.Stat(was, &after))
	must(t, unix.Stat(d.in(name, dir), &dirAfter))
	if after.Mode != before.Mode || after.Nlink != 2 || after.Uid != before.Uid || after.Gid != before.Gid || after.Size != 1 || after.Blocks != before.Blocks ||
		after.Mtim != before.Mtim || after.Ctim != before.Ctim || after.Atim != before.Atim {
		t.Errorf("the file was\n%+v and is\n%+v", before, after)
	}
	if dirAfter.Mode != dirBefore.Mode || dirAfter.Nlink != dirBefore.Nlink || dirAfter.Mtim != dirBefore.Mtim {
		t.Errorf("the directory was\n%+v and is\n%+v", dirBefore, dirAfter)
	}
	if got := get(getAttr(was, "user.k"))(t); got != "then" {
		t.Errorf("user.k is %q", got)
	}
	if got := get(listAttrs(was))(t); !slices.Equal(got, []string{"user.k"}) {
		t.Errorf("attributes %v", got)
	}
	if got := get(getAttr(was, "user.rdfs.blake3"))(t); got != b3([]byte("x")) {
		t.Errorf("user.rdfs.blake3 is %q", got)
	}
	if os.Geteuid() != 0 {
		return
	}
	must(t, os.Chmod(secret, 0o644)) // what is open to all now was not then
	p := filepath.Join(d.in(name, dir), "secret")
	must(t, as(t, nobody, nobody, func() error {
		if _, err := os.ReadFile(secret); err != nil {
			return err
		}
		if _, err := os.ReadFile(p); errnoOf(err) != unix.EACCES {
			return fmt.Errorf("a stranger reads what was closed to him then: %v", err)
		}
		if err := os.Mkdir(d.path(".snapshots", "stranger"), 0o755); errnoOf(err) != unix.EACCES {
			return fmt.Errorf("a stranger takes a snapshot: %v", err)
		}
		if err := os.Remove(d.path(".snapshots", name)); errnoOf(err) != unix.EACCES {
			return fmt.Errorf("a stranger drops a snapshot: %v", err)
		}
		return nil
	}))
}

func testSnapshotInodes(t *testing.T, d *drive, dir, name string) {
	f := filepath.Join(dir, "f")
	must(t, os.WriteFile(f, []byte("x"), 0o644))
	must(t, os.Link(f, filepath.Join(dir, "hard")))
	d.snap(name)
	must(t, os.WriteFile(f, []byte("y"), 0o644))
	other := name + "-other"
	d.snap(other)
	ino := func(p string) uint64 {
		var st unix.Stat_t
		must(t, unix.Lstat(p, &st))
		return st.Ino
	}
	paths := []string{f, d.in(name, f), d.in(other, f), dir, d.in(name, dir), d.in(other, dir), d.path(".snapshots"), d.path(".snapshots", name), d.path(".snapshots", other)}
	var inos []uint64
	for _, p := range paths {
		if n := ino(p); slices.Contains(inos, n) {
			t.Errorf("%s has the inode number of %s", p, paths[slices.Index(inos, n)])
		} else {
			inos = append(inos, n)
		}
	}
	if ino(d.in(name, f)) != ino(d.in(name, filepath.Join(dir, "hard"))) {
		t.Error("two names of one file have two inode numbers")
	}
	if ino(d.in(name, f)) != ino(filepath.Join(dir, ".snapshots", name, "f")) {
		t.Error("one file of the past has two inode numbers")
	}
	for _, e := range get(os.ReadDir(d.in(name, dir)))(t) {
		if n := e.(interface{ Type() os.FileMode }).Type(); n != 0 {
			t.Errorf("%s is listed as %v", e.Name(), n)
		}
	}
	d.remount()
	for k, p := range paths {
		if n := ino(p); n != inos[k] {
			t.Errorf("%s had inode number %d and has %d after a remount", p, inos[k], n)
		}
	}
	// d_ino is st_ino, also of . and ..
	for _, p := range []string{d.in(name, dir), d.path(".snapshots", name), d.path(".snapshots"), filepath.Join(dir, ".snapshots", name), filepath.Join(dir, ".snapshots")} {
		listed := listedInodes(t, p)
		for entry, n := range listed {
			if entry == "." || entry == ".." {
				continue
			}
			if want := ino(filepath.Join(p, entry)); n != want {
				t.Errorf("%s is listed in %s with number %d and has %d", entry, p, n, want)
			}
		}
		if listed["."] != ino(p) || listed[".."] != ino(filepath.Dir(p)) {
			t.Errorf("%s lists . and .. as %d and %d, they are %d and %d", p, listed["."], listed[".."], ino(p), ino(filepath.Dir(p)))
		}
	}
}

// listedInodes returns the names of a directory with their numbers, . and .. included.
func listedInodes(t *testing.T, dir string) map[string]uint64 {
	t.Helper()
	f := get(os.Open(dir))(t)
	defer f.Close()
	all := map[string]uint64{}
	buf := make([]byte, 1<<16)
	for {
		n := get(unix.Getdents(int(f.Fd()), buf))(t)
		if n == 0 {
			return all
		}
		for b := buf[:n]; len(b) > 0; {
			size := int(binary.NativeEndian.Uint16(b[16:]))
			name, _, _ := bytes.Cut(b[19:size], []byte{0})
			all[string(name)] = binary.NativeEndian.Uint64(b)
			b = b[size:]
		}
	}
}

func testSnapshotPlaces(t *testing.T, d *drive, dir, name string) {
	deep := filepath.Join(dir, "a/b/c")
	must(t, os.MkdirAll(deep, 0o755))
	d.snap(name)
	for _, p := range []string{d.in(name, deep), filepath.Join(dir, ".snapshots", name, "a/b/c"), filepath.Join(dir, "a/b/.snapshots", name, "c"), filepath.Join(deep, ".snapshots", name)} {
		cmd := exec.Command("/bin/sh", "-c", `cd "$0" && /bin/pwd && cd .. && /bin/pwd && ls -a >/dev/null`, p)
		if got, want := run(t, cmd), p+"\n"+filepath.Dir(p)+"\n"; got != want {
			t.Errorf("pwd says %q, want %q", got, want)
		}
	}
	// All at once: one must not push another from its place.
	var cmds []*exec.Cmd
	for _, p := range []string{d.in(name, deep), filepath.Join(deep, ".snapshots", name)} {
		cmd := exec.Command("/bin/sh", "-c", `cd "$0"; read line; /bin/pwd`, p)
		cmd.Stdout = new(bytes.Buffer)
		in := get(cmd.StdinPipe())(t)
		must(t, cmd.Start())
		cmds = append(cmds, cmd)
		defer in.Close()
		get(os.ReadDir(p))(t)
		t.Cleanup(func() { cmd.Process.Kill() })
		if len(cmds) == 2 {
			get(in.Write([]byte("\n")))(t)
			must(t, cmd.Wait())
			if got := cmd.Stdout.(*bytes.Buffer).String(); got != p+"\n" {
				t.Errorf("pwd says %q, want %q", got, p)
			}
		}
	}
	if link := get(os.Readlink(fmt.Sprintf("/proc/%d/cwd", cmds[0].Process.Pid)))(t); link != d.in(name, deep) {
		t.Errorf("the first stands in %q, it went to %q", link, d.in(name, deep))
	}
	cmds[0].Process.Kill()
	cmds[0].Wait()
}

func testSnapshotLocks(t *testing.T, d *drive, dir, name string) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<15)
	for size, f := range map[int]string{1000: filepath.Join(dir, "small"), len(data): filepath.Join(dir, "large")} {
		must(t, os.WriteFile(f, data[:size], 0o644))
	}
	d.snap(name)
	for size, p := range map[int]string{1000: d.in(name, filepath.Join(dir, "small")), len(data): d.in(name, filepath.Join(dir, "large"))} {
		f := get(os.Open(p))(t)
		defer f.Close()
		must(t, unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB))
		if got := lockState(t, "flock", p); got != "held" {
			t.Errorf("another process finds the lock %s", got)
		}
		lock := unix.Flock_t{Type: unix.F_RDLCK, Len: 1}
		must(t, unix.FcntlFlock(f.Fd(), unix.F_SETLK, &lock))
		m := get(unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED))(t)
		if !bytes.Equal(m, data[:size]) {
			t.Error("other bytes in the mapping")
		}
		must(t, unix.Munmap(m))
		if off := get(unix.Seek(int(f.Fd()), 5, unix.SEEK_HOLE))(t); off != int64(size) {
			t.Errorf("a hole at %d", off)
		}
		if off := get(unix.Seek(int(f.Fd()), 5, unix.SEEK_DATA))(t); off != 5 {
			t.Errorf("data at %d", off)
		}
		must(t, f.Sync())
	}
	// Seeking for holes in the live tree still works after that.
	sparse := get(os.Create(filepath.Join(dir, "sparse")))(t)
	defer sparse.Close()
	get(sparse.WriteAt([]byte("x"), 1<<20))(t)
	if off := get(unix.Seek(int(sparse.Fd()), 0, unix.SEEK_DATA))(t); off == 0 {
		t.Error("a hole counts as data")
	}
}

func testSnapshotDropped(t *testing.T, d *drive, dir, name string) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<15)
	must(t, os.WriteFile(filepath.Join(dir, "large"), data, 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "small"), data[:100], 0o644))
	p := d.snap(name)
	large, small := get(os.Open(d.in(name, filepath.Join(dir, "large"))))(t), get(os.Open(filepath.Join(dir, ".snapshots", name, "small")))(t)
	defer large.Close()
	defer small.Close()
	stand := get(os.Open(d.in(name, dir)))(t)
	defer stand.Close()
	must(t, unix.Rmdir(p))
	for _, at := range []string{p, d.in(name, dir), filepath.Join(dir, ".snapshots", name)} {
		_, err := os.Lstat(at)
		wantErrno(t, "a dropped snapshot", err, unix.ENOENT)
	}
	wantErrno(t, "a second time", unix.Rmdir(p), unix.ENOENT)
	got := make([]byte, len(data))
	if n := get(large.ReadAt(got, 0))(t); n != len(data) || !bytes.Equal(got, data) {
		t.Errorf("the large file has %d bytes", n)
	}
	if n, _ := small.ReadAt(got, 0); n != 100 || !bytes.Equal(got[:n], data[:100]) {
		t.Errorf("the small file has %d bytes", n)
	}
	if names := get(stand.Readdirnames(-1))(t); len(names) != 2 {
		t.Errorf("a program that stands there sees %v", names)
	}
	// The name is free, and means what is there now.
	must(t, os.Remove(filepath.Join(dir, "small")))
	d.snap(name)
	_, err := os.Lstat(d.in(name, filepath.Join(dir, "small")))
	wantErrno(t, "in the new snapshot of the name", err, unix.ENOENT)
	wantErrno(t, "take it again", os.Mkdir(p, 0o755), unix.EEXIST)
}

func testSnapshotNames(t *testing.T, d *drive, dir, name string) {
	for bad, want := range map[string]unix.Errno{
		"a\nb": unix.EINVAL, "\xff": unix.EINVAL, "@now": unix.EEXIST, "@tomorrow": unix.EINVAL, "-x": unix.EINVAL, ".hidden": unix.EINVAL, ".versions": unix.EINVAL,
		"..x": unix.EINVAL, " x": unix.EINVAL, strings.Repeat("x", 256): unix.ENAMETOOLONG,
	} {
		wantErrno(t, fmt.Sprintf("mkdir %q", bad), os.Mkdir(d.path(".snapshots", bad), 0o755), want)
	}
	for _, good := range []string{strings.Repeat("x", 255-len(name)) + name, "Müller 2 " + name, name + "@b", "a.b " + name} {
		d.snap(good)
		get(os.ReadDir(d.in(good, dir)))(t)
		must(t, unix.Rmdir(d.path(".snapshots", good)))
	}
	for _, none := range []string{"nobody", "a\nb", "\xff", "@", "@@", "@soon", "@2999-01-01", "@2001-01-01", "@0001-01-01", "@-5m", "@GMT-2026.99.99-00.00.00", ".snapshots", "...", "@" + strings.Repeat("9", 254)} {
		_, err := os.Lstat(d.path(".snapshots", none))
		wantErrno(t, fmt.Sprintf("look %q up", none), err, unix.ENOENT)
	}
	_, err := os.Lstat(d.path(".snapshots", strings.Repeat("x", 256)))
	wantErrno(t, "a long name", err, unix.ENAMETOOLONG)
}

func testSnapshotMoments(t *testing.T, d *drive, dir, _ string) {
	f := filepath.Join(dir, "f")
	must(t, os.WriteFile(f, []byte("one"), 0o644))
	d.sync()
	then := time.Now()
	time.Sleep(1100 * time.Millisecond) // @GMT- names have whole seconds
	must(t, os.WriteFile(f, []byte("two"), 0o644))
	must(t, os.WriteFile(f+"2", nil, 0o644))
	d.sync()
	for _, name := range []string{"@" + then.UTC().Format(time.RFC3339Nano), "@" + then.Format("2006-01-02T15:04:05.999999999Z07:00")} {
		if got := string(get(os.ReadFile(d.in(name, f)))(t)); got != "one" {
			t.Errorf("%s: it holds %q", name, got)
		}
		_, err := os.Lstat(filepath.Join(dir, ".snapshots", name, "f2"))
		wantErrno(t, "what was not there then", err, unix.ENOENT)
	}
	for _, name := range []string{"@GMT-" + time.Now().UTC().Format("2006.01.02-15.04.05"), "@now", "@" + time.Now().Format("2006-01-02"), "@today"} {
		if got := string(get(os.ReadFile(filepath.Join(dir, ".snapshots", name, "f")))(t)); got != "two" {
			t.Errorf("%s: it holds %q", name, got)
		}
	}
	if !eventually(20*time.Second, func() bool {
		got, err := os.ReadFile(d.in("@-2s", f))
		return err == nil && string(got) == "two"
	}) {
		t.Error("@-2s stays where it was")
	}
	for _, e := range get(os.ReadDir(d.path(".snapshots")))(t) {
		if strings.HasPrefix(e.Name(), "@") {
			t.Errorf("%s is listed", e.Name())
		}
	}
}

func testSnapshotPrograms(t *testing.T, d *drive, dir, name string) {
	for program, debian := range map[string]string{"tar": "tar", "rsync": "rsync", "diff": "diffutils", "getfattr": "attr"} {
		need(t, program, debian)
	}
	must(t, os.MkdirAll(filepath.Join(dir, "x/y/z"), 0o755))
	for k := range 40 {
		must(t, os.WriteFile(filepath.Join(dir, "x/y", fmt.Sprint("file", k)), bytes.Repeat([]byte(fmt.Sprintf("line of %d\n", k)), 1+k*k*k), 0o644))
	}
	must(t, os.Link(filepath.Join(dir, "x/y/file1"), filepath.Join(dir, "x/hard")))
	must(t, os.Symlink("y/file2", filepath.Join(dir, "x/soft")))
	must(t, setAttr(filepath.Join(dir, "x/y/file3"), "user.k", "v", 0))
	run(t, program{script: "h5py_files.py"}.command(t, "save", filepath.Join(dir, "x/y/z")))
	copyDir := filepath.Join(tempDir(t), "copy")
	run(t, exec.Command("cp", "-a", filepath.Join(dir, "x"), copyDir))
	want := walk(t, copyDir)
	d.snap(name)
	must(t, os.RemoveAll(filepath.Join(dir, "x")))

	was := d.in(name, filepath.Join(dir, "x"))
	run(t, program{script: "h5py_files.py"}.command(t, "verify", filepath.Join(was, "y/z")))
	if out := run(t, exec.Command("grep", "-rl", "line of 7", was)); out != filepath.Join(was, "y/file7")+"\n" {
		t.Errorf("grep -r finds %q", out)
	}
	if out := run(t, exec.Command("find", was, "-type", "f", "-links", "2", "-printf", "%f\n")); len(strings.Fields(out)) != 2 {
		t.Errorf("find finds %q", out)
	}
	run(t, exec.Command("diff", "-r", was, copyDir))
	if a, b := run(t, exec.Command("du", "-s", "--apparent-size", "-B1", was)), run(t, exec.Command("du", "-s", "--apparent-size", "-B1", copyDir)); strings.Fields(a)[0] == "0" || strings.Fields(b)[0] == "0" {
		t.Errorf("du says %s and %s", a, b)
	}
	for what, args := range map[string][]string{
		"cp":    {"cp", "-a", was, filepath.Join(dir, "cp")},
		"tar":   {"/bin/sh", "-ec", `mkdir "$2" && tar -C "$1" --xattrs -cf - . | tar -C "$2" --xattrs -xf -`, "sh", was, filepath.Join(dir, "tar")},
		"rsync": {"rsync", "-aHX", was + "/", filepath.Join(dir, "rsync") + "/"},
	} {
		run(t, exec.Command(args[0], args[1:]...))
		wantSame(t, what, walk(t, filepath.Join(dir, what)), want, same)
	}
	if out := run(t, exec.Command("getfattr", "--absolute-names", "-d", filepath.Join(was, "y/file3"))); !strings.Contains(out, `user.k="v"`) {
		t.Errorf("getfattr says %s", out)
	}
	script := filepath.Join(dir, "run.sh")
	must(t, os.WriteFile(script, []byte("#!/bin/sh\necho ran\n"), 0o755))
	d.snap(name + "-run")
	must(t, os.Remove(script))
	if out := run(t, exec.Command(d.in(name+"-run", script))); out != "ran\n" {
		t.Errorf("a program of the past prints %q", out)
	}
}

// A program that is interrupted while it takes a snapshot has taken it or has not.
func TestInterruptedSnapshotIsThereOrIsNot(t *testing.T) {
	if suite.plain {
		return
	}
	d := newDrive(t)
	for k := range 10 {
		for j := range 50 {
			must(t, os.WriteFile(d.path(fmt.Sprintf("%d-%d", k, j)), bytes.Repeat([]byte{byte(j)}, 50_000), 0o644))
		}
		p := d.path(".snapshots", fmt.Sprint("s", k))
		cmd := exec.Command("mkdir", p)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		must(t, cmd.Start())
		time.Sleep(time.Duration(k) * 5 * time.Millisecond)
		cmd.Process.Kill()
		cmd.Wait()
		_, err := os.Lstat(p)
		listed := slices.ContainsFunc(get(os.ReadDir(d.path(".snapshots")))(t), func(e os.DirEntry) bool { return e.Name() == filepath.Base(p) })
		if listed != (err == nil) {
			t.Errorf("%s is listed: %v, and found: %v", p, listed, err)
		}
	}
	d.remount()
	d.check()
}
