package fs_test

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/fs"
)

// A hundred thousand snapshots are listed, found, seen through and dropped.
func TestAHundredThousandSnapshots(t *testing.T) {
	const many, step = 100_000, 5000
	bothWays(t, func(t *testing.T, d *drive) {
		if err := os.WriteFile(d.path("f"), []byte("then"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(d.path(".snapshots/first"), 0o755); err != nil {
			t.Fatal(err)
		}
		first, err := d.vol.Instant("first")
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Rmdir(d.path(".snapshots/first")); err != nil {
			t.Fatal(err)
		}
		name := func(k int) string { return fmt.Sprintf("s%06d", k) }
		for k := 0; k < many; k += step {
			err := d.vol.Catalog().Update(func(tx *catalog.Tx) error {
				for j := k; j < k+step; j++ {
					tx.PutSnapshot(&catalog.Snapshot{Name: name(j), Epoch: first.Epoch, Time: catalog.Time(j) * 1e9})
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			d.sync()
		}
		if err := os.WriteFile(d.path("f"), []byte("now"), 0o644); err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(d.path(".snapshots"))
		if err != nil || len(entries) != many {
			t.Fatalf("%d are listed, %v", len(entries), err)
		}
		for k := range entries {
			if entries[k].Name() != name(k) {
				t.Fatalf("%s is listed, want %s", entries[k].Name(), name(k))
			}
		}
		for k := 0; k < many; k += many / 500 {
			data, err := os.ReadFile(d.path(".snapshots", name(k), "f"))
			if err != nil || string(data) != "then" {
				t.Fatalf("%s holds %q, %v", name(k), data, err)
			}
			if st, err := os.Stat(d.path(".snapshots", name(k))); err != nil || st.ModTime().Unix() != int64(k) {
				t.Fatalf("%s was taken at %v, %v", name(k), st, err)
			}
		}
		if err := unix.Rmdir(d.path(".snapshots", name(many/2))); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(d.path(".snapshots", name(many/2))); !os.IsNotExist(err) {
			t.Errorf("a dropped snapshot: %v", err)
		}
	})
}

// Programs that go through snapshots leave nothing behind in the daemon when the
// kernel forgets what they saw.
func TestMemoryOfSnapshotsIsThatOfTheKernel(t *testing.T) {
	d := newDrive(t, fs.Options{})
	for k := range 50 {
		dir := d.path(fmt.Sprint(k))
		if err := os.MkdirAll(dir+"/sub", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+"/sub/f", []byte{byte(k)}, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for k := range 10 {
		snap := d.path(".snapshots", fmt.Sprint("s", k))
		if err := os.Mkdir(snap, 0o755); err != nil {
			t.Fatal(err)
		}
		for j := range 50 {
			for _, p := range []string{fmt.Sprintf("%s/%d/sub/f", snap, j), d.path(fmt.Sprintf("%d/sub/.snapshots/s%d/f", j, k))} {
				if data, err := os.ReadFile(p); err != nil || len(data) != 1 || data[0] != byte(j) {
					t.Fatalf("%s holds %v, %v", p, data, err)
				}
			}
		}
	}
	if n := d.mount.Views(); n != 10+10*50 {
		t.Errorf("the door knows %d views, want %d", n, 10+10*50)
	}
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("2"), 0); err != nil {
		t.Fatal(err)
	}
	if !eventually(func() bool { return d.mount.Views() == 0 }) {
		t.Errorf("the kernel has forgotten everything, and the door knows %d views", d.mount.Views())
	}
}
