package tiers_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/memory"
)

// failing returns which of the tries failed.
func failing(all []tiers.Probed) (names []string) {
	for _, p := range all {
		if p.Err != "" {
			names = append(names, p.What)
		}
	}
	return names
}

func TestProbeOfASoundTierLeavesNothing(t *testing.T) {
	s := memory.New(memory.Options{})
	all := tiers.Probe(t.Context(), s, time.Now)
	if bad := failing(all); len(all) != 9 || bad != nil {
		t.Errorf("%d things tried, failed: %v", len(all), bad)
	}
	for info := range s.List(t.Context(), "") {
		t.Errorf("%s is left over", info.Key)
	}
}

func TestProbeTellsWhatIsMissing(t *testing.T) {
	for _, op := range []struct {
		op   memory.Op
		want string
	}{{memory.OpPut, "put"}, {memory.OpStat, "clock"}, {memory.OpRead, "get"}, {memory.OpList, "list"}, {memory.OpDelete, "delete"}} {
		s := memory.New(memory.Options{Fault: func(o memory.Op, _ string) error {
			if o == op.op {
				return errors.New("access denied")
			}
			return nil
		}})
		if bad := failing(tiers.Probe(t.Context(), s, time.Now)); len(bad) == 0 || bad[0] != op.want {
			t.Errorf("without permission to %s: failed %v, want %s first", op.op, bad, op.want)
		}
	}
}

func TestProbeComparesClocks(t *testing.T) {
	s := memory.New(memory.Options{Now: func() time.Time { return time.Now().Add(time.Hour) }})
	if bad := failing(tiers.Probe(t.Context(), s, time.Now)); len(bad) != 1 || bad[0] != "clock" {
		t.Errorf("with a clock an hour ahead: failed %v, want clock", bad)
	}
}
