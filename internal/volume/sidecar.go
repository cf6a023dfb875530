package volume

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/naming"
)

// NAME.json beside NAME.EXT is its sidecar, where the naming rule of NAME.EXT says so:
// what the JSON object holds becomes metadata of NAME.EXT, in the transaction that makes
// the version of the sidecar; or that of the first version of NAME.EXT, if the sidecar was
// there before. What people have set on the file themselves stays; what an earlier
// sidecar has set, and this one does not, goes. What cannot be taken is told where refused
// values are, and the sidecar is stored whatever it holds.

// bySidecar is what the history of a field names as the program, with the sidecar's name behind.
const bySidecar = "rdfs sidecar "

const (
	sidecarEnding    = ".json"
	maxSidecar       = 1 << 20 // bytes
	maxSidecarFields = 1000
)

// feed is what a sidecar says, and what became of it.
type feed struct {
	name    string  // of the sidecar
	content blob.ID // that it was read from; zero: what is being sealed
	values  map[string]string
	wrong   []naming.Problem // with the sidecar as a whole

	fed  []catalog.Inode // whose attributes changed
	said []*Refusal
}

// readFeed returns what a draft that is sealed says as a sidecar, or what its sidecar
// says; nil when neither is so.
func (v *Volume) readFeed(w *sealed, r io.ReaderAt, size int64) *feed {
	if !v.names.sidecars {
		return nil
	}
	var f *feed
	var node catalog.Node // of the sidecar
	v.cat.View(func(tx *catalog.Tx) error {
		row, at, err := named(tx, w.n.ino)
		if err != nil || row.Keep != catalog.KeepData {
			return err
		}
		if strings.HasSuffix(at.Name, sidecarEnding) {
			f = &feed{name: at.Name}
			return nil
		}
		if row.Seq != 0 || !v.feeds(tx, at.Dir, at.Name) {
			return nil
		}
		if name, i := sidecarOf(tx, at.Dir, at.Name); i != 0 {
			if node, err = tx.Node(i); err == nil && node.Gen == 0 && node.IsRegular() && !node.Content.IsZero() {
				f = &feed{name: name, content: node.Content}
			}
		}
		return nil
	})
	if f == nil {
		return nil
	}
	if !f.content.IsZero() {
		c, err := v.OpenContent(v.ctx, node.Content, node.Size)
		if err != nil {
			v.log.Warn("a sidecar cannot be read; its file is stored without", "sidecar", f.name, "err", err)
			return nil
		}
		defer c.Close()
		r, size = contentReader{v.ctx, c}, node.Size
	}
	f.read(r, size)
	return f
}

// contentReader makes a content an io.ReaderAt.
type contentReader struct {
	ctx context.Context
	c   *Content
}

func (r contentReader) ReadAt(p []byte, off int64) (int, error) { return r.c.ReadAt(r.ctx, p, off) }

// named returns the row and the first name of a node.
func named(tx *catalog.Tx, i catalog.Inode) (row catalog.Node, at catalog.Name, err error) {
	if row, err = tx.Node(i); err != nil {
		return row, at, err
	}
	tx.Names(i, func(n catalog.Name) bool { at = n; return false })
	if at.Name == "" {
		err = ErrNotExist
	}
	return row, at, err
}

// feeds reports whether a sidecar of a file is its metadata, by the file's rule.
func (v *Volume) feeds(tx *catalog.Tx, dir catalog.Inode, name string) bool {
	if strings.HasSuffix(name, sidecarEnding) {
		return false
	}
	verdict := v.names.dir(tx, dir).Classify(name, naming.File, nil)
	return verdict.Class == naming.Valid && verdict.Rule != nil && verdict.Rule.Sidecar
}

// sidecarOf returns the sidecar of a file: the one with the longest name, since endings
// may have dots.
func sidecarOf(tx *catalog.Tx, dir catalog.Inode, name string) (string, catalog.Inode) {
	for dot := strings.LastIndexByte(name, '.'); dot > 0; dot = strings.LastIndexByte(name[:dot], '.') {
		if i, err := tx.Lookup(dir, name[:dot]+sidecarEnding); err == nil {
			return name[:dot] + sidecarEnding, i
		}
	}
	return "", 0
}

