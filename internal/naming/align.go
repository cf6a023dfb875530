package naming

import (
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
)

// alignment is the cheapest way to turn a text into one that an expression matches.
type alignment struct {
	text   string // that matches
	cost   int
	kept   int            // characters of text that were there, perhaps in another case
	groups []alignedGroup // of the expression, from the first; those that take part
}

// alignedGroup is what a group holds: of the text as it was, and as it should be.
type alignedGroup struct {
	was, is string
	used    bool
	wrong   int // characters that stand for quite another one
}

// near reports whether what a group should hold is a correction of what it holds, not
// just something of that length.
func (g *alignedGroup) near() bool {
	n := len([]rune(g.was))
	return g.wrong == 0 || n > 4 && 4*g.wrong <= n
}

// The costs of an edit. A wrong case, and one separator for another, are the mistakes
// that people make most. A tenth decides between equals: a value that is missing is
// missing rather than a piece of the template, and what is too much belongs to a value.
const (
	costCase      = 10
	costSeparator = 30
	costMissing   = 30
	costSurplus   = 31
	costWrong     = 50
	costLess      = 1
)

// anyCost is no limit.
const anyCost = 1 << 30

// maxCost returns what a correction of a name may cost before it is another name.
func maxCost(name string) int { return 28*len([]rune(name)) + 40 }

// near reports whether an alignment is a correction of a name: at least half of what
// it suggests was there.
func (a *alignment) near(name string) bool {
	return a.cost <= maxCost(name) && 2*a.kept >= len([]rune(a.text))
}

// maxAlign bounds the work: instructions times characters.
const maxAlign = 4 << 20

// align finds the text nearest to s that prog matches, if it costs at most limit. ngroups
// is the number of groups of the expression. ok is false when there is none, or the task is too large.
func align(prog *syntax.Prog, s string, ngroups, limit int) (a alignment, ok bool) {
	text := []rune(strings.ToValidUTF8(s, "\uFFFD"))
	w := len(text) + 1
	if len(prog.Inst)*w > maxAlign {
		return a, false
	}
	d := &dijkstra{prog: prog, text: text, w: w, cost: make([]int32, len(prog.Inst)*w), from: make([]step, len(prog.Inst)*w)}
	for i := range d.cost {
		d.cost[i] = -1
	}
	end := d.search(prog.Start*w, limit)
	if end < 0 {
		return a, false
	}
	a.cost = int(d.cost[end])
	d.read(end, ngroups, &a)
	return a, true
}

// step is how a place was reached.
type step struct {
	prev int32
	emit rune // written; -1: nothing
	kind stepKind
}

// stepKind says what a step did, to choose between ways of equal cost.
type stepKind uint8

const (
	stepOther   stepKind = iota
	stepKept             // a character that was there
	stepFilled           // one of several characters was put in
	stepWritten          // a character of the template was put in
)

// dijkstra searches for the cheapest way through the places: instruction*w + characters read.
type dijkstra struct {
	prog    *syntax.Prog
	text    []rune
	w       int
	cost    []int32
	from    []step
	buckets [costWrong + 2][]int32 // by cost modulo their number
}

// better reports whether of two ways of equal cost the one that ends in step a is
// better than the one that ends in b. What is missing in a value is put in as early as
// it can be (EXP42 becomes EXP0042), what is missing of the template as late.
func better(a, b stepKind) bool {
	return a == stepKept && b == stepFilled || a == stepWritten && b == stepKept
}

func (d *dijkstra) reach(from, to, cost int, emit rune, kind stepKind) {
	total := d.cost[from] + int32(cost)
	if old := d.cost[to]; old >= 0 && (old < total || old == total && !better(kind, d.from[to].kind)) {
		return
	}
	fresh := d.cost[to] != total
	d.cost[to] = total
	d.from[to] = step{int32(from), emit, kind}
	if fresh {
		b := &d.buckets[int(total)%len(d.buckets)]
		*b = append(*b, int32(to))
	}
}

// search returns the place of the match, or -1.
func (d *dijkstra) search(start, limit int) int {
	d.cost[start] = 0
	d.from[start] = step{-1, -1, stepOther}
	d.buckets[0] = append(d.buckets[0], int32(start))
	end := -1
	for now, idle := int32(0), 0; idle <= len(d.buckets) && int(now) <= limit; now++ {
		b := &d.buckets[int(now)%len(d.buckets)]
		idle++
		for len(*b) > 0 {
			idle = 0
			at := int((*b)[len(*b)-1])
			*b = (*b)[:len(*b)-1]
			if d.cost[at] != now {
				continue
			}
			if d.visit(at) && end < 0 {
				end = at
			}
		}
		if end >= 0 {
			return end
		}
	}
	return end
}

