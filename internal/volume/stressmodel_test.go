package volume

import (
	"fmt"
	"maps"
	"slices"
)

// world is what must be found in a directory in which one goroutine works: for each
// name the bytes and attributes, and for each history its saves in their order. It is
// written from docs/semantics.md, and knows nothing of drafts, epochs or the sealer.
type world struct {
	names map[string]*thing
	tombs map[string]*grave // what names meant that are gone, within the last minute
	files []*story
}

// thing is an inode, with or without a name.
type thing struct {
	of     *story
	data   string
	rested bool // closed, and quiet for long enough to be a version
}

// story is a history.
type story struct {
	saves []save
	attrs map[string]string
}

// save is one content of a file. must: it was left for long enough to be a version.
type save struct {
	data string
	must bool
}

type grave struct {
	was   *thing
	of    *story
	kind  tombKind
	attrs map[string]string
}

func newWorld() *world {
	return &world{names: make(map[string]*thing), tombs: make(map[string]*grave)}
}

func (w *world) newStory() *story {
	s := &story{attrs: make(map[string]string)}
	w.files = append(w.files, s)
	return s
}

// linked returns the names of a thing.
func (w *world) linked(t *thing) (names []string) {
	for name, x := range w.names {
		if x == t {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// holder returns the thing with a name whose history is s.
func (w *world) holder(s *story) *thing {
	for _, t := range w.names {
		if t.of == s {
			return t
		}
	}
	return nil
}

func (w *world) onlyBackups(t *thing, name string) bool {
	for _, n := range w.linked(t) {
		if !isBackup(name, n) {
			return false
		}
	}
	return true
}

// left notes that name does not mean t any more, whose history was s.
func (w *world) left(name string, t *thing, s *story) {
	g := &grave{was: t, of: s, kind: tombMoved, attrs: maps.Clone(s.attrs)}
	switch {
	case len(w.linked(t)) == 0:
		g.kind = tombGone
	case w.onlyBackups(t, name):
		g.kind = tombBackup
	}
	w.tombs[name] = g
}

// inherit returns the history that t has under a name that means nothing now.
func (w *world) inherit(name string, t *thing) *story {
	g := w.tombs[name]
	delete(w.tombs, name)
	own := t.of
	if own == nil {
		own = w.newStory()
	} else if h := w.holder(own); h != nil && h != t {
		own = w.newStory()
	}
	if g == nil || g.was == t || g.kind == tombMoved {
		return own
	}
	h := w.holder(g.of)
	switch {
	case h == nil:
		for k, v := range g.attrs {
			if _, has := g.of.attrs[k]; !has {
				g.of.attrs[k] = v
			}
		}
		return g.of
	case g.kind == tombBackup && h == g.was && w.onlyBackups(h, name):
		w.split(h)
		return g.of
	}
	return own
}

// split gives a backup a history of its own.
func (w *world) split(t *thing) {
	old := t.of
	t.of = w.newStory()
	maps.Copy(t.of.attrs, old.attrs)
	for _, s := range old.saves { // one of them was sealed last
		s.must = false
		t.of.saves = append(t.of.saves, s)
	}
	t.of.saves = append(t.of.saves, save{t.data, t.rested})
}

// adopt makes t continue the history s.
func (w *world) adopt(t *thing, s *story) {
	if t.of == s {
		return
	}
	maps.Copy(s.attrs, t.of.attrs)
	clear(t.of.attrs)
	t.of = s
	s.saves = append(s.saves, save{t.data, t.rested})
}

// wrote notes a save to t.
func (t *thing) wrote(data string) {
	t.data, t.rested = data, false
	t.of.saves = append(t.of.saves, save{data, false})
}

// rest notes that what t holds was left alone.
func (t *thing) rest() {
	t.rested = true
	t.of.saves[len(t.of.saves)-1].must = true
}

func (w *world) create(name, data string) {
	t := &thing{}
	t.of = w.inherit(name, t)
	w.names[name] = t
	t.wrote(data)
}

func (w *world) unlink(name string) {
	t := w.names[name]
	delete(w.names, name)
	w.left(name, t, t.of)
	switch rest := w.linked(t); len(rest) {
	case 0:
		clear(t.of.attrs)
	case 1:
		if !isBackup(name, rest[0]) {
			w.adopt(t, w.inherit(rest[0], t))
		}
	}
}

func (w *world) rename(name, to string) {
	t, old := w.names[name], w.names[to]
	if t == old {
		return
	}
	single := len(w.linked(t)) == 1
	from := t.of
	delete(w.names, name)
	if old != nil {
		delete(w.names, to)
		gone := len(w.linked(old)) == 0
		switch s := old.of; {
		case single && !isBackup(name, to) && w.onlyBackups(old, to):
			if !gone {
				w.split(old)
			}
			w.adopt(t, s)
		case gone:
			clear(s.attrs)
		}
	} else if single && !isBackup(name, to) {
		w.names[name] = t // it is the holder of its history
		s := w.inherit(to, t)
		delete(w.names, name)
		w.adopt(t, s)
	}
	w.names[to] = t
	w.left(name, t, from)
}

func (w *world) exchange(name, with string) {
	a, b := w.names[name], w.names[with]
	if a == b {
		return
	}
	if len(w.linked(a)) == 1 && len(w.linked(b)) == 1 {
		ofA, ofB := maps.Clone(a.of.attrs), maps.Clone(b.of.attrs)
		maps.Copy(b.of.attrs, ofA)
		maps.Copy(a.of.attrs, ofB)
		a.of, b.of = b.of, a.of
		a.of.saves = append(a.of.saves, save{a.data, a.rested})
		b.of.saves = append(b.of.saves, save{b.data, b.rested})
	}
	w.names[name], w.names[with] = b, a
}

// linkOrphan gives a name to a thing that had none; attrs are those that it kept.
func (w *world) linkOrphan(t *thing, name string, attrs map[string]string) {
	from := t.of
	t.of = w.inherit(name, t)
	maps.Copy(t.of.attrs, attrs)
	if t.of != from || len(from.saves) == 0 || from.saves[len(from.saves)-1].data != t.data {
		t.of.saves = append(t.of.saves, save{t.data, false})
	}
	w.names[name] = t
}

// later notes that a minute has passed, and everything is sealed.
func (w *world) later() {
	clear(w.tombs)
	for _, t := range w.names {
		t.rest()
	}
}

// explain says why the versions that were found cannot be those of the story: in the
// order of its saves, each at most once in a row, and all that must be. "" if they can.
func (s *story) explain(got []string) string {
	// can[j]: the saves so far can have become the first j versions.
	can := make([]bool, len(got)+1)
	can[0] = true
	for _, sv := range s.saves {
		next := make([]bool, len(got)+1)
		for j := range can {
			if !can[j] {
				continue
			}
			if !sv.must || j > 0 && got[j-1] == sv.data {
				next[j] = true
			}
			if j < len(got) && got[j] == sv.data {
				next[j+1] = true
			}
		}
		can = next
	}
	if can[len(got)] {
		return ""
	}
	text := ""
	for _, sv := range s.saves {
		mark := "?"
		if sv.must {
			mark = "!"
		}
		text += fmt.Sprintf(" %s%q", mark, brief([]string{sv.data})[0])
	}
	return fmt.Sprintf("got %q, the saves (! must, ? may be a version) were%s", brief(got), text)
}
