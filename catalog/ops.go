package catalog

import "fmt"

// Op is one operation on the metadata of many files, which can be undone as a whole.
type Op struct {
	Epoch  Epoch // in which all of it was committed; its number
	Time   Time
	UID    uint32
	Kind   string // "import", "rename tag", "undo"
	Files  uint64
	Values uint64
	Undone Epoch // the operation that took it back; 0: none
}

// OpValue is one value that an operation changed.
type OpValue struct {
	File     FileID
	Name     string
	Old, New *string // nil: no such attribute
}

// opPart bounds the bytes of one row of an operation's values; a single value may be longer.
const opPart = 32 << 10

func opKey(e Epoch, part uint32) []byte { return key1n(tableOp, uint64(e), part) }

// PutOp writes an operation of the open epoch. An epoch has one operation at most:
// it returns ErrExist when there is one, and then Sync begins the next epoch.
func (t *Tx) PutOp(op *Op, values []OpValue) error {
	op.Epoch = t.c.epoch
	if t.kv.Get(opKey(op.Epoch, 0)) != nil {
		return ErrExist
	}
	t.SetOp(op)
	var w writer
	part := uint32(1)
	flush := func() {
		if len(w) > 0 {
			t.store(opKey(op.Epoch, part), w)
			part++
			w = nil
		}
	}
	for _, v := range values {
		w.uint(uint64(v.File))
		w.str(v.Name)
		w.optional(v.Old)
		w.optional(v.New)
		if len(w) >= opPart {
			flush()
		}
	}
	flush()
	return nil
}

// SetOp writes the first row of an operation anew, without its values.
func (t *Tx) SetOp(op *Op) {
	w := make(writer, 0, 40+len(op.Kind))
	w.int(int64(op.Time))
	w.uint(uint64(op.UID))
	w.str(op.Kind)
	w.uint(op.Files)
	w.uint(op.Values)
	w.uint(uint64(op.Undone))
	t.store(opKey(op.Epoch, 0), w)
}

// Op returns an operation.
func (t *Tx) Op(e Epoch) (op Op, err error) {
	row := t.kv.Get(opKey(e, 0))
	if row == nil {
		return op, ErrNotExist
	}
	return decodeOp(e, row)
}

func decodeOp(e Epoch, row []byte) (op Op, err error) {
	op.Epoch = e
	r := reader{b: row}
	op.Time = Time(r.int())
	op.UID = r.uint32()
	op.Kind = r.str()
	op.Files = r.uint()
	op.Values = r.uint()
	op.Undone = Epoch(r.uint())
	if err := r.done(); err != nil {
		return Op{}, fmt.Errorf("catalog: operation %d: %w", e, err)
	}
	return op, nil
}

// Ops yields all operations, oldest first.
func (t *Tx) Ops(yield func(*Op) bool) (err error) {
	t.kv.Ascend([]byte{byte(tableOp)}, prefixEnd([]byte{byte(tableOp)}), func(k, row []byte) bool {
		wantKey(k, 13, "key of an operation")
		if be.Uint32(k[9:]) != 0 {
			return true
		}
		var op Op
		if op, err = decodeOp(Epoch(be.Uint64(k[1:])), row); err != nil {
			return false
		}
		return yield(&op)
	})
	return err
}

// OpValues yields what an operation changed, in its order.
func (t *Tx) OpValues(e Epoch, yield func(OpValue) bool) (err error) {
	t.kv.Ascend(opKey(e, 1), key1(tableOp, uint64(e)+1), func(_, row []byte) bool {
		r := reader{b: row}
		for len(r.b) > 0 {
			v := OpValue{File: FileID(r.uint()), Name: r.str(), Old: r.optional(), New: r.optional()}
			if err = r.done(); err != nil {
				err = fmt.Errorf("catalog: values of operation %d: %w", e, err)
				return false
			}
			if !yield(v) {
				return false
			}
		}
		return true
	})
	return err
}

// optional writes 0, or the string's length and 1, and the string.
func (w *writer) optional(s *string) {
	if s == nil {
		w.uint(0)
		return
	}
	w.uint(uint64(len(*s)) + 1)
	*w = append(*w, *s...)
}

func (r *reader) optional() *string {
	n := r.uint()
	if n == 0 {
		return nil
	}
	s := string(r.bytes(n - 1))
	return &s
}
