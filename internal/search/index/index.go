package index

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/rdfs/rdfs/internal/schema"
)

// The fields that every file has.
const (
	Name     = "name"
	Folder   = "folder" // path of the directory; "" is the root
	Ext      = "ext"    // what stands behind the last dot of the name, in lower case
	Size     = "size"   // bytes
	Modified = "modified"
	Created  = "created"
)

// textFields are compared word by word.
var textFields = []string{Name, Folder, "title", "description", "comment", "program"}

// Value is a value of a field. A field with several is given several times.
type Value struct{ Field, Text string }

// Doc is one name of a file, with what is known of it.
type Doc struct {
	Dir      uint64 // number of the directory
	Name     string
	Folder   string // path of the directory from the root of the drive; "" is the root
	Owner    Owner
	Size     int64 // bytes
	Modified int64 // nanoseconds since 1970
	Created  int64
	// Values of other fields than the constants of this package name; values of more
	// than 64 bytes are kept as their words.
	Values []Value
}

// Path returns the path of the file from the root of the drive.
func (d *Doc) Path() string { return join(d.Folder, d.Name) }

func join(folder, name string) string {
	if folder == "" {
		return name
	}
	return folder + "/" + name
}

// Owner is what decides who may see a file: its mode bits as in stat(2).
type Owner struct{ UID, GID, Mode uint32 }

// Dir is what decides who may see what is in a directory.
type Dir struct {
	Ino    uint64
	Parent uint64 // 0: the root
	Owner  Owner
}

// Options of New. The zero value declares no field.
type Options struct {
	Schema *schema.Schema
	Now    func() time.Time   // also the zone of times; required for queries that speak of times
	Boosts map[string]float64 // of fields, in what has no field of its own; 1 is the rule
}

// Index holds documents. See the package comment.
type Index struct {
	o          Options
	dimensions []schema.Dimension

	live  set // rows with a document
	count int
	rows  int // that were ever used, and row 0, which never is
	free  []uint32
	keys  table // of rows, by directory and name

	dirs   []dirRow // [0] is nothing
	dirAt  map[uint64]uint32
	owners []Owner // [0] is nothing
	owner  map[Owner]uint32

	dir                     column // of a row: its directory
	own                     column
	size, modified, created []int64

	fields  map[string]*field
	order   []*field // of the fields, as they came
	dropped int      // values that were not kept, since New
}

type dirRow struct {
	Dir
	files int
}

// maxFields is how many fields are kept.
const maxFields = 1500

// New returns an empty index.
func New(o Options) *Index {
	x := &Index{o: o, rows: 1, live: newSet(1), dirs: make([]dirRow, 1), dirAt: make(map[uint64]uint32), owners: make([]Owner, 1),
		owner: make(map[Owner]uint32), fields: make(map[string]*field),
		size: make([]int64, 1), modified: make([]int64, 1), created: make([]int64, 1)}
	for _, name := range []string{Name, Folder, Ext} {
		x.field(name)
	}
	return x
}

// field returns a field, which is made if need be; nil when there are too many.
func (x *Index) field(name string) *field {
	f := x.fields[name]
	if f == nil && len(x.order) < maxFields {
		f = &field{name: name, text: slices.Contains(textFields, name), whole: name == Name || name == Folder}
		x.fields[name] = f
		x.order = append(x.order, f)
	}
	return f
}

// Len returns how many documents there are.
func (x *Index) Len() int { return x.count }

// ErrFull: there are as many documents, or letters in a field, as an index can hold.
var ErrFull = errors.New("search index: no room for more")

// maxRows bounds the documents.
const maxRows = 1 << 31

// Put adds a document, or replaces the one with its directory and name.
func (x *Index) Put(d *Doc) error {
	name := x.fields[Name].value(x, d.Name)
	if name == 0 || x.rows == maxRows && len(x.free) == 0 {
		return ErrFull
	}
	dir := x.dirOf(d.Dir)
	row := x.find(dir, name)
	if row == 0 {
		row = x.newRow()
		x.dir.set(row, dir, x.rows)
		x.dirs[dir].files++
		x.fields[Name].put(row, name, x.rows)
		x.keys.insert(hashPair(dir, name), row, x.hashRow)
		x.live.add(row)
		x.count++
	}
	x.own.set(row, x.ownerOf(d.Owner), x.rows)
	x.size[row], x.modified[row], x.created[row] = d.Size, d.Modified, d.Created
	x.values(row, d)
	return nil
}

