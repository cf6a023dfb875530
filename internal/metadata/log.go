package metadata

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/volume"
)

// Event is one change of a field.
type Event struct {
	Time    time.Time `json:"time"`
	Field   string    `json:"field"`
	Old     *string   `json:"old"` // nil: it was not set
	New     *string   `json:"new"`
	UID     *uint32   `json:"uid,omitempty"` // nil: nobody in person; a save by renaming took it along
	User    string    `json:"user,omitempty"`
	Program string    `json:"program,omitempty"`
	Op      uint64    `json:"op,omitempty"` // the operation on many files that it is a part of
}

// MetaLog returns how the metadata of a file came to be what they are, oldest first. The
// file may be deleted. Changes within one group commit (200 ms) are one.
func (s *Store) MetaLog(_ context.Context, p string) ([]Event, error) {
	f, err := s.vol.FileAt(p)
	if err != nil {
		return nil, err
	}
	events := []Event{}
	err = s.vol.Catalog().View(func(tx *catalog.Tx) error {
		spans := tx.AttrSpans(f)
		for k, span := range spans {
			field, ok := fieldOf(span.Name)
			if !ok {
				continue
			}
			value := EncodeValue(span.Value)
			e := Event{Field: field, New: &value}
			if k > 0 && spans[k-1].Name == span.Name && spans[k-1].Died == span.Born {
				old := EncodeValue(spans[k-1].Value)
				e.Old = &old
			}
			events = append(events, who(tx, f, span.Born, span.Name, e))
			if span.Died != 0 && (k+1 == len(spans) || spans[k+1].Name != span.Name || spans[k+1].Born != span.Died) {
				events = append(events, who(tx, f, span.Died, span.Name, Event{Field: field, Old: &value}))
			}
		}
		return nil
	})
	slices.SortStableFunc(events, func(a, b Event) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Field, b.Field))
	})
	return events, err
}

// who completes an event of an epoch.
func who(tx *catalog.Tx, f catalog.FileID, e catalog.Epoch, attr string, ev Event) Event {
	if ch, err := tx.AttrChange(f, e, attr); err == nil {
		ev.Time, ev.UID, ev.User = ch.Time.Time(), &ch.UID, volume.UserName(ch.UID)
		ev.Program, ev.Op = ch.Program, uint64(ch.Op)
		return ev
	}
	if at, err := tx.EpochTime(e); err == nil {
		ev.Time = at.Time()
	}
	return ev
}
