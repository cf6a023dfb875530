package drivetest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// A crash plan is a long list of steps, the same for the same seed: the process that carries it out and the test
// that judges what is left of it need no other word between them than how many steps were begun.

// A crashStep is one system call, or one that may stop between blocks.
type crashStep struct {
	kind     stepKind
	path, to string
	obj      object // that the step creates, writes, renames or removes
	block, n int    // of a write: first block and number; of a truncation: new length in block
	pause    int    // milliseconds
}

type stepKind string

const (
	stepCreate   stepKind = "create"   // and keep open
	stepOpen     stepKind = "open"     // for writing
	stepEmpty    stepKind = "empty"    // open with O_TRUNC
	stepWrite    stepKind = "write"    // through the open handle
	stepTruncate stepKind = "truncate" // through the open handle
	stepFsync    stepKind = "fsync"    // of the open handle
	stepClose    stepKind = "close"
	stepRename   stepKind = "rename"
	stepUnlink   stepKind = "unlink"
	stepPause    stepKind = "pause"
)

// An object is a file, whatever its names were. Zero is none.
type object uint64

// blockSize is what one write of a block leaves whole even if its process is killed.
const blockSize = 4096

// A block says which file it belongs to, where, and which step wrote it.
func fillBlock(obj object, block, step int) []byte {
	b := make([]byte, blockSize)
	copy(b, "rdfsblk!")
	binary.LittleEndian.PutUint64(b[8:], uint64(obj))
	binary.LittleEndian.PutUint64(b[16:], uint64(block))
	binary.LittleEndian.PutUint64(b[24:], uint64(step))
	rng := rand.NewPCG(uint64(obj)<<32|uint64(block), uint64(step))
	for i := 32; i < blockSize-4; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], rng.Uint64()&0x0f0f0f0f0f0f0f0f) // half as large when compressed
	}
	binary.LittleEndian.PutUint32(b[blockSize-4:], crc32.ChecksumIEEE(b[:blockSize-4]))
	return b
}

// readBlocks takes a file apart: whose it is (none if there are only holes), and the step of each block (-1 for a
// hole). An error says what is torn.
func readBlocks(data []byte) (object, []int, error) {
	if len(data)%blockSize != 0 {
		return 0, nil, fmt.Errorf("%d bytes are no whole number of blocks", len(data))
	}
	var obj object
	var steps []int
	for i := range len(data) / blockSize {
		b := data[i*blockSize : (i+1)*blockSize]
		if len(bytes.TrimLeft(b, "\x00")) == 0 {
			steps = append(steps, -1)
			continue
		}
		o, at, step := object(binary.LittleEndian.Uint64(b[8:])), int(binary.LittleEndian.Uint64(b[16:])), int(binary.LittleEndian.Uint64(b[24:]))
		switch {
		case !bytes.HasPrefix(b, []byte("rdfsblk!")) || crc32.ChecksumIEEE(b[:blockSize-4]) != binary.LittleEndian.Uint32(b[blockSize-4:]):
			return obj, steps, fmt.Errorf("block %d is torn", i)
		case at != i:
			return obj, steps, fmt.Errorf("block %d is at the place of block %d", at, i)
		case obj != 0 && o != obj:
			return obj, steps, fmt.Errorf("block %d is of file %d, the others of file %d", i, o, obj)
		}
		obj = o
		steps = append(steps, step)
	}
	return obj, steps, nil
}

// makePlan is the plan of a seed.
func makePlan(seed uint64, steps int) []crashStep { return planOf(workAnyhow, seed, steps) }

// planOf is the plan of a seed, of one way to work.
func planOf(way workWay, seed uint64, steps int) []crashStep {
	p := &planner{rng: newRand(seed), names: map[string]object{}, size: map[object]int{}}
	for len(p.steps) < steps {
		switch way {
		case workSaving:
			p.nextSave()
		case workRewriting:
			p.nextRewrite()
		default:
			p.next()
		}
	}
	return p.steps
}

type planner struct {
	rng   *rand.Rand
	steps []crashStep
	names map[string]object
	size  map[object]int // blocks
	last  object
	marks int // renames of the mark
}

func (p *planner) add(s crashStep) { p.steps = append(p.steps, s) }

func (p *planner) freshName() string {
	for {
		if n := fmt.Sprintf("f%02d", p.rng.IntN(40)); p.names[n] == 0 {
			return n
		}
	}
}

func (p *planner) someName() string {
	all := slices.Sorted(maps.Keys(p.names))
	return all[p.rng.IntN(len(all))]
}

