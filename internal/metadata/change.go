package metadata

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/volume"
)

// Row says what is to become of the metadata of one file.
type Row struct {
	Path       string            `json:"path"`            // relative to the root of the drive
	Set        map[string]string `json:"set,omitempty"`   // field -> value, see DecodeValue
	Unset      []string          `json:"unset,omitempty"` // fields; one that is not set is no mistake
	AddTags    []string          `json:"add_tags,omitempty"`
	RemoveTags []string          `json:"remove_tags,omitempty"`
}

// Request asks for a change.
type Request struct {
	Kind   string `json:"kind"` // for people: "import", "set"
	Rows   []Row  `json:"rows"`
	DryRun bool   `json:"dry_run,omitempty"`
	Who    Who    `json:"who"`
}

// Diff is one value that changes. Nil: the field is not set.
type Diff struct {
	Path  string  `json:"path"`
	Field string  `json:"field"`
	Old   *string `json:"old"`
	New   *string `json:"new"`
}

// Problem is why a change is not made.
type Problem struct {
	Row   int    `json:"row"` // index into the rows
	Path  string `json:"path"`
	Field string `json:"field,omitempty"`
	Text  string `json:"text"`
}

// Result says what a change did, or would do. With Problems nothing was done.
type Result struct {
	Op       uint64    `json:"op,omitempty"` // number for undo; 0: nothing changed
	Files    int       `json:"files"`        // that changed
	Values   int       `json:"values"`
	Same     int       `json:"same"`            // values that were so already
	Diffs    []Diff    `json:"diffs,omitempty"` // all of a dry run, otherwise up to 1000
	Problems []Problem `json:"problems,omitempty"`
	Left     []Diff    `json:"left,omitempty"` // of undo: values that somebody changed since, which stay
}

const (
	maxDiffs    = 1000
	maxProblems = 1000
)

// plan is a change that was checked against the state of the catalog.
type plan struct {
	values []catalog.OpValue
	paths  []string        // of the values
	inodes []catalog.Inode // of the values
	res    Result
}

// errChanged: the catalog is not what the plan was made from any more.
var errChanged = errors.New("metadata changed meanwhile")

// ChangeMeta sets and removes fields of files, all or none. A value that the schema does
// not take, a path that is not there and the like are Problems of the result.
func (s *Store) ChangeMeta(ctx context.Context, r Request) (Result, error) {
	return s.carryOut(ctx, r.Kind, r.DryRun, &r.Who, func() (*plan, error) { return s.plan(ctx, &r) }, nil)
}

// carryOut makes a plan and applies it, and makes it anew when the catalog changed in
// between.
func (s *Store) carryOut(ctx context.Context, kind string, dryRun bool, who *Who, makePlan func() (*plan, error),
	also func(*catalog.Tx, *catalog.Op)) (Result, error) {
	for try := 0; ; try++ {
		p, err := makePlan()
		if err != nil {
			return Result{}, err
		}
		files := make(map[catalog.Inode]bool)
		for k, v := range p.values {
			files[p.inodes[k]] = true
			if dryRun || len(p.res.Diffs) < maxDiffs {
				field, _ := fieldOf(v.Name)
				p.res.Diffs = append(p.res.Diffs, Diff{p.paths[k], field, shown(v.Old), shown(v.New)})
			}
		}
		p.res.Files, p.res.Values = len(files), len(p.values)
		if dryRun || len(p.res.Problems) > 0 || len(p.values) == 0 {
			return p.res, nil
		}
		op := catalog.Op{Time: s.vol.Now(), UID: who.UID, Kind: kind, Files: uint64(len(files)), Values: uint64(len(p.values))}
		err = s.apply(p, &op, who, also)
		switch {
		case errors.Is(err, catalog.ErrExist) && try < 5: // another operation was in this epoch
			err = s.vol.SyncNames(ctx)
			if err == nil {
				continue
			}
		case errors.Is(err, errChanged) && try < 5:
			continue
		}
		if err != nil {
			return Result{}, err
		}
		changed := make([]catalog.Inode, 0, len(files))
		for i := range files {
			changed = append(changed, i)
		}
		s.vol.AttrsChanged(changed)
		p.res.Op = uint64(op.Epoch)
		return p.res, s.vol.SyncNames(ctx)
	}
}

func shown(s *string) *string {
	if s == nil {
		return nil
	}
	e := EncodeValue([]byte(*s))
	return &e
}

// apply writes a plan if every value is as it was when the plan was made.
func (s *Store) apply(p *plan, op *catalog.Op, who *Who, also func(*catalog.Tx, *catalog.Op)) error {
	now := s.vol.Now()
	return s.vol.Catalog().Update(func(tx *catalog.Tx) error {
		if err := tx.PutOp(op, p.values); err != nil {
			return err
		}
		last := catalog.Inode(0)
		for k := range p.values {
			v := &p.values[k]
			if i := p.inodes[k]; i != last {
				row, err := tx.Node(i)
				if err != nil || row.File != v.File {
					return errChanged
				}
				row.Ctime = max(now, row.Ctime)
				tx.PutNode(i, &row)
				last = i
			}
			old, err := tx.Attr(v.File, v.Name)
			if (err == nil) != (v.Old != nil) || v.Old != nil && string(old) != *v.Old {
				return errChanged
			}
			if v.New == nil {
				tx.DeleteAttr(v.File, v.Name)
			} else {
				tx.PutAttr(v.File, v.Name, []byte(*v.New))
			}
			tx.PutAttrChange(&catalog.AttrChange{File: v.File, Name: v.Name, Time: now, UID: who.UID, Program: who.Program, Op: op.Epoch})
		}
		if also != nil {
			also(tx, op)
		}
		return nil
	})
}

