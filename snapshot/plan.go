package snapshot

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rdfs/rdfs/catalog"
)

// All is the count of a rule that keeps one snapshot of every period.
const All = -1

// Retention says which snapshots are kept, in restic's language. A snapshot is kept
// when one rule keeps it. The zero value has no rule, and keeps all.
type Retention struct {
	Last    int // the newest ones
	Hourly  int // the newest one of each of the last hours that have any
	Daily   int
	Weekly  int // weeks begin on Monday
	Monthly int
	Yearly  int
	Within  Span     // all that were taken within that time before the newest one
	Tags    []string // all that have one of these
}

// IsZero reports whether there is no rule.
func (r Retention) IsZero() bool {
	return r.Within.IsZero() && len(r.Tags) == 0 &&
		r.Last == 0 && r.Hourly == 0 && r.Daily == 0 && r.Weekly == 0 && r.Monthly == 0 && r.Yearly == 0
}

// Snapshot is what a plan decides about.
type Snapshot struct {
	catalog.Snapshot
	Held string // why nobody may remove it; empty: nothing holds it
}

// Decision says whether a snapshot is kept, and each reason for it.
type Decision struct {
	Snapshot Snapshot
	Keep     bool
	Why      []string
}

// rule is a rule that counts periods.
type rule struct {
	name   string // of a snapshot that it keeps
	period string // that it counts; empty: snapshots
	left   int    // how many more it keeps, or All
	count  int
	of     func(time.Time) string // the period of a time

	last  string // the period of the snapshot that it kept last
	owner string // the name of that snapshot
}

func (r Retention) rules() []*rule {
	all := []*rule{
		{name: "last", count: r.Last},
		{name: "hourly", period: "hour", count: r.Hourly, of: func(t time.Time) string { return t.Format("2006-01-02 15 -0700") }},
		{name: "daily", period: "day", count: r.Daily, of: func(t time.Time) string { return t.Format("2006-01-02") }},
		{name: "weekly", period: "week", count: r.Weekly, of: func(t time.Time) string { y, w := t.ISOWeek(); return fmt.Sprintf("%d-W%02d", y, w) }},
		{name: "monthly", period: "month", count: r.Monthly, of: func(t time.Time) string { return t.Format("2006-01") }},
		{name: "yearly", period: "year", count: r.Yearly, of: func(t time.Time) string { return t.Format("2006") }},
	}
	all = slices.DeleteFunc(all, func(x *rule) bool { return x.count == 0 })
	for _, x := range all {
		x.left = x.count
	}
	return all
}

// judge returns why the rule keeps the next older snapshot, or why it does not.
func (x *rule) judge(s *Snapshot, at time.Time, oldest bool) (keep bool, why string) {
	period := s.Name // of the rule that counts snapshots: each is its own
	if x.of != nil {
		period = x.of(at)
	}
	switch {
	case x.left == 0 && x.of == nil && x.count == 1:
		return false, "a newer one is there"
	case x.left == 0 && x.of == nil:
		return false, fmt.Sprintf("%d newer ones are there", x.count)
	case x.left == 0 && period != x.last && x.count == 1:
		return false, "a newer " + x.period + " has one"
	case x.left == 0 && period != x.last:
		return false, fmt.Sprintf("%d newer %ss have one", x.count, x.period)
	case period != x.last:
		if x.left > 0 {
			x.left--
		}
		x.last, x.owner = period, s.Name
		return true, x.name
	case oldest && x.left != 0:
		return true, "oldest " + x.name
	}
	return false, fmt.Sprintf("%s is newer in its %s", x.owner, x.period)
}

// Plan decides which snapshots are kept. It returns a decision about each, newest
// first. It keeps, whatever the rules say: what is pinned or held, the newest one, and
// what seems to be from the future, which takes no part in the rules.
//
// As in restic, a rule that counts periods keeps the newest snapshot of each of the
// last n periods that have any: empty ones do not count. While such a rule has some
// left, it keeps the oldest snapshot, too. Within is relative to the newest snapshot
// that is not from the future, not to now: a drive that nobody used for a year does not
// lose its last week. Periods are those of now's zone.
func Plan(all []Snapshot, r Retention, now time.Time) []Decision {
	order := slices.Clone(all)
	slices.SortStableFunc(order, func(a, b Snapshot) int {
		return -cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Name, b.Name))
	})
	rules := r.rules()
	var newest time.Time // of those that are not from the future
	plan := make([]Decision, 0, len(order))
	for k := range order {
		s := &order[k]
		at := s.Time.Time().In(now.Location())
		d := Decision{Snapshot: *s}
		if s.Pinned {
			d.Why = append(d.Why, "pinned")
		}
		if s.Held != "" {
			d.Why = append(d.Why, "held: "+s.Held)
		}
		if at.After(now) {
			d.Keep, d.Why = true, append(d.Why, "its time is in the future")
			plan = append(plan, d)
			continue
		}
		if newest.IsZero() {
			newest = at
			d.Why = append(d.Why, "newest")
		}
		if r.IsZero() {
			d.Why = append(d.Why, "no rule says that any is removed")
		}
		for _, tag := range r.Tags {
			if slices.Contains(s.Tags, tag) {
				d.Why = append(d.Why, "tag "+tag)
			}
		}
		var not []string
		if !r.Within.IsZero() {
			if r.Within.After(at).After(newest) {
				d.Why = append(d.Why, "within "+r.Within.String())
			} else {
				not = append(not, fmt.Sprintf("older than %s before the newest", r.Within))
			}
		}
		for _, x := range rules {
			keep, why := x.judge(s, at, k == len(order)-1)
			if keep {
				d.Why = append(d.Why, why)
			} else {
				not = append(not, why)
			}
		}
		if d.Keep = len(d.Why) > 0; !d.Keep {
			if d.Why = not; len(not) == 0 {
				d.Why = []string{"none of the tags " + strings.Join(r.Tags, ", ")}
			}
		}
		plan = append(plan, d)
	}
	return plan
}