// next plans one thing that a program does.
func (p *planner) next() {
	if p.rng.IntN(6) == 0 {
		ms := p.rng.IntN(10)
		if p.rng.IntN(5) == 0 {
			ms = 20 + p.rng.IntN(80) // long enough for versions to be made
		}
		p.add(crashStep{kind: stepPause, pause: ms})
	}
	if len(p.names) < 3 {
		p.create(p.freshName())
		return
	}
	switch r := p.rng.IntN(100); {
	case r < 20 && len(p.names) < 25:
		p.create(p.freshName())
	case r < 40:
		p.saveBeside(p.someName())
	case r < 65:
		p.change(p.someName(), stepOpen)
	case r < 75:
		p.change(p.someName(), stepEmpty)
	case r < 83:
		p.rename(p.someName(), p.freshName())
	case r < 90:
		from, to := p.someName(), p.someName()
		if from != to {
			p.rename(from, to)
		}
	default:
		n := p.someName()
		p.add(crashStep{kind: stepUnlink, path: n, obj: p.names[n]})
		delete(p.names, n)
	}
}

func (p *planner) create(name string) object {
	p.last++
	obj := p.last
	p.names[name], p.size[obj] = obj, 0
	p.add(crashStep{kind: stepCreate, path: name, obj: obj})
	p.fill(name, obj)
	return obj
}

// fill writes through the open handle, syncs or not, and closes it.
func (p *planner) fill(name string, obj object) {
	for range 1 + p.rng.IntN(4) {
		at := p.rng.IntN(p.size[obj] + 1)
		if p.rng.IntN(2) == 0 {
			at = p.size[obj]
		}
		n := 1 + p.rng.IntN(8)
		p.size[obj] = max(p.size[obj], at+n)
		p.add(crashStep{kind: stepWrite, path: name, obj: obj, block: at, n: n})
		if p.rng.IntN(8) == 0 {
			p.add(crashStep{kind: stepFsync, path: name, obj: obj})
		}
	}
	if p.rng.IntN(10) == 0 {
		p.size[obj] = p.rng.IntN(p.size[obj] + 3)
		p.add(crashStep{kind: stepTruncate, path: name, obj: obj, block: p.size[obj]})
	}
	if p.rng.IntN(2) == 0 {
		p.add(crashStep{kind: stepFsync, path: name, obj: obj})
	}
	p.add(crashStep{kind: stepClose, path: name, obj: obj})
}

func (p *planner) change(name string, open stepKind) {
	obj := p.names[name]
	p.add(crashStep{kind: open, path: name, obj: obj})
	if open == stepEmpty {
		p.size[obj] = 0
	}
	p.fill(name, obj)
}

func (p *planner) rename(from, to string) {
	p.add(crashStep{kind: stepRename, path: from, to: to, obj: p.names[from]})
	p.names[to] = p.names[from]
	delete(p.names, from)
}

func (p *planner) saveBeside(name string) {
	temp := name + ".tmp"
	p.create(temp)
	p.rename(temp, name)
}

// A history is all that the first steps of a plan can have left behind.
type history struct {
	states map[object][]objectState
	held   map[object][]holding
	synced map[object]int             // step of the last fsync that returned
	ended  map[object]bool            // unlinked or replaced, or perhaps
	names  []map[string]object        // after each step, the first entry being before all
	ever   map[string]map[object]bool // files that had a name at some time
}

// An objectState is the content of a file after a step.
type objectState struct {
	step   int
	blocks string // key of the step of each block
}

// A holding is a name of a file, from a step on.
type holding struct {
	name string
	from int
	to   int // step that ended it, or the number of steps
}

func blocksKey(steps []int) string { return strings.Trim(fmt.Sprint(steps), "[]") }

// judgeBy works the plan out for as many steps as were begun; the last of them may or may not have happened, or
// half of it.
func judgeBy(plan []crashStep, begun int) *history {
	h := &history{
		states: map[object][]objectState{}, held: map[object][]holding{}, synced: map[object]int{}, ended: map[object]bool{},
		ever: map[string]map[object]bool{},
	}
	content := map[object][]int{}
	now := map[string]object{}
	h.names = append(h.names, map[string]object{})
	state := func(step int, obj object) {
		h.states[obj] = append(h.states[obj], objectState{step, blocksKey(content[obj])})
	}
	hold := func(step int, name string, obj object) {
		now[name] = obj
		h.held[obj] = append(h.held[obj], holding{name, step, begun})
		if h.ever[name] == nil {
			h.ever[name] = map[object]bool{}
		}
		h.ever[name][obj] = true
	}
	let := func(step int, name string) {
		obj := now[name]
		delete(now, name)
		list := h.held[obj]
		list[len(list)-1].to = step
	}
	for i, s := range plan[:begun] {
		switch s.kind {
		case stepCreate:
			hold(i, s.path, s.obj)
			state(i, s.obj)
		case stepEmpty:
			content[s.obj] = nil
			state(i, s.obj)
		case stepWrite:
			for b := s.block; b < s.block+s.n; b++ {
				content[s.obj] = resizeBlocks(content[s.obj], max(b+1, len(content[s.obj])))
				content[s.obj][b] = i
				state(i, s.obj)
			}
		case stepTruncate:
			content[s.obj] = resizeBlocks(content[s.obj], s.block)
			state(i, s.obj)
		case stepFsync:
			if i < begun-1 {
				h.synced[s.obj] = i
			}
		case stepRename:
			if old := now[s.to]; old != 0 {
				h.ended[old] = true
				let(i, s.to)
			}
			let(i, s.path)
			hold(i, s.to, s.obj)
		case stepUnlink:
			h.ended[s.obj] = true
			let(i, s.path)
		}
		h.names = append(h.names, maps.Clone(now))
	}
	return h
}

