package catalog

import (
	"fmt"
)

// Snapshot is a name for an epoch: it makes the whole tree, as it was at the end of
// that epoch, one that is kept.
type Snapshot struct {
	Name    string
	Epoch   Epoch
	Time    Time // when it was taken
	UID     uint32
	Pinned  bool   // no policy removes it
	Message string // for people
	// Tags are short words, e.g. "hourly" when the schedule took it.
	Tags []string
}

// Snapshot returns the snapshot of a name.
func (t *Tx) Snapshot(name string) (s Snapshot, err error) {
	row := t.kv.Get(snapshotKey(name))
	if row == nil {
		return s, ErrNotExist
	}
	s.Name = name
	if err := s.decode(row); err != nil {
		return Snapshot{}, fmt.Errorf("catalog: snapshot %q: %w", name, err)
	}
	return s, nil
}

// Snapshots yields the snapshots whose names sort after a name, in byte order.
func (t *Tx) Snapshots(after string, yield func(*Snapshot) bool) error {
	var err error
	from := []byte{byte(tableSnapshot)}
	if after != "" {
		from = append(snapshotKey(after), 0)
	}
	t.kv.Ascend(from, nil, func(k, row []byte) bool {
		s := Snapshot{Name: string(k[1:])}
		if err = s.decode(row); err != nil {
			err = fmt.Errorf("catalog: snapshot %q: %w", s.Name, err)
			return false
		}
		return yield(&s)
	})
	return err
}

// PutSnapshot writes a snapshot. That of the open epoch shows the tree as it will be
// when the epoch ends. The Update fails with ErrForgotten when the epoch is not
// Readable.
func (t *Tx) PutSnapshot(s *Snapshot) {
	if !t.nameable(s.Name) {
		return
	}
	if !t.Readable(s.Epoch) {
		t.refuse(fmt.Errorf("catalog: snapshot %q: epoch %d %w", s.Name, s.Epoch, ErrForgotten))
		return
	}
	w := make(writer, 0, 32+len(s.Message))
	s.encode(&w)
	t.store(snapshotKey(s.Name), w)
	t.c.named.forget()
}

// DeleteSnapshot removes a snapshot. It reports whether there was one.
func (t *Tx) DeleteSnapshot(name string) bool {
	key := snapshotKey(name)
	if t.kv.Get(key) == nil {
		return false
	}
	t.remove(key)
	t.c.named.forget()
	return true
}

func (s *Snapshot) encode(w *writer) {
	w.uint(uint64(s.Epoch))
	w.int(int64(s.Time))
	w.uint(uint64(s.UID))
	w.bool(s.Pinned)
	w.str(s.Message)
	w.uint(uint64(len(s.Tags)))
	for _, tag := range s.Tags {
		w.str(tag)
	}
}

func (s *Snapshot) decode(b []byte) error {
	r := reader{b: b}
	s.Epoch = Epoch(r.uint())
	s.Time = Time(r.int())
	s.UID = r.uint32()
	s.Pinned = r.uint() != 0
	s.Message = r.str()
	for n := r.upTo(uint64(len(r.b))); n > 0; n-- {
		s.Tags = append(s.Tags, r.str())
	}
	return r.done()
}
