package vectors

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"slices"
	"sync"

	"github.com/zeebo/blake3"

	"github.com/rdfs/rdfs/internal/disk"
)

// ID is the hash of a text. 0 is that of no text.
type ID uint64

// IDOf returns the ID of a text; 0 for the empty one.
func IDOf(text string) ID {
	if text == "" {
		return 0
	}
	sum := blake3.Sum256([]byte(text))
	var id ID
	for i := range 8 {
		id |= ID(sum[i]) << (8 * i)
	}
	return max(id, 1)
}

// Slot is the number of an ID in this process, from 1. 0 is no slot.
type Slot uint32

// Options of Open.
type Options struct {
	FS    disk.FS
	Path  string // of the file
	Model string // its name: vectors of different models are never mixed
	Dim   int
	Max   int // most slots; 0: 4 million
}

// ErrFull: as many texts as Options.Max have slots.
var ErrFull = errors.New("vectors: no room for more texts")

// ErrDimension: a vector has another number of elements than the store.
var ErrDimension = errors.New("vectors: another dimension")

// Store holds the vectors. See the package comment.
type Store struct {
	o    Options
	head int64 // bytes before the first record
	size int   // bytes of a record

	// mu guards all below it. What a slot below len(ids) has in place and bits changes
	// only from nothing to a vector, and, when a text is embedded again, to another.
	mu      sync.RWMutex
	file    disk.File
	records uint32 // in the file
	slots   map[ID]Slot
	ids     []ID     // by slot; [0] is nothing
	place   []uint32 // by slot: its record, counted from 1; 0: no vector
	claimed []uint64 // a bit for each slot that Reserve was asked for
	bits    []uint64 // by slot: the signs of its elements
	words   int      // of bits that a slot has
	known   int      // slots with a vector
}

// Open reads the file, or begins it. The caller ends with Close.
func Open(o Options) (*Store, error) {
	if o.Max == 0 {
		o.Max = 4 << 20
	}
	if o.Dim < 1 || o.Dim > maxDim || len(o.Model) > maxModel {
		return nil, fmt.Errorf("%s: a model %.40q of dimension %d cannot be kept; at most %d", o.Path, o.Model, o.Dim, maxDim)
	}
	s := &Store{o: o, words: (o.Dim + 63) / 64, slots: map[ID]Slot{}}
	s.ids, s.place, s.bits = make([]ID, 1), make([]uint32, 1), make([]uint64, s.words)
	var err error
	if s.file, err = o.FS.OpenFile(o.Path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, err
	}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, s.file.Close())
	}
	return s, nil
}

// Close makes the file durable and ends its use.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.file.Sync(), s.file.Close())
}

// Reserve returns the slot of an ID, which is given one if need be, and whether it
// has a vector. That of ID 0 is 0. The error is ErrFull.
func (s *Store) Reserve(id ID) (slot Slot, known bool, err error) {
	if id == 0 {
		return 0, false, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	slot, ok := s.slot(id)
	if !ok {
		return 0, false, ErrFull
	}
	for int(slot)/64 >= len(s.claimed) {
		s.claimed = append(s.claimed, 0)
	}
	s.claimed[slot/64] |= 1 << (slot % 64)
	return slot, s.place[slot] != 0, nil
}

// slot finds or gives a slot. s.mu is held, or nobody else knows s yet.
func (s *Store) slot(id ID) (Slot, bool) {
	if slot, ok := s.slots[id]; ok {
		return slot, true
	}
	if len(s.ids) > s.o.Max {
		return 0, false
	}
	slot := Slot(len(s.ids))
	s.slots[id] = slot
	s.ids, s.place = append(s.ids, id), append(s.place, 0)
	s.bits = append(s.bits, make([]uint64, s.words)...)
	return slot, true
}

// Slots returns a bit for the slot of each ID that has one, as Query.Allowed.
func (s *Store) Slots(ids iter.Seq[ID]) []uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]uint64, (len(s.ids)+63)/64)
	for id := range ids {
		if slot := s.slots[id]; slot != 0 {
			out[slot/64] |= 1 << (slot % 64)
		}
	}
	return out
}

