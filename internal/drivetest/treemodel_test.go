package drivetest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Random operations on a tree do the same, with the same errors, on the drive and on a plain directory; and the
// trees stay equal through remounts and without the cache.
func TestRandomWorkOnATree(t *testing.T) {
	needRoot(t)
	steps := envCount(t, "RDFS_TEST_STEPS", 1500) * 2
	for _, seed := range seeds(t, 1, 2) {
		t.Run(fmt.Sprintf("seed%d", seed), func(t *testing.T) {
			d := newDrive(t)
			m := &treeModel{t: t, rng: newRand(seed), drive: d.mnt, plain: filepath.Join(d.dir, "plain"), started: time.Now()}
			must(t, os.Mkdir(m.plain, 0o755))
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("RDFS_TEST_SEED=%d, the last steps:\n%v", seed, &m.log)
				}
			})
			for i := 1; i <= steps && !t.Failed(); i++ {
				m.step()
				switch {
				case i%(steps/2) == 0:
					d.umount()
					if m.rng.IntN(2) == 0 {
						d.evict()
					}
					d.mount()
					m.compare(fmt.Sprintf("after remount at step %d", i))
				case i%500 == 0:
					d.sync()
					d.evict()
					m.compare(fmt.Sprintf("without cache at step %d", i))
				case i%100 == 0:
					m.compare(fmt.Sprintf("at step %d", i))
				}
			}
			d.check()
		})
	}
}

// A treeModel does everything twice.
type treeModel struct {
	t            *testing.T
	rng          *rand.Rand
	drive, plain string
	started      time.Time
	log          journal
}

// both does one thing in both trees and wants the same error.
func (m *treeModel) both(what string, do func(root string) error) {
	m.t.Helper()
	want := do(m.plain)
	got := do(m.drive)
	m.log.add("%s: %v", what, errnoOf(want))
	g, w := errnoOf(got), errnoOf(want)
	alike := []unix.Errno{unix.EEXIST, unix.ENOTEMPTY} // both are allowed for a directory that is not empty
	if g != w && !(slices.Contains(alike, g) && slices.Contains(alike, w)) {
		m.t.Fatalf("step %d, %s: got %v, want %v", m.log.n, what, got, want)
	}
}

// name is one of few: so that steps meet each other.
func (m *treeModel) name() string {
	parts := []string{"a", "b", "c", "dir1", "dir2"}
	path := parts[m.rng.IntN(len(parts))]
	for range m.rng.IntN(4) {
		path = filepath.Join(path, parts[m.rng.IntN(len(parts))])
	}
	return path
}

// existing is the name of something that is there, if there is anything.
func (m *treeModel) existing(kind os.FileMode) string {
	var all []string
	filepath.Walk(m.plain, func(p string, info os.FileInfo, err error) error {
		if err == nil && p != m.plain && (kind == anyKind || info.Mode().Type() == kind) {
			rel, _ := filepath.Rel(m.plain, p)
			all = append(all, rel)
		}
		return nil
	})
	if len(all) == 0 || m.rng.IntN(10) == 0 {
		return m.name()
	}
	return all[m.rng.IntN(len(all))]
}

const anyKind = os.ModeIrregular

func (m *treeModel) step() {
	steps := []struct {
		weight int
		do     func()
	}{
		{14, m.create}, {10, m.mkdir}, {14, m.write}, {6, m.append}, {5, m.truncate}, {12, m.rename}, {4, m.exchange}, {8, m.save},
		{6, m.link}, {4, m.symlink}, {6, m.unlink}, {4, m.rmdir}, {5, m.chmod}, {3, m.chown}, {8, m.setAttr}, {2, m.removeAttr},
		{8, m.utimens}, {2, m.mknod}, {2, m.removeAll}, {6, m.copy}, {3, m.unlinkOpen},
	}
	total := 0
	for _, s := range steps {
		total += s.weight
	}
	n := m.rng.IntN(total)
	for _, s := range steps {
		if n -= s.weight; n < 0 {
			s.do()
			return
		}
	}
}

func (m *treeModel) content() []byte {
	n := m.rng.IntN(3000)
	if m.rng.IntN(5) == 0 {
		n = m.rng.IntN(200_000)
	}
	b := make([]byte, n)
	word := m.rng.Uint64()
	for i := range b {
		b[i] = byte(word >> (i % 60))
	}
	return b
}

