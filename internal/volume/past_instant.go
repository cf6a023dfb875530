package volume

import (
	"errors"
	"fmt"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/snapshot"
)

// Instant is the state of the whole tree that a name below .snapshots stands for.
type Instant struct {
	Name  string
	Epoch catalog.Epoch
	Time  catalog.Time // when the snapshot was taken, or the moment that the name says
	// Keep is how long the name may be taken to mean this, by whoever uses it, after
	// its last use: what `@-2h` is must not change in the middle of a copy.
	Keep time.Duration
	// Dir is what the directory was that Instants was asked for.
	Dir catalog.Inode
}

// maxKeep bounds Instant.Keep of a moment.
const maxKeep = time.Minute

// Instant returns what a name below .snapshots stands for: a snapshot, or @ and a
// moment. The error wraps ErrNotExist when there is no such snapshot, or when the
// tree of that moment is not known or not kept, and says why.
func (v *Volume) Instant(name string) (in Instant, err error) {
	switch {
	case len(name) > MaxName:
		return in, ErrTooLong
	case !snapshot.IsMoment(name):
		err = v.cat.View(func(tx *catalog.Tx) error {
			s, err := tx.Snapshot(name)
			if err == nil {
				in, err = instantOf(tx, &s)
			}
			return err
		})
		return in, notExist(err)
	}
	now := v.now()
	at, err := snapshot.ParseName(name, now)
	if err != nil {
		return in, fmt.Errorf("%w: %w", ErrNotExist, err)
	}
	in = Instant{Name: name, Time: catalog.TimeOf(at), Keep: min(now.Sub(at)/10, maxKeep)}
	in.Epoch, err = v.Epoch(Moment{Time: at})
	if errors.Is(err, catalog.ErrForgotten) {
		v.log.Info("a moment is not shown", "name", name, "why", err)
		err = fmt.Errorf("%w: %w", ErrNotExist, err)
	}
	return in, err
}

// instantOf returns what a snapshot shows. One of the epoch that is still open does
// not show yet: it would change.
func instantOf(tx *catalog.Tx, s *catalog.Snapshot) (Instant, error) {
	if s.Epoch >= tx.Epoch() {
		return Instant{}, ErrNotExist
	}
	return Instant{Name: s.Name, Epoch: s.Epoch, Time: s.Time}, nil
}

// instantsStep is how many snapshots are looked at in one transaction.
const instantsStep = 512

// Instants returns up to limit snapshots whose names come after a name, in byte
// order, of those that know the directory, as Past.Dir does.
func (v *Volume) Instants(dir catalog.Inode, after string, limit int) (list []Instant, err error) {
	for more := true; more && err == nil && len(list) < limit; {
		more = false
		err = v.cat.View(func(tx *catalog.Tx) error {
			seen := 0
			return tx.Snapshots(after, func(s *catalog.Snapshot) bool {
				if seen++; seen > instantsStep {
					more = true
					return false
				}
				after = s.Name
				in, err := instantOf(tx, s)
				if err == nil {
					in.Dir, err = dirThen(tx, tx.At(s.Epoch), dir)
				}
				if err == nil {
					list = append(list, in)
				}
				return len(list) < limit
			})
		})
	}
	return list, err
}
