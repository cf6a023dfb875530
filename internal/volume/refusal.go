package volume

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/naming"
)

// Refusal is the error of a name that the naming scheme does not accept. It wraps
// ErrInvalid, or ErrPerm when it was a rename: mv(1) takes EINVAL for another mistake.
type Refusal struct {
	Time     time.Time        `json:"time"`
	UID      uint32           `json:"uid"`
	PID      uint32           `json:"pid,omitempty"`
	Program  string           `json:"program,omitempty"`
	Op       string           `json:"op"`
	Path     string           `json:"path"` // from the root of the drive
	Errno    string           `json:"errno,omitempty"`
	Problems []naming.Problem `json:"problems"`
	// Suggestion is the nearest right path; "" when nothing is near.
	Suggestion string `json:"suggestion,omitempty"`
	Rule       string `json:"rule,omitempty"` // that the suggestion follows
	// Accepted: the name was only reported.
	Accepted bool `json:"accepted,omitempty"`

	Dir  catalog.Inode `json:"-"`
	Name string        `json:"-"`

	at      *naming.Dir
	kind    naming.Kind
	sibling string // in the way
	below   []naming.Problem
}

// Error returns everything that is wrong with the name.
func (r *Refusal) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s does not follow the naming scheme", r.Path)
	for _, p := range r.Problems {
		b.WriteString("\n  " + p.String())
	}
	return b.String()
}

// Unwrap makes a Refusal the error that the operation gives.
func (r *Refusal) Unwrap() error {
	if r.Op == opRename {
		return ErrPerm
	}
	return ErrInvalid
}

// The operations that a name can be refused to.
const (
	opCreate  = "create"
	opMkdir   = "mkdir"
	opMknod   = "mknod"
	opSymlink = "symlink"
	opLink    = "link"
	opRename  = "rename"
	opRestore = "restore"

	opSetxattr = "setxattr" // a value of metadata, not a name
	opSidecar  = "sidecar"  // values of metadata that a sidecar has
)

// Text returns the refusal for people: what happened, everything that is wrong, what
// would be right.
func (r *Refusal) Text() string {
	var b strings.Builder
	verb := "refused"
	switch {
	case r.Op == opSidecar:
		verb = "stored, but not all of it is metadata now"
	case r.Accepted:
		verb = "accepted with a warning"
	}
	fmt.Fprintf(&b, "%s %s %s: %s\n", r.Time.Format(time.RFC3339), r.Op, printable(r.Path), verb)
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "  %s\n", printable(p.String()))
	}
	if r.Suggestion != "" {
		fmt.Fprintf(&b, "  nearest right path: %s\n", r.Suggestion)
	}
	if r.Op != opSetxattr && r.Op != opSidecar {
		fmt.Fprintf(&b, "  more: rdfs why %s\n", printable(r.Path))
	}
	return b.String()
}

// printable keeps names that programs made up from reaching a terminal as commands.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return '?'
		}
		return c
	}, s)
}

// explain fills in what is wrong. It takes about a millisecond, and is called outside
// of transactions.
func (r *Refusal) explain() {
	var siblings naming.Siblings
	if r.sibling != "" {
		siblings = func(name string) string {
			if naming.Fold(name) == naming.Fold(r.sibling) {
				return r.sibling
			}
			return ""
		}
	}
	r.Path = r.Name
	if p := r.at.Path(); p != "" {
		r.Path = p + "/" + r.Name
	}
	if r.below != nil {
		r.Problems = r.below
		return
	}
	a := r.at.Explain(r.Name, r.kind, siblings)
	r.Problems = a.Problems
	if a.Rule != nil {
		r.Rule = a.Rule.ID
	}
	if a.Suggest != "" {
		r.Suggestion = strings.TrimSuffix(r.Path, r.Name) + a.Suggest
	}
}

// rejections remembers what was refused lately.
type rejections struct {
	mu    sync.Mutex
	ring  []*Refusal // the newest last
	byDir map[catalog.Inode]*Refusal
	count [2]int64 // of names, and of values of metadata
	wrong map[RefusalCount]int64
}

