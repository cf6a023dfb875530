package volume

import (
	"slices"
	"strings"
	"sync"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/naming"
)

// The naming scheme is asked within the transaction that makes a name, where the
// directory cannot be renamed meanwhile. What a scheme knows of a directory is kept by
// its inode until any directory is renamed.

// names is the naming policy of a volume. Its fields are used within transactions that
// change the catalog, of which there is one at a time; mu is for the others.
type names struct {
	scheme   *naming.Scheme // nil: every name is right, and nothing is asked
	fold     bool           // names that differ only by case collide
	requires bool           // a rule requires metadata
	sidecars bool           // a rule takes metadata from sidecars

	mu     sync.Mutex
	dirs   map[catalog.Inode]*naming.Dir
	folded map[catalog.Inode]map[string][]string // names that are not their own folded form, by it
	count  int                                   // of these
}

// Bounds of what is remembered of directories; beyond them it is found out again.
const (
	maxNamedDirs   = 50_000
	maxFoldedNames = 500_000
)

func (s *names) init(scheme *naming.Scheme) {
	s.forget()
	if scheme == nil {
		return
	}
	if c := scheme.Config(); len(c.Rules) > 0 && (c.Mode != naming.Off || len(c.Subtrees) > 0) {
		s.scheme, s.fold = scheme, !c.CaseSensitive
		s.requires = slices.ContainsFunc(c.Rules, func(r naming.Rule) bool { return len(r.RequireMeta) > 0 })
		s.sidecars = slices.ContainsFunc(c.Rules, func(r naming.Rule) bool { return r.Sidecar })
	}
}

// forget drops what is known of directories: one was renamed.
func (s *names) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dirs = make(map[catalog.Inode]*naming.Dir)
}

