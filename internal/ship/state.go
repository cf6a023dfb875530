package ship

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"time"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/disk"
)

// state is what the next run must know to go on with the log. The file is there only
// between two runs, the first of which ended in order.
type state struct {
	Copy    string    `json:"copy"`    // the copy whose log is written
	Taken   time.Time `json:"taken"`   // when it was
	Next    int       `json:"next"`    // number of the next segment
	Shipped time.Time `json:"shipped"` // when all was
	Head    string    `json:"head"`    // of the catalog that was shipped
}

// readState reads the file, and removes it: from now on nobody may believe it.
func (s *Shipper) readState() (st state, ok bool) {
	text, err := disk.ReadFile(s.o.FS, s.o.State)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			s.log.Warn("what was shipped is not known", "err", err)
		}
		return st, false
	}
	if err := s.o.FS.Remove(s.o.State); err != nil {
		s.log.Warn("what was shipped is not known", "err", err)
		return st, false
	}
	return st, json.Unmarshal(text, &st) == nil && st.Copy != "" && st.Next > 0
}

// writeState writes the file. s.mu is held.
func (s *Shipper) writeState() error {
	s.state.Shipped, s.state.Head = s.last, s.o.Engine.lastHead()
	text, err := json.MarshalIndent(s.state, "", "  ")
	if err != nil {
		return err
	}
	return disk.WriteFile(s.o.FS, s.o.State, bytes.NewReader(append(text, '\n')), 0o600)
}

// readHead returns a hash of the row that every commit changes.
func (e *Engine) readHead() (string, error) {
	snap, err := e.Snapshot()
	if err != nil {
		return "", err
	}
	defer snap.Close()
	return blob.Sum(snap.Get(e.headKey)).String(), nil
}

// firstHead returns a hash of the row that every commit changes, as it was in the beginning.
func (e *Engine) firstHead() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.first
}

// lastHead returns a hash of the row that every commit changes, as it is now.
func (e *Engine) lastHead() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.head
}
