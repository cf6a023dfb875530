package volume

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/tiers/pack"
)

// catalogKey is the key of a row that a number names.
func catalogKey(table byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{table}, n)
}

func TestCheckFindsWhatIsBroken(t *testing.T) {
	for _, c := range []struct {
		name   string
		data   bool // only a check of the data finds it
		spoil  func(r *rig, packs []string)
		object string // part of what the finding must name
	}{
		{"a pack was deleted", false, func(r *rig, packs []string) { r.mem.Delete(bg(r.t), packs[0]) }, "packs/"},
		{"a pack was truncated", false, func(r *rig, packs []string) { r.mem.Cut(packs[0], 100) }, "packs/"},
		{"the last byte of a pack is another", false, func(r *rig, packs []string) {
			info, _ := r.mem.Stat(bg(r.t), packs[0])
			r.mem.Flip(packs[0], info.Size-1)
		}, "packs/"},
		{"a byte of a pack is another", true, func(r *rig, packs []string) { r.mem.Flip(packs[0], 1000) }, "packs/"},
		{"a draft is missing", false, func(r *rig, _ []string) {
			r.store.fail(blob.ErrOffline)
			r.write("draft", "unsealed")
			os.Remove(draftOf(r, "draft"))
		}, "/draft"},
		{"a chunk row is missing", false, func(r *rig, _ []string) {
			r.update(func(tx *catalog.Tx) {
				m, err := tx.Content(r.attr2(tx, "large").Content)
				if err != nil || len(m.Chunks) < 2 {
					r.t.Fatalf("%d chunks, %v", len(m.Chunks), err)
				}
				tx.PutChunk(m.Chunks[1].ID, blob.Location{})
			})
		}, "chunk"},
		{"a chunk lies beyond its pack", false, func(r *rig, _ []string) {
			r.update(func(tx *catalog.Tx) {
				id := r.attr2(tx, "small").Content
				l, err := tx.Chunk(id)
				if err != nil {
					r.t.Fatal(err)
				}
				l.Offset = 1 << 30
				tx.PutChunk(id, l)
			})
		}, "chunk"},
		{"two files have one history", false, func(r *rig, _ []string) {
			r.update(func(tx *catalog.Tx) {
				large, _ := tx.Lookup(catalog.Root, "large")
				row := r.attr2(tx, "large")
				row.File = r.attr2(tx, "small").File
				tx.PutNode(large, &row)
			})
		}, "/small"},
		{"a save waits whose draft is none", false, func(r *rig, _ []string) {
			r.update(func(tx *catalog.Tx) {
				tx.PutSave(&catalog.Save{File: r.attr2(tx, "small").File, Order: 5, Inode: 7, Gen: 8})
			})
		}, "save of file"},
		{"a name leads nowhere", false, func(r *rig, _ []string) {
			r.update(func(tx *catalog.Tx) { tx.PutName(catalog.Root, "nothing", 999_999, catalog.TypeRegular) })
		}, "/nothing"},
		{"a link count is wrong", false, func(r *rig, _ []string) {
			r.update(func(tx *catalog.Tx) {
				i, _ := tx.Lookup(catalog.Root, "small")
				row, _ := tx.Node(i)
				row.Nlink = 3
				tx.PutNode(i, &row)
			})
		}, "/small"},
		{"a content is unknown", false, func(r *rig, _ []string) {
			r.update(func(tx *catalog.Tx) {
				i, _ := tx.Lookup(catalog.Root, "small")
				row, _ := tx.Node(i)
				row.Content = blob.Sum([]byte("never stored"))
				tx.PutNode(i, &row)
			})
		}, "/small"},
		{"the content of a node in the past is unknown", false, func(r *rig, _ []string) {
			i := r.attr("small").Ino
			r.update(func(tx *catalog.Tx) {
				row, _ := tx.Node(i)
				row.Content = blob.Sum([]byte("never stored"))
				tx.PutNode(i, &row)
			})
			r.commit()
			r.update(func(tx *catalog.Tx) {
				row, _ := tx.Node(i)
				ver, _ := tx.Version(row.File, row.Seq)
				row.Content = ver.Content
				tx.PutNode(i, &row)
			})
		}, "inode"},
		{"the epoch of a snapshot is gone", false, func(r *rig, _ []string) {
			s := r.snapshot("s")
			r.update(func(tx *catalog.Tx) { tx.Forget([][]byte{catalogKey('e', s.Epoch)}) })
		}, "snapshot s"},
		{"the content of a version is unknown", false, func(r *rig, _ []string) {
			r.update(func(tx *catalog.Tx) {
				row := r.attr2(tx, "small")
				ver, _ := tx.Version(row.File, 1)
				ver.Content = blob.Sum([]byte("never stored"))
				tx.PutVersion(&ver)
			})
		}, "version 1"},
		{"a cached file is damaged", true, func(r *rig, _ []string) {
			path := filepath.Join(r.o.CacheDir, liveKey(r.attr("large").Ino).String())
			st, err := os.Stat(path)
			if err != nil {
				r.t.Fatal(err)
			}
			f, _ := os.OpenFile(path, os.O_RDWR, 0)
			f.WriteAt([]byte("XXXX"), 5000)
			f.Close()
			os.Chtimes(path, time.Now(), st.ModTime())
		}, "live/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.broken = true
			r.write("small", "some bytes")
			r.write("large", random(3<<20, 1))
			r.mkdir("d")
			r.write("d/f", "one")
			r.sync()
			r.write("d/f", "two")
			r.sync()
			var packs []string
			for info := range r.mem.List(bg(t), "") {
				if info.Size > 1<<20 {
					packs = append(packs, info.Key)
				}
			}
			for _, data := range []bool{false, true} {
				if res, err := r.v.Check(bg(t), data, nil); err != nil || len(res.Findings) != 0 {
					t.Fatalf("before: %+v, %v", res, err)
				}
			}
			c.spoil(r, packs)
			res, err := r.v.Check(bg(t), c.data, nil)
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, f := range res.Findings {
				t.Logf("%s: %s: %s (%s)", f.Severity, f.Object, f.Problem, f.Fix)
				found = found || f.Severity == "error" && strings.Contains(f.Object, c.object) && f.Problem != "" && f.Fix != ""
			}
			if !found || res.Errors == 0 {
				t.Errorf("nothing found that names %q: %+v", c.object, res)
			}
		})
	}
}