func (m *treeModel) create() {
	p, b := m.name(), m.content()
	m.both("create "+p, func(root string) error {
		f, err := os.OpenFile(filepath.Join(root, p), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.Write(b)
		return err
	})
}

func (m *treeModel) mkdir() {
	p := m.name()
	m.both("mkdir "+p, func(root string) error { return os.Mkdir(filepath.Join(root, p), 0o755) })
}

// onFile opens an existing regular file; a FIFO would wait for a reader for ever.
func (m *treeModel) onFile(what, p string, flags int, do func(f *os.File) error) {
	m.both(what+" "+p, func(root string) error {
		f, err := os.OpenFile(filepath.Join(root, p), flags|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
			return err
		}
		return do(f)
	})
}

func (m *treeModel) write() {
	p, b, off := m.existing(0), m.content(), int64(m.rng.IntN(10_000))
	m.onFile(fmt.Sprintf("write %d+%d to", off, len(b)), p, os.O_RDWR, func(f *os.File) error {
		_, err := f.WriteAt(b, off)
		return err
	})
}

func (m *treeModel) append() {
	p, b := m.existing(0), m.content()
	m.onFile(fmt.Sprintf("append %d to", len(b)), p, os.O_WRONLY|os.O_APPEND, func(f *os.File) error {
		_, err := f.Write(b)
		return err
	})
}

func (m *treeModel) truncate() {
	p, n := m.existing(0), int64(m.rng.IntN(10_000))
	if m.rng.IntN(2) == 0 {
		m.onFile(fmt.Sprintf("open and truncate to %d", n), p, os.O_RDWR, func(f *os.File) error { return f.Truncate(n) })
		return
	}
	m.onFile("O_TRUNC", p, os.O_RDWR|os.O_TRUNC, func(f *os.File) error { return nil })
}

func (m *treeModel) rename() {
	from, to := m.existing(anyKind), m.name()
	flags := uint(0)
	if m.rng.IntN(4) == 0 {
		flags = unix.RENAME_NOREPLACE
	}
	m.both(fmt.Sprintf("rename %s to %s, flags %d", from, to, flags), func(root string) error {
		return unix.Renameat2(unix.AT_FDCWD, filepath.Join(root, from), unix.AT_FDCWD, filepath.Join(root, to), flags)
	})
}

func (m *treeModel) exchange() {
	a, b := m.existing(anyKind), m.existing(anyKind)
	m.both("exchange "+a+" and "+b, func(root string) error {
		return unix.Renameat2(unix.AT_FDCWD, filepath.Join(root, a), unix.AT_FDCWD, filepath.Join(root, b), unix.RENAME_EXCHANGE)
	})
}

// save replaces a file as editors do.
func (m *treeModel) save() {
	p, b := m.existing(0), m.content()
	m.both("save "+p, func(root string) error {
		p := filepath.Join(root, p)
		if err := os.WriteFile(p+".tmp", b, 0o644); err != nil {
			return err
		}
		if err := os.Rename(p+".tmp", p); err != nil {
			os.Remove(p + ".tmp")
			return err
		}
		return nil
	})
}

func (m *treeModel) link() {
	from, to := m.existing(0), m.name()
	m.both("link "+from+" as "+to, func(root string) error {
		return unix.Link(filepath.Join(root, from), filepath.Join(root, to))
	})
}

func (m *treeModel) symlink() {
	target, p := m.name(), m.name()
	m.both("symlink "+p, func(root string) error { return os.Symlink(target, filepath.Join(root, p)) })
}

func (m *treeModel) unlink() {
	p := m.existing(anyKind)
	m.both("unlink "+p, func(root string) error { return unix.Unlink(filepath.Join(root, p)) })
}

func (m *treeModel) rmdir() {
	p := m.existing(anyKind)
	m.both("rmdir "+p, func(root string) error { return unix.Rmdir(filepath.Join(root, p)) })
}

func (m *treeModel) removeAll() {
	p := m.existing(os.ModeDir)
	m.both("remove all of "+p, func(root string) error {
		if _, err := os.Lstat(filepath.Join(root, p)); err != nil {
			return err // RemoveAll would open a FIFO above it, and wait
		}
		return os.RemoveAll(filepath.Join(root, p))
	})
}

func (m *treeModel) chmod() {
	p, mode := m.existing(anyKind), uint32(m.rng.IntN(0o10000))|0o400
	m.both(fmt.Sprintf("chmod %o %s", mode, p), func(root string) error { return unix.Chmod(filepath.Join(root, p), mode) })
}

func (m *treeModel) chown() {
	p, uid, gid := m.existing(anyKind), m.rng.IntN(5), m.rng.IntN(5)
	m.both(fmt.Sprintf("chown %d:%d %s", uid, gid, p), func(root string) error { return unix.Lchown(filepath.Join(root, p), uid, gid) })
}

func (m *treeModel) setAttr() {
	p, name, value := m.existing(anyKind), fmt.Sprintf("user.key%d", m.rng.IntN(4)), fmt.Sprint(m.rng.IntN(1000))
	m.both(fmt.Sprintf("set %s of %s", name, p), func(root string) error { return setAttr(filepath.Join(root, p), name, value, 0) })
}

// removeAttr does not compare errors: on the drive a file may have attributes from the history of its path.
func (m *treeModel) removeAttr() {
	p, name := m.existing(anyKind), fmt.Sprintf("user.key%d", m.rng.IntN(4))
	m.both("remove "+name+" of "+p, func(root string) error {
		unix.Lremovexattr(filepath.Join(root, p), name)
		return nil
	})
}

// utimens sets times long ago, which tell themselves from those that a write leaves behind.
func (m *treeModel) utimens() {
	p, when := m.existing(anyKind), unix.NsecToTimespec(int64(m.rng.IntN(1_000_000_000))*1_000_000_007%1_000_000_000_000_000_000)
	m.both(fmt.Sprintf("utimens %d %s", when.Nano(), p), func(root string) error {
		return unix.UtimesNanoAt(unix.AT_FDCWD, filepath.Join(root, p), []unix.Timespec{when, when}, unix.AT_SYMLINK_NOFOLLOW)
	})
}

func (m *treeModel) mknod() {
	p := m.name()
	m.both("mkfifo "+p, func(root string) error { return unix.Mkfifo(filepath.Join(root, p), 0o600) })
}

// copy copies within the tree as cp does: with copy_file_range.
func (m *treeModel) copy() {
	from, to := m.existing(0), m.name()
	m.both("copy "+from+" to "+to, func(root string) error {
		src, err := os.OpenFile(filepath.Join(root, from), os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
		if err != nil {
			return err
		}
		defer src.Close()
		st, err := src.Stat()
		if err != nil || !st.Mode().IsRegular() {
			return err
		}
		dst, err := os.OpenFile(filepath.Join(root, to), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		defer dst.Close()
		for left := st.Size(); left > 0; {
			n, err := unix.CopyFileRange(int(src.Fd()), nil, int(dst.Fd()), nil, int(left), 0)
			if err != nil || n == 0 {
				return err
			}
			left -= int64(n)
		}
		return nil
	})
}

// unlinkOpen removes a file while it is open and writes to it: nothing of it may come back.
func (m *treeModel) unlinkOpen() {
	p := m.existing(0)
	m.onFile("unlink while open", p, os.O_RDWR, func(f *os.File) error {
		if err := os.Remove(f.Name()); err != nil {
			return err
		}
		if _, err := f.WriteAt([]byte("into the void"), 5); err != nil {
			return err
		}
		buf := make([]byte, 13)
		if _, err := f.ReadAt(buf, 5); err != nil || string(buf) != "into the void" {
			return fmt.Errorf("read back %q, %v", buf, err)
		}
		return nil
	})
}

func (m *treeModel) compare(when string) {
	m.t.Helper()
	wantSame(m.t, when, walk(m.t, m.drive), walk(m.t, m.plain), m.differs)
}

// differs is same with two allowances. A time that was not set is the time of the step, which is not the same in
// both trees. And a file may have more attributes than a plain one: those that were set on its path before.
func (m *treeModel) differs(path string, got, want entry) string {
	const recent = 2e9 * 1e9 / 2 // set times are before 2001
	if want.Mtime >= recent {
		if got.Mtime < m.started.Add(-2*time.Second).UnixNano() || got.Mtime > time.Now().Add(2*time.Second).UnixNano() {
			return fmt.Sprintf("mtime %d, want one of this test", got.Mtime)
		}
		got.Mtime = want.Mtime
	}
	if path == "." {
		got.Mode, got.UID, got.GID = want.Mode, want.UID, want.GID
	}
	more := map[string]string{}
	for name, value := range got.Attrs {
		if _, ok := want.Attrs[name]; ok {
			more[name] = value
		}
	}
	got.Attrs = more
	return same(path, got, want)
}
