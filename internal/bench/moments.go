package bench

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/volume"
)

// moments measures what it costs to name the tree of n files below root as it is, and to
// compare two states of it that differ in a hundred files.
func (b *Bed) moments(ctx context.Context, root string, n int) ([]Figure, error) {
	c, err := control.Dial(ctx, b.drive.repo)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	const snapshots, changed = 50, 100
	before, err := c.Status(ctx)
	if err != nil {
		return nil, err
	}
	took := make([]time.Duration, snapshots)
	for i := range took {
		begin := time.Now()
		if _, err := c.TakeSnapshot(ctx, volume.SnapshotRequest{Name: fmt.Sprintf("moment-%d", i)}); err != nil {
			return nil, err
		}
		took[i] = time.Since(begin)
	}
	after, err := c.Status(ctx)
	if err != nil {
		return nil, err
	}
	for i := range min(changed, n) {
		if err := os.WriteFile(treeName(root, i*(n/min(changed, n))), fmt.Appendf(nil, "changed %d\n", i), 0o644); err != nil {
			return nil, err
		}
	}
	if _, err := c.TakeSnapshot(ctx, volume.SnapshotRequest{Name: "changed"}); err != nil {
		return nil, err
	}
	begin := time.Now()
	diff, err := c.Diff(ctx, volume.DiffRequest{A: volume.Moment{Name: "moment-0"}, B: volume.Moment{Name: "changed"}})
	if err != nil {
		return nil, err
	}
	compared := time.Since(begin)
	if len(diff.Changes) != min(changed, n) {
		return nil, fmt.Errorf("%d files differ, want %d", len(diff.Changes), min(changed, n))
	}
	return []Figure{
		{Name: "take a snapshot, p50", Value: percentile(took, 0.5), Unit: "ms", AtMost: 10},
		{Name: "catalog per snapshot", Value: float64(after.CatalogBytes-before.CatalogBytes) / snapshots / 1024, Unit: "KiB", AtMost: 4},
		{Name: "compare two that differ in 100 files", Value: compared.Seconds() * 1000, Unit: "ms", AtMost: 100},
	}, nil
}
