package volume

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
)

// saver is a program that works in a directory of its own, and keeps account of what must be there.
type saver struct {
	r     *rig
	dir   string
	rng   *rand.Rand
	world *world
	log   []string
	n     int // of what was written and named so far
}

func (p *saver) note(format string, args ...any) {
	p.log = append(p.log, fmt.Sprintf(format, args...))
}

func (p *saver) at(name string) string { return p.dir + "/" + name }

// data returns new bytes.
func (p *saver) data() string {
	p.n++
	s := fmt.Sprintf("%s save %d ", p.dir, p.n)
	switch p.rng.IntN(12) {
	case 0:
		s += random(200<<10, uint64(p.n))
	case 1, 2, 3:
		s += random(2000, uint64(p.n))
	}
	return s
}

// fresh returns a name that was never there.
func (p *saver) fresh(prefix string) string { p.n++; return fmt.Sprint(prefix, p.n) }

// target returns one of the names that are saved to again and again.
func (p *saver) target() string { return string(rune('a' + p.rng.IntN(4))) }

// there returns a name that means something, "" if none does.
func (p *saver) there() string {
	names := slices.Sorted(maps.Keys(p.world.names))
	if len(names) == 0 {
		return ""
	}
	return names[p.rng.IntN(len(names))]
}

// The primitives: each does one thing to the drive and to the account.

func (p *saver) write(name, data string) {
	p.note("write %s %.12q", name, data)
	p.r.write(p.at(name), data)
	if t := p.world.names[name]; t != nil {
		t.wrote(data)
	} else {
		p.world.create(name, data)
	}
}

func (p *saver) unlink(name string) {
	p.note("unlink %s", name)
	p.r.unlink(p.at(name))
	p.world.unlink(name)
}

func (p *saver) rename(name, to string) {
	p.note("rename %s %s", name, to)
	p.r.rename(p.at(name), p.at(to))
	p.world.rename(name, to)
}

func (p *saver) exchange(name, with string) {
	p.note("exchange %s %s", name, with)
	p.r.renameFlags(p.at(name), p.at(with), RenameExchange)
	p.world.exchange(name, with)
}

func (p *saver) link(name, to string) {
	p.note("link %s %s", name, to)
	p.r.link(p.at(name), p.at(to))
	p.world.names[to] = p.world.names[name]
}

// rest leaves a file alone for long enough.
func (p *saver) rest(name string) {
	p.note("rest %s", name)
	n := p.r.v.nodes.lookup(p.r.attr(p.at(name)).Ino)
	if n != nil {
		n.mu.Lock()
		if n.job != nil {
			if wait := n.job.due.Sub(p.r.clock.now()); wait > 0 {
				p.r.clock.advance(wait)
			}
		}
		n.mu.Unlock()
		p.r.v.nodes.release(n)
	}
	p.world.names[name].rest()
	s := p.r.v.sealer
	s.mu.Lock()
	clear(s.slow) // time goes by in leaps
	s.mu.Unlock()
}

// save saves data under a name in one of the ways in which programs do.
func (p *saver) save(name string) {
	data := p.data()
	exists := p.world.names[name] != nil
	part := name + ".part"
	if p.rng.IntN(2) == 0 {
		part = p.fresh("t")
	}
	backup := name + []string{"~", ".bak"}[p.rng.IntN(2)]
	switch how := p.rng.IntN(11); {
	case how == 0:
		p.write(name, data)
	case how == 1:
		p.append(name, data)
	case how == 2: // a temporary, renamed over it
		p.write(part, data)
		if p.rng.IntN(4) == 0 {
			p.rest(part)
		}
		p.rename(part, name)
	case how == 3: // renamed while it is open
		p.saveOpen(part, name, data)
	case how == 4:
		if exists {
			p.unlink(name)
		}
		p.write(name, data)
	case how == 5: // Excel
		p.write("5A1C02EF", data)
		if exists {
			p.unlink(name)
		}
		p.rename("5A1C02EF", name)
	case how == 6: // vim, emacs
		if exists {
			p.rename(name, backup)
		}
		p.write(name, data)
		if exists && p.rng.IntN(2) == 0 {
			p.unlink(backup)
		}
	case how == 7:
		p.write(part, data)
		if exists {
			p.rename(name, backup)
		}
		p.rename(part, name)
	case how == 8: // a link is the backup
		p.write(part, data)
		if exists {
			if p.world.names[backup] != nil {
				p.unlink(backup)
			}
			p.link(name, backup)
		}
		p.rename(part, name)
	case how == 9 && exists:
		p.write(part, data)
		p.exchange(part, name)
		p.unlink(part)
	default: // zarr
		p.write(part, data)
		if exists {
			p.unlink(name)
		}
		p.link(part, name)
		p.unlink(part)
	}
}