// maxRejections is how many are remembered.
const maxRejections = 1000

// answered completes and records what a transaction refused, or accepted with a
// warning, and returns its error.
func (q *question) answered(err error) error {
	if len(q.said) == 0 {
		return err
	}
	v, who, x := q.v, q.who, &q.v.rejections
	v.identify(&who)
	for _, r := range q.said {
		if r.Accepted && err != nil {
			continue // something else went wrong
		}
		r.explain()
		r.Time, r.UID, r.PID, r.Program = v.now().UTC().Truncate(time.Second), who.UID, who.PID, who.Program
		if !r.Accepted {
			r.Errno = "EINVAL"
			if r.Op == opRename {
				r.Errno = "EPERM"
			}
		}
		x.add(r)
		v.log.Warn("name refused", "op", r.Op, "path", r.Path, "accepted", r.Accepted, "problems", r.Problems, "suggestion", r.Suggestion,
			"uid", r.UID, "program", r.Program)
	}
	return err
}

func (x *rejections) add(r *Refusal) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if r.Op == opSetxattr || r.Op == opSidecar {
		x.count[1]++
	} else {
		x.count[0]++
	}
	if x.wrong == nil {
		x.wrong = make(map[RefusalCount]int64)
	}
	op := r.Op
	if r.Accepted && op != opSidecar {
		op = "warned"
	}
	for _, p := range r.Problems {
		c := RefusalCount{Op: op, Field: p.Field}
		if _, known := x.wrong[c]; !known && len(x.wrong) >= maxRejections {
			c.Field = "" // sidecars may have any
		}
		x.wrong[c]++
	}
	if len(x.ring) >= maxRejections {
		x.ring = append(x.ring[:0:0], x.ring[1:]...)
	}
	x.ring = append(x.ring, r)
	if x.byDir == nil || len(x.byDir) >= maxRejections {
		x.byDir = make(map[catalog.Inode]*Refusal)
	}
	x.byDir[r.Dir] = r
}

// counted returns how many names and values were refused, and what was wrong with them.
func (x *rejections) counted() (names, values int64, wrong []RefusalCount) {
	x.mu.Lock()
	defer x.mu.Unlock()
	wrong = []RefusalCount{}
	for c, n := range x.wrong {
		c.Count = n
		wrong = append(wrong, c)
	}
	slices.SortFunc(wrong, func(a, b RefusalCount) int {
		return cmp.Or(strings.Compare(a.Op, b.Op), strings.Compare(a.Field, b.Field))
	})
	return x.count[0], x.count[1], wrong
}

// Rejections returns the names that were refused to a user lately, or accepted with a
// warning, oldest first; root sees those of all.
func (v *Volume) Rejections(uid uint32) (list []*Refusal) {
	x := &v.rejections
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, r := range x.ring {
		if uid == 0 || r.UID == uid {
			list = append(list, r)
		}
	}
	return list
}

// RejectionLines returns Rejections as lines of JSON.
func (v *Volume) RejectionLines(uid uint32) []byte {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, r := range v.Rejections(uid) {
		enc.Encode(r)
	}
	return []byte(b.String())
}

// LastRejection returns the last refusal to a user, for people; "" if there was none.
func (v *Volume) LastRejection(uid uint32) string {
	x := &v.rejections
	x.mu.Lock()
	defer x.mu.Unlock()
	for k := len(x.ring) - 1; k >= 0; k-- {
		if x.ring[k].UID == uid {
			return x.ring[k].Text()
		}
	}
	return ""
}

// rejectionIn returns the last refusal in a directory, for people.
func (v *Volume) rejectionIn(dir catalog.Inode) string {
	x := &v.rejections
	x.mu.Lock()
	defer x.mu.Unlock()
	if r := x.byDir[dir]; r != nil {
		return r.Text()
	}
	return ""
}