// values gives a row the values of a document, and takes its others away.
func (x *Index) values(row uint32, d *Doc) {
	cells := map[*field][]uint32{x.fields[Folder]: {x.fields[Folder].value(x, d.Folder)}}
	if e := extension(d.Name); e != "" {
		cells[x.fields[Ext]] = []uint32{x.fields[Ext].value(x, e)}
	}
	for _, v := range d.Values {
		f := x.field(v.Field)
		if f == nil {
			x.dropped++
			continue
		}
		n := f.value(x, v.Text)
		if n == 0 {
			x.dropped++
			continue
		}
		if !slices.Contains(cells[f], n) {
			cells[f] = append(cells[f], n)
		}
	}
	for _, f := range x.order[1:] { // the name is never changed
		if vals := cells[f]; len(vals) > 0 && vals[0] != 0 {
			f.put(row, f.cell(vals), x.rows)
		} else {
			f.put(row, 0, x.rows)
		}
	}
}

// extension returns what stands behind the last dot of a name, folded; "" if there is
// none, or nothing before it.
func extension(name string) string {
	for i := len(name) - 1; i > 0; i-- {
		if name[i] == '.' {
			return fold(name[i+1:])
		}
	}
	return ""
}

func (x *Index) newRow() uint32 {
	if n := len(x.free); n > 0 {
		row := x.free[n-1]
		x.free = x.free[:n-1]
		return row
	}
	row := uint32(x.rows)
	x.rows++
	x.live.grow(x.rows)
	x.size, x.modified, x.created = append(x.size, 0), append(x.modified, 0), append(x.created, 0)
	return row
}

func (x *Index) hashRow(row uint32) uint64 {
	return hashPair(x.dir.get(row), x.fields[Name].column.get(row))
}

func (x *Index) find(dir, name uint32) uint32 {
	if dir == 0 || name == 0 {
		return 0
	}
	return x.keys.find(hashPair(dir, name), func(row uint32) bool {
		return x.dir.get(row) == dir && x.fields[Name].column.get(row) == name
	})
}

// Delete removes the document of a name in a directory. It reports whether there was one.
func (x *Index) Delete(dir uint64, name string) bool {
	f := x.fields[Name]
	n := f.vals.find(f.entry(name))
	row := x.find(x.dirAt[dir], n)
	if row == 0 {
		return false
	}
	x.drop(row)
	return true
}

func (x *Index) drop(row uint32) {
	x.keys.remove(x.hashRow(row), row)
	x.dirs[x.dir.get(row)].files--
	for _, f := range x.order {
		f.put(row, 0, x.rows)
	}
	x.dir.set(row, 0, x.rows)
	x.own.set(row, 0, x.rows)
	x.live.remove(row)
	x.free = append(x.free, row)
	x.count--
}

// DeleteDir removes all documents of a directory, and what is known of it.
func (x *Index) DeleteDir(ino uint64) {
	dir := x.dirAt[ino]
	if dir == 0 {
		return
	}
	if x.dirs[dir].files > 0 {
		only, rows := newSet(len(x.dirs)), newSet(x.rows)
		only.add(dir)
		x.dir.match(only, x.live, rows)
		rows.each(x.drop)
	}
	delete(x.dirAt, ino)
	x.dirs[dir] = dirRow{}
}

// PutDir notes who may see what is in a directory.
func (x *Index) PutDir(d Dir) {
	n := x.dirOf(d.Ino)
	x.dirs[n].Dir = d
}

func (x *Index) dirOf(ino uint64) uint32 {
	n := x.dirAt[ino]
	if n == 0 {
		n = uint32(len(x.dirs))
		x.dirs = append(x.dirs, dirRow{Dir: Dir{Ino: ino}})
		x.dirAt[ino] = n
	}
	return n
}

func (x *Index) ownerOf(o Owner) uint32 {
	n := x.owner[o]
	if n == 0 {
		n = uint32(len(x.owners))
		x.owners = append(x.owners, o)
		x.owner[o] = n
	}
	return n
}

// Fields returns the names of the fields that some file has, in order of name.
func (x *Index) Fields() []string {
	out := []string{Size, Modified, Created}
	for name, f := range maps.All(x.fields) {
		if f.column.filled > 0 && name != Meaning {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// spoken returns the fields in which free words are looked for.
func (x *Index) spoken() []*field {
	if x.fields[Meaning] == nil {
		return x.order
	}
	return slices.DeleteFunc(slices.Clone(x.order), func(f *field) bool { return f.name == Meaning })
}

// path returns the path of a row.
func (x *Index) path(row uint32) string {
	folder, name := x.fields[Folder], x.fields[Name]
	return join(folder.shown(folder.column.get(row)), name.shown(name.column.get(row)))
}

// Dropped returns how many values were left out since New, for want of room.
func (x *Index) Dropped() int { return x.dropped }
