package catalog

import "fmt"

// Draft returns the draft row of a node's bytes.
func (t *Tx) Draft(i Inode, gen uint32) (d Draft, err error) {
	row := t.kv.Get(draftKey(i, gen))
	if row == nil {
		return d, ErrNotExist
	}
	d.Inode, d.Gen = i, gen
	if err := d.decode(row); err != nil {
		return Draft{}, fmt.Errorf("catalog: draft %d.%d: %w", i, gen, err)
	}
	return d, nil
}

// PutDraft writes a draft row.
func (t *Tx) PutDraft(d *Draft) {
	key := draftKey(d.Inode, d.Gen)
	if t.kv.Get(key) == nil {
		t.c.count.Drafts++
	}
	w := make(writer, 0, 48+len(d.Program))
	d.encode(&w)
	t.store(key, w)
}

// DeleteDraft removes a draft row.
func (t *Tx) DeleteDraft(i Inode, gen uint32) {
	key := draftKey(i, gen)
	if t.kv.Get(key) == nil {
		return
	}
	t.c.count.Drafts--
	t.remove(key)
}

// Drafts yields all drafts after the given one, in order of inode and generation.
func (t *Tx) Drafts(after Inode, afterGen uint32, yield func(*Draft) bool) error {
	var err error
	from := append(draftKey(after, afterGen), 0)
	t.kv.Ascend(from, nil, func(k, row []byte) bool {
		wantKey(k, 13, "key of a draft")
		d := Draft{Inode: Inode(be.Uint64(k[1:])), Gen: be.Uint32(k[9:])}
		if err = d.decode(row); err != nil {
			err = fmt.Errorf("catalog: draft %d.%d: %w", d.Inode, d.Gen, err)
			return false
		}
		return yield(&d)
	})
	return err
}
