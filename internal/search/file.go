package search

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/disk"
	"github.com/rdfs/rdfs/internal/search/index"
)

// note stands in the written index.
type note struct {
	Epoch catalog.Epoch `json:"epoch"`
	Time  catalog.Time  `json:"time"` // when the epoch was closed: the catalog may be an older copy
	Made  string        `json:"made"`
}

func (s *Search) file() string { return filepath.Join(s.o.Dir, "index") }

// load reads the written index. It returns why it cannot be used, or "".
func (s *Search) load() (why string) {
	f, err := s.o.FS.OpenFile(s.file(), os.O_RDONLY, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is none yet"
	case err != nil:
		return err.Error()
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err.Error()
	}
	x, b, err := index.Read(io.NewSectionReader(f, 0, info.Size()), index.Options{Schema: s.o.Schema, Now: s.o.Now})
	if err != nil {
		return err.Error()
	}
	var n note
	if err := json.Unmarshal(b, &n); err != nil {
		return "its note: " + err.Error()
	}
	if n.Made != s.o.Made {
		return "the configuration of names, metadata or search is another one"
	}
	var closed catalog.Time
	var horizon catalog.Epoch
	err = s.o.Volume.Catalog().View(func(tx *catalog.Tx) (err error) {
		horizon = tx.Horizon()
		closed, err = tx.EpochTime(n.Epoch)
		return err
	})
	if err != nil || closed != n.Time || n.Epoch+1 < horizon {
		return "it does not belong to this state of the catalog"
	}
	s.expect(x)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.x, s.epoch, s.unsaved = x, n.Epoch, 0
	return ""
}

// save writes the index, if it changed. A failure is told in the log; the index of
// before stays, or none.
func (s *Search) save(ctx context.Context) {
	s.work.Lock()
	defer s.work.Unlock()
	if err := s.write(ctx); err != nil && ctx.Err() == nil {
		s.o.Logger.Warn("search: the index could not be written; it is made anew when it is needed", "err", err)
	}
}

// write writes the index. What was read of the catalog may not have been durable
// then; it is before the index is written. work is held, so nothing changes.
func (s *Search) write(ctx context.Context) error {
	if s.x == nil || s.unsaved == 0 || s.building {
		return nil
	}
	n := note{Epoch: s.epoch, Made: s.o.Made}
	cat := s.o.Volume.Catalog()
	if err := cat.Sync(ctx); err != nil {
		return err
	}
	if err := cat.View(func(tx *catalog.Tx) (err error) { n.Time, err = tx.EpochTime(n.Epoch); return err }); err != nil {
		return err
	}
	b, err := json.Marshal(n)
	if err != nil {
		return err
	}
	if err := disk.MkdirAll(s.o.FS, s.o.Dir, 0o700); err != nil {
		return err
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(s.x.Write(w, b)) }()
	err = disk.WriteFile(s.o.FS, s.file(), r, 0o600)
	r.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // the writer ends, if it has not
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.unsaved = 0
	s.mu.Unlock()
	return nil
}