// dir returns what the scheme knows of a directory.
func (s *names) dir(tx *catalog.Tx, i catalog.Inode) *naming.Dir {
	s.mu.Lock()
	d := s.dirs[i]
	s.mu.Unlock()
	if d != nil {
		return d
	}
	if i == catalog.Root {
		d = s.scheme.Root()
	} else {
		var name catalog.Name
		tx.Names(i, func(n catalog.Name) bool { name = n; return false })
		if name.Name == "" {
			return s.scheme.Root().Enter(lostDir)
		}
		d = s.dir(tx, name.Dir).Enter(name.Name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.dirs) >= maxNamedDirs {
		clear(s.dirs)
	}
	s.dirs[i] = d
	return d
}

// lostDir stands for a directory without a name: nothing can be made there.
const lostDir = ".rdfs"

// kindOf returns what a scheme tells apart of a mode.
func kindOf(mode uint32) naming.Kind {
	switch mode & catalog.TypeMask {
	case catalog.TypeDir:
		return naming.Folder
	case catalog.TypeSymlink:
		return naming.Symlink
	}
	return naming.File
}

// question is one operation that asks the naming scheme. Exactly one answered must
// follow, when its transaction has ended.
type question struct {
	v    *Volume
	op   string
	who  Caller
	said []*Refusal
}

func (v *Volume) ask(op string, who Caller) *question { return &question{v: v, op: op, who: who} }

// judge asks whether a name may come to be in a directory. except is a name there that
// does not count as a neighbour: it is being renamed. The error is a Refusal.
func (q *question) judge(tx *catalog.Tx, dir catalog.Inode, name string, mode uint32, except string) (naming.Verdict, error) {
	s := &q.v.names
	if s.scheme == nil {
		return naming.Verdict{Class: naming.Valid}, nil
	}
	d, kind := s.dir(tx, dir), kindOf(mode)
	var siblings naming.Siblings
	if s.fold {
		siblings = func(name string) string { return s.sibling(tx, dir, name, except) }
	}
	verdict := d.Classify(name, kind, siblings)
	if !verdict.Refused() && !verdict.Reported() {
		return verdict, nil
	}
	r := &Refusal{Op: q.op, Dir: dir, Name: name, at: d, kind: kind, Accepted: !verdict.Refused()}
	if s.fold {
		r.sibling = s.sibling(tx, dir, name, except)
	}
	q.said = append(q.said, r)
	if r.Accepted {
		return verdict, nil
	}
	return verdict, r
}

// sibling returns the name in a directory that differs from name only by case, or "".
func (s *names) sibling(tx *catalog.Tx, dir catalog.Inode, name, except string) string {
	mixed := s.mixed(tx, dir)
	folded := naming.Fold(name)
	there := func(other string) bool {
		if other == name || other == except {
			return false
		}
		_, err := tx.Lookup(dir, other)
		return err == nil
	}
	if there(folded) {
		return folded
	}
	s.mu.Lock()
	candidates := mixed[folded]
	s.mu.Unlock()
	for _, other := range candidates {
		if there(other) {
			return other
		}
	}
	return ""
}

// mixed returns the names in a directory that are not their own folded form. Names
// that have gone may be among them.
func (s *names) mixed(tx *catalog.Tx, dir catalog.Inode) map[string][]string {
	s.mu.Lock()
	m := s.folded[dir]
	s.mu.Unlock()
	if m != nil {
		return m
	}
	m = make(map[string][]string)
	n := 0
	tx.ReadDir(dir, "", func(e catalog.Dirent) bool {
		if f := naming.Fold(e.Name); f != e.Name {
			m[f] = append(m[f], e.Name)
			n++
		}
		return true
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.folded == nil || s.count+n > maxFoldedNames || len(s.folded) >= maxNamedDirs {
		s.folded, s.count = make(map[catalog.Inode]map[string][]string), 0
	}
	s.folded[dir] = m
	s.count += n
	return m
}

// made notes a name that has come to be.
func (s *names) made(dir catalog.Inode, name string) {
	if s.scheme == nil || !s.fold {
		return
	}
	f := naming.Fold(name)
	if f == name {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.folded[dir]
	if m == nil {
		return // it is read when it is needed
	}
	for _, old := range m[f] {
		if old == name {
			return
		}
	}
	m[f] = append(m[f], name)
	if s.count++; s.count > maxFoldedNames {
		s.folded, s.count = nil, 0
	}
}

// keepOf returns what becomes of bytes under a name.
func keepOf(verdict naming.Verdict) catalog.Keep { return catalog.Keep(verdict.Keep()) }

// shape gives a new node what its name says: what becomes of its bytes, and for a
// regular file the permissions of its rule.
func shape(row *catalog.Node, verdict naming.Verdict) {
	row.Keep = keepOf(verdict)
	if r := verdict.Rule; r != nil && r.Perm != 0 && row.IsRegular() && verdict.Class == naming.Valid {
		row.Mode = row.Mode&^0o777 | r.Perm
	}
}

// NamingWords returns what the scheme asks for, in words.
func (v *Volume) NamingWords() string {
	if v.o.Naming == nil {
		return "# How files are named here\n\nEvery name is right.\n"
	}
	return v.o.Naming.Words(v.o.NamingTitle)
}

// pathField returns the value of the field of an attribute user.FIELD that the path of a
// node has.
func (v *Volume) pathField(i catalog.Inode, key string) (value string, ok bool) {
	field, ok := strings.CutPrefix(key, userAttrs)
	if s := v.names.scheme; !ok || s == nil || !s.HasField(field) {
		return "", false
	}
	v.cat.View(func(tx *catalog.Tx) error {
		path, err := tx.Path(i)
		if err != nil {
			return err
		}
		row, err := tx.Node(i)
		if err == nil && path != "" {
			value = v.names.scheme.Values(path, kindOf(row.Mode))[field]
		}
		return err
	})
	return value, value != ""
}

// namingAttr answers user.rdfs.naming.rule: the rule that a file follows, or what may
// be made in a directory.
func (v *Volume) namingAttr(i catalog.Inode) (value string) {
	if v.names.scheme == nil {
		return ""
	}
	v.cat.View(func(tx *catalog.Tx) error {
		path, err := tx.Path(i)
		if err != nil {
			return err
		}
		row, err := tx.Node(i)
		if err != nil {
			return err
		}
		d := v.names.scheme.Root()
		parts := strings.Split(path, "/")
		for k, name := range parts {
			switch {
			case name == "":
			case k == len(parts)-1 && !row.IsDir():
				if verdict := d.Classify(name, kindOf(row.Mode), nil); verdict.Rule != nil {
					value = verdict.Rule.ID
				} else {
					value = verdict.Class.String()
				}
				return nil
			default:
				d = d.Enter(name)
			}
		}
		value = d.Forms()
		return nil
	})
	return value
}
