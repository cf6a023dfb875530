package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/blob"
)

// state is all that the temporal tables should say at one moment.
type state struct {
	nodes map[Inode]Node
	names map[Name]Dirent
	attrs map[attrName]string
}

type attrName struct {
	file FileID
	name string
}

func (s state) clone() state {
	return state{maps.Clone(s.nodes), maps.Clone(s.names), maps.Clone(s.attrs)}
}

// model is the same catalog kept in maps, with a full copy of every epoch.
type model struct {
	t   *testing.T
	rng *rand.Rand
	c   *Catalog

	live, durable state
	epochs        map[Epoch]state
	touched       map[Epoch]map[Change]bool // rows that were written or deleted in the epoch

	versions, durableVersions map[Seq]Version // of file 1
	drafts, durableDrafts     map[uint32]Draft
	packs, durablePacks       map[blob.PackID]Pack
}

// modelNames share prefixes, and two of them are as long as names get.
var modelNames = []string{"a", "ab", "a\x01b", "a\x01", "abc", "b", "\xff", "a\xff", "é", " ",
	strings.Repeat("n", 255), strings.Repeat("n", 254) + "o"}

const (
	modelDirs  = 5
	modelNodes = 14
)

func TestEveryEpochReadsAsItWas(t *testing.T) {
	for _, engine := range []string{"memory", "bolt"} {
		t.Run(engine, func(t *testing.T) {
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			steps := 1500
			if engine == "bolt" {
				steps = 500
			}
			runModel(t, seed, steps, engine)
		})
	}
}

func runModel(t *testing.T, seed uint64, steps int, engine string) {
	clk := newClock()
	memory, path := kv.NewMemory(), filepath.Join(t.TempDir(), "catalog.db")
	reopen := func() *Catalog {
		if engine == "memory" {
			return open(t, memory, quiet(clk))
		}
		return open(t, openBolt(t, path), quiet(clk))
	}
	m := &model{t: t, rng: rand.New(rand.NewPCG(seed, 1)), c: reopen(),
		live:     state{map[Inode]Node{}, map[Name]Dirent{}, map[attrName]string{}},
		epochs:   map[Epoch]state{},
		touched:  map[Epoch]map[Change]bool{},
		versions: map[Seq]Version{}, drafts: map[uint32]Draft{}, packs: map[blob.PackID]Pack{},
	}
	view(t, m.c, func(tx *Tx) {
		m.live.nodes[Root], _ = tx.Node(Root)
		m.touch(1, Change{Kind: NodeChanged, Inode: Root})
	})
	m.sync()
	for range steps {
		switch p := m.rng.IntN(100); {
		case p < 80:
			m.update()
		case p < 96:
			m.sync()
		case p < 98:
			m.compareSome()
		case p < 99:
			if err := m.c.Close(); err != nil {
				t.Fatal(err)
			}
			m.c = reopen()
			m.sync()
		default:
			if engine == "memory" { // the group that is open is lost
				m.c = reopen()
			} else {
				lost := m.c
				m.c = open(t, copyBolt(t, lost), quiet(clk))
				path = m.c.eng.Name()
				lost.Close()
			}
			m.crash()
		}
	}
	m.sync()
	m.compareAll()
	if err := m.c.Close(); err != nil {
		t.Fatal(err)
	}
	m.c = reopen()
	m.compareAll()
}

func (m *model) touch(e Epoch, ch Change) {
	if m.touched[e] == nil {
		m.touched[e] = map[Change]bool{}
	}
	ch.Epoch = e
	m.touched[e][ch] = true
}

