package catalog

import "fmt"

// Hold keeps a file, or a directory and all below it, from being removed, and their
// versions from being forgotten, whatever any policy or command says.
type Hold struct {
	File   FileID // of the file or the directory
	Until  Time   // 0: for ever
	Placed Time
	UID    uint32 // who placed it
	Reason string
	Path   string // when it was placed, for people
}

// Over reports whether the hold has ended at a moment.
func (h *Hold) Over(now Time) bool { return h.Until != 0 && h.Until <= now }

// Hold returns the hold on a file.
func (t *Tx) Hold(f FileID) (h Hold, err error) {
	row := t.kv.Get(key1(tableHold, uint64(f)))
	if row == nil {
		return h, ErrNotExist
	}
	h.File = f
	if err := h.decode(row); err != nil {
		return Hold{}, fmt.Errorf("catalog: hold on file %d: %w", f, err)
	}
	return h, nil
}

// Holds yields all holds, also those that are over, in order of file.
func (t *Tx) Holds(yield func(*Hold) bool) error {
	var err error
	t.kv.Ascend([]byte{byte(tableHold)}, nil, func(k, row []byte) bool {
		wantKey(k, 9, "key of a hold")
		h := Hold{File: FileID(be.Uint64(k[1:]))}
		if err = h.decode(row); err != nil {
			err = fmt.Errorf("catalog: hold on file %d: %w", h.File, err)
			return false
		}
		return yield(&h)
	})
	return err
}

// PutHold writes a hold. That it ends no earlier than one before it is the caller's care.
func (t *Tx) PutHold(h *Hold) {
	w := make(writer, 0, 32+len(h.Reason)+len(h.Path))
	h.encode(&w)
	t.store(key1(tableHold, uint64(h.File)), w)
}

// DeleteHold removes a hold that is over.
func (t *Tx) DeleteHold(f FileID) { t.remove(key1(tableHold, uint64(f))) }

func (h *Hold) encode(w *writer) {
	w.int(int64(h.Until))
	w.int(int64(h.Placed))
	w.uint(uint64(h.UID))
	w.str(h.Reason)
	w.str(h.Path)
}

func (h *Hold) decode(b []byte) error {
	r := reader{b: b}
	h.Until = Time(r.int())
	h.Placed = Time(r.int())
	h.UID = r.uint32()
	h.Reason = r.str()
	h.Path = r.str()
	return r.done()
}