func resizeBlocks(b []int, n int) []int {
	b = slices.Clone(b)
	for len(b) < n {
		b = append(b, -1)
	}
	return b[:n]
}

// judge compares what was found after the crash (content by name) with what may be there, and lists what is wrong.
func (h *history) judge(found map[string][]byte) []string {
	var wrong []string
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	at := map[object]string{}    // where each file was found
	whose := map[string]object{} // 0 for a file that does not tell
	blank := map[string]string{} // the blocks of files that do not tell
	newest := map[object]int{}   // the latest step that left a file as it was found
	for _, name := range slices.Sorted(maps.Keys(found)) {
		obj, steps, err := readBlocks(found[name])
		if err != nil {
			bad("%s: %v", name, err)
			continue
		}
		if obj == 0 { // empty, or one hole: it could be any of those that had the name
			if !slices.ContainsFunc(slices.Collect(maps.Keys(h.ever[name])), func(o object) bool { return h.had(o, blocksKey(steps)) >= 0 }) {
				bad("%s: %d empty blocks, and no file of this name was ever so", name, len(steps))
			}
			whose[name], blank[name] = 0, blocksKey(steps)
			continue
		}
		whose[name] = obj
		if other, ok := at[obj]; ok {
			bad("file %d is at %s and at %s", obj, other, name)
		}
		at[obj] = name
		if !h.ever[name][obj] {
			bad("%s: file %d never had this name", name, obj)
		}
		step := h.had(obj, blocksKey(steps))
		if step < 0 {
			bad("%s: file %d never had this content: %v", name, obj, blocksKey(steps))
		}
		newest[obj] = step
	}
	for _, obj := range slices.Sorted(maps.Keys(h.synced)) {
		if h.ended[obj] {
			continue
		}
		step := h.synced[obj]
		name, ok := at[obj]
		if !ok {
			if !h.blankAt(obj, step, blank) {
				bad("file %d, synced at step %d, is lost; it was %v", obj, step, h.held[obj])
			}
			continue
		}
		if before := h.stateAt(obj, step); newest[obj] < before {
			bad("%s: file %d was synced at step %d with the content of step %d, and came back as after step %d", name, obj, step, before, newest[obj])
		}
		if !slices.ContainsFunc(h.held[obj], func(g holding) bool { return g.name == name && g.to > step }) {
			bad("%s: file %d was synced at step %d, after it had lost this name", name, obj, step)
		}
	}
	if !slices.ContainsFunc(h.names, func(names map[string]object) bool { return sameNames(names, whose) }) {
		bad("the names are those of no moment: %v", whose)
	}
	return wrong
}

// had is the last step that left the file with this content, or -1.
func (h *history) had(obj object, blocks string) int {
	for _, s := range slices.Backward(h.states[obj]) {
		if s.blocks == blocks {
			return s.step
		}
	}
	return -1
}

// stateAt is the step that made the content that the file had at a step.
func (h *history) stateAt(obj object, step int) int {
	last := -1
	for _, s := range h.states[obj] {
		if s.step <= step {
			last = s.step
		}
	}
	return last
}

// blankAt tells whether a synced file is perhaps one of those that do not tell whose they are (by name, with what
// their blocks are): it may have been emptied since.
func (h *history) blankAt(obj object, step int, blank map[string]string) bool {
	for _, g := range h.held[obj] {
		if key, ok := blank[g.name]; ok && g.to > step && h.had(obj, key) >= h.stateAt(obj, step) {
			return true
		}
	}
	return false
}

// sameNames compares the names of a moment with those found; a file that does not tell whose it is may be any.
func sameNames(names, found map[string]object) bool {
	if len(names) != len(found) {
		return false
	}
	for name, obj := range found {
		if o, ok := names[name]; !ok || obj != 0 && o != obj {
			return false
		}
	}
	return true
}