// update changes rows behind the back of the volume.
func (r *rig) update(fn func(*catalog.Tx)) {
	r.t.Helper()
	if err := r.v.cat.Update(func(tx *catalog.Tx) error { fn(tx); return nil }); err != nil {
		r.t.Fatal(err)
	}
}

// attr2 is attr inside a transaction, for a file in the root directory.
func (r *rig) attr2(tx *catalog.Tx, name string) catalog.Node {
	r.t.Helper()
	i, err := tx.Lookup(catalog.Root, name)
	if err != nil {
		r.t.Fatal(err)
	}
	row, err := tx.Node(i)
	if err != nil {
		r.t.Fatal(err)
	}
	return row
}

func TestCheckOfDamageReadsNoWrongBytesAndEnds(t *testing.T) {
	r := newRig(t)
	r.broken = true
	for k := range 5 {
		r.write(string(rune('a'+k)), random(400<<10, uint64(k)))
	}
	r.sync()
	key := ""
	for info := range r.mem.List(bg(t), "") {
		key = info.Key
	}
	r.mem.Delete(bg(t), key)
	res, err := r.v.Check(bg(t), true, func(Progress) {})
	if err != nil || res.Errors != 1 || res.Findings[0].Object != key {
		t.Errorf("%+v, %v", res, err)
	}
	if !strings.HasPrefix(key, strings.SplitN(pack.Key(blob.PackID{}), "/", 2)[0]+"/") {
		t.Errorf("the object is %q", key)
	}
}

func TestCheckWhileTheDriveIsUsed(t *testing.T) {
	r := newRig(t)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for k := 0; ; k++ {
			select {
			case <-stop:
				return
			default:
			}
			p := string(rune('a' + k%7))
			temp(r, p+".part", random(k%5000, uint64(k)), func() {})
			r.rename(p+".part", p)
			if k%5 == 0 {
				r.unlink(p)
			}
			r.hurryAll()
		}
	}()
	for range 20 {
		res, err := r.v.Check(bg(t), true, nil)
		if err != nil || res.Errors != 0 {
			t.Errorf("%+v, %v", res.Findings, err)
			break
		}
	}
	close(stop)
	<-done
}
