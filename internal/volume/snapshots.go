package volume

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/snapshot"
)

// ErrUnchanged: nothing changed since the newest snapshot, so none was taken.
var ErrUnchanged = errors.New("nothing changed since the last snapshot")

// ErrForgotten: the moment is further back than what is kept.
var ErrForgotten = catalog.ErrForgotten

// SnapshotRequest asks for a snapshot of the whole tree as it is now.
type SnapshotRequest struct {
	Name      string   `json:"name,omitempty"` // empty: the time, see snapshot.AutoName
	Message   string   `json:"message,omitempty"`
	Pinned    bool     `json:"pinned,omitempty"`
	Tags      []string `json:"tags,omitempty"`
	IfChanged bool     `json:"if_changed,omitempty"` // fail with ErrUnchanged if it would equal the newest one
	Requester
	// Allowed: the door has checked that the requester may write to the root directory.
	Allowed bool `json:"-"`
}

// Requester is who asks for something through a door that is not the mount.
type Requester struct {
	UID    uint32   `json:"uid"`
	GID    uint32   `json:"gid"`
	Groups []uint32 `json:"groups,omitempty"`
}

func (r *Requester) identity() Identity {
	return Identity{UID: r.UID, Groups: append(slices.Clone(r.Groups), r.GID)}
}

// SnapshotInfo is one line of `rdfs snapshot list`.
type SnapshotInfo struct {
	Name    string    `json:"name"`
	Epoch   uint64    `json:"epoch"`
	Time    time.Time `json:"time"`
	UID     uint32    `json:"uid"`  // who took it
	User    string    `json:"user"` // name of UID where known
	Pinned  bool      `json:"pinned"`
	Message string    `json:"message,omitempty"`
	Tags    []string  `json:"tags,omitempty"`
	// Open are paths of files that were open for writing when it was taken, at most
	// maxOpenNamed of OpenCount; it shows what they held when they were last stored.
	Open      []string `json:"open,omitempty"`
	OpenCount int      `json:"open_count,omitempty"`
}

func snapshotInfo(s *catalog.Snapshot) SnapshotInfo {
	return SnapshotInfo{Name: s.Name, Epoch: uint64(s.Epoch), Time: s.Time.Time(), UID: s.UID, User: UserName(s.UID),
		Pinned: s.Pinned, Message: s.Message, Tags: s.Tags}
}

const (
	maxOpenNamed = 100
	maxMessage   = 4096 // bytes
)

// TakeSnapshot names the tree as it is now. It first waits, for as long as ctx lasts,
// until what was closed before is sealed; then it costs one row of the catalog, which
// is durable when it returns. Whoever may make files in the root directory may take
// one. An error says that there is none.
//
// It gets the tag manual: a person took it.
func (v *Volume) TakeSnapshot(ctx context.Context, r SnapshotRequest) (info SnapshotInfo, err error) {
	if err := v.mayTake(&r); err != nil {
		return info, err
	}
	if !slices.Contains(r.Tags, snapshot.Manual) {
		r.Tags = append(slices.Clone(r.Tags), snapshot.Manual)
	}
	return v.takeSnapshot(ctx, r, "")
}

// takeSnapshot takes a snapshot; kind stands before the name that it gets if it has none.
func (v *Volume) takeSnapshot(ctx context.Context, r SnapshotRequest, kind snapshot.Kind) (info SnapshotInfo, err error) {
	if r.Name != "" { // before the waiting
		err := v.cat.View(func(tx *catalog.Tx) error { _, err := tx.Snapshot(r.Name); return err })
		if err == nil {
			return info, fmt.Errorf("snapshot %s: %w", r.Name, ErrExist)
		}
	}
	v.awaitReleases(ctx)
	if err := v.sealer.flush(ctx, 0, nil); err != nil && !errors.Is(err, errPoisoned) { // such a file is as if it were open
		return info, fmt.Errorf("snapshot: what was saved before could not be stored, so none was taken: %w", err)
	}
	s := catalog.Snapshot{Name: r.Name, UID: r.UID, Pinned: r.Pinned, Message: r.Message, Tags: r.Tags}
	if err := v.cat.Update(func(tx *catalog.Tx) error { return v.putSnapshot(tx, &s, kind, r.IfChanged) }); err != nil {
		return info, err
	}
	open, count := v.openForWriting()
	// It is one commit; whoever gives up waiting for it would not know whether it happened.
	if err := v.cat.Sync(context.WithoutCancel(ctx)); err != nil {
		v.cat.Update(func(tx *catalog.Tx) error { tx.DeleteSnapshot(s.Name); return nil })
		return info, fmt.Errorf("snapshot %s: none was taken: %w", s.Name, err)
	}
	v.snapshotChanged(s.Name)
	info = snapshotInfo(&s)
	info.Open, info.OpenCount = open, count
	return info, nil
}