// read takes the values out of the JSON.
func (f *feed) read(r io.ReaderAt, size int64) {
	bad := func(format string, args ...any) {
		f.values = nil
		f.wrong = append(f.wrong, naming.Problem{Value: f.name, Expected: fmt.Sprintf(format, args...)})
	}
	if size > maxSidecar {
		bad("a sidecar of at most %d bytes, it has %d", maxSidecar, size)
		return
	}
	data := make([]byte, size)
	if _, err := r.ReadAt(data, 0); err != nil && err != io.EOF {
		bad("a sidecar that can be read: %v", err)
		return
	}
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	d.UseNumber()
	var object map[string]any
	err := d.Decode(&object)
	if err == nil && object == nil {
		err = errors.New("it is null")
	}
	if _, more := d.Token(); err == nil && more != io.EOF {
		err = errors.New("something stands behind it")
	}
	if err != nil {
		bad(`a JSON object, {"field": value, ...}: %v`, err)
		return
	}
	if len(object) > maxSidecarFields {
		bad("at most %d fields, it has %d", maxSidecarFields, len(object))
		return
	}
	f.values = make(map[string]string, len(object))
	for field, value := range object {
		if value != nil {
			f.values[field] = sidecarText(value)
		}
	}
}

// sidecarText writes a value as an attribute has it: lists of plain values with commas, what
// is deeper as JSON.
func sidecarText(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case json.Number, bool:
		return fmt.Sprint(value)
	case []any:
		var parts []string
		for _, e := range value {
			switch e.(type) {
			case string, json.Number, bool:
				parts = append(parts, fmt.Sprint(e))
			}
		}
		if len(parts) == len(value) && !slices.ContainsFunc(parts, func(s string) bool { return strings.Contains(s, ",") }) {
			return strings.Join(parts, ",")
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.Encode(value)
	return strings.TrimSpace(b.String())
}

// apply gives the values to the files that they are for. i is what is being sealed, with
// its row; who has saved it.
func (f *feed) apply(v *Volume, tx *catalog.Tx, i catalog.Inode, row *catalog.Node, who Caller) {
	f.fed, f.said = nil, nil
	_, at, err := named(tx, i)
	if err != nil {
		return
	}
	if !f.content.IsZero() { // the sidecar of what is sealed
		name, j := sidecarOf(tx, at.Dir, at.Name)
		if now, err := tx.Node(j); err == nil && name == f.name && now.Content == f.content && v.feeds(tx, at.Dir, at.Name) {
			f.give(v, tx, at, i, row, Caller{UID: now.UID, GID: now.GID})
		}
		return
	}
	if at.Name != f.name {
		return // it was renamed since it was read
	}
	stem := strings.TrimSuffix(at.Name, sidecarEnding) + "."
	var names []catalog.Dirent
	tx.ReadDir(at.Dir, stem, func(e catalog.Dirent) bool {
		if !strings.HasPrefix(e.Name, stem) {
			return false
		}
		names = append(names, e)
		return len(names) < maxSidecarFields
	})
	for _, e := range names {
		if own, _ := sidecarOf(tx, at.Dir, e.Name); own != at.Name || !v.feeds(tx, at.Dir, e.Name) {
			continue
		}
		to, err := tx.Node(e.Ino)
		if err != nil || !to.IsRegular() || to.Keep != catalog.KeepData {
			continue
		}
		if !May(&to, Identity{UID: who.UID, Groups: []uint32{who.GID}}, 2) {
			f.told(v, tx, at, who, []naming.Problem{{Value: e.Name, Expected: "a file that you may write to"}})
			continue
		}
		if f.give(v, tx, catalog.Name{Dir: at.Dir, Name: e.Name}, e.Ino, &to, who) {
			tx.PutNode(e.Ino, &to)
		}
	}
}

// give sets the values on one file, and reports whether any changed.
func (f *feed) give(v *Volume, tx *catalog.Tx, at catalog.Name, i catalog.Inode, row *catalog.Node, who Caller) (changed bool) {
	wrong := slices.Clone(f.wrong)
	if f.values != nil {
		kind := naming.File
		p, _ := tx.Path(i)
		said := v.names.scheme.Values(p, kind)
		earlier := fedBefore(tx, row.File)
		now := v.timeNow()
		note := func(key string) {
			tx.PutAttrChange(&catalog.AttrChange{File: row.File, Name: key, Time: now, UID: who.UID, Program: bySidecar + f.name})
			changed = true
		}
		set := make(map[string]bool, len(f.values))
		for _, field := range sortedKeys(f.values) {
			value := f.values[field]
			key, problem := v.fedAttr(field, value, said)
			if problem != nil {
				wrong = append(wrong, *problem)
			}
			if key == "" {
				continue
			}
			set[key] = true
			old, err := tx.Attr(row.File, key)
			if err == nil && (!earlier[key] || string(old) == value) {
				continue // it is so, or somebody has said otherwise
			}
			tx.PutAttr(row.File, key, []byte(value))
			note(key)
		}
		for _, key := range sortedKeys(earlier) {
			if !set[key] && tx.DeleteAttr(row.File, key) {
				note(key)
			}
		}
		if changed {
			row.Ctime = max(now, row.Ctime)
			f.fed = append(f.fed, i)
		}
	}
	f.told(v, tx, catalog.Name{Dir: at.Dir, Name: f.name}, who, wrong)
	return changed
}

// fedAttr returns the attribute that a field of a sidecar becomes; "" when it is none, with the
// reason if people should know it.
func (v *Volume) fedAttr(field, value string, said map[string]string) (key string, problem *naming.Problem) {
	key, err := stored(userAttrs + field)
	switch {
	case err != nil || strings.HasPrefix(key, computed) || strings.ContainsRune(field, 0):
		return "", &naming.Problem{Field: field, Value: value, Expected: "a field with another name"}
	case len(value) > maxAttrValue:
		return "", &naming.Problem{Field: field, Value: value[:20] + "...", Expected: fmt.Sprintf("at most %d bytes", maxAttrValue)}
	}
	if want, ok := said[field]; ok && want != "" {
		if want == value {
			return "", nil
		}
		return "", &naming.Problem{Field: field, Value: value, Expected: fmt.Sprintf("%q, as the path says", want), Suggest: want}
	}
	if p := v.misfit(field, value); p != nil {
		return "", p
	}
	return key, nil
}

// told notes what could not be taken from a sidecar.
func (f *feed) told(v *Volume, tx *catalog.Tx, at catalog.Name, who Caller, wrong []naming.Problem) {
	if len(wrong) == 0 {
		return
	}
	dir, _ := tx.Path(at.Dir)
	f.said = append(f.said, &Refusal{Op: opSidecar, Time: v.now().UTC().Truncate(time.Second), UID: who.UID, Program: who.Program,
		Path: strings.TrimPrefix(dir+"/"+at.Name, "/"), Dir: at.Dir, Name: at.Name, Problems: wrong, Accepted: true})
}

// done tells what apply did, when its transaction has ended well.
func (f *feed) done(v *Volume) {
	if f == nil {
		return
	}
	for _, r := range f.said {
		v.rejections.add(r)
		v.log.Warn("a sidecar is not all taken", "path", r.Path, "problems", r.Problems, "uid", r.UID)
	}
	v.AttrsChanged(f.fed)
}

// fedBefore returns the attributes of a file whose values a sidecar has set.
func fedBefore(tx *catalog.Tx, file catalog.FileID) map[string]bool {
	fed := make(map[string]bool)
	spans := tx.AttrSpans(file)
	for k, s := range spans {
		if s.Died != 0 {
			continue
		}
		// A path that got its attributes back tells nobody: what set the same value before did.
		for j := k; j >= 0 && spans[j].Name == s.Name && bytes.Equal(spans[j].Value, s.Value); j-- {
			if ch, err := tx.AttrChange(file, spans[j].Born, s.Name); err == nil {
				if strings.HasPrefix(ch.Program, bySidecar) {
					fed[s.Name] = true
				}
				break
			}
		}
	}
	return fed
}

func sortedKeys[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