func (p *saver) append(name, data string) {
	t := p.world.names[name]
	if t == nil {
		p.write(name, data)
		return
	}
	p.note("append to %s %.12q", name, data)
	h := p.r.handle(p.at(name), unix.O_RDWR)
	p.r.put(h, data, int64(len(t.data)))
	p.r.release(h)
	t.wrote(t.data + data)
}

func (p *saver) saveOpen(part, name, data string) {
	p.note("write %s %.12q and rename it to %s while it is open", part, data, name)
	h := p.r.handle(p.at(part), unix.O_RDWR|unix.O_CREAT|unix.O_TRUNC)
	p.r.put(h, data, 0)
	p.r.rename(p.at(part), p.at(name))
	p.r.release(h)
	if t := p.world.names[part]; t != nil {
		t.wrote(data)
	} else {
		p.world.create(part, data)
	}
	p.world.rename(part, name)
}

// orphan opens a file, removes its name, and gives it another one, or not.
func (p *saver) orphan(name string) {
	t := p.world.names[name]
	flags := []int{unix.O_RDONLY, unix.O_RDWR}[p.rng.IntN(2)]
	p.note("open %s (%d) and unlink it", name, flags)
	h := p.r.handle(p.at(name), flags)
	attrs := maps.Clone(t.of.attrs)
	p.r.unlink(p.at(name))
	p.world.unlink(name)
	if len(p.world.linked(t)) == 0 {
		if p.rng.IntN(2) == 0 {
			p.write(name, p.data())
		}
		if p.rng.IntN(2) == 0 {
			to := p.fresh("o")
			dir, _ := p.r.at(p.at(name))
			p.note("give it the name %s", to)
			_, err := p.r.v.Link(h.Inode(), dir, to, ada)
			switch {
			case err == nil:
				p.world.linkOrphan(t, to, attrs)
			case !errors.Is(err, ErrNotExist): // its last save is on the way
				p.r.t.Errorf("link: %v", err)
			default:
				p.note("refused")
			}
		}
	}
	p.r.release(h)
}

// touch opens a file for writing, and does not write.
func (p *saver) touch(name string) {
	p.note("touch %s", name)
	h := p.r.handle(p.at(name), unix.O_RDWR)
	p.r.release(h)
}

func (p *saver) tag(name string) {
	key, val := fmt.Sprint("user.", p.rng.IntN(3)), fmt.Sprint(p.n)
	attrs := p.world.names[name].of.attrs
	if _, has := attrs[key]; has && p.rng.IntN(3) == 0 {
		p.note("remove the attribute %s of %s", key, name)
		if err := p.r.v.Removexattr(p.r.attr(p.at(name)).Ino, key, ada); err != nil {
			p.r.t.Errorf("removexattr: %v", err)
		}
		delete(attrs, key)
		return
	}
	p.note("set the attribute %s of %s to %s", key, name, val)
	p.r.setxattr(p.at(name), key, val)
	attrs[key] = val
}

// restore brings an earlier version back.
func (p *saver) restore(name string) {
	list, err := p.r.v.Log(bg(p.r.t), p.at(name))
	if err != nil {
		p.r.t.Fatalf("log: %v", err)
	}
	list = slices.DeleteFunc(list, func(v VersionInfo) bool { return v.Seq == 0 })
	if len(list) == 0 {
		return
	}
	ver := list[p.rng.IntN(len(list))]
	p.note("restore version %d of %s", ver.Seq, name)
	res, err := p.r.v.Restore(bg(p.r.t), RestoreRequest{Path: p.at(name), Seq: ver.Seq})
	if err != nil {
		if !errors.Is(err, blob.ErrOffline) && !errors.Is(err, errWriter) {
			p.r.t.Errorf("restore: %v", err)
		}
		p.note("%v", err)
		return
	}
	t := p.world.names[name]
	t.rest()
	if res.Changed {
		id, err := blob.ParseID(ver.Content)
		if err != nil {
			p.r.t.Fatal(err)
		}
		t.wrote(p.r.content(id, ver.Size))
		t.rest()
	}
}