// update runs some random writes, and sometimes fails at their end.
func (m *model) update() {
	before := m.live.clone()
	versions, drafts, packs := maps.Clone(m.versions), maps.Clone(m.drafts), maps.Clone(m.packs)
	failed := errors.New("changed my mind")
	fail := m.rng.IntN(8) == 0
	var touched []Change
	var count Counters
	err := m.c.Update(func(tx *Tx) error {
		count = tx.Counters()
		for range 1 + m.rng.IntN(6) {
			touched = append(touched, m.write(tx)...)
		}
		if fail {
			return failed
		}
		for _, ch := range touched {
			m.touch(tx.Epoch(), ch)
		}
		return nil
	})
	switch {
	case !fail && err != nil:
		m.t.Fatal(err)
	case fail:
		if !errors.Is(err, failed) {
			m.t.Fatalf("got %v, want %v", err, failed)
		}
		m.live, m.versions, m.drafts, m.packs = before, versions, drafts, packs
		view(m.t, m.c, func(tx *Tx) {
			if got := tx.Counters(); got != count {
				m.t.Fatalf("counters after an Update that failed: got %+v, want %+v", got, count)
			}
		})
	}
}

func (m *model) inode() Inode { return 2 + Inode(m.rng.IntN(modelNodes)) }
func (m *model) dir() Inode   { return 1 + Inode(m.rng.IntN(modelDirs)) }
func (m *model) name() string { return modelNames[m.rng.IntN(len(modelNames))] }

func (m *model) node() Node {
	n := Node{Mode: TypeRegular | 0o640, Nlink: uint32(m.rng.IntN(3)), Size: m.rng.Int64(), UID: m.rng.Uint32(), GID: m.rng.Uint32(),
		Mtime: Time(m.rng.Int64()), File: FileID(m.rng.Uint64()), Gen: m.rng.Uint32(), Seq: Seq(m.rng.Uint32())}
	n.Ctime, n.Atime, n.Btime = n.Mtime+1, n.Mtime-Time(m.rng.Int32()), 5
	switch m.rng.IntN(3) {
	case 0:
		n.Mode, n.Target = TypeSymlink|0o777, fmt.Sprint("../", m.rng.Uint32())
	case 1:
		n.Content = blob.Sum([]byte{byte(m.rng.IntN(256))})
	}
	return n
}

// write does one random write and returns the rows that it touched.
func (m *model) write(tx *Tx) []Change {
	switch m.rng.IntN(12) {
	case 0, 1, 2:
		i, n := m.inode(), m.node()
		tx.PutNode(i, &n)
		m.live.nodes[i] = n
		return []Change{{Kind: NodeChanged, Inode: i}}
	case 3:
		i := m.inode()
		tx.DeleteNode(i)
		delete(m.live.nodes, i)
		return []Change{{Kind: NodeChanged, Inode: i}}
	case 4, 5, 6:
		dir, name, i, mode := m.dir(), m.name(), m.inode(), []uint32{TypeDir, TypeRegular, TypeSymlink}[m.rng.IntN(3)]
		tx.PutName(dir, name, i, mode|0o755)
		m.live.names[Name{dir, name}] = Dirent{name, i, mode}
		return []Change{{Kind: NameChanged, Dir: dir, Name: name}}
	case 7:
		dir, name := m.dir(), m.name()
		i, err := tx.DeleteName(dir, name)
		want, ok := m.live.names[Name{dir, name}]
		if ok != (err == nil) || i != want.Ino {
			m.t.Fatalf("DeleteName(%d, %q): got %d, %v, want %d", dir, name, i, err, want.Ino)
		}
		delete(m.live.names, Name{dir, name})
		return []Change{{Kind: NameChanged, Dir: dir, Name: name}}
	case 8:
		f, name, value := FileID(1+m.rng.IntN(3)), m.name(), strings.Repeat("v", m.rng.IntN(3))
		tx.PutAttr(f, name, []byte(value))
		m.live.attrs[attrName{f, name}] = value
		return []Change{{Kind: AttrChanged, File: f, Name: name}}
	case 9:
		f, name := FileID(1+m.rng.IntN(3)), m.name()
		_, want := m.live.attrs[attrName{f, name}]
		if got := tx.DeleteAttr(f, name); got != want {
			m.t.Fatalf("DeleteAttr(%d, %q): got %t, want %t", f, name, got, want)
		}
		delete(m.live.attrs, attrName{f, name})
		return []Change{{Kind: AttrChanged, File: f, Name: name}}
	case 10:
		s := Seq(1 + m.rng.IntN(9))
		if m.rng.IntN(3) == 0 {
			tx.DeleteVersion(1, s)
			delete(m.versions, s)
		} else {
			v := Version{File: 1, Seq: s, Content: blob.Sum([]byte{1}), Size: m.rng.Int64(), Mtime: Time(m.rng.Int64()), Saved: Time(m.rng.Int64()), Sealed: 7,
				Epoch: tx.Epoch(), UID: m.rng.Uint32(), GID: 3, Program: "python x.py", Note: fmt.Sprint(m.rng.IntN(10))}
			tx.PutVersion(&v)
			m.versions[s] = v
		}
		return []Change{{Kind: VersionChanged, File: 1, Seq: s}}
	default:
		switch m.rng.IntN(3) {
		case 0:
			d := Draft{Inode: 3, Gen: 1 + uint32(m.rng.IntN(4)), File: 9, Opened: 4, UID: m.rng.Uint32(), Program: "R", Detached: m.rng.IntN(2) == 0, Also: []FileID{5}}
			tx.PutDraft(&d)
			m.drafts[d.Gen] = d
		case 1:
			gen := 1 + uint32(m.rng.IntN(4))
			tx.DeleteDraft(3, gen)
			delete(m.drafts, gen)
		case 2:
			p := Pack{ID: blob.PackID{byte(m.rng.IntN(4))}, Size: int64(m.rng.IntN(1000)), Chunks: m.rng.IntN(9), Sum: blob.Sum(nil), State: PackStored}
			tx.PutPack(&p)
			m.packs[p.ID] = p
		}
		return nil
	}
}

