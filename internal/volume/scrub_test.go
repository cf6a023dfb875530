package volume

import (
	"strings"
	"testing"
	"time"
)

func TestScrubRepairsWhatNobodyHasRead(t *testing.T) {
	f := &far{}
	r := newRig(t, twoTiers(f))
	r.write("a", random(1<<20, 11))
	r.sync()
	spoil(t, f.Store)
	res, err := r.v.Scrub(bg(t), ScrubRequest{}, nil)
	if err != nil || res.Packs == 0 || res.Bad != res.Packs || res.Repaired != res.Bad || res.Lost != 0 {
		t.Errorf("got %+v, %v", res, err)
	}
	r.wantCopies("local", "far")
	if got, want := r.xattr("a", "user.rdfs.verified"), r.clock.now().UTC().Format(time.RFC3339); got != want {
		t.Errorf("user.rdfs.verified is %s, want %s", got, want)
	}
	if res, err := r.v.Scrub(bg(t), ScrubRequest{OlderThan: time.Hour}, nil); err != nil || res.Packs != 0 || res.Passed == 0 {
		t.Errorf("what was verified lately: %+v, %v", res, err)
	}
	r.clock.advance(2 * time.Hour)
	if res, err := r.v.Scrub(bg(t), ScrubRequest{OlderThan: time.Hour}, nil); err != nil || res.Packs == 0 || res.Bad != 0 {
		t.Errorf("two hours later: %+v, %v", res, err)
	}
}

func TestScrubTellsWhatIsLost(t *testing.T) {
	f := &far{}
	r := newRig(t, twoTiers(f))
	r.write("a", random(1<<20, 12))
	r.sync()
	spoil(t, r.mem)
	f.away.Store(true)
	res, err := r.v.Scrub(bg(t), ScrubRequest{}, nil)
	if err != nil || res.Lost != 0 || res.Unknown == 0 || !strings.Contains(res.Findings[0].Fix, "scrub again") {
		t.Errorf("with the other tier away: %+v, %v", res, err)
	}
	f.away.Store(false)
	spoil(t, f.Store)
	res, err = r.v.Scrub(bg(t), ScrubRequest{}, nil)
	if err != nil || res.Lost != res.Packs || res.Repaired != 0 {
		t.Errorf("with no good copy: %+v, %v", res, err)
	}
	r.broken = true
}

func TestScrubOfOneTier(t *testing.T) {
	r := newRig(t)
	r.write("a", random(1<<20, 13))
	r.sync()
	if res, err := r.v.Scrub(bg(t), ScrubRequest{}, nil); err != nil || res.Packs == 0 || res.Bad != 0 {
		t.Errorf("got %+v, %v", res, err)
	}
	spoil(t, r.mem)
	if res, err := r.v.Scrub(bg(t), ScrubRequest{}, nil); err != nil || res.Lost != res.Packs {
		t.Errorf("spoiled: %+v, %v", res, err)
	}
	r.broken = true
}
