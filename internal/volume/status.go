package volume

import (
	"context"
	"fmt"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
)

// Status says how the drive is.
func (v *Volume) Status(context.Context) (Status, error) {
	s := Status{Repository: v.o.Repository, ID: v.o.ID, Time: v.now(), Passthrough: v.passthrough.Load(), CacheMax: v.o.CacheMax}
	if m := v.mountpoint.Load(); m != nil {
		s.Mountpoint = *m
	}
	err := v.cat.View(func(tx *catalog.Tx) error {
		c := tx.Counters()
		s.Epoch = uint64(tx.Epoch())
		s.Inodes, s.Versions = c.Nodes, c.Versions
		s.Packs, s.PackBytes = int(c.Packs), int64(c.PackBytes)
		return s.History.read(tx)
	})
	if err != nil {
		return s, err
	}
	if err := v.cat.Err(); err != nil {
		s.ReadOnlyWhy = err.Error()
	}
	if err := v.tierStatus(&s); err != nil {
		return s, err
	}
	for _, n := range v.nodes.inUse() {
		n.mu.Lock()
		if n.writers > 0 {
			s.OpenForWriting++
			s.Unsealed++
			s.UnsealedBytes += n.seen.size
		}
		n.mu.Unlock()
		v.nodes.release(n)
	}
	s.NamesRefused, s.MetadataRefused, s.Refusals = v.rejections.counted()
	q := v.sealer
	q.mu.Lock()
	s.Unsealed += len(q.jobs)
	s.UnsealedBytes += q.bytes
	s.Sealing = q.running
	for j := range q.jobs {
		if j.err != nil && len(s.SealErrors) < 20 {
			s.SealErrors = append(s.SealErrors, fmt.Sprintf("inode %d: %v", j.n.ino, j.err))
		}
	}
	q.mu.Unlock()
	s.CatalogBytes = v.cat.Size()
	s.CacheBytes = v.cache.Usage().Bytes
	if space, err := v.Statfs(); err == nil {
		s.FreeBytes = space.Avail
	}
	s.judge(v.cat.Pending())
	return s, nil
}

// tierStatus says how the tiers are, and what waits for them.
func (v *Volume) tierStatus(s *Status) error {
	for _, h := range v.store.Health() {
		t := TierStatus{Name: h.Name, Provider: h.Provider, Since: h.Since}
		if h.Err != nil {
			t.Error = h.Err.Error()
		}
		s.Tiers = append(s.Tiers, t)
	}
	return v.cat.View(func(tx *catalog.Tx) error {
		return tx.Moves(blob.PackID{}, func(m *catalog.Move) bool {
			s.Waiting++
			if p, err := tx.Pack(m.Pack); err == nil {
				s.WaitingBytes += p.Size
			}
			return true
		})
	})
}

// judge says whether everything is safe, and if not, why.
func (s *Status) judge(pending int) {
	if s.ReadOnlyWhy != "" {
		s.Why = append(s.Why, "the drive cannot save: "+s.ReadOnlyWhy)
	}
	if n := s.OpenForWriting; n > 0 {
		s.Why = append(s.Why, fmt.Sprintf("%d files are open for writing", n))
	}
	if n := s.Unsealed - s.OpenForWriting; n > 0 {
		s.Why = append(s.Why, fmt.Sprintf("%d files wait to be sealed", n))
	}
	if len(s.SealErrors) > 0 {
		s.Why = append(s.Why, "sealing fails: "+s.SealErrors[0])
	}
	if s.Waiting > 0 {
		why := fmt.Sprintf("%d packs wait to be copied", s.Waiting)
		for _, t := range s.Tiers {
			if t.Error != "" {
				why += fmt.Sprintf(", and tier %s is away", t.Name)
			}
		}
		s.Why = append(s.Why, why)
	}
	if pending > 0 {
		s.Why = append(s.Why, "the last changes are being written")
	}
	s.SafeToUnplug = len(s.Why) == 0
}

// read costs two rows and, when a snapshot was taken or dropped, a scan of the snapshots.
func (h *History) read(tx *catalog.Tx) error {
	c, err := tx.Costs()
	if err != nil {
		return err
	}
	h.Snapshots = len(tx.Named())
	if when, err := tx.EpochTime(tx.Horizon()); err == nil {
		h.Horizon = when.Time()
	}
	if c.Time == 0 {
		h.AddedBytes = int64(tx.Counters().PackBytes)
		return nil
	}
	h.Marked = c.Time.Time()
	h.LiveBytes, h.HistoryBytes, h.Reclaimable = c.Live, c.History, c.Dead
	h.AddedBytes = max(0, int64(tx.Counters().PackBytes)-c.Packs)
	return nil
}
