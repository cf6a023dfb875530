package loopback

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/posixtest"
	"golang.org/x/sys/unix"
)

var unixEpoch = time.Unix(0, 0)

func mount(t *testing.T) (dir, mnt string) {
	t.Helper()
	base := t.TempDir()
	dir, mnt = filepath.Join(base, "dir"), filepath.Join(base, "mnt")
	for _, d := range []string{dir, mnt} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	server, err := Mount(dir, mnt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Unmount(); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir, mnt
}

func TestLoopbackIsPOSIX(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(posixtest.All)) {
		// It wants a process to conflict with its own POSIX lock, which only holds where locks go to the daemon: a plain
		// directory fails it too.
		if name == "FcntlFlockLocksFile" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			_, mnt := mount(t)
			posixtest.All[name](t, mnt)
		})
	}
}

func TestReadersAndWritersOfOneSmallFileNeverFail(t *testing.T) {
	_, mnt := mount(t)
	name := filepath.Join(mnt, "f")
	if err := os.WriteFile(name, []byte("0123456789abcdef"), 0o644); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, flags := range []int{os.O_RDONLY, os.O_RDWR, os.O_RDONLY, os.O_RDONLY | syscall.O_DIRECT} {
		wg.Go(func() {
			for range 500 {
				fd, err := unix.Open(name, flags, 0)
				if err != nil {
					t.Errorf("open with flags %#x: %v", flags, err)
					return
				}
				if flags == os.O_RDWR {
					if _, err := unix.Pwrite(fd, []byte("X"), 3); err != nil {
						t.Errorf("write: %v", err)
					}
				}
				unix.Close(fd)
			}
		})
	}
	wg.Wait()
	got, err := os.ReadFile(name)
	if want := "012X456789abcdef"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestCachedReadSeesEveryEarlierWrite(t *testing.T) {
	_, mnt := mount(t)
	name := filepath.Join(mnt, "f")
	for i := range 200 {
		want := make([]byte, 1+i*17)
		for j := range want {
			want[j] = byte(i + j)
		}
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(name); err != nil || !slices.Equal(got, want) {
			t.Fatalf("step %d: got %d bytes, %v, want %d", i, len(got), err, len(want))
		}
	}
}

func TestStoresThroughMappingShowInStat(t *testing.T) {
	dir, mnt := mount(t)
	f, err := os.OpenFile(filepath.Join(mnt, "f"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(4096); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(f.Name(), unixEpoch, unixEpoch); err != nil {
		t.Fatal(err)
	}
	m, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(f.Name()); err != nil {
		t.Fatal(err)
	}
	m[0] = 1
	if err := unix.Msync(m, unix.MS_SYNC); err != nil {
		t.Fatal(err)
	}
	got, err := os.Stat(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.Stat(filepath.Join(dir, "f"))
	if err != nil {
		t.Fatal(err)
	}
	if !got.ModTime().Equal(want.ModTime()) || got.ModTime().Equal(unixEpoch) {
		t.Errorf("got mtime %v, want that of the backing file, %v", got.ModTime(), want.ModTime())
	}
	if err := unix.Munmap(m); err != nil {
		t.Fatal(err)
	}
}

func TestWriteClearsSetIDBitsButNotLockingOnes(t *testing.T) {
	for _, c := range []struct {
		name      string
		mode, out uint32
	}{
		{"set-user", syscall.S_IFREG | 0o4755, syscall.S_IFREG | 0o755},
		{"set-group of an executable", syscall.S_IFREG | 0o2755, syscall.S_IFREG | 0o755},
		{"set-group without x means locking", syscall.S_IFREG | 0o2644, syscall.S_IFREG | 0o2644},
		{"directory", syscall.S_IFDIR | 0o2755, syscall.S_IFDIR | 0o2755},
	} {
		if got := withoutSetID(c.mode); got != c.out {
			t.Errorf("%s: got %o, want %o", c.name, got, c.out)
		}
	}
}
