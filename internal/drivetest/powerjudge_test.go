package drivetest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A workWay is how a writer works.
type workWay string

const (
	workAnyhow    workWay = ""
	workSaving    workWay = "saving"    // beside and by rename, never synced
	workRewriting workWay = "rewriting" // in place, never synced
)

// nextSave saves one of a few files anew: written beside, closed, renamed over it, and never synced.
func (p *planner) nextSave() {
	p.pause()
	name := fmt.Sprintf("s%02d", p.rng.IntN(8))
	temp := name + ".tmp"
	p.last++
	obj := p.last
	p.names[temp] = obj
	p.add(crashStep{kind: stepCreate, path: temp, obj: obj})
	for range 1 + p.rng.IntN(4) {
		n := 1 + p.rng.IntN(12)
		p.add(crashStep{kind: stepWrite, path: temp, obj: obj, block: p.size[obj], n: n})
		p.size[obj] += n
	}
	p.add(crashStep{kind: stepClose, path: temp, obj: obj})
	p.rename(temp, name)
}

// nextRewrite changes blocks of one of a few files in place and never syncs. After each file another one gets a name
// that was never there before, which tells how far the names have come.
func (p *planner) nextRewrite() {
	const files, mark = 6, object(1)
	if p.last == 0 {
		p.last = mark
		p.names["mark0"] = mark
		p.add(crashStep{kind: stepCreate, path: "mark0", obj: mark})
		p.add(crashStep{kind: stepWrite, path: "mark0", obj: mark, n: 1})
		p.add(crashStep{kind: stepClose, path: "mark0", obj: mark})
	}
	p.pause()
	name := fmt.Sprintf("r%02d", p.rng.IntN(files))
	obj := p.names[name]
	if obj == 0 {
		p.last++
		obj = p.last
		p.names[name], p.size[obj] = obj, 8+p.rng.IntN(60) // small ones, and those that the kernel reads by itself
		p.add(crashStep{kind: stepCreate, path: name, obj: obj})
		p.add(crashStep{kind: stepWrite, path: name, obj: obj, n: p.size[obj]})
	} else {
		p.add(crashStep{kind: stepOpen, path: name, obj: obj})
		for range 1 + p.rng.IntN(6) {
			n := 1 + p.rng.IntN(8)
			p.add(crashStep{kind: stepWrite, path: name, obj: obj, block: p.rng.IntN(p.size[obj] - n + 1), n: n})
			p.pause()
		}
	}
	p.add(crashStep{kind: stepClose, path: name, obj: obj})
	p.rename(fmt.Sprintf("mark%d", p.marks), fmt.Sprintf("mark%d", p.marks+1))
	p.marks++
}

// pause lets versions be made now and then.
func (p *planner) pause() {
	if p.rng.IntN(4) != 0 {
		return
	}
	ms := p.rng.IntN(10)
	if p.rng.IntN(6) == 0 {
		ms = 20 + p.rng.IntN(150)
	}
	p.add(crashStep{kind: stepPause, pause: ms})
}

// A powerJudge knows what may be there after a power loss.
type powerJudge struct {
	*history
	begun   int
	moments []int               // numbers of steps after which the names were others than before
	synced  map[object]int      // last fsync that had returned
	closes  map[object][]int    // steps
	torn    map[string]struct{} // names of what judge found to be a mixture of states, as it may be
}

// judgePowerBy works the plan out. acked is the number of steps that were begun before the power failed, so that all
// but the last of them had been done; begun those that had been begun when it had certainly failed.
func judgePowerBy(plan []crashStep, acked, begun int) *powerJudge {
	j := &powerJudge{history: judgeBy(plan, begun), begun: begun, moments: []int{0}, synced: map[object]int{}, closes: map[object][]int{},
		torn: map[string]struct{}{}}
	for i, s := range plan[:begun] {
		switch s.kind {
		case stepCreate, stepRename, stepUnlink:
			j.moments = append(j.moments, i+1)
		case stepClose:
			j.closes[s.obj] = append(j.closes[s.obj], i)
		case stepFsync:
			if i < acked-1 {
				j.synced[s.obj] = i
			}
		}
	}
	return j
}

// judge compares what was found (content by name) with what may be there, and lists what is wrong. The names must be
// those of one moment. A file that was closed before that moment, or synced, is at least as new as it was then: blocks
// that were written since may be there or not, one by one, as long as each is whole.
func (j *powerJudge) judge(found map[string][]byte) []string {
	var wrong []string
	whose, blocks := map[string]object{}, map[string][]int{}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		obj, steps, err := readBlocks(found[name])
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %v", name, err))
		}
		whose[name], blocks[name] = obj, steps
	}
	if len(wrong) > 0 {
		return wrong
	}
	best, matched := []string(nil), false
	for _, m := range slices.Backward(j.moments) {
		if !sameNames(j.names[m], whose) {
			continue
		}
		wrong := j.judgeAt(m, blocks)
		if len(wrong) == 0 {
			return nil
		}
		if !matched || len(wrong) < len(best) {
			best, matched = wrong, true
		}
	}
	if !matched {
		return []string{fmt.Sprintf("the names are those of no moment: %v", whose)}
	}
	return best
}

