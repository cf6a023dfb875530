package drivetest

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The judge of the crash test accepts what is there after any step, and notices what may not be.
func TestJudgeOfCrashes(t *testing.T) {
	const begun = 400
	plan := makePlan(7, begun)
	h := judgeBy(plan, begun)
	for step := 1; step < len(h.names); step += 3 {
		h := judgeBy(plan, step)
		if wrong := h.judge(h.after(step)); len(wrong) > 0 {
			t.Fatalf("after step %d: %v", step, wrong)
		}
	}
	synced := h.syncedAndThere(t)
	damage := map[string]func(found map[string][]byte){
		"a synced file is lost":              func(f map[string][]byte) { delete(f, synced) },
		"a synced file is empty":             func(f map[string][]byte) { f[synced] = nil },
		"a byte is flipped":                  func(f map[string][]byte) { f[synced][100] ^= 1 },
		"a file is cut":                      func(f map[string][]byte) { f[synced] = f[synced][:len(f[synced])-1] },
		"blocks are swapped":                 func(f map[string][]byte) { f[synced] = append(f[synced][blockSize:], f[synced][:blockSize]...) },
		"a file stands under another's name": func(f map[string][]byte) { f["f99"] = f[synced]; delete(f, synced) },
		"a file appears from nowhere":        func(f map[string][]byte) { f["f99"] = nil },
		"a file is there twice":              func(f map[string][]byte) { f["f98"] = f[synced] },
	}
	for name, do := range damage {
		found := h.after(begun)
		do(found)
		if wrong := h.judge(found); len(wrong) == 0 {
			t.Errorf("%s: not noticed", name)
		}
	}
}

// after is what a perfect filesystem holds after a number of steps.
func (h *history) after(step int) map[string][]byte {
	found := map[string][]byte{}
	for name, obj := range h.names[step] {
		var data []byte
		for _, s := range slices.Backward(h.states[obj]) {
			if s.step < step {
				for i, word := range strings.Fields(s.blocks) {
					if at, _ := strconv.Atoi(word); at >= 0 {
						data = append(data, fillBlock(obj, i, at)...)
					} else {
						data = append(data, make([]byte, blockSize)...)
					}
				}
				break
			}
		}
		found[name] = data
	}
	return found
}

// syncedAndThere is the name of a file of some blocks that was synced as it is now.
func (h *history) syncedAndThere(t *testing.T) string {
	t.Helper()
	now := h.names[len(h.names)-1]
	for name, obj := range now {
		step, ok := h.synced[obj]
		states := h.states[obj]
		if ok && !h.ended[obj] && states[len(states)-1].step < step && len(strings.Fields(states[len(states)-1].blocks)) > 2 && !strings.Contains(states[len(states)-1].blocks, "-1") {
			return name
		}
	}
	t.Fatal("the plan has no such file: choose another seed")
	return ""
}