// restoreDeleted removes a file that has versions and brings one back; then the path
// is perhaps left, and used again.
func (p *saver) restoreDeleted(name string) {
	if len(p.world.linked(p.world.names[name])) > 1 {
		return
	}
	p.r.commit() // so that the past of the catalog knows of the name
	s := p.world.names[name].of
	p.unlink(name)
	p.r.commit()
	list, err := p.r.v.Log(bg(p.r.t), p.at(name))
	if err != nil {
		p.r.t.Fatalf("log: %v", err)
	}
	if list = slices.DeleteFunc(list, func(v VersionInfo) bool { return v.Seq == 0 }); len(list) == 0 {
		return
	}
	ver := list[p.rng.IntN(len(list))]
	p.note("restore version %d of %s, which is deleted", ver.Seq, name)
	if _, err = p.r.v.Restore(bg(p.r.t), RestoreRequest{Path: p.at(name), Seq: ver.Seq}); err != nil {
		if !errors.Is(err, blob.ErrOffline) {
			p.r.t.Errorf("restore: %v", err)
		}
		p.note("%v", err)
		return
	}
	id, err := blob.ParseID(ver.Content)
	if err != nil {
		p.r.t.Fatal(err)
	}
	t := &thing{of: s}
	p.world.names[name] = t
	t.wrote(p.r.content(id, ver.Size))
	t.rest()
	maps.Copy(s.attrs, p.attrs(name)) // those of the version's moment
	if p.rng.IntN(2) == 0 {
		p.rename(name, p.fresh("m"))
		p.write(name, p.data())
	}
}

// attrs returns the attributes that a file has on the drive.
func (p *saver) attrs(name string) map[string]string {
	attrs := make(map[string]string)
	ino := p.r.attr(p.at(name)).Ino
	keys, err := p.r.v.Listxattr(ino)
	if err != nil {
		p.r.t.Fatal(err)
	}
	for _, key := range keys {
		val, err := p.r.v.Getxattr(ino, key)
		if err != nil {
			p.r.t.Fatal(err)
		}
		attrs[key] = string(val)
	}
	return attrs
}

// op does one thing.
func (p *saver) op() {
	name := p.target()
	other := p.there()
	if p.world.names[name] == nil || other == "" {
		p.save(name)
		return
	}
	switch p.rng.IntN(20) {
	case 0:
		p.rest(name)
	case 1:
		p.unlink(name)
	case 2:
		p.rename(other, p.target())
	case 3:
		p.rename(name, p.fresh("n"))
	case 4:
		p.exchange(name, other)
	case 5:
		if p.rng.IntN(3) == 0 {
			p.link(name, p.fresh("l"))
		}
	case 6:
		p.orphan(other)
	case 7:
		p.touch(other)
	case 8:
		p.tag(other)
	case 9:
		p.restore(other)
	case 10:
		p.restoreDeleted(name)
	case 11:
		p.note("sync %s", other)
		if p.r.v.Sync(bg(p.r.t), p.at(other), nil) == nil {
			p.world.names[other].rest()
		}
	case 12:
		p.r.wantBytes(p.at(other), p.world.names[other].data)
	default:
		p.save(name)
		if p.rng.IntN(3) == 0 {
			p.rest(name)
		}
	}
}

// check compares the directory with the account. Everything is sealed.
func (p *saver) check() {
	r := p.r
	r.t.Helper()
	want := slices.Sorted(maps.Keys(p.world.names))
	if got := r.names(p.dir); !slices.Equal(got, want) {
		r.t.Errorf("%s has the names %q, want %q", p.dir, got, want)
		return
	}
	of := make(map[catalog.FileID]*story)
	for _, name := range want {
		t := p.world.names[name]
		r.wantBytes(p.at(name), t.data)
		if got := p.attrs(name); !maps.Equal(got, t.of.attrs) {
			r.t.Errorf("%s has the attributes %v, want %v", p.at(name), got, t.of.attrs)
		}
		f := r.attr(p.at(name)).File
		if s := of[f]; s != nil && s != t.of {
			r.t.Errorf("%s has the history of another file", p.at(name))
		}
		of[f] = t.of
		versions := r.history(p.at(name))
		if why := t.of.explain(versions); why != "" {
			r.t.Errorf("versions of %s: %s", p.at(name), why)
		}
		list, err := r.v.Log(bg(r.t), p.at(name))
		if n := len(list); err != nil || n == 0 || !list[n-1].Current || list[n-1].Content != blob.Sum([]byte(t.data)).String() {
			r.t.Errorf("the newest version of %s is not what it holds: %+v, %v", p.at(name), list, err)
		}
		// What came before is settled now, and what is there is a version.
		t.of.saves = nil
		for _, v := range versions {
			t.of.saves = append(t.of.saves, save{v, true})
		}
	}
}