// keep remembers the state of the epoch that was just closed.
func (m *model) keep() {
	m.durable = m.live.clone()
	m.durableVersions, m.durableDrafts, m.durablePacks = maps.Clone(m.versions), maps.Clone(m.drafts), maps.Clone(m.packs)
}

func (m *model) sync() {
	e := closeEpoch(m.t, m.c)
	m.epochs[e] = m.live.clone()
	m.keep()
}

// crash goes back to what was durable.
func (m *model) crash() {
	m.live = m.durable.clone()
	m.versions, m.drafts, m.packs = maps.Clone(m.durableVersions), maps.Clone(m.durableDrafts), maps.Clone(m.durablePacks)
	view(m.t, m.c, func(tx *Tx) { delete(m.touched, tx.Epoch()) })
	m.compareSome()
}

func (m *model) compareSome() {
	view(m.t, m.c, func(tx *Tx) {
		m.compare(tx, m.live, "live")
		m.compareRest(tx)
		if e := 1 + Epoch(m.rng.IntN(int(tx.Epoch()))); e < tx.Epoch() {
			m.compareEpoch(tx, e)
		}
	})
}

func (m *model) compareAll() {
	view(m.t, m.c, func(tx *Tx) {
		m.compare(tx, m.live, "live")
		m.compare(tx.At(tx.Epoch()), m.live, "open epoch")
		m.compareRest(tx)
		for e := Epoch(0); e < tx.Epoch(); e++ {
			m.compareEpoch(tx, e)
		}
	})
	m.compareChanges()
}

func (m *model) compareEpoch(tx *Tx, e Epoch) {
	s, ok := m.epochs[e]
	for ; !ok && e > 0; s, ok = m.epochs[e] {
		m.t.Fatalf("epoch %d was closed and is not known", e)
	}
	m.compare(tx.At(e), s, fmt.Sprintf("epoch %d", e))
}

