package volume

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/naming"
	"github.com/rdfs/rdfs/internal/schema"
)

// Metadata of a file are its user.* attributes: user.FIELD is the field FIELD.

// userAttrs is the prefix of the attributes that are metadata.
const userAttrs = "user."

// checkValue decides about a value that somebody sets. The error wraps ErrInvalid and
// the reason when the schema declares the field and does not take the value, and ErrPerm
// when the path says another one. said: the path says just that, and nothing needs to
// be kept. What is accepted is kept byte for byte, so that copies compare equal.
func (v *Volume) checkValue(i catalog.Inode, key string, value []byte, who Caller) (said bool, err error) {
	field, ok := strings.CutPrefix(key, userAttrs)
	if !ok {
		return false, nil
	}
	if want, ok := v.pathField(i, key); ok {
		if string(value) == want {
			return true, nil
		}
		return false, v.refuseValue(i, who, ErrPerm, naming.Problem{Field: field, Value: string(value),
			Expected: fmt.Sprintf("%q, as the path says; rename the file to change it", want), Suggest: want})
	}
	if p := v.misfit(field, string(value)); p != nil {
		return false, v.refuseValue(i, who, ErrInvalid, *p)
	}
	return false, nil
}

// misfit says why the schema does not take a value; nil when it does.
func (v *Volume) misfit(field, value string) *naming.Problem {
	var inv *schema.Invalid
	if _, err := v.o.Schema.Parse(field, value); errors.As(err, &inv) {
		return &naming.Problem{Field: field, Value: inv.Value, Expected: inv.Expected, Suggest: inv.Nearest}
	}
	return nil
}

// refuseValue records why a value is refused, where refused names are, and returns the error.
func (v *Volume) refuseValue(i catalog.Inode, who Caller, kind error, p naming.Problem) error {
	v.identify(&who)
	r := &Refusal{Op: opSetxattr, Time: v.now().UTC().Truncate(time.Second), UID: who.UID, PID: who.PID, Program: who.Program,
		Errno: "EINVAL", Problems: []naming.Problem{p}, Path: v.pathOf(i), Dir: i}
	if kind == ErrPerm {
		r.Errno = "EPERM"
	}
	v.cat.View(func(tx *catalog.Tx) error {
		if row, err := tx.Node(i); err == nil && !row.IsDir() {
			tx.Names(i, func(n catalog.Name) bool { r.Dir = n.Dir; return false })
		}
		return nil
	})
	v.rejections.add(r)
	v.log.Warn("metadata refused", "path", r.Path, "why", p.String(), "uid", who.UID, "program", who.Program)
	return fmt.Errorf("%w: %s", kind, p)
}

// PathFields returns the fields that a path has by the naming scheme.
func (v *Volume) PathFields(path string, dir bool) map[string]string {
	s := v.names.scheme
	if s == nil || path == "" {
		return nil
	}
	kind := naming.File
	if dir {
		kind = naming.Folder
	}
	fields := make(map[string]string)
	for name, value := range s.Values(path, kind) {
		if value != "" && (name[0] < '0' || name[0] > '9') { // other parts have numbers for names
			fields[name] = value
		}
	}
	return fields
}

// RequiresMeta reports whether a naming rule requires metadata.
func (v *Volume) RequiresMeta() bool { return v.names.requires }

// RequiredMeta returns the metadata that the file of a path must have by its naming rule.
func (v *Volume) RequiredMeta(path string) []string {
	if !v.names.requires {
		return nil
	}
	m, err := v.names.scheme.Parse(path)
	if err != nil {
		return nil
	}
	return m.Rule.RequireMeta
}

// pathOf returns a path of a node from the root of the drive, for people.
func (v *Volume) pathOf(i catalog.Inode) string {
	path := "(deleted)"
	v.cat.View(func(tx *catalog.Tx) error {
		if p, err := tx.Path(i); err == nil {
			path = p
		}
		return nil
	})
	return path
}

// AttrsChanged tells that attributes of nodes were changed in the catalog by another
// than Setxattr.
func (v *Volume) AttrsChanged(nodes []catalog.Inode) {
	notify := v.notifier.Load()
	for _, i := range nodes {
		if n := v.nodes.lookup(i); n != nil {
			n.mu.Lock()
			n.changed()
			n.mu.Unlock()
			v.nodes.release(n)
		}
		if notify != nil {
			(*notify).AttrChanged(i)
		}
	}
}

// FileAt returns whose history and metadata are those of a path: of what is there, or
// else of the file that was there last.
func (v *Volume) FileAt(p string) (catalog.FileID, error) {
	if _, a, err := v.Resolve(p); err == nil {
		return a.File, nil
	}
	_, _, a, err := v.versioned(p)
	return a.File, err
}