// ID returns the ID of a slot.
func (s *Store) ID(slot Slot) ID {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.ids[slot]
}

// Put adds the vector of a text. Its length does not matter; a vector of zeros is near
// to nothing.
func (s *Store) Put(id ID, v []float32) error {
	if len(v) != s.o.Dim {
		return fmt.Errorf("%w: %d elements, the store has %d", ErrDimension, len(v), s.o.Dim)
	}
	v, err := unit(v)
	if err != nil {
		return err
	}
	r := record(id, v)
	s.mu.Lock()
	defer s.mu.Unlock()
	slot, ok := s.slot(id)
	if !ok {
		return ErrFull
	}
	if _, err := s.file.WriteAt(r, s.recordAt(s.records)); err != nil {
		return err
	}
	s.keep(slot, s.records, r[headLen:headLen+s.o.Dim])
	s.records++
	return nil
}

// keep notes where the vector of a slot is, and its signs.
func (s *Store) keep(slot Slot, record uint32, levels []byte) {
	if s.place[slot] == 0 {
		s.known++
	}
	s.place[slot] = record + 1
	signs := s.bits[int(slot)*s.words:][:s.words]
	clear(signs)
	for i, l := range levels {
		if int8(l) > 0 {
			signs[i/64] |= 1 << (i % 64)
		}
	}
}

// unit returns v with length 1.
func unit(v []float32) ([]float32, error) {
	var square float64
	for _, f := range v {
		square += float64(f) * float64(f)
	}
	if math.IsNaN(square) || math.IsInf(square, 0) {
		return nil, errors.New("vectors: an element is no number")
	}
	out := slices.Clone(v)
	if square > 0 {
		scale := float32(1 / math.Sqrt(square))
		for i := range out {
			out[i] *= scale
		}
	}
	return out, nil
}

// Stats of a store.
type Stats struct {
	Slots, Known int   // texts, and how many of them have a vector
	Bytes        int64 // of the file
}

// Stats returns what is there.
func (s *Store) Stats() Stats {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return Stats{len(s.ids) - 1, s.known, s.recordAt(s.records)}
}

// Compact writes the file anew when more than half of it, and a thousand records, are
// vectors that nobody reserved since Open, or that were replaced. It is for a caller
// that has reserved what it has. Slots stay.
func (s *Store) Compact() (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var kept []Slot
	for slot := Slot(1); int(slot) < len(s.ids); slot++ {
		if s.place[slot] != 0 && int(slot)/64 < len(s.claimed) && s.claimed[slot/64]>>(slot%64)&1 == 1 {
			kept = append(kept, slot)
		}
	}
	if dead := int(s.records) - len(kept); dead < 1000 || dead <= int(s.records)/2 {
		return nil
	}
	slices.SortFunc(kept, func(a, b Slot) int { return cmp.Compare(s.place[a], s.place[b]) })
	temp := s.o.Path + ".new"
	to, err := s.o.FS.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := s.copyTo(to, kept); err != nil {
		return errors.Join(err, to.Close(), s.o.FS.Remove(temp))
	}
	if err := errors.Join(to.Sync(), s.o.FS.Rename(temp, s.o.Path)); err != nil {
		return errors.Join(err, to.Close(), s.o.FS.Remove(temp))
	}
	old := s.file
	s.file, s.records, s.known = to, uint32(len(kept)), len(kept)
	clear(s.place)
	for n, slot := range kept {
		s.place[slot] = uint32(n) + 1
	}
	return old.Close()
}

// copyTo writes a file with the records of some slots.
func (s *Store) copyTo(to disk.File, kept []Slot) error {
	if _, err := to.WriteAt(header(s.o.Model, s.o.Dim), 0); err != nil {
		return err
	}
	buf := make([]byte, s.size)
	for n, slot := range kept {
		if _, err := s.file.ReadAt(buf, s.recordAt(s.place[slot]-1)); err != nil {
			return err
		}
		if _, err := to.WriteAt(buf, s.recordAt(uint32(n))); err != nil {
			return err
		}
	}
	return nil
}
