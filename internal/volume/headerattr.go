package volume

import (
	"encoding/json"
	"os"
	"strconv"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/header"
)

// What a content is (its format, columns, shape) is read when it is sealed, and kept
// by its id: so all files, versions and snapshots that hold it know it.

// mimeType is answered from the content where nobody has set it.
const mimeType = userAttrs + "mime_type"

// readHeader returns what the content of a draft is, as it is kept; nil when that is
// known already.
func (v *Volume) readHeader(f *os.File, m *blob.Manifest) []byte {
	known := m.Size == 0
	if !known {
		v.cat.View(func(tx *catalog.Tx) error { known = tx.HasHeader(m.ID); return nil })
	}
	if known {
		return nil
	}
	info := header.Read(f, m.Size)
	return info.AppendJSON(nil)
}

// ContentAttr answers an attribute from what a content is; nil: it has none.
func (v *Volume) ContentAttr(id blob.ID, name string) (val []byte) {
	v.cat.View(func(tx *catalog.Tx) error { val = headerAttr(tx, id, name); return nil })
	return val
}

// headerAttr answers an attribute from what a content is; nil: it has none.
func headerAttr(tx *catalog.Tx, id blob.ID, name string) []byte {
	switch name {
	case mimeType, computed + "format", computed + "schema", computed + "schema.fingerprint", computed + "rows", computed + "columns":
	default:
		return nil
	}
	if id.IsZero() {
		return nil
	}
	stored, err := tx.Header(id)
	if err != nil {
		return nil
	}
	if name == computed+"schema" {
		return stored
	}
	info, err := header.ParseJSON(stored)
	if err != nil {
		return nil
	}
	val := ""
	switch name {
	case mimeType:
		val = info.MIME
	case computed + "format":
		val = info.Format
	case computed + "schema.fingerprint":
		val = info.Fingerprint()
	case computed + "rows":
		if info.Rows != nil {
			val = strconv.FormatInt(*info.Rows, 10)
		}
	case computed + "columns":
		val = columnNames(info.Columns)
	}
	if val == "" {
		return nil
	}
	return []byte(val)
}

// columnNames writes the names of columns as a JSON list.
func columnNames(columns []header.Column) string {
	if len(columns) == 0 {
		return ""
	}
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	b, err := json.Marshal(names)
	if err != nil {
		return ""
	}
	return string(b)
}
