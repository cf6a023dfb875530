package metadata

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/volume"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/memory"
)

// BenchmarkImport sets three fields of 100,000 files, and takes that back, with the catalog on disk.
func BenchmarkImport(b *testing.B) {
	const dirs, files = 1000, 100
	home := b.TempDir()
	engine, err := kv.OpenBolt(filepath.Join(home, "catalog.db"), kv.BoltOptions{Reserve: -1})
	if err != nil {
		b.Fatal(err)
	}
	v, err := volume.Open(volume.Options{Repository: home, ID: "bench", Engine: engine, Tiers: tiers.Only(memory.New(memory.Options{})), LastStop: volume.StopClean,
		DraftDir: filepath.Join(home, "drafts"), CacheDir: filepath.Join(home, "cache"), SealAfter: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	defer v.Close(ctx, nil)
	rows := make([]Row, 0, dirs*files)
	for k := range dirs {
		err := v.Catalog().Update(func(tx *catalog.Tx) error {
			dir := tx.NewInode()
			tx.PutNode(dir, &catalog.Node{Mode: catalog.TypeDir | 0o755, Nlink: 2, File: catalog.FileID(dir), Parent: catalog.Root})
			tx.PutName(catalog.Root, fmt.Sprint("dir-", k), dir, catalog.TypeDir)
			for n := range files {
				i, name := tx.NewInode(), fmt.Sprintf("eeg_run-%02d.csv", n)
				tx.PutNode(i, &catalog.Node{Mode: catalog.TypeRegular | 0o644, Nlink: 1, File: catalog.FileID(i)})
				tx.PutName(dir, name, i, catalog.TypeRegular)
				rows = append(rows, Row{Path: fmt.Sprintf("dir-%d/%s", k, name)})
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := v.Catalog().Sync(ctx); err != nil {
		b.Fatal(err)
	}
	s := New(v, nil)
	var importing, undoing time.Duration
	for round := 0; b.Loop(); round++ {
		for k := range rows {
			rows[k].Set = map[string]string{"temperature": fmt.Sprint(round + k), "operator": "ada", "note": fmt.Sprintf("note %d of %d", k, round)}
		}
		begin := time.Now()
		if res, err := s.ChangeMeta(ctx, Request{Kind: "import", Rows: rows}); err != nil || res.Values != 3*len(rows) {
			b.Fatalf("import: %d values, %v", res.Values, err)
		}
		importing += time.Since(begin)
		begin = time.Now()
		if res, err := s.UndoMeta(ctx, UndoRequest{}); err != nil || res.Values != 3*len(rows) {
			b.Fatalf("undo: %d values, %v", res.Values, err)
		}
		undoing += time.Since(begin)
	}
	b.ReportMetric(importing.Seconds()/float64(b.N), "s/import")
	b.ReportMetric(undoing.Seconds()/float64(b.N), "s/undo")
}