// compare compares every answer of tx about the temporal tables with s.
func (m *model) compare(tx *Tx, s state, what string) {
	m.t.Helper()
	nodes := map[Inode]Node{}
	last := Inode(0)
	if err := tx.Nodes(0, func(i Inode, n *Node) bool {
		if i <= last {
			m.t.Fatalf("%s: Nodes yields %d after %d", what, i, last)
		}
		nodes[i], last = *n, i
		return true
	}); err != nil {
		m.t.Fatal(err)
	}
	m.equal(nodes, s.nodes, what+": Nodes")
	for i := Inode(0); i < 2+modelNodes; i++ {
		n, err := tx.Node(i)
		want, ok := s.nodes[i]
		if ok != (err == nil) || n != want {
			m.t.Fatalf("%s: Node(%d): got %+v, %v, want %+v", what, i, n, err, want)
		}
		m.compareNames(tx, s, i, what)
	}
	all := m.sorted(s, func(Name, Dirent) bool { return true })
	dir, after := Inode(0), ""
	var got []Name
	for page := 1 + m.rng.IntN(4); ; {
		n := 0
		tx.AllNames(dir, after, func(d Inode, e Dirent) bool {
			dir, after = d, e.Name
			got = append(got, Name{d, e.Name})
			n++
			return n < page
		})
		if n < page || len(got) > len(all) {
			break
		}
	}
	m.equal(got, all, what+": AllNames")
	for dir := Inode(0); dir < 2+modelDirs; dir++ {
		m.compareDir(tx, s, dir, what)
	}
	for f := FileID(0); f < 5; f++ {
		m.compareAttrs(tx, s, f, what)
	}
}

func (m *model) sorted(s state, pick func(Name, Dirent) bool) (list []Name) {
	for n, d := range s.names {
		if pick(n, d) {
			list = append(list, n)
		}
	}
	slices.SortFunc(list, func(a, b Name) int { return cmp.Or(cmp.Compare(a.Dir, b.Dir), strings.Compare(a.Name, b.Name)) })
	return list
}

func (m *model) compareDir(tx *Tx, s state, dir Inode, what string) {
	m.t.Helper()
	var want []Dirent
	for _, n := range m.sorted(s, func(n Name, _ Dirent) bool { return n.Dir == dir }) {
		want = append(want, s.names[n])
	}
	m.equal(names(tx, dir, "", 1000), want, fmt.Sprintf("%s: ReadDir(%d)", what, dir))
	var got []Dirent
	page := 1 + m.rng.IntN(3)
	for after := ""; len(got) <= len(want); after = got[len(got)-1].Name {
		part := names(tx, dir, after, page)
		got = append(got, part...)
		if len(part) < page {
			break
		}
	}
	m.equal(got, want, fmt.Sprintf("%s: ReadDir(%d) by %d", what, dir, page))
	if got := tx.Empty(dir); got != (len(want) == 0) {
		m.t.Fatalf("%s: Empty(%d): got %t with %d names", what, dir, got, len(want))
	}
	for _, name := range modelNames {
		i, err := tx.Lookup(dir, name)
		want, ok := s.names[Name{dir, name}]
		if ok != (err == nil) || i != want.Ino {
			m.t.Fatalf("%s: Lookup(%d, %q): got %d, %v, want %d", what, dir, name, i, err, want.Ino)
		}
	}
}

func (m *model) compareNames(tx *Tx, s state, i Inode, what string) {
	m.t.Helper()
	want := m.sorted(s, func(_ Name, d Dirent) bool { return d.Ino == i })
	var got []Name
	tx.Names(i, func(n Name) bool { got = append(got, n); return true })
	m.equal(got, want, fmt.Sprintf("%s: Names(%d)", what, i))

	var path []string
	ok := true
	for j := i; j != Root && ok; {
		up := m.sorted(s, func(_ Name, d Dirent) bool { return d.Ino == j })
		if ok = len(up) > 0 && len(path) < modelNodes; ok {
			path = append([]string{up[0].Name}, path...)
			j = up[0].Dir
		}
	}
	if !ok {
		path = nil
	}
	if p, err := tx.Path(i); p != strings.Join(path, "/") || ok != (err == nil) {
		m.t.Fatalf("%s: Path(%d): got %q, %v, want %q", what, i, p, err, path)
	}
}

func (m *model) compareAttrs(tx *Tx, s state, f FileID, what string) {
	m.t.Helper()
	got, want := map[string]string{}, map[string]string{}
	last := ""
	tx.Attrs(f, func(name string, value []byte) bool {
		if name <= last {
			m.t.Fatalf("%s: Attrs(%d) yields %q after %q", what, f, name, last)
		}
		got[name], last = string(value), name
		return true
	})
	for _, name := range modelNames {
		v, err := tx.Attr(f, name)
		if w, ok := s.attrs[attrName{f, name}]; ok {
			want[name] = w
		}
		if w, ok := want[name]; ok != (err == nil) || string(v) != w {
			m.t.Fatalf("%s: Attr(%d, %q): got %q, %v, want %q", what, f, name, v, err, w)
		}
	}
	m.equal(got, want, fmt.Sprintf("%s: Attrs(%d)", what, f))
}