// rowsInView is how many rows are looked up in one View.
const rowsInView = 1000

// plan looks the rows up and checks them.
func (s *Store) plan(ctx context.Context, r *Request) (*plan, error) {
	p := &planner{s: s, plan: &plan{}, who: r.Who.identity(), dirs: map[string]found{}, seen: map[valueKey]int{}}
	for at := 0; at < len(r.Rows); at += rowsInView {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		err := s.vol.Catalog().View(func(tx *catalog.Tx) error {
			for k := at; k < min(at+rowsInView, len(r.Rows)); k++ {
				p.row(tx, k, &r.Rows[k])
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return p.plan, nil
}

type planner struct {
	s *Store
	*plan
	who  volume.Identity
	dirs map[string]found
	seen map[valueKey]int // row that changes the value
}

type valueKey struct {
	file catalog.FileID
	attr string
}

// found is a node at a path, or why there is none.
type found struct {
	ino catalog.Inode
	row catalog.Node
	why string
}

func (p *planner) problem(k int, row *Row, field, format string, args ...any) {
	if len(p.res.Problems) < maxProblems {
		p.res.Problems = append(p.res.Problems, Problem{k, row.Path, field, fmt.Sprintf(format, args...)})
	}
}

// find looks a path up; directories are remembered.
func (p *planner) find(tx *catalog.Tx, at string) found {
	if at == "" {
		row, err := tx.Node(catalog.Root)
		if err != nil {
			return found{why: err.Error()}
		}
		return found{ino: catalog.Root, row: row}
	}
	dirPath, name := path.Split(at)
	dirPath = strings.TrimSuffix(dirPath, "/")
	dir, ok := p.dirs[dirPath]
	if !ok {
		dir = p.find(tx, dirPath)
		if dir.why == "" && !dir.row.IsDir() {
			dir.why = "there is no such directory"
		}
		if dir.why == "" && !volume.May(&dir.row, p.who, 1) {
			dir.why = "permission denied"
		}
		p.dirs[dirPath] = dir
	}
	if dir.why != "" {
		return dir
	}
	i, err := tx.Lookup(dir.ino, name)
	if err != nil {
		return found{why: "there is no such file"}
	}
	row, err := tx.Node(i)
	if err != nil {
		return found{why: "there is no such file"}
	}
	return found{ino: i, row: row}
}

func (p *planner) row(tx *catalog.Tx, k int, row *Row) {
	f := p.find(tx, strings.Trim(path.Clean("/"+row.Path), "/"))
	switch {
	case f.why != "":
		p.problem(k, row, "", "%s", f.why)
		return
	case !f.row.IsDir() && !f.row.IsRegular():
		p.problem(k, row, "", "only files and directories have metadata")
		return
	case !volume.May(&f.row, p.who, 2):
		p.problem(k, row, "", "permission denied: it cannot be written to")
		return
	}
	path := p.s.vol.PathFields(strings.Trim(row.Path, "/"), f.row.IsDir())
	for field, text := range row.Set {
		if want, ok := path[field]; ok {
			if text == want {
				p.res.Same++
			} else {
				p.problem(k, row, field, "the path says %q; rename the file to change it", want)
			}
			continue
		}
		value, err := DecodeValue(text)
		if err != nil {
			p.problem(k, row, field, "%v", err)
			continue
		}
		if why := wrongField(field); why != "" {
			p.problem(k, row, field, "%s", why)
			continue
		}
		if len(value) > maxValue {
			p.problem(k, row, field, "the value has %d bytes, at most %d are allowed", len(value), maxValue)
			continue
		}
		if _, err := p.s.schema.Parse(field, string(value)); err != nil {
			p.problem(k, row, field, "%v", err)
			continue
		}
		now := string(value)
		p.value(tx, k, row, &f, field, &now)
	}
	for _, field := range row.Unset {
		if why := wrongField(field); why != "" {
			p.problem(k, row, field, "%s", why)
			continue
		}
		p.value(tx, k, row, &f, field, nil)
	}
	if len(row.AddTags)+len(row.RemoveTags) > 0 {
		p.tags(tx, k, row, &f)
	}
}

// tags adds and removes tags, and leaves the order of the others.
func (p *planner) tags(tx *catalog.Tx, k int, row *Row, f *found) {
	for _, t := range row.AddTags {
		if why := wrongTag(t); why != "" {
			p.problem(k, row, tagsField, "%q: %s", t, why)
			return
		}
	}
	old, _ := tx.Attr(f.row.File, tagsAttr)
	tags := changeTags(SplitTags(string(old)), row.AddTags, row.RemoveTags)
	if len(tags) == 0 {
		p.value(tx, k, row, f, tagsField, nil)
		return
	}
	if JoinTags(tags) == JoinTags(SplitTags(string(old))) {
		p.res.Same++
		return
	}
	now := JoinTags(tags)
	p.value(tx, k, row, f, tagsField, &now)
}

// value plans one value; nil removes it.
func (p *planner) value(tx *catalog.Tx, k int, row *Row, f *found, field string, now *string) {
	v := catalog.OpValue{File: f.row.File, Name: attrOf(field), New: now}
	key := valueKey{v.File, v.Name}
	if other, ok := p.seen[key]; ok {
		p.problem(k, row, field, "row %d says it as well", other+1)
		return
	}
	p.seen[key] = k
	if b, err := tx.Attr(v.File, v.Name); err == nil {
		old := string(b)
		v.Old = &old
	}
	if v.Old == nil && now == nil || v.Old != nil && now != nil && *v.Old == *now {
		p.res.Same++
		return
	}
	p.values = append(p.values, v)
	p.paths = append(p.paths, row.Path)
	p.inodes = append(p.inodes, f.ino)
}
