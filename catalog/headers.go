package catalog

import "github.com/rdfs/rdfs/internal/blob"

// HasHeader reports whether it is known what a content is.
func (t *Tx) HasHeader(id blob.ID) bool { return t.kv.Get(keyID(tableHeader, id)) != nil }

// Header returns what a content is, as PutHeader was given it. The result is a copy.
func (t *Tx) Header(id blob.ID) ([]byte, error) {
	row := t.kv.Get(keyID(tableHeader, id))
	if row == nil {
		return nil, ErrNotExist
	}
	return append([]byte{}, row...), nil
}

// PutHeader notes what a content is: its format, columns and shapes, as JSON. It is
// the same for every file, version and snapshot that has the content.
func (t *Tx) PutHeader(id blob.ID, header []byte) {
	t.store(keyID(tableHeader, id), append([]byte{}, header...))
}

func (t *Tx) deleteHeader(id blob.ID) {
	if t.HasHeader(id) {
		t.remove(keyID(tableHeader, id))
	}
}