// visit tries every edit at a place and reports whether it is the match.
func (d *dijkstra) visit(at int) bool {
	pc, i := at/d.w, at%d.w
	in := &d.prog.Inst[pc]
	next := int(in.Out)*d.w + i
	switch in.Op {
	case syntax.InstMatch:
		if i == len(d.text) {
			return true
		}
		d.drop(at, i, costLess)
		return false
	case syntax.InstAlt, syntax.InstAltMatch:
		d.reach(at, next, 0, -1, stepOther)
		d.reach(at, int(in.Arg)*d.w+i, 0, -1, stepOther)
		return false
	case syntax.InstCapture:
		d.reach(at, next, 0, -1, stepOther)
		if in.Arg%2 == 1 {
			d.drop(at, i, 0)
		}
		return false
	case syntax.InstNop:
		d.reach(at, next, 0, -1, stepOther)
		return false
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		single := len(in.Rune) == 1 || in.Op == syntax.InstRune1
		less, kind := costLess, stepFilled
		if single {
			less, kind = 0, stepWritten
		}
		d.reach(at, next, costMissing-less, representative(in), kind)
		if i < len(d.text) {
			if emit, cost := d.replace(in, d.text[i]); cost == 0 {
				d.reach(at, next+1, 0, emit, stepKept)
			} else {
				d.reach(at, next+1, cost, emit, stepOther)
			}
		}
		d.drop(at, i, costLess-less)
	}
	return false
}

// drop leaves a character of the text out.
func (d *dijkstra) drop(at, i, more int) {
	if i < len(d.text) {
		d.reach(at, at+1, costSurplus+more, -1, stepOther)
	}
}

func matches(in *syntax.Inst, r rune) bool {
	return in.Op == syntax.InstRuneAny && r != '/' || in.Op != syntax.InstRuneAny && r != '/' && in.MatchRune(r)
}

// replace returns what stands for a character where an instruction reads one.
func (d *dijkstra) replace(in *syntax.Inst, r rune) (rune, int) {
	if matches(in, r) {
		return r, 0
	}
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		if matches(in, f) {
			return f, costCase
		}
	}
	const separators = "-_. "
	if strings.ContainsRune(separators, r) {
		for _, sep := range separators {
			if matches(in, sep) {
				return sep, costSeparator
			}
		}
	}
	return representative(in), costWrong
}

// representative returns a character that an instruction reads.
func representative(in *syntax.Inst) rune {
	for _, r := range "01axA-_." {
		if matches(in, r) {
			return r
		}
	}
	if len(in.Rune) > 0 {
		return in.Rune[0]
	}
	return 'x'
}

// read follows the way back and fills the alignment.
func (d *dijkstra) read(end, ngroups int, a *alignment) {
	var way []int
	for at := end; at >= 0; at = int(d.from[at].prev) {
		way = append(way, at)
	}
	slices.Reverse(way)
	a.groups = make([]alignedGroup, ngroups)
	starts := make([][3]int, ngroups) // of text, of out, and of wrong
	var out []rune
	wrong := 0
	for k, at := range way {
		if k > 0 && d.from[at].emit >= 0 {
			out = append(out, d.from[at].emit)
			switch prev := way[k-1]; {
			case at%d.w == prev%d.w:
			case d.cost[at]-d.cost[prev] < costWrong:
				a.kept++
			default:
				wrong++
			}
		}
		in := &d.prog.Inst[at/d.w]
		if in.Op != syntax.InstCapture || in.Arg < 2 || int(in.Arg/2) > ngroups {
			continue
		}
		g, i := int(in.Arg/2)-1, at%d.w
		if in.Arg%2 == 0 {
			starts[g] = [3]int{i, len(out), wrong}
		} else {
			a.groups[g] = alignedGroup{string(d.text[starts[g][0]:i]), string(out[starts[g][1]:]), true, wrong - starts[g][2]}
		}
	}
	a.text = string(out)
}

// alignTo is align for an expression as text.
func alignTo(expr, s string) (a alignment, ok bool) {
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return a, false
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return a, false
	}
	return align(prog, s, 0, anyCost)
}
