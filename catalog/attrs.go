package catalog

// Attr returns the value of an extended attribute of a file. The result is a copy.
func (t *Tx) Attr(f FileID, name string) ([]byte, error) {
	p := t.get(append(appendKey(t.buf[:0], tableAttr, uint64(f)), name...))
	if p == nil {
		return nil, ErrNotExist
	}
	return append([]byte{}, p...), nil
}

// PutAttr writes an extended attribute. The value is copied.
func (t *Tx) PutAttr(f FileID, name string, value []byte) {
	if !t.nameable(name) {
		return
	}
	w := t.row(len(value))
	w.raw(value)
	t.put(attrKey(f, name), w)
}

// DeleteAttr removes an extended attribute. It reports whether there was one.
func (t *Tx) DeleteAttr(f FileID, name string) bool { return t.delete(attrKey(f, name)) }

// Attrs yields the extended attributes of a file in order of name; the value is
// valid only during yield.
func (t *Tx) Attrs(f FileID, yield func(name string, value []byte) bool) {
	prefix := key1(tableAttr, uint64(f))
	t.scan(prefix, prefix, func(k, p []byte) bool { return yield(string(k[9:]), p) })
}

// DeleteAttrs removes all extended attributes of a file.
func (t *Tx) DeleteAttrs(f FileID) {
	var names []string
	t.Attrs(f, func(name string, _ []byte) bool { names = append(names, name); return true })
	for _, name := range names {
		t.DeleteAttr(f, name)
	}
}