// mayTake refuses what cannot become a snapshot, and who may not take one.
func (v *Volume) mayTake(r *SnapshotRequest) error {
	if r.Name != "" {
		if err := snapshot.CheckName(r.Name); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
	}
	for _, tag := range r.Tags {
		if tag == "" || strings.ContainsFunc(tag, func(c rune) bool { return c == ',' || unicode.IsSpace(c) || unicode.IsControl(c) }) {
			return fmt.Errorf("%w: %q is no tag: want a word without spaces and commas", ErrInvalid, tag)
		}
	}
	if len(r.Message) > maxMessage {
		return fmt.Errorf("%w: the message has %d bytes, at most %d are allowed", ErrInvalid, len(r.Message), maxMessage)
	}
	root, err := v.Getattr(catalog.Root)
	if err != nil {
		return err
	}
	if !r.Allowed && !May(&root.Node, r.identity(), 3) {
		return fmt.Errorf("%w: who may make files in the root of the drive may take snapshots", ErrAccess)
	}
	return nil
}

func (v *Volume) putSnapshot(tx *catalog.Tx, s *catalog.Snapshot, kind snapshot.Kind, ifChanged bool) error {
	if ifChanged {
		if newest, ok := newestSnapshot(tx); ok && !tx.ChangedAfter(newest) {
			return ErrUnchanged
		}
	}
	s.Epoch, s.Time = tx.Epoch(), v.timeNow()
	name := s.Name
	for n := 1; ; n++ {
		if name == "" {
			s.Name = snapshot.AutoName(string(kind), s.Time.Time(), n)
		}
		if _, err := tx.Snapshot(s.Name); err != nil {
			if !errors.Is(err, catalog.ErrNotExist) {
				return err
			}
			break
		}
		if name != "" {
			return fmt.Errorf("snapshot %s: %w", name, ErrExist)
		}
	}
	tx.PutSnapshot(s)
	return nil
}

func newestSnapshot(tx *catalog.Tx) (e catalog.Epoch, ok bool) {
	tx.Snapshots("", func(s *catalog.Snapshot) bool { e, ok = max(e, s.Epoch), true; return true })
	return e, ok
}

// openForWriting returns paths of files that programs have open for writing, or mapped.
func (v *Volume) openForWriting() (paths []string, count int) {
	var inos []catalog.Inode
	for _, n := range v.nodes.inUse() {
		n.mu.Lock()
		if n.orphan == nil && (n.writers > 0 || n.job != nil && v.sealer.isMapped(n.job)) {
			inos = append(inos, n.ino)
		}
		n.mu.Unlock()
		v.nodes.release(n)
	}
	v.cat.View(func(tx *catalog.Tx) error {
		for _, i := range inos {
			if p, err := tx.Path(i); err == nil && len(paths) < maxOpenNamed {
				paths = append(paths, p)
			}
		}
		return nil
	})
	slices.Sort(paths)
	return paths, len(inos)
}

func (s *sealer) isMapped(j *job) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return j.mapped
}

// snapshotsPage is how many snapshots are read in one transaction.
const snapshotsPage = 1000

// Snapshots returns all snapshots, oldest first.
func (v *Volume) Snapshots(ctx context.Context) ([]SnapshotInfo, error) {
	list := []SnapshotInfo{}
	for after, n := "", snapshotsPage; n == snapshotsPage; {
		n = 0
		err := v.cat.View(func(tx *catalog.Tx) error {
			return tx.Snapshots(after, func(s *catalog.Snapshot) bool {
				list = append(list, snapshotInfo(s))
				after, n = s.Name, n+1
				return n < snapshotsPage
			})
		})
		if err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(list, func(a, b SnapshotInfo) int {
		if c := a.Time.Compare(b.Time); c != 0 {
			return c
		}
		return int(a.Epoch) - int(b.Epoch)
	})
	return list, nil
}

// Moment says when: the snapshot of that name if there is one, otherwise the time.
// The zero value is the live tree.
type Moment struct {
	Name string    `json:"name,omitempty"`
	Time time.Time `json:"time,omitzero"`
	Not  string    `json:"not,omitempty"` // why Name is no time, for people
}

// IsLive reports whether m is the live tree.
func (m Moment) IsLive() bool { return m == Moment{} }

// Epoch returns the epoch at whose end the tree was as at a moment; catalog.Live for
// the live tree. ErrNotExist says that there is no such snapshot, or no such time,
// catalog.ErrForgotten that the time is further back than what is kept.
func (v *Volume) Epoch(m Moment) (e catalog.Epoch, err error) {
	if m.IsLive() {
		return catalog.Live, nil
	}
	err = v.cat.View(func(tx *catalog.Tx) error {
		if m.Name != "" {
			s, err := tx.Snapshot(m.Name)
			if err == nil {
				e = s.Epoch
				return nil
			}
			if !errors.Is(err, catalog.ErrNotExist) {
				return err
			}
		}
		if m.Time.IsZero() {
			if m.Not != "" {
				return fmt.Errorf("there is no snapshot %s (and %s): %w", m.Name, m.Not, ErrNotExist)
			}
			return fmt.Errorf("snapshot %s: %w", m.Name, ErrNotExist)
		}
		if m.Time.Unix() > 0 { // further back does not fit into a catalog.Time
			e = tx.EpochAt(catalog.TimeOf(m.Time))
		}
		if e == 0 {
			return fmt.Errorf("%s is before the drive was made: %w", m.Time.Format(time.RFC3339), ErrNotExist)
		}
		if !tx.Readable(e) {
			return fmt.Errorf("the tree of %s %w: `rdfs snapshot list` shows what is", m.Time.Format(time.RFC3339), catalog.ErrForgotten)
		}
		return nil
	})
	return e, err
}