func (j *powerJudge) judgeAt(m int, blocks map[string][]int) []string {
	var wrong []string
	bad := func(format string, args ...any) {
		wrong = append(wrong, fmt.Sprintf("if the names are those after %d steps: ", m)+fmt.Sprintf(format, args...))
	}
	for _, obj := range slices.Sorted(maps.Keys(j.synced)) {
		if s := j.synced[obj]; m <= s && nameOf(j.names[m], obj) != nameOf(j.names[s], obj) {
			bad("file %d was synced as %q at step %d, and has the name %q", obj, nameOf(j.names[s], obj), s, nameOf(j.names[m], obj))
		}
	}
	clear(j.torn)
	for _, name := range slices.Sorted(maps.Keys(blocks)) {
		obj := j.names[m][name]
		floor, why := -1, "never finished"
		for _, c := range j.closes[obj] {
			if c < m-1 && c < j.begun-1 {
				floor, why = c, "closed"
			}
		}
		if s, ok := j.synced[obj]; ok && s > floor {
			floor, why = s, "synced"
		}
		if what := j.atLeast(obj, floor, blocks[name]); what != "" {
			bad("%s: file %d was %s at step %d: %s", name, obj, why, floor, what)
		}
		if j.had(obj, blocksKey(blocks[name])) < 0 {
			j.torn[name] = struct{}{}
		}
	}
	return wrong
}

func nameOf(names map[string]object, obj object) string {
	for name, o := range names {
		if o == obj {
			return name
		}
	}
	return ""
}

// atLeast tells what is wrong with blocks for a file that has everything up to the step floor (nothing, if it is
// negative), and of what came later any part.
func (j *powerJudge) atLeast(obj object, floor int, got []int) string {
	var states [][]int // the one at the floor, and all later
	for _, s := range j.states[obj] {
		if s.step <= floor {
			states = states[:0]
		}
		states = append(states, blocksOf(s.blocks))
	}
	if floor < 0 {
		states = append(states, nil)
	}
	least, most := len(states[0]), 0
	for _, s := range states {
		least, most = min(least, len(s)), max(most, len(s))
	}
	if len(got) < least || len(got) > most {
		return fmt.Sprintf("it has %d blocks, not %d to %d", len(got), least, most)
	}
	for i, step := range got {
		if !slices.ContainsFunc(states, func(s []int) bool { return i < len(s) && s[i] == step || i >= len(s) && step == -1 }) {
			return fmt.Sprintf("block %d is of step %d; it was %v then: %v", i, step, states[0], got)
		}
	}
	return ""
}

// blocksOf is what blocksKey made a key of.
func blocksOf(key string) []int {
	var steps []int
	for _, word := range strings.Fields(key) {
		n, err := strconv.Atoi(word)
		if err != nil {
			panic(err)
		}
		steps = append(steps, n)
	}
	return steps
}

// The judge of power losses accepts what a perfect disk holds after any step, and notices what may not be.
func TestJudgeOfPowerLosses(t *testing.T) {
	const begun = 400
	for _, way := range []workWay{workAnyhow, workSaving, workRewriting} {
		plan := planOf(way, 7, begun)
		for step := 1; step <= begun; step += 3 {
			j := judgePowerBy(plan, step, step)
			if wrong := j.judge(j.after(step)); len(wrong) > 0 {
				t.Fatalf("%s: after step %d: %v", way, step, wrong)
			}
		}
	}
	plan := planOf(workAnyhow, 7, begun)
	h := judgeBy(plan, begun)
	synced, closed := h.syncedAndThere(t), ""
	for _, s := range plan[:begun-50] { // a file that was closed, and not touched since
		if s.kind == stepClose && h.stateAt(s.obj, begun) < begun-50 && nameOf(h.names[begun], s.obj) != "" {
			closed = nameOf(h.names[begun], s.obj)
		}
	}
	damage := map[string]func(found map[string][]byte){
		"a synced file is lost":              func(f map[string][]byte) { delete(f, synced) },
		"a synced file is empty":             func(f map[string][]byte) { f[synced] = nil },
		"a closed file is empty":             func(f map[string][]byte) { f[closed] = nil },
		"a closed file lacks its last block": func(f map[string][]byte) { f[closed] = f[closed][:len(f[closed])-blockSize] },
		"a closed file has a hole":           func(f map[string][]byte) { clear(f[closed][:blockSize]) },
		"a byte is flipped":                  func(f map[string][]byte) { f[synced][100] ^= 1 },
		"blocks are swapped":                 func(f map[string][]byte) { f[synced] = append(f[synced][blockSize:], f[synced][:blockSize]...) },
		"a file stands under another's name": func(f map[string][]byte) { f["f99"] = f[synced]; delete(f, synced) },
		"a file appears from nowhere":        func(f map[string][]byte) { f["f99"] = nil },
	}
	for name, do := range damage {
		j := judgePowerBy(plan, begun, begun)
		found := j.after(begun)
		do(found)
		if wrong := j.judge(found); len(wrong) == 0 {
			t.Errorf("%s: not noticed", name)
		}
	}
}