// compareRest compares the tables that are not temporal, and the counters.
func (m *model) compareRest(tx *Tx) {
	m.t.Helper()
	versions := map[Seq]Version{}
	tx.Versions(1, 0, func(v *Version) bool { versions[v.Seq] = *v; return true })
	m.equal(versions, m.versions, "Versions")
	drafts := map[uint32]Draft{}
	tx.Drafts(0, 0, func(d *Draft) bool { drafts[d.Gen] = *d; return true })
	m.equal(drafts, m.drafts, "Drafts")
	packs := map[blob.PackID]Pack{}
	bytes := uint64(0)
	tx.Packs(blob.PackID{}, func(p *Pack) bool { packs[p.ID] = *p; return true })
	for id, p := range m.packs {
		bytes += uint64(p.Size)
		if got, err := tx.Pack(id); err != nil || !reflect.DeepEqual(got, p) {
			m.t.Fatalf("Pack: got %+v, %v, want %+v", got, err, p)
		}
	}
	last := Seq(0)
	for s := range m.versions {
		last = max(last, s)
	}
	for hint := Seq(0); hint < 12; hint++ {
		if got := tx.LastSeq(1, hint); got != last {
			m.t.Fatalf("LastSeq(1, %d): got %d, want %d of %v", hint, got, last, slices.Sorted(maps.Keys(m.versions)))
		}
	}
	got := tx.Counters()
	want := Counters{NextInode: got.NextInode, Nodes: uint64(len(m.live.nodes)), Versions: uint64(len(m.versions)),
		Packs: uint64(len(m.packs)), PackBytes: bytes, Drafts: uint64(len(m.drafts))}
	if got != want {
		m.t.Fatalf("counters: got %+v, want %+v", got, want)
	}
}

// compareChanges checks that the feed names every row in which two epochs differ,
// and none that was not touched in the epoch.
func (m *model) compareChanges() {
	m.t.Helper()
	named := map[Change]bool{}
	last := Epoch(0)
	for _, ch := range collectChanges(m.t, m.c, 0) {
		if ch.Epoch < last {
			m.t.Fatalf("changes of epoch %d after those of %d", ch.Epoch, last)
		}
		last = ch.Epoch
		named[ch] = true
		if !m.touched[ch.Epoch][ch] {
			m.t.Fatalf("%+v was not touched in its epoch", ch)
		}
	}
	for e := range m.epochs {
		for ch := range diff(m.epochs[e-1], m.epochs[e]) {
			ch.Epoch = e
			if !named[ch] {
				m.t.Fatalf("the feed does not name %+v", ch)
			}
		}
	}
}

// diff returns the rows in which two states differ.
func diff(a, b state) map[Change]bool {
	d := map[Change]bool{}
	differ(a.nodes, b.nodes, func(i Inode) { d[Change{Kind: NodeChanged, Inode: i}] = true })
	differ(a.names, b.names, func(n Name) { d[Change{Kind: NameChanged, Dir: n.Dir, Name: n.Name}] = true })
	differ(a.attrs, b.attrs, func(n attrName) { d[Change{Kind: AttrChanged, File: n.file, Name: n.name}] = true })
	return d
}

func differ[K, V comparable](a, b map[K]V, report func(K)) {
	for k, v := range a {
		if w, ok := b[k]; !ok || v != w {
			report(k)
		}
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			report(k)
		}
	}
}

func (m *model) equal(got, want any, what string) {
	m.t.Helper()
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	if g.Len() == 0 && w.Len() == 0 {
		return
	}
	if !reflect.DeepEqual(got, want) {
		m.t.Fatalf("%s:\n got %v\nwant %v", what, got, want)
	}
}
