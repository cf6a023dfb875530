package volume

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/memory"
)

// bigVolume opens a volume on disk whose catalog has n stored files, a thousand in each
// directory.
func bigVolume(b *testing.B, n int) *Volume {
	dir := b.TempDir()
	engine, err := kv.OpenBolt(filepath.Join(dir, "catalog.db"), kv.BoltOptions{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	v, err := Open(Options{Repository: dir, ID: "bench", Engine: engine, Tiers: tiers.Only(memory.New(memory.Options{})),
		DraftDir: filepath.Join(dir, "drafts"), CacheDir: filepath.Join(dir, "cache"), LastStop: StopClean})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { v.stop() })
	now := v.timeNow()
	for first := 0; first < n; first += 1000 {
		err := v.cat.Update(func(tx *catalog.Tx) error {
			d := tx.NewInode()
			name := fmt.Sprintf("dir-%04d", first/1000)
			tx.PutNode(d, &catalog.Node{Mode: catalog.TypeDir | 0o755, Nlink: 2, File: catalog.FileID(d), Parent: Root, Mtime: now})
			tx.PutName(Root, name, d, catalog.TypeDir)
			for k := first; k < min(n, first+1000); k++ {
				putFile(tx, d, fmt.Sprintf("file-%07d", k), now, 0)
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := v.cat.Sync(context.Background()); err != nil {
		b.Fatal(err)
	}
	return v
}

// putFile gives a file of a directory other bytes, and makes it if there is none.
func putFile(tx *catalog.Tx, dir catalog.Inode, name string, now catalog.Time, round int) {
	i, err := tx.Lookup(dir, name)
	if err != nil {
		i = tx.NewInode()
		tx.PutName(dir, name, i, catalog.TypeRegular)
	}
	content := blob.Sum(fmt.Append(nil, i, round))
	tx.PutNode(i, &catalog.Node{Mode: catalog.TypeRegular | 0o644, Nlink: 1, File: catalog.FileID(i), Size: 20, Mtime: now, Content: content, Seq: catalog.Seq(round + 1)})
}

// change changes files all over the drive.
func change(b *testing.B, v *Volume, files, count, round int) {
	err := v.cat.Update(func(tx *catalog.Tx) error {
		for k := range count {
			at := (k*7919 + round) * 31 % files
			d, err := tx.Lookup(Root, fmt.Sprintf("dir-%04d", at/1000))
			if err != nil {
				return err
			}
			putFile(tx, d, fmt.Sprintf("file-%07d", at), v.timeNow(), round)
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkSnapshotCreate takes snapshots of an idle drive. A commit with two syncs of the
// disk is most of it.
func BenchmarkSnapshotCreate(b *testing.B) {
	for _, files := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprint(files), func(b *testing.B) {
			v := bigVolume(b, files)
			size, taken := v.cat.Size(), 0
			for b.Loop() {
				if _, err := v.TakeSnapshot(context.Background(), SnapshotRequest{Name: fmt.Sprint("s", taken)}); err != nil {
					b.Fatal(err)
				}
				taken++
			}
			b.ReportMetric(float64(v.cat.Size()-size)/float64(taken), "catalog-B/op")
		})
	}
}

// BenchmarkSnapshotDiff compares two snapshots that differ in 100 files.
func BenchmarkSnapshotDiff(b *testing.B) {
	for _, files := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprint(files), func(b *testing.B) {
			v := bigVolume(b, files)
			change(b, v, files, 300, 1)
			for k, name := range []string{"A", "B"} {
				if _, err := v.TakeSnapshot(context.Background(), SnapshotRequest{Name: name}); err != nil {
					b.Fatal(err)
				}
				change(b, v, files, []int{100, 300}[k], k+2)
			}
			time.Sleep(300 * time.Millisecond) // for the commit behind B
			for b.Loop() {
				res, err := v.Diff(context.Background(), DiffRequest{A: Moment{Name: "A"}, B: Moment{Name: "B"}})
				if err != nil || len(res.Changes) != 100 {
					b.Fatalf("%d changes, %v", len(res.Changes), err)
				}
			}
		})
	}
}

// BenchmarkReadDirOfThePast lists 1000 files with 100 versions, with attributes, now and in the middle of them.
func BenchmarkReadDirOfThePast(b *testing.B) {
	const files, rounds = 1000, 100
	v := bigVolume(b, files)
	var middle catalog.Epoch
	for round := range rounds {
		change(b, v, files, files, round+1)
		if round == rounds/2 {
			info, err := v.TakeSnapshot(context.Background(), SnapshotRequest{Name: "middle"})
			if err != nil {
				b.Fatal(err)
			}
			middle = catalog.Epoch(info.Epoch)
		} else if err := v.cat.Sync(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	dir, err := v.Past(middle).Lookup(Root, "dir-0000")
	if err != nil {
		b.Fatal(err)
	}
	for _, list := range []struct {
		name string
		read func(after string) ([]Entry, error)
	}{
		{"live", func(after string) ([]Entry, error) { return v.ReadDir(dir.Ino, after, 128, true) }},
		{"past", func(after string) ([]Entry, error) { return v.Past(middle).ReadDir(dir.Ino, after, 128, true) }},
	} {
		b.Run(list.name, func(b *testing.B) {
			for b.Loop() {
				n, after := 0, ""
				for {
					entries, err := list.read(after)
					if err != nil {
						b.Fatal(err)
					}
					if len(entries) == 0 {
						break
					}
					n, after = n+len(entries), entries[len(entries)-1].Name
				}
				if n != files {
					b.Fatalf("%d entries", n)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/files, "ns/entry")
		})
	}
}
