package naming

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"sync"
	"sync/atomic"
	"unicode"
	"unicode/utf8"
)

// automaton runs several expressions over a name at once and tells which of them match
// all of it, in one step for each character. Its states are made when they are first
// needed, and kept; where an expression would make too many, they are made again each
// time, so the cost stays linear in the name whatever the expressions are.
type automaton struct {
	progs  []*syntax.Prog
	bounds []rune      // first characters of the classes of characters that no expression tells apart
	ascii  [128]uint16 // class of a character
	start  *state
	dead   *state

	mu     sync.Mutex
	states map[string]*state
}

// state is a set of places in the expressions.
type state struct {
	places []uint64 // expression<<32 | instruction, sorted; only those that read a character
	match  []int    // expressions that match what was read so far
	next   []atomic.Pointer[state]
}

// maxStates bounds what one automaton keeps.
const maxStates = 4096

func newAutomaton(progs []*syntax.Prog) *automaton {
	a := &automaton{progs: progs, states: map[string]*state{}}
	cut := map[rune]bool{0: true}
	for _, p := range progs {
		for i := range p.Inst {
			classBounds(&p.Inst[i], cut)
		}
	}
	for r := range cut {
		a.bounds = append(a.bounds, r)
	}
	slices.Sort(a.bounds)
	for r := range rune(len(a.ascii)) {
		a.ascii[r] = uint16(a.search(r))
	}
	var places []uint64
	for i, p := range progs {
		places = append(places, uint64(i)<<32|uint64(p.Start))
	}
	a.dead = a.intern(a.closure(nil))
	a.start = a.intern(a.closure(places))
	return a
}

// classBounds notes where the answer of an instruction changes.
func classBounds(in *syntax.Inst, cut map[rune]bool) {
	add := func(lo, hi rune) {
		cut[lo] = true
		if hi < unicode.MaxRune {
			cut[hi+1] = true
		}
	}
	switch in.Op {
	case syntax.InstRune, syntax.InstRune1:
		if len(in.Rune) == 1 {
			add(in.Rune[0], in.Rune[0])
			if syntax.Flags(in.Arg)&syntax.FoldCase != 0 {
				for r := unicode.SimpleFold(in.Rune[0]); r != in.Rune[0]; r = unicode.SimpleFold(r) {
					add(r, r)
				}
			}
			return
		}
		for i := 0; i+1 < len(in.Rune); i += 2 {
			add(in.Rune[i], in.Rune[i+1])
		}
	case syntax.InstRuneAnyNotNL:
		add('\n', '\n')
	}
}

func (a *automaton) search(r rune) int {
	i, ok := slices.BinarySearch(a.bounds, r)
	if !ok {
		i--
	}
	return i
}

func (a *automaton) class(r rune) int {
	if r < utf8.RuneSelf {
		return int(a.ascii[r])
	}
	return a.search(r)
}

// run returns the state after a name.
func (a *automaton) run(name string) *state {
	s := a.start
	for _, r := range name {
		if s = a.step(s, r); s == a.dead {
			break
		}
	}
	return s
}

// step returns the state after one more character.
func (a *automaton) step(s *state, r rune) *state {
	c := a.class(r)
	if n := s.next[c].Load(); n != nil {
		return n
	}
	var places []uint64
	for _, p := range s.places {
		in := &a.progs[p>>32].Inst[uint32(p)]
		if in.Op == syntax.InstRuneAny || in.MatchRune(r) {
			places = append(places, p>>32<<32|uint64(in.Out))
		}
	}
	n := a.intern(a.closure(places))
	s.next[c].Store(n)
	return n
}

// closure follows what needs no character.
func (a *automaton) closure(todo []uint64) *state {
	s := &state{}
	seen := make(map[uint64]bool)
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[p] {
			continue
		}
		seen[p] = true
		in := &a.progs[p>>32].Inst[uint32(p)]
		base := p >> 32 << 32
		switch in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			todo = append(todo, base|uint64(in.Out), base|uint64(in.Arg))
		case syntax.InstCapture, syntax.InstNop:
			todo = append(todo, base|uint64(in.Out))
		case syntax.InstMatch:
			s.match = append(s.match, int(p>>32))
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			s.places = append(s.places, p)
		}
	}
	slices.Sort(s.places)
	slices.Sort(s.match)
	return s
}

// intern returns the state that is kept for a set of places.
func (a *automaton) intern(s *state) *state {
	key := make([]byte, 0, 8*len(s.places)+8*len(s.match)+8)
	for _, p := range s.places {
		key = binary.BigEndian.AppendUint64(key, p)
	}
	key = append(key, ':')
	for _, m := range s.match {
		key = binary.BigEndian.AppendUint32(key, uint32(m))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if old := a.states[string(key)]; old != nil {
		return old
	}
	s.next = make([]atomic.Pointer[state], len(a.bounds))
	if len(a.states) < maxStates {
		a.states[string(key)] = s
	}
	return s
}
